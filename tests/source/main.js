// check-source: what can be told from the source text alone, in seconds.
//
//   tests/check-source [--root FOLDER] [RULE…]     without RULE: all of them
//
// Prints one line a finding, "rule: path:line: message", and ends with
// "source: N passed, N failed", counting rules. Exit code 1 when one failed, 2 for wrong arguments.

import { parseArgs } from 'node:util';
import { RULES } from './rules/all.js';
import { readTree } from './tree.js';

const ROOT = new URL('../..', import.meta.url).pathname;

function main() {
  const { values, positionals } = parseArgs({
    options: { root: { type: 'string', default: ROOT } },
    allowPositionals: true,
  });
  const unknown = positionals.filter((name) => !RULES.some((rule) => rule.name === name));
  if (unknown.length > 0) {
    process.stderr.write(
      `no such rule: ${unknown.join(' ')}; there are: ${RULES.map(({ name }) => name).join(' ')}\n`,
    );
    return 2;
  }
  const rules = positionals.length > 0 ? RULES.filter(({ name }) => positionals.includes(name)) : RULES;
  const tree = readTree(values.root);
  const failed = rules.filter((rule) => !passes(rule, tree));
  process.stdout.write(`source: ${rules.length - failed.length} passed, ${failed.length} failed\n`);
  return failed.length > 0 ? 1 : 0;
}

function passes({ name, check }, tree) {
  const findings = check(tree);
  for (const { path, line, message } of findings)
    process.stdout.write(`${name}: ${path}:${line}: ${message}\n`);
  return findings.length === 0;
}

process.exitCode = main();
