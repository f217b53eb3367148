import { join } from 'node:path';
import { lanRoundTripMs, regionNames, wanRoundTripMs, type Protocol } from '../model.js';
import type { Undo } from '../run/undo.js';
import { startBaseline } from '../systems/baseline.js';
import { startEtcd } from '../systems/etcd.js';
import { startGalera } from '../systems/galera.js';
import { startMeridian, startMeridianOnEtcd } from '../systems/meridian.js';
import type { Bed, System } from '../systems/system.js';
import { hostOf, startWanEmulator } from '../wan/emulator.js';

const lan = regionNames.map((_, row) =>
  regionNames.map((_region, column) => (row === column ? 0 : lanRoundTripMs)),
);
const ofMeridian: readonly Protocol[] = ['http', 'grpc', 'sdk'];

/** Three network namespaces with every system that a protocol asks for, all up at a time. Root. */
export async function layNamespaces(
  directory: string,
  protocols: readonly Protocol[],
  undo: Undo,
): Promise<Bed> {
  const emulator = await startWanEmulator(join(directory, 'wan'), regionNames.length, undo);
  const { commandIn } = emulator;
  await emulator.setRoundTripsMs(lan);
  const place = (name: string) => ({ directory: join(directory, name), commandIn, undo });
  const systems: Partial<Record<Protocol, System>> = {};
  if (protocols.some((one) => ofMeridian.includes(one))) {
    const meridian = await startMeridian(place('meridian'));
    for (const protocol of ofMeridian) systems[protocol] = meridian;
  }
  if (protocols.includes('meridian-etcd'))
    systems['meridian-etcd'] = await startMeridianOnEtcd(place('meridian-etcd'));
  if (protocols.includes('etcd')) systems.etcd = await startEtcd(place('etcd'));
  if (protocols.includes('galera')) systems.galera = await startGalera(place('galera'));
  if (protocols.includes('fastify'))
    systems.fastify = await startBaseline({ directory, host: hostOf(2), command: commandIn(2), undo });
  return {
    commandIn: (region) => commandIn(regionNames.indexOf(region) + 1),
    system: (protocol) => systems[protocol],
    emulatorPid: emulator.pid,
    setNetwork: (network) => emulator.setRoundTripsMs(network === 'wan' ? wanRoundTripMs : lan),
  };
}
