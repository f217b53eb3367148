import { describe, expect, it } from 'vitest';
import { epoch, nodeId, regionId, seqno, uuidToBytes, type KeyspaceId } from '../model/ids.js';
import type { Head } from '../storage/store.js';
import type { PeerCopy } from './donors.js';
import { betterPlaced, heldElsewhere, inOrderOfPreference, type Preference } from './preference.js';

const history = '11111111-2222-4333-8444-555555555555' as KeyspaceId;
const node = (id: string, region: string) => ({ id: nodeId(id), region: regionId(region) });
const nodes = [node('us-1', 'us'), node('us-2', 'us'), node('eu-1', 'eu'), node('ap-1', 'ap')];

function of(self: string, home = 'us-2'): Preference {
  return { self: nodeId(self), nodes, home: regionId('us'), homeNode: nodeId(home) };
}

interface Said {
  readonly position?: number;
  readonly state?: string;
  readonly reachable?: boolean;
}

/** Every other node than `self`, synced at position 100 unless it is said otherwise. */
function peersOf(self: string, said: Readonly<Record<string, Said>> = {}): PeerCopy[] {
  return nodes
    .filter(({ id }) => id !== self)
    .map(({ id, region }) => {
      const { position = 100, state = 'synced', reachable = true } = said[id] ?? {};
      const keyspaceId = uuidToBytes(history);
      const copy = {
        name: 'k',
        keyspaceId,
        state,
        position,
        seqno: position,
        epoch: 1,
        hash: Buffer.alloc(32),
      };
      const rest = {
        sequencing: false,
        detail: '',
        checkMark: '',
        checkPosition: 0,
        checkHash: Buffer.alloc(0),
      };
      return {
        node: id,
        region,
        reachable,
        roundTripMs: 1,
        said: { ...copy, ...rest, seenPosition: 0, restorable: false },
      };
    });
}

const head = (position: number): Head => ({
  ...{ keyspaceId: history, position, seqno: seqno(position), epoch: epoch(1), logTimeMs: 0, idFloorMs: 0 },
  ...{ chainHash: Buffer.alloc(32), nonce: Buffer.alloc(16) },
});

describe('the order of preference', () => {
  it('begins with the home node, then its region, then the others as the file has them', () => {
    expect(inOrderOfPreference(of('eu-1'), peersOf('eu-1'), undefined, 100)).toEqual([
      'us-2',
      'us-1',
      'eu-1',
      'ap-1',
    ]);
  });

  it('passes over who cannot be reached, does not serve, or has just lost the role', () => {
    const peers = peersOf('ap-1', { 'us-2': { reachable: false }, 'us-1': { state: 'inconsistent' } });
    expect(inOrderOfPreference(of('ap-1'), peers, nodeId('eu-1'), 100)).toEqual(['ap-1']);
  });

  it('puts who is far behind last, this node too', () => {
    const peers = peersOf('us-2', { 'us-1': { position: 5000 }, 'eu-1': { position: 4500 } });
    expect(inOrderOfPreference(of('us-2'), peers, undefined, 100)).toEqual(['us-1', 'eu-1', 'us-2', 'ap-1']);
  });

  it('counts who has nothing yet as long as this node has nothing either', () => {
    const joining = { state: 'joining', position: 0 };
    const peers = peersOf('eu-1', { 'us-1': joining, 'us-2': joining, 'ap-1': joining });
    expect(inOrderOfPreference(of('eu-1'), peers, undefined, -1)[0]).toBe('us-2');
    expect(inOrderOfPreference(of('eu-1'), peers, undefined, 0)).toEqual(['eu-1']);
  });
});

describe('who is better placed', () => {
  it('is a node of the home region that is synced and near', () => {
    expect(betterPlaced(of('eu-1'), head(100), peersOf('eu-1'))).toBe('us-2');
    const peers = peersOf('eu-1', { 'us-2': { state: 'catching-up' }, 'us-1': { state: 'catching-up' } });
    expect(betterPlaced(of('eu-1'), head(100), peers)).toBeUndefined();
    expect(betterPlaced(of('eu-1'), head(5000), peersOf('eu-1'))).toBeUndefined();
  });

  it('is nobody for a node of the home region, and none of another history', () => {
    expect(betterPlaced(of('us-1'), head(100), peersOf('us-1'))).toBeUndefined();
    const other = { ...head(100), keyspaceId: '99999999-2222-4333-8444-555555555555' as KeyspaceId };
    expect(betterPlaced(of('eu-1'), other, peersOf('eu-1'))).toBeUndefined();
  });
});

describe('what is held elsewhere', () => {
  it('is what the furthest node of another region holds', () => {
    const peers = peersOf('us-1', {
      'us-2': { position: 90 },
      'eu-1': { position: 80 },
      'ap-1': { position: 70 },
    });
    expect(heldElsewhere(of('us-1'), head(100), peers).position).toBe(80);
  });

  it('never exceeds what this node holds', () => {
    expect(heldElsewhere(of('us-1'), head(60), peersOf('us-1')).position).toBe(60);
  });

  it('stays where the last told position was while all others are away, and says who they are', () => {
    const away = { reachable: false, position: 40 };
    const held = heldElsewhere(of('us-1'), head(100), peersOf('us-1', { 'eu-1': away, 'ap-1': away }));
    expect(held).toEqual({
      position: 40,
      heldBackBy: expect.stringMatching(/eu-1 \(eu\), ap-1 \(ap\).*forget-node/),
    });
  });

  it('counts a node of the same region when no other is left, and this node alone when none is', () => {
    const abroadForgotten = peersOf('us-1', { 'us-2': { position: 70 } }).filter(
      ({ region }) => region === 'us',
    );
    expect(heldElsewhere(of('us-1'), head(100), abroadForgotten).position).toBe(70);
    expect(heldElsewhere(of('us-1'), head(100), [])).toEqual({ position: 100, heldBackBy: undefined });
  });
});
