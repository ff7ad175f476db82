// PostgreSQL alone, as the limit: what it takes to make a signal durable when nobody asks who sent it.

import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { program } from '../../deploy/local/postgres.js';
import { buildFolder } from '../../deploy/local/site.js';
import { BENCH } from './world.js';

const run = promisify(execFile);
const CLIENTS = { one: 32, batch: 4 };
const THREADS = 2;

/** Signals a second with eldersafe-core's own statement, BATCH at a time over one connection. */
export async function ownStatement(world, batch) {
  await world.reset();
  const { members, seconds } = world.options;
  const { stdout } = await run(path.join(buildFolder(), 'tests/bench/append-bench'), [world.site.conninfo('eldersafe_core'), String(members), String(batch), String(seconds)]);
  const result = JSON.parse(stdout);
  if (world.signals() !== result.signals) throw new Error(`own statement: ${result.signals} were accepted, ${world.signals()} are in the database`);
  return result.signals / result.seconds;
}

/** Rows a second with one transaction a signal ('one') or 256 of them in each ('batch'). */
export async function narrow(world, kind) {
  world.sqlFile('narrow-reset.sql');
  const script = path.join(BENCH, 'sql', `narrow-${kind}.pgbench`);
  const argv = ['--no-vacuum', '--protocol=prepared', `--client=${CLIENTS[kind]}`, `--jobs=${THREADS}`, `--time=${world.options.seconds}`, `--file=${script}`, world.postgres.superConninfo(world.database)];
  const before = performance.now();
  await run(program('pgbench'), argv);
  const seconds = (performance.now() - before) / 1000;
  return Number(world.sql('SELECT count(*) FROM narrow.signals')) / seconds;
}
