import type { Crashing } from './copy-faults.js';
import type { Fault } from './fault.js';
import { etcdName } from './sim-etcd.js';

/** As etcd takes to elect a leader, and somewhat longer. */
const leaderlessMsMax = 3500;
/** A freeze that outlasts every lease. */
const longFreezeMsMax = 9000;

/** What happens to etcd, and to sequencers that depend on it. */
export function etcdFaults({ world, random, crash }: Crashing): Fault[] {
  const { etcd, network, time } = world;
  if (etcd === undefined) return [];

  const sequencer = (): string | undefined =>
    random.pick([...world.shared].map((name) => world.sequencerOf(name)?.id));

  /** Someone, more often than not a sequencer. */
  const node = (): string => (random.chance(0.6) ? sequencer() : undefined) ?? random.pick(world.nodes).id;

  const cut = (): void => {
    const alone = node();
    const way = random.pick(['both', 'in', 'out'] as const);
    if (way !== 'in') network.cut(alone, etcdName);
    if (way !== 'out') network.cut(etcdName, alone);
    time.after(random.between(300, 12_000), () => network.heal());
  };

  /** Who leads is alone: without etcd and without its peers, but with whoever asks at its own node. */
  const isolate = (): void => {
    const alone = sequencer();
    if (alone === undefined) return;
    for (const other of [...world.nodes.map(({ id }) => id), etcdName]) {
      if (other === alone) continue;
      network.cut(alone, other);
      network.cut(other, alone);
    }
    time.after(random.between(1000, 12_000), () => network.heal());
  };

  const trouble = (): void => {
    etcd.likelyTrouble = random.pick([0.05, 0.2, 0.5]);
    time.after(random.between(500, 8000), () => (etcd.likelyTrouble = 0));
  };

  /** At a moment when an append is under way. */
  const freezeSequencer = async (): Promise<void> => {
    const keyspace = random.pick([...world.shared]);
    for (let tries = 0; tries < 400 && !world.atPeace; tries++) {
      const life = etcd.logs.leaderOf(keyspace);
      if (life !== undefined && etcd.isAppending(life)) {
        const forMs = random.between(1000, longFreezeMsMax);
        world.trace.add(`${life.node} stands still for ${forMs} ms with an append under way`);
        return life.freeze(forMs);
      }
      await world.delay(2.3);
    }
  };

  const exhaust = (): void => {
    etcd.exhaust();
    time.after(random.between(500, 8000), () => etcd.makeRoom());
  };

  /** As when an older backup of a disk is brought in, of whatever node. */
  const setBack = (): void => {
    const one = random.pick(world.nodes);
    const names = [...world.shared].filter(() => random.chance(0.7));
    const restores = names.map((name) => ({ name, restore: one.placeOf(name).backUp() }));
    time.after(random.between(500, 15_000), () => {
      if (world.atPeace) return;
      crash(one, random.between(50, 3000));
      for (const { name, restore } of restores)
        if (world.isSpare(one, name) && restore()) world.counts.add('copies that were set back');
    });
  };

  /** Somebody was away for long, or has lost its copies, and then all others die. */
  const laggard = (): void => {
    const one = random.pick(world.nodes);
    if (!world.nodes.every(({ started }) => started)) return;
    const awayMs = random.between(6000, 18_000);
    crash(one, awayMs);
    if (world.upkeep.losesCopies && random.chance(0.5))
      for (const name of world.shared) if (world.isSpare(one, name)) one.placeOf(name).wipe();
    time.after(awayMs + random.between(0, 300), () => {
      if (world.atPeace) return;
      for (const other of world.nodes) if (other !== one) crash(other, random.between(3000, 9000));
    });
  };

  return [
    {
      name: 'etcd: leader changes',
      weight: 2,
      strike: () => etcd.loseLeader(random.between(200, leaderlessMsMax)),
    },
    { name: 'etcd: nodes cut off', weight: 3, strike: cut },
    { name: 'sequencers cut off from all', weight: 2, strike: isolate },
    { name: 'etcd: trouble', weight: 3, strike: trouble },
    { name: 'etcd: leases that end early', weight: 1, strike: () => etcd.loseLease() },
    { name: 'etcd: compactions', weight: 1, strike: () => etcd.compact() },
    { name: 'etcd: no room', weight: 1, strike: exhaust },
    { name: 'frozen sequencers', weight: 3, strike: () => world.spawn(freezeSequencer()) },
    { name: 'laggards left alone', weight: 1, isPossible: world.upkeep.losesCopies, strike: laggard },
    { name: 'copies set back', weight: 1.5, strike: setBack },
  ];
}
