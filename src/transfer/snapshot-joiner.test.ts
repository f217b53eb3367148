import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keyspaceId } from '../../test/support/begun-store.js';
import { eventually } from '../../test/support/eventually.js';
import { fill, TransferWorld } from '../../test/support/transfer-world.js';
import { MemoryPlace } from '../../test/support/memory-place.js';
import { logPosition, nodeId } from '../model/ids.js';
import type { Database } from '../storage/store.js';
import type { PeerTransport } from '../transport/peer-transport.js';

let world: TransferWorld;
beforeEach(() => {
  world = new TransferWorld();
});
afterEach(() => world.stop());

/** A place that opens slowly, as a large copy does. */
class SlowPlace extends MemoryPlace {
  onOpening: () => void = () => {};
  readonly opening = new Promise<void>((resolve) => (this.onOpening = resolve));
  release: () => void = () => {};
  readonly #released = new Promise<void>((resolve) => (this.release = resolve));

  override async openIncoming(): Promise<Database> {
    this.onOpening();
    await this.#released;
    return super.openIncoming();
  }
}

describe('a joiner that is stopped', () => {
  it('while its copy is being opened asks no donor any more', async () => {
    await fill((await world.giver('donor')).store, 100);
    const transport = world.network.transport(nodeId('joiner'));
    const opened: string[] = [];
    const counting: PeerTransport = {
      ...transport,
      open: (node, method) => (opened.push(method), transport.open(node, method)),
    };
    const place = new SlowPlace();
    const joiner = world.joiner({ place, transport: counting });
    const running = joiner.run();
    await place.opening;
    const stopped = joiner.stop();
    place.release();
    await stopped;
    expect(await running).toBeUndefined();
    expect(opened).toEqual([]);
  });
});

describe('a donor that is not ahead of the own copy', () => {
  const three = async () => {
    const [behind, level, ahead] = [
      await world.giver('behind'),
      await world.giver('level'),
      await world.giver('ahead'),
    ];
    const chain = await fill(behind.store, 100);
    const all = [...(await behind.store.entries(logPosition(0), Infinity)), chain.transactions([])];
    await level.store.apply(all);
    await ahead.store.apply([...all, chain.transactions([])]);
    const { position, chainHash } = level.store.head;
    return { own: { keyspaceId, position, hash: chainHash }, ahead: ahead.store.head };
  };

  it('is left for one that is: nothing that is applied here is taken back', async () => {
    const { own, ahead } = await three();
    expect(await world.joiner({ own }).run()).toMatchObject({ donor: 'ahead', head: ahead });
    await eventually(() => expect(world.givers.map(({ donor }) => donor.pins)).toEqual([0, 0, 0]));
  });

  it('is good enough when the operator has given the own copy up', async () => {
    const { own } = await three();
    const joined = await world.joiner({ own, mayReplaceDifferent: true }).run();
    expect(joined).toMatchObject({ donor: 'behind', ownCopy: 'unknown' });
  });
});
