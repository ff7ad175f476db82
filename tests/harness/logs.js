// Reading the structured logs of daemons, and what a test may not find in them.

import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';

const NEWLINE = 0x0a;
const NEEDED_FIELDS = ['time', 'level', 'process', 'event'];
// What ASan, LSan, UBSan and TSan begin their reports with.
const SANITIZER =
  /(ERROR|WARNING|SUMMARY): (Address|Leak|Thread|Memory|UndefinedBehavior)Sanitizer|runtime error:/;

/**
 * A growing JSON log. read() takes in what is new; `entries` are its lines so far, `problems` those that
 * are not what they must be.
 */
export class JsonLog {
  entries = [];
  problems = [];
  #file;
  #offset = 0;
  #rest = Buffer.alloc(0);

  constructor(file) {
    this.#file = file;
  }

  read() {
    const bytes = Buffer.concat([this.#rest, this.#newBytes()]);
    const end = bytes.lastIndexOf(NEWLINE) + 1;
    this.#rest = bytes.subarray(end);
    for (const line of bytes.subarray(0, end).toString('utf8').split('\n').slice(0, -1)) this.#add(line);
    return this;
  }

  #newBytes() {
    if (!existsSync(this.#file)) return Buffer.alloc(0);
    const fd = openSync(this.#file, 'r');
    try {
      const bytes = Buffer.alloc(Math.max(0, fstatSync(fd).size - this.#offset));
      const length = readSync(fd, bytes, 0, bytes.length, this.#offset);
      this.#offset += length;
      return bytes.subarray(0, length);
    } finally {
      closeSync(fd);
    }
  }

  #add(line) {
    const entry = parse(line);
    if (entry) this.entries.push(entry);
    else this.problems.push(`E122: not a JSON log line with ${NEEDED_FIELDS.join(', ')}: ${line}`);
  }
}

/** All of a log that is there now: { entries, problems }. */
export function readLog(file) {
  return new JsonLog(file).read();
}

/** A sanitizer's report in TEXT, or null. */
export function sanitizerReport(text) {
  const found = text.search(SANITIZER);
  return found < 0 ? null : text.slice(found, found + 4_000);
}

/** Which of SECRETS ({ name: text }) stand in TEXT. */
export function leaked(text, secrets) {
  return Object.entries(secrets)
    .filter(([, secret]) => text.includes(secret))
    .map(([name]) => name);
}

function parse(line) {
  try {
    const entry = JSON.parse(line);
    return NEEDED_FIELDS.every((field) => typeof entry[field] === 'string') ? entry : null;
  } catch {
    return null;
  }
}
