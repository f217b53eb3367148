import type { NodeId } from '../../src/model/ids.js';
import { decodeTransferFromDonor, encodeTransferFromDonor } from '../../src/transport/messages.js';
import type { TransferFromDonor } from '../../src/transport/messages.js';
import type { PeerStream, PeerTransport } from '../../src/transport/peer-transport.js';

/** What becomes of a message that `donor` sent: another, none, or the connection breaks behind it (`cut`). */
export type Tamper = (message: TransferFromDonor, donor: NodeId) => TransferFromDonor | 'lost' | 'cut';

/** A joiner's end of the network, on which what donors say on transfer streams is changed on its way. */
export function tampered(transport: PeerTransport, tamper: Tamper): PeerTransport {
  return {
    open: (to, method) => {
      const stream = transport.open(to, method);
      return method === 'transfer' ? tamperedStream(stream, (message) => tamper(message, to)) : stream;
    },
    accept: (method, acceptor) => transport.accept(method, acceptor),
    start: () => transport.start(),
    stop: () => transport.stop(),
  };
}

function tamperedStream(
  stream: PeerStream,
  tamper: (message: TransferFromDonor) => TransferFromDonor | 'lost' | 'cut',
): PeerStream {
  return {
    send: (message) => stream.send(message),
    drained: () => stream.drained(),
    onMessage: (listener) =>
      stream.onMessage((bytes) => {
        const result = tamper(decodeTransferFromDonor(bytes));
        if (result === 'lost') return;
        listener(result === 'cut' ? bytes : encodeTransferFromDonor(result));
        if (result === 'cut') stream.close('the connection broke');
      }),
    pause: () => stream.pause(),
    resume: () => stream.resume(),
    onClose: (listener) => stream.onClose(listener),
    close: (reason) => stream.close(reason),
  };
}
