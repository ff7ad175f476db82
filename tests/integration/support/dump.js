// The whole database as text, as somebody who stole a backup would read it.

import { execFileSync } from 'node:child_process';

const LARGEST_DUMP = 256 * 1024 * 1024;

export function dumpOf(world) {
  const { host, port, superuser, superPassword } = world.postgres;
  const argv = ['--data-only', '--inserts', '--host', host, '--port', String(port), '--username', superuser, world.database];
  return execFileSync('pg_dump', argv, { encoding: 'utf8', maxBuffer: LARGEST_DUMP, env: { ...process.env, PGPASSWORD: superPassword } });
}
