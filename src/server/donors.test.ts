import { describe, expect, it } from 'vitest';
import { mintKeyspaceId, nodeId, regionId, uuidToBytes } from '../model/ids.js';
import { donorAt, donorsAmong, historyThatCounts, type PeerCopy } from './donors.js';

const history = mintKeyspaceId(Buffer.alloc(16, 1));
const other = mintKeyspaceId(Buffer.alloc(16, 2));
const [us, eu] = [regionId('us'), regionId('eu')];
const home = nodeId('home');

interface Peer extends Partial<Omit<PeerCopy, 'node' | 'said'>> {
  readonly state?: string;
  readonly uuid?: typeof history | undefined;
  readonly seqno?: number;
}

function peer(node: string, given: Peer = {}): PeerCopy {
  const { state = 'synced', seqno = 7, region = us, reachable = true, roundTripMs = 100 } = given;
  const uuid = 'uuid' in given ? given.uuid : history;
  const keyspaceId = uuid === undefined ? Buffer.alloc(0) : uuidToBytes(uuid);
  const check = { checkMark: '', checkPosition: 0, checkHash: Buffer.alloc(0) };
  const place = { position: 7, seqno, hash: Buffer.alloc(32), epoch: 1, seenPosition: 7, restorable: false };
  const said = { name: 'default', keyspaceId, state, sequencing: false, detail: '', ...place, ...check };
  return { node: nodeId(node), region, reachable, roundTripMs, said };
}

const names = (...peers: PeerCopy[]): string[] =>
  donorsAmong(peers, historyThatCounts(peers, home), { region: eu, home }).map(({ node }) => node);

describe('a joiner asks', () => {
  it('nodes of its own region first, then the nearest, and of nodes alike the home last', () => {
    const far = peer('far', { roundTripMs: 150 });
    const near = peer('near', { roundTripMs: 81 });
    const atHome = peer('home', { roundTripMs: 79 });
    const own = peer('own', { region: eu, roundTripMs: 300 });
    expect(names(atHome, far, near, own)).toEqual(['own', 'near', 'home', 'far']);
  });

  it('only nodes that can be reached and serve', () => {
    const gone = peer('gone', { reachable: false });
    const states = ['joining', 'inconsistent', 'damaged', 'draining', 'no-history', 'catching-up'];
    expect(names(gone, ...states.map((state) => peer(state, { state })))).toEqual(['catching-up']);
  });

  it("only nodes of the home's history, also when the home can no longer be asked", () => {
    const replaced = peer('old', { uuid: other, seqno: 9 });
    expect(names(peer('home'), peer('new'), replaced)).toEqual(['new', 'home']);
    for (const atHome of [peer('home', { state: 'joining' }), peer('home', { reachable: false })])
      expect(names(atHome, replaced, peer('new'))).toEqual(['new']);
  });

  it('nodes of the newest history, when the home was never heard or has none', () => {
    const atHome = [
      { ...peer('home'), said: undefined },
      peer('home', { state: 'no-history', uuid: undefined }),
    ];
    for (const one of atHome)
      expect(
        names(one, peer('old', { uuid: other, seqno: 3 }), peer('new', { seqno: 1_000_000_004 })),
      ).toEqual(['new']);
  });

  it('nobody when nobody has a history', () => {
    expect(names(peer('home', { uuid: undefined, state: 'no-history' }))).toEqual([]);
    expect(names({ ...peer('home'), said: undefined })).toEqual([]);
  });
});

it('a recovery asks the node that it chose, whatever its history, as long as it holds what it was chosen for', () => {
  const peers = [peer('east', { uuid: other }), peer('west', { seqno: 5 })];
  const chosen = { node: nodeId('east'), keyspaceId: other, position: 6 };
  expect(donorAt(peers, chosen)).toEqual([{ ...chosen, position: 7 }]);
  expect(donorAt(peers, { ...chosen, position: 8 })).toEqual([]);
  expect(donorAt(peers, { ...chosen, keyspaceId: history })).toEqual([]);
  expect(donorAt([peer('east', { uuid: other, state: 'damaged' })], chosen)).toEqual([]);
});
