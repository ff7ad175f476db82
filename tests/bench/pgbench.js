// PostgreSQL alone, as the limit: what it takes to make a signal durable when nobody asks who sent it.

import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { program } from '../../deploy/local/postgres.js';
import { BENCH } from './world.js';

const run = promisify(execFile);
const CLIENTS = { one: 32, batch: 4 };
const THREADS = 2;

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
