// Who runs what: PostgreSQL refuses to run as root, so as root its server gets an unprivileged
// user and a folder that this user can reach.

import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chownSync, mkdirSync } from 'node:fs';
import path from 'node:path';

const CANDIDATES = ['postgres', 'nobody'];
const REACHABLE_ROOT = '/var/tmp';

/** { name, uid, gid } for the database server, or null when we are not root: then it is ourselves. */
export function serverUser() {
  if (process.getuid() !== 0) return null;
  for (const name of CANDIDATES) {
    const line = spawnSync('getent', ['passwd', name], { encoding: 'utf8' }).stdout;
    if (!line) continue;
    const [, , uid, gid] = line.split(':');
    return { name, uid: Number(uid), gid: Number(gid) };
  }
  throw new Error(`PostgreSQL cannot run as root, and there is no user ${CANDIDATES.join(' or ')}`);
}

/**
 * A folder for USER's files: WANTED itself, or, when USER cannot reach that (a home folder of mode
 * 0700 above it, say), one under /var/tmp whose name is derived from WANTED. Made and owned.
 */
export function folderFor(user, wanted) {
  mkdirSync(path.dirname(wanted), { recursive: true, mode: 0o711 });
  mkdirSync(wanted, { recursive: true, mode: 0o700 });
  if (!user) return wanted;
  chownSync(wanted, user.uid, user.gid);
  if (canReach(user, wanted)) return wanted;
  const mark = createHash('sha256').update(path.resolve(wanted)).digest('hex').slice(0, 16);
  const other = path.join(REACHABLE_ROOT, `eldersafe-${mark}`);
  mkdirSync(other, { recursive: true, mode: 0o700 });
  chownSync(other, user.uid, user.gid);
  return other;
}

/** Runs a program to its end as USER and returns its output; its error text is in what is thrown. */
export function runAs(user, command, options = {}) {
  const prefix = user
    ? ['setpriv', '--reuid', String(user.uid), '--regid', String(user.gid), '--clear-groups', '--']
    : [];
  const [program, ...argv] = [...prefix, ...command];
  return execFileSync(program, argv, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], ...options });
}

function canReach(user, folder) {
  try {
    runAs(user, ['test', '-w', folder], { cwd: '/' });
    return true;
  } catch {
    return false;
  }
}
