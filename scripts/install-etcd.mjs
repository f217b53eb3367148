/**
 * Installs Debian's etcd-server when there is no `etcd` in PATH. Does nothing when it is there. Exits with 1 and says what
 * to do when it cannot. Debian may start a service of its own on ports 2379 and 2380; nothing here uses those.
 * Usage: node scripts/install-etcd.mjs
 */
import { spawnSync } from 'node:child_process';
import { ensurePackages } from './debian-packages.mjs';

ensurePackages({
  packages: ['etcd-server'],
  isThere: () => spawnSync('etcd', ['--version']).status === 0,
  otherwise:
    'Elsewhere: put the etcd binary (3.4 or newer, https://github.com/etcd-io/etcd/releases) into PATH',
});
