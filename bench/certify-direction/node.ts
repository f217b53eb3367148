import {
  acceptThroughTransport,
  choices,
  listen,
  open,
  sendOver,
  type ChoiceName,
  type Send,
} from './links.js';

/**
 * The node of the measurement, a child process: sends what its parent, the sequencer, asks for. Arguments: the choice, and
 * the port to open (0 when the node accepts). Messages begin with the time they were sent (CLOCK_MONOTONIC, ns).
 */
export type Order =
  { readonly order: 'one'; readonly bytes: number } | { readonly order: 'flood'; readonly bytes: number };

export type Report = { readonly report: 'port'; readonly port: number } | { readonly report: 'ready' };

const choice = choices[process.argv[2] as ChoiceName];
const port = Number(process.argv[3]);

let send: Send | undefined;
let flood = 0;

function ready(link: Send): void {
  send = link;
  tell({ report: 'ready' });
}

function tell(report: Report): void {
  process.send!(report);
}

function stamped(bytes: number): Buffer {
  const message = Buffer.alloc(bytes);
  message.writeBigUInt64BE(process.hrtime.bigint());
  return message;
}

async function run(order: Order): Promise<void> {
  const mine = ++flood;
  if (order.order === 'one') return send!(stamped(order.bytes));
  while (mine === flood) {
    await send!(stamped(order.bytes));
    await new Promise((resolve) => setImmediate(resolve));
  }
}

process.on('message', (order: Order) => void run(order));
process.on('disconnect', () => process.exit());

if (!choice.reversed) ready(sendOver(Array.from({ length: choice.connections }, () => open(port))));
else if (choice.through === 'transport') {
  tell({ report: 'port', port: await acceptThroughTransport(ready) });
} else {
  tell({ report: 'port', port: await listen((call) => ready(sendOver([call])), choice.through) });
}
