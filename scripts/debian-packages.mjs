import { spawnSync } from 'node:child_process';

function aptGet(...args) {
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const options = ['-q', '-o', 'DPkg::Lock::Timeout=120'];
  return spawnSync('apt-get', [...options, ...args], { env: environment, encoding: 'utf8' });
}

function install(packages) {
  const args = ['install', '-y', '--no-install-recommends', ...packages];
  if (aptGet(...args).status === 0) return undefined;
  // Old package lists name versions that the mirror no longer has.
  aptGet('update');
  const again = aptGet(...args);
  if (again.status === 0) return undefined;
  return again.error?.message ?? again.stderr.trim();
}

/**
 * Installs Debian's `packages` when what they bring is not there (`isThere()`), as root with apt-get. Exits the process
 * with 1, and says what to do, when it cannot. `otherwise` is another way to get what is missing.
 */
export function ensurePackages({ packages, isThere, otherwise }) {
  if (isThere()) return;
  const problem = install(packages);
  if (isThere()) return;
  const names = packages.join(' and ');
  console.error(`${names} could not be installed: ${problem ?? 'installed, but not found'}`);
  console.error(`As root on Debian: apt-get install ${packages.join(' ')}`);
  if (otherwise !== undefined) console.error(otherwise);
  process.exit(1);
}
