// The schema, through the same command an operator uses.

import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { programPath, REPOSITORY } from './site.js';

/** Roles and migrations into DATABASE of SERVER; yields what eldersafectl printed. */
export function migrate(server, database) {
  const ctl = programPath('eldersafectl');
  if (!ctl) throw new Error('eldersafectl is not built: run make');
  const argv = ['migrate', '--roles', '--database', server.superConninfo(database), '--directory', path.join(REPOSITORY, 'migrations')];
  try {
    return execFileSync(ctl, argv, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env.PATH } });
  } catch (error) {
    throw new Error(`eldersafectl migrate failed (${error.status}):\n${error.stdout}${error.stderr}`);
  }
}
