/**
 * Installs what tests need from Debian's packages and the machine lacks: etcd, and the gRPC client in Python that shares
 * no code with ours. Does nothing when they are there. Exits with 1 and says what to do when it cannot.
 * Usage: node scripts/install-test-packages.mjs
 */
import { spawnSync } from 'node:child_process';
import { ensurePackages } from './debian-packages.mjs';
import './install-etcd.mjs';

// Debian's own interpreter: another one first in PATH does not see Debian's packages.
const python = '/usr/bin/python3';

ensurePackages({
  packages: ['python3-grpcio', 'python3-protobuf'],
  isThere: () => spawnSync(python, ['-c', 'import grpc, google.protobuf']).status === 0,
});
