// The mails that the file channel of eldersafe-notify has written.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { eventually } from '../../deploy/local/wait.js';
import { parseMail } from '../../deploy/local/eml.js';

const WAIT_MS = 15_000;

export class Mailbox {
  #folder;

  constructor(folder) {
    this.#folder = folder;
  }

  /** Every mail so far, oldest first: { file, headers, to, subject, text, link, code }. */
  all() {
    if (!existsSync(this.#folder)) return [];
    const names = readdirSync(this.#folder)
      .filter((name) => name.endsWith('.eml'))
      .sort();
    return names.map((name) => {
      const file = path.join(this.#folder, name);
      return { file, ...parseMail(readFileSync(file, 'utf8')) };
    });
  }

  /** The mails to ADDRESS. */
  to(address) {
    return this.all().filter((mail) => mail.to === address);
  }

  /** Waits until COUNT mails to ADDRESS are there and yields the last of them. */
  async waitFor(address, { count = 1, timeout = WAIT_MS } = {}) {
    const mails = await eventually(
      `mail ${count} to a member`,
      () => {
        const found = this.to(address);
        return found.length >= count && found;
      },
      { timeout },
    );
    return mails.at(-1);
  }
}
