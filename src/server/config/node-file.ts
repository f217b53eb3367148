import type { Static } from 'typebox';
import { nodeId, regionId } from '../../model/ids.js';
import { parseAddress, type Address } from './address.js';
import type { ClusterConfig, NodeConfig } from './config.js';
import { readNodeEtcd } from './etcd-settings.js';
import { allowed, type Checked, type ConfigProblem } from './problem.js';
import { nodeSchema } from './schema.js';
import { readYamlFile, type YamlFile } from './yaml-file.js';

type Content = Static<typeof nodeSchema>;

/** Reads `file` as the configuration of a node of `cluster`. */
export async function readNodeFile(file: string, cluster: ClusterConfig): Promise<Checked<NodeConfig>> {
  const read = await readYamlFile(file, nodeSchema);
  return read.ok ? interpret(file, read.value, cluster) : read;
}

async function interpret(
  file: string,
  source: YamlFile<Content>,
  cluster: ClusterConfig,
): Promise<Checked<NodeConfig>> {
  const content = source.value;
  const problems: ConfigProblem[] = [];
  const listen = (path: readonly string[], text: string): Address => {
    const address = parseAddress(text);
    if (address === undefined)
      problems.push(source.problem(path, `must be an address, host:port, not ${JSON.stringify(text)}`));
    return address ?? { host: 'invalid', port: 0 };
  };
  const http = { listen: listen(['http', 'listen'], content.http.listen) };
  const peer = { listen: listen(['peer', 'listen'], content.peer.listen) };
  if (http.listen.port !== 0 && http.listen.port === peer.listen.port)
    problems.push(source.problem(['peer', 'listen'], `port ${peer.listen.port} is already http.listen's`));
  const known = cluster.nodes.find(({ id }) => id === content.id);
  if (known === undefined) {
    const names = allowed(cluster.nodes.map(({ id }) => id));
    problems.push(source.problem(['id'], `${content.id} is no node of ${cluster.file}; ${names}`));
  } else if (known.region !== content.region)
    problems.push(
      source.problem(
        ['region'],
        `${content.region} contradicts ${cluster.file}, which has ${content.id} in ${known.region}`,
      ),
    );
  const etcd = await readNodeEtcd(content.etcd, cluster, (path, message) => {
    problems.push(source.problem(path, message));
  });
  if (problems.length > 0) return { ok: false, problems };
  return {
    ok: true,
    value: {
      file,
      id: nodeId(content.id),
      region: regionId(content.region),
      http,
      peer,
      dataDirectory: content.dataDirectory,
      startCompare: content.start?.compare ?? 'reachable',
      logLevel: content.logLevel ?? 'info',
      tokens: content.tokens ?? [],
      adminTokens: content.adminTokens ?? [],
      tls: content.tls,
      httpTls: content.http.tls,
      etcd,
    },
  };
}
