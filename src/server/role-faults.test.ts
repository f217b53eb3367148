import { afterEach, expect, it } from 'vitest';
import { InProcessCluster } from '../../test/support/in-process-cluster.js';
import { key, local, oneShot, put, textOf, valueOf } from '../../test/support/requests.js';

let cluster: InProcessCluster;
afterEach(() => cluster.stop());

const write = (name: string, value: string) => oneShot({ mutations: [put(name, value)] });

it.each(['lost', 'written', 'poisoned'] as const)(
  'a sequencer that is alone, and whose write of an entry fails and is %s, recovers its store and leads again',
  async (fault) => {
    cluster = await InProcessCluster.start({ shared: true, nodes: ['home'] });
    cluster.disk('home').faults.push(fault);
    valueOf(await cluster.keyspace('home').transact(write('a', 'one')));
    await cluster.writable();
    const read = valueOf(await cluster.keyspace('home').read([key('a')], local));
    expect(read.values.map(textOf)).toEqual(['one']);
    expect(cluster.parts('home').store.head.seqno).toBe(1);
  },
);
