// One run of wrk, and what it cost whom.

import { execFile } from 'node:child_process';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { cpuSeconds, machineBusy } from './usage.js';
import { BENCH } from './world.js';

const run = promisify(execFile);
const THREADS = 2;
const CONNECTIONS = 128;
const TIMEOUT_S = 10;
// The machine is at rest when less than this share of it is busy for a moment.
const REST_BUSY = 0.05;
const REST_LOOK_MS = 250;
const REST_MOST_MS = 10_000;

/**
 * Loads URL/api/signal for SECONDS. PIDS: { name: process id } whose processor time is wanted.
 * Yields { answered, refused, broken, seconds, p50, p99 (ms), exhausted, cpu: { name: seconds } }.
 */
export async function load({ url, seconds, tokenFile, pids = {}, connections = CONNECTIONS }) {
  await rest();
  const before = Object.entries(pids).map(([name, pid]) => [name, pid, cpuSeconds(pid)]);
  const argv = [`-t${THREADS}`, `-c${connections}`, `-d${seconds}`, '--timeout', `${TIMEOUT_S}s`, '-s', path.join(BENCH, 'signals.lua'), `${url}/api/signal`, '--', tokenFile];
  const { stdout } = await run('wrk', argv);
  const result = stdout.match(/^RESULT (.*)$/m);
  if (!result) throw new Error(`wrk said: ${stdout}`);
  const cpu = Object.fromEntries(before.map(([name, pid, used]) => [name, cpuSeconds(pid) - used]));
  return { ...JSON.parse(result[1]), cpu };
}

// What came before, a server's start or the emptying of tables, is written back for a while.
async function rest() {
  const end = performance.now() + REST_MOST_MS;
  for (let busy = 1; busy > REST_BUSY && performance.now() < end; ) {
    const since = machineBusy();
    await delay(REST_LOOK_MS);
    busy = machineBusy(since);
  }
}

/** Requests a second of a plain GET. */
export async function plainLoad(url, seconds) {
  const { stdout } = await run('wrk', [`-t${THREADS}`, `-c${CONNECTIONS}`, `-d${seconds}`, url]);
  return Number(stdout.match(/^Requests\/sec:\s+([\d.]+)$/m)[1]);
}

/** The middle one of NUMBERS. */
export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
