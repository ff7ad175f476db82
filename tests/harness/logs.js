// Reading the structured logs of daemons, and what a test may not find in them.

import { existsSync, readFileSync } from 'node:fs';

const NEEDED_FIELDS = ['time', 'level', 'process', 'event'];
// What ASan, LSan, UBSan and TSan begin their reports with.
const SANITIZER = /(ERROR|WARNING|SUMMARY): (Address|Leak|Thread|Memory|UndefinedBehavior)Sanitizer|runtime error:/;

/** The lines of a JSON log: { entries, problems }; a problem is a line that is not what it must be. */
export function readLog(file) {
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : [];
  const entries = [];
  const problems = [];
  for (const line of lines) {
    const entry = parse(line);
    if (entry) entries.push(entry);
    else problems.push(`E122: not a JSON log line with ${NEEDED_FIELDS.join(', ')}: ${line}`);
  }
  return { entries, problems };
}

/** A sanitizer's report in TEXT, or null. */
export function sanitizerReport(text) {
  const found = text.search(SANITIZER);
  return found < 0 ? null : text.slice(found, found + 4_000);
}

/** Which of SECRETS ({ name: text }) stand in TEXT. */
export function leaked(text, secrets) {
  return Object.entries(secrets).filter(([, secret]) => text.includes(secret)).map(([name]) => name);
}

function parse(line) {
  try {
    const entry = JSON.parse(line);
    return NEEDED_FIELDS.every((field) => typeof entry[field] === 'string') ? entry : null;
  } catch {
    return null;
  }
}
