import { describe, expect, it } from 'vitest';
import { nextTurn } from '../../test/support/turn.js';
import { logPosition, type LogPosition } from '../model/ids.js';
import { limits } from '../model/limits.js';
import { defaultRetention } from '../model/retention.js';
import type { Fence, OrderedLog } from '../ordering/ordered-log.js';
import { silentLogger } from '../runtime/runtime.js';
import { SharedLogRoom } from './shared-log-room.js';

const fence: Fence = { nonce: Buffer.alloc(16), token: 7 };
const mib = 1024 * 1024;

/** A log from position 0 to `head`, in entries of one size, that a node of another region holds up to `held`. */
class Scene {
  oldest = 0;
  held: number;
  heldBackBy: string | undefined;
  trims = 0;
  readonly room: SharedLogRoom;

  /** `kept`: the first position that the store keeps, where that is not the log's. */
  constructor(head: number, entryBytes: number, kept = 0) {
    this.held = head;
    const positionWithin = (bytesMax: number): number =>
      Math.max(kept, head + 1 - Math.floor(bytesMax / entryBytes));
    const log = {
      oldest: () => Promise.resolve(logPosition(this.oldest)),
      trim: (_: Fence, upTo: LogPosition) => {
        this.trims += 1;
        this.oldest = upTo;
        return Promise.resolve('done');
      },
    } as unknown as OrderedLog;
    const store = { kept: { positionWithin, oldestPosition: kept }, head: { position: head } } as never;
    const held = { heldPosition: 0, heldBackBy: undefined };
    Object.defineProperty(held, 'heldPosition', { get: () => this.held });
    Object.defineProperty(held, 'heldBackBy', { get: () => this.heldBackBy });
    const retention = defaultRetention;
    this.room = new SharedLogRoom({ log, store, held, retention, logger: silentLogger }, fence);
  }

  /** The first look learns where the log begins, the later ones judge. */
  async look(): Promise<void> {
    for (let looks = 0; looks < 3; looks++) {
      this.room.look();
      await nextTurn();
    }
  }
}

describe('the room of a shared log', () => {
  it('keeps the newest entries, and drops those before that are held elsewhere', async () => {
    const scene = new Scene(100_000, 1024);
    scene.held = 90_000;
    await scene.look();
    expect(scene.oldest).toBe(100_001 - limits.sharedLogBytesMin / 1024);
    expect(scene.room.full).toBeUndefined();
  });

  it('drops nothing that no other region holds, and says who is missed when it is full', async () => {
    const scene = new Scene(300, mib);
    scene.held = 10;
    scene.heldBackBy = 'eu-1 (eu)';
    await scene.look();
    expect(scene.oldest).toBe(11);
    expect(scene.room.full).toMatch(/at its bound .*eu-1 \(eu\)/);
    scene.held = 300;
    await scene.look();
    expect(scene.room.full).toBeUndefined();
  });

  it('is not full for what the store of the sequencer does not keep, which began with a copy', async () => {
    const alone = new Scene(3, 1024, 1);
    alone.held = -1;
    await alone.look();
    expect([alone.oldest, alone.room.full]).toEqual([0, undefined]);
    alone.held = 3;
    await alone.look();
    expect(alone.oldest).toBe(1);
  });

  it('is not full when the newest entry alone, which always stays, is above the bound', async () => {
    const scene = new Scene(20, 2 * limits.sharedLogBytesMax);
    await scene.look();
    expect(scene.oldest).toBe(20);
    expect(scene.room.full).toBeUndefined();
  });

  it('does not trim a few entries while there is room, and does when a few are half of the bound', async () => {
    const roomy = new Scene(50, mib / 2);
    await roomy.look();
    expect(roomy.trims).toBe(0);
    const narrow = new Scene(50, 8 * mib);
    await narrow.look();
    expect(narrow.oldest).toBe(49);
  });
});
