// Parses every file given as a module, in one process: what `node --check` does for one. Only a file
// that fails is given to `node --check` itself, which knows the line.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { SourceTextModule } from 'node:vm';

let failed = false;
for (const file of process.argv.slice(2)) {
  const text = readFileSync(file, 'utf8').replace(/^#!.*/, '');
  try {
    new SourceTextModule(text, { identifier: file });
  } catch (error) {
    failed = true;
    process.stdout.write(`${file}:${lineOf(text)}: ${error.message}\n`);
  }
}
process.exitCode = failed ? 1 : 0;

function lineOf(text) {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'eldersafe-syntax-'));
  const copy = path.join(folder, 'module.mjs');
  writeFileSync(copy, text);
  const { stderr } = spawnSync(process.execPath, ['--check', copy], { encoding: 'utf8' });
  rmSync(folder, { recursive: true });
  return stderr.match(/module\.mjs:(\d+)$/m)?.[1] ?? 1;
}
