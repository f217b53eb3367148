import type { Fault } from './fault.js';
import type { SeededRandom } from './seeded-random.js';
import type { SimDisk } from './sim-disk.js';
import type { SimNode } from './sim-node.js';
import type { SimPlace } from './sim-place.js';
import { keyspaceNames, type World } from './world.js';

export interface Crashing {
  readonly world: World;
  readonly random: SeededRandom;
  /** The node is down for so long. */
  readonly crash: (node: SimNode, downMs?: number) => void;
}

const awayMsMin = 8000;
const awayMsMax = 25_000;
/** Kinds of records of which a flipped bit must be found: meta, data, outcomes, entries. */
const verified = new Set([...'mdoe'].map((letter) => letter.charCodeAt(0)));

/** What happens to followers' copies: lost, damaged, left behind, and trouble while a new one comes in. */
export function copyFaults({ world, random, crash }: Crashing): Fault[] {
  const isPossible = world.upkeep.losesCopies;
  const { counts } = world;

  /** Some of the copies of a node that can be had anew. */
  const followed = (node: SimNode): SimPlace[] => {
    const places = keyspaceNames
      .filter((name) => world.isSpare(node, name))
      .map((name) => node.placeOf(name));
    return random.chance(0.5) ? places : places.length > 0 ? [random.pick(places)] : [];
  };

  const wipe = (node: SimNode): void => {
    crash(node);
    for (const place of followed(node)) place.wipe();
  };

  const damage = (node: SimNode): void => {
    crash(node);
    for (const place of followed(node)) {
      const disk = random.pick(place.disks);
      place.noteHeld();
      if (!flipBit(disk, random)) continue;
      if (disk === place.current) place.isDamaged = true;

      counts.add(disk === place.current ? 'flipped bits' : 'flipped bits of joiners');
    }
  };

  const joiner = (writesMin: number): { node: SimNode; place: SimPlace } | undefined => {
    const all = world.nodes.flatMap((node) => [...node.places.values()].map((place) => ({ node, place })));
    const joining = all.filter(
      ({ node, place }) => node.running !== undefined && (place.incoming?.writes ?? -1) >= writesMin,
    );
    return joining.length === 0 ? undefined : random.pick(joining);
  };

  const troubles: Record<string, (node: SimNode, place: SimPlace) => void> = {
    'full disk while joining': (_, { health }) => {
      health.full = true;
      world.time.after(random.between(200, 6000), () => (health.full = false));
    },
    'crashed while joining': (node) => crash(node),
    'cut off while joining': (node) => {
      for (const other of world.nodes) world.network.breakConnections(node.id, other.id);
    },
    'a donor crashed': (node, place) => {
      const keyspace = keyspaceNames.find((name) => node.placeOf(name) === place)!;
      const donor = node.running?.keyspace(keyspace)?.status().join?.donor;
      const others = world.nodes.filter((other) => other !== node);
      crash(others.find(({ id }) => id === donor) ?? random.pick(others), random.between(50, 9000));
    },
    'failed a write while joining': (_, place) => {
      place.incoming!.faults.push(random.pick(['lost', 'written', 'poisoned']));
    },
  };

  const trouble = async (): Promise<void> => {
    // Sooner or later in a transfer.
    const writesMin = random.between(0, 8);
    for (let tries = 0; tries < 600; tries++) {
      const found = joiner(writesMin);
      if (found !== undefined && !world.atPeace) {
        const [name, strike] = random.pick(Object.entries(troubles));
        counts.add(name);
        world.trace.add(`${found.node.id}: ${name}`);
        return strike(found.node, found.place);
      }
      await world.delay(random.between(2, 40));
    }
  };

  const node = (): SimNode => random.pick(world.nodes);
  return [
    { name: 'wiped nodes', weight: 4, isPossible, strike: () => wipe(node()) },
    { name: 'trouble while joining', weight: 9, isPossible, strike: () => world.spawn(trouble()) },
    { name: 'damaged copies', weight: 1, isPossible, strike: () => damage(node()) },
    {
      name: 'long absences',
      weight: 1.5,
      isPossible,
      // One at a time: with two nodes away hardly anything happens.
      strike: () =>
        world.nodes.every(({ started }) => started) && crash(node(), random.between(awayMsMin, awayMsMax)),
    },
  ];
}

/** A bit of one record turns over; false when there is none to turn. */
function flipBit(disk: SimDisk, random: SeededRandom): boolean {
  const keys = disk.keys().filter((key) => verified.has(key[0]!));
  if (keys.length === 0) return false;
  const key = random.pick(keys);
  disk.flipBit(key, random.between(0, disk.read(key)!.length - 1));
  return true;
}
