import { spawn } from 'node:child_process';

const minuteMs = 60_000;
const running = new Set();

/**
 * Runs a command in a process group of its own, so that nothing it started outlives it. Resolves with whether it ended
 * well in its time, and all that it wrote.
 */
export function runCommand([program, ...args], timeMsMax) {
  return new Promise((resolve) => {
    const output = [];
    let timedOut = false;
    let problem;
    const child = spawn(program, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    running.add(child);
    const timer = setTimeout(() => {
      timedOut = true;
      killGroup(child);
    }, timeMsMax);
    const end = (code) => {
      clearTimeout(timer);
      running.delete(child);
      if (problem !== undefined) output.push(Buffer.from(`${problem}\n`));
      resolve({ ok: code === 0 && problem === undefined, output: Buffer.concat(output).toString() });
    };
    child.stdout.on('data', (chunk) => output.push(chunk));
    child.stderr.on('data', (chunk) => output.push(chunk));
    child.on('error', (error) => {
      problem = error.message;
      end(1);
    });
    child.on('exit', (code, signal) => {
      if (timedOut) problem = `stopped: it ran longer than ${timeMsMax / minuteMs} min`;
      else if (signal !== null) problem = `ended by ${signal}`;
      killGroup(child);
      // A process that left the group may hold the pipes open for ever.
      const patience = setTimeout(end, 2000, code);
      child.on('close', () => {
        clearTimeout(patience);
        end(code);
      });
    });
  });
}

/** Kills every command that still runs, with all that it started. */
export function killCommands() {
  for (const child of running) killGroup(child);
}

function killGroup(child) {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}
