// An append-only file from which a restart rebuilds everything that happened.
//
// One line is one JSON array of steps that belong together: a reorganisation is one line, so a kill
// in the middle of writing leaves either all of it or, as a torn last line, none. Lines are written
// before the answer to the request leaves. Without a folder nothing is written.

import { appendFileSync, existsSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const FILE_NAME = 'journal.ndjson';

export class Journal {
  #path;

  /** @param {string|undefined} folder made if it does not exist */
  constructor(folder) {
    if (!folder) return;
    mkdirSync(folder, { recursive: true });
    this.#path = join(folder, FILE_NAME);
  }

  /** All complete lines; a torn last line is cut off the file. */
  read() {
    if (!this.#path || !existsSync(this.#path)) return [];
    const bytes = readFileSync(this.#path);
    const complete = bytes.lastIndexOf(0x0a) + 1;
    if (complete < bytes.length) truncateSync(this.#path, complete);
    return bytes
      .subarray(0, complete)
      .toString()
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  }

  append(steps) {
    if (this.#path) appendFileSync(this.#path, `${JSON.stringify(steps)}\n`);
  }

  clear() {
    if (this.#path) writeFileSync(this.#path, '');
  }
}
