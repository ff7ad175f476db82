// Starts the chain stand-in from the command line; see README.md.
//
// Exit codes: 0 after SIGTERM or SIGINT, 1 if it cannot start, 2 for a wrong command line.

import { renameSync, writeFileSync } from 'node:fs';
import { readOptions, usage, UsageError } from './options.js';
import { startStandIn } from './stand-in.js';

async function main() {
  const options = readOptions(process.argv.slice(2));
  if (options.help) return process.stdout.write(usage());
  const standIn = await startStandIn(options);
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => stop(standIn));
  if (options.readyFile) writeReadyFile(options.readyFile, standIn);
  process.stdout.write(`chain: ready ${standIn.url}\n`);
}

/** Whoever finds the file finds all of it. */
function writeReadyFile(path, { url, port }) {
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify({ url, port, pid: process.pid })}\n`);
  renameSync(draft, path);
}

async function stop(standIn) {
  await standIn.close();
  process.exit(0);
}

main().catch((error) => {
  process.stderr.write(
    error instanceof UsageError ? `chain: ${error.message}\n${usage()}` : `chain: cannot start: ${error.message}\n`,
  );
  process.exit(error instanceof UsageError ? 2 : 1);
});
