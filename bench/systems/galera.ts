import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { regionNames, type Network } from '../model.js';
import { hostOf } from '../wan/emulator.js';
import { ServerProcess } from './server-process.js';
import type { Place, System } from './system.js';

const run = promisify(execFile);
const readyMsMax = 120_000;
/** Relative to the data directory, which is the working directory of server and client: paths of sockets are short. */
const socket = 'server.sock';

/** Galera's windows for what is under way are small; these gave it 24 % more over the WAN (default 4 and 2). */
const windows: Readonly<Record<Network, string>> = {
  lan: 'evs.send_window=4; evs.user_send_window=2',
  wan: 'evs.send_window=512; evs.user_send_window=256',
};

const schema = `
  CREATE DATABASE bench;
  CREATE TABLE bench.kv (
    k VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin PRIMARY KEY, v VARBINARY(2000)
  ) ENGINE=InnoDB;
  CREATE USER bench@'%' IDENTIFIED BY 'bench';
  GRANT ALL ON bench.* TO bench@'%';`;

const versions = `
  SELECT VERSION(), VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS
  WHERE VARIABLE_NAME = 'wsrep_provider_version'`;

/** MariaDB with Galera, one node per region, durable at every commit (innodb_flush_log_at_trx_commit=1). */
export async function startGalera(place: Place): Promise<System> {
  const provider = await providerLibrary();
  const nodes = regionNames.map((_, i) => new GaleraNode(i + 1, place, provider));
  const first = nodes[0]!;
  for (const node of nodes) {
    await node.start();
    if (node === first) await first.sql(schema);
  }
  const [server, galera] = (await first.sql(versions)).trim().split('\t');
  return {
    version: `MariaDB ${server} with Galera ${galera}`,
    address: (_protocol, region) => `${hostOf(regionNames.indexOf(region) + 1)}:3306`,
    pids: new Map(nodes.map(({ pid }, i) => [`galera ${regionNames[i]!}`, pid])),
    prepare: async (network) => {
      for (const node of nodes) await node.sql(`SET GLOBAL wsrep_provider_options='${windows[network]}'`);
    },
  };
}

class GaleraNode {
  private readonly data: string;
  private process: ServerProcess | undefined;

  constructor(
    private readonly n: number,
    private readonly place: Place,
    private readonly provider: string,
  ) {
    this.data = join(place.directory, `n${n}`);
  }

  get pid(): number {
    return this.process?.pid ?? -1;
  }

  /** Resolves when it has the cluster's state; the first begins the cluster. */
  async start(): Promise<void> {
    const { n, data, place } = this;
    await mkdir(data, { recursive: true });
    const login = ['--auth-root-authentication-method=normal', '--skip-test-db'];
    const initial = new ServerProcess({
      name: 'mariadb-install-db',
      command: ['mariadb-install-db', '--no-defaults', '--user=root', `--datadir=${data}`, ...login],
      logFile: join(place.directory, `n${n}.log`),
    });
    place.undo.add(() => initial.stop());
    await initial.succeeded();
    await run('chown', ['-R', 'mysql:mysql', data]);
    const flags = Object.entries(settingsOf(n, this.provider)).map(([name, value]) => `--${name}=${value}`);
    const node = new ServerProcess({
      name: `galera ${n}`,
      command: [...place.commandIn(n), ...asMysqlAt(data), 'mariadbd', '--no-defaults', ...flags],
      logFile: join(place.directory, `n${n}.log`),
      directory: data,
    });
    place.undo.add(() => node.stop());
    this.process = node;
    await node.until(() => this.isSynced(), readyMsMax);
  }

  async sql(text: string): Promise<string> {
    const args = ['--no-defaults', '-uroot', `--socket=${socket}`, '-N', '-B', '-e', text];
    return (await run('mariadb', args, { cwd: this.data })).stdout;
  }

  private isSynced(): Promise<boolean> {
    return this.sql("SHOW STATUS LIKE 'wsrep_local_state_comment'").then(
      (answer) => answer.includes('Synced'),
      () => false,
    );
  }
}

/** Where the server finds its data: in a mount namespace of its own, so that the user mysql needs no way to it. */
const mountPoint = '/mnt';

/** Galera's state transfer does not work as root. */
function asMysqlAt(dataDirectory: string): string[] {
  const user = 'setpriv --reuid mysql --regid mysql --init-groups --pdeathsig KILL --';
  const script = `mount --bind "$0" ${mountPoint} && cd ${mountPoint} && exec ${user} "$@"`;
  return ['unshare', '--mount', 'sh', '-c', script, dataDirectory];
}

async function providerLibrary(): Promise<string> {
  const { stdout } = await run('dpkg', ['-L', 'galera-4']);
  const found = stdout.split('\n').find((path) => path.endsWith('/libgalera_smm.so'));
  if (found === undefined) throw new Error('the package galera-4 has no libgalera_smm.so');
  return found;
}

function settingsOf(n: number, provider: string): Readonly<Record<string, string | number>> {
  const members = regionNames.map((_, i) => hostOf(i + 1)).join(',');
  return {
    datadir: mountPoint,
    socket,
    'pid-file': 'server.pid',
    port: 3306,
    'bind-address': '0.0.0.0',
    'skip-name-resolve': 1,
    'max-connections': 600,
    'thread-cache-size': 300,
    'performance-schema': 'OFF',
    'binlog-format': 'ROW',
    'default-storage-engine': 'InnoDB',
    'innodb-autoinc-lock-mode': 2,
    'innodb-flush-log-at-trx-commit': 1,
    'innodb-buffer-pool-size': '512M',
    'innodb-log-file-size': '256M',
    'wsrep-on': 'ON',
    'wsrep-provider': provider,
    'wsrep-cluster-name': 'bench',
    'wsrep-cluster-address': n === 1 ? 'gcomm://' : `gcomm://${members}`,
    'wsrep-node-name': `n${n}`,
    'wsrep-node-address': hostOf(n),
    'wsrep-slave-threads': 4,
    'wsrep-retry-autocommit': 0,
    'wsrep-sst-method': 'rsync',
    'wsrep-provider-options': 'gcache.size=256M',
  };
}
