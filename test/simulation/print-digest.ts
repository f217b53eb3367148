import { runSeed } from './run-seed.js';

const { digest } = await runSeed(Number(process.argv[2]));
process.stdout.write(digest);
