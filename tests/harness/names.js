// Names derived from test titles, for databases and folders.

import { randomBytes } from 'node:crypto';

const POSTGRES_NAME_MAX = 63;
const SUFFIX_BYTES = 4;

/** Lower case letters, digits and '_' of TITLE. */
export function slug(title) {
  return title
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '');
}

/**
 * A database name for TITLE that no other test has. The title is cut to fit the server's 63 bytes,
 * never the suffix: a server cuts names silently, and two tests would share a database.
 */
export function databaseName(title, suffix = randomBytes(SUFFIX_BYTES).toString('hex')) {
  const room = POSTGRES_NAME_MAX - suffix.length - 't__'.length;
  return `t_${slug(title).slice(0, room)}_${suffix}`;
}
