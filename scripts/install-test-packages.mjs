/**
 * Installs what a system test needs from Debian's packages and the machine lacks: the gRPC client in Python that shares
 * no code with ours. Does nothing when it is there. Exits with 1 and says what to do when it cannot.
 * Usage: node scripts/install-test-packages.mjs
 */
import { spawnSync } from 'node:child_process';

const packages = ['python3-grpcio', 'python3-protobuf'];
// Debian's own interpreter: another one first in PATH does not see Debian's packages.
const python = '/usr/bin/python3';

function isThere() {
  return spawnSync(python, ['-c', 'import grpc, google.protobuf']).status === 0;
}

function aptGet(...args) {
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  return spawnSync('apt-get', ['-q', ...args], { env: environment, encoding: 'utf8' });
}

function install() {
  const args = ['install', '-y', '--no-install-recommends', ...packages];
  const first = aptGet(...args);
  if (first.status === 0) return undefined;
  aptGet('update');
  const second = aptGet(...args);
  if (second.status === 0) return undefined;
  return second.error?.message ?? second.stderr.trim();
}

if (!isThere()) {
  const problem = install();
  if (!isThere()) {
    console.error(
      `${packages.join(' and ')} could not be installed: ${problem ?? `${python} does not see them`}`,
    );
    console.error(`As root on Debian: apt-get install ${packages.join(' ')}`);
    process.exit(1);
  }
}
