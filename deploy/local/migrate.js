// The schema, through the same command an operator uses.

import path from 'node:path';
import { ctl } from './ctl.js';
import { REPOSITORY } from './site.js';

/** Roles and migrations into DATABASE of SERVER; yields what eldersafectl printed. */
export function migrate(server, database) {
  const migrations = path.join(REPOSITORY, 'migrations');
  return ctl(['migrate', '--roles', '--database', server.superConninfo(database), '--directory', migrations]);
}
