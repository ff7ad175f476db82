// Rules on C code, by its text alone.

import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { functionsOf, includesOf, macrosOf } from '../c-text.js';
import { matchesOf, problem } from './problem.js';

const SOFT_LINES = 60;
const HARD_LINES = 100;
const MAX_NESTING = 3;
const EXCEPTIONS = 'tests/source/long-functions.txt';

// Function, where it may be called, what to use instead.
const BANNED = [
  ['time', null, 'es_clock_now_us()'],
  ['clock_gettime', 'common/base/clock.c', 'es_clock_now_us() or es_clock_mono_us()'],
  ['gettimeofday', null, 'es_clock_now_us()'],
  ['rand', null, 'es_random_below()'],
  ['srand', null, 'es_random_below()'],
  ['random', null, 'es_random_below()'],
  ['srandom', null, 'es_random_below()'],
  ['sprintf', null, 'es_buf_printf() or snprintf()'],
  ['vsprintf', null, 'es_buf_printf() or vsnprintf()'],
  ['strcpy', null, 'es_copy_str()'],
  ['strcat', null, 'es_buf_add_str()'],
  ['stpcpy', null, 'es_copy_str()'],
  ['strncpy', null, 'es_copy_str()'],
  ['atoi', null, 'es_parse_i64()'],
  ['atol', null, 'es_parse_i64()'],
  ['atoll', null, 'es_parse_i64()'],
  ['atof', null, 'a decimal parser'],
  ['strtok', null, 'strtok_r() or a reader'],
  ['gets', null, 'a bounded read'],
  ['system', null, 'nothing: no shell'],
  ['popen', null, 'nothing: no shell'],
  ['alloca', null, 'an arena'],
  ['localtime', null, 'the day engine'],
  ['gmtime', null, 'es_civil_from_days()'],
];

// Who speaks on standard output: programs with a person in front of them.
const MAY_PRINT =
  /^(deploy\/ctl\/|worker-ledger\/verify\/|worker-ledger\/main-|tier1-core\/main-|common\/daemon\/|tests\/)|\/tests\//;
const PRINTING = /(?<![\w.>])(printf|puts|putchar|vprintf)\s*\(/g;

const isTest = (file) => /(^|\/)tests\//.test(file.path);

export const cRules = [
  { name: 'banned-functions', check: (tree) => tree.c.flatMap(bannedCalls) },
  {
    name: 'libraries-do-not-print',
    check: (tree) =>
      tree.c
        .filter((file) => !MAY_PRINT.test(file.path))
        .flatMap((file) =>
          matchesOf(
            file,
            file.code,
            PRINTING,
            ([, name]) => `${name}() in a library: return the text instead`,
          ),
        ),
  },
  { name: 'function-length', check: functionLengths },
  {
    name: 'nesting',
    check: (tree) =>
      tree.c.flatMap((file) =>
        functionsOf(file.code)
          .filter(({ body }) => deepest(body) > MAX_NESTING)
          .map(({ name, firstLine, body }) =>
            problem(file, firstLine, `${name}() nests ${deepest(body)} deep, at most ${MAX_NESTING}`),
          ),
      ),
  },
  {
    name: 'no-control-flow-in-macros',
    check: (tree) =>
      tree.c.flatMap((file) =>
        macrosOf(file.code)
          .filter(({ body }) => /\b(return|goto)\b/.test(body))
          .map(({ name, line }) => problem(file, line, `the macro ${name} hides a return or goto`)),
      ),
  },
  {
    name: 'private-members',
    check: (tree) =>
      tree.c.flatMap((file) =>
        matchesOf(file, file.code, /(?:\.|->|\.\s*)(private_\w+)/g, ([, name]) => name)
          .filter(({ message: name }) => !ownsMember(tree, file, name))
          .map((found) => ({ ...found, message: `${found.message} is private to another file` })),
      ),
  },
  {
    name: 'pragma-once',
    check: (tree) =>
      tree.c
        .filter((file) => file.extension === '.h' && !/^#pragma once$/m.test(file.text))
        .map((file) => problem(file, 1, 'a header begins with #pragma once')),
  },
  {
    name: 'own-header-first', // this is what proves that each header stands alone
    check: (tree) =>
      tree.c.flatMap((file) => {
        const header = file.path.replace(/\.c$/, '.h');
        if (file.extension !== '.c' || !tree.byPath.has(header)) return [];
        const [first] = includesOf(file.text);
        return first?.target === header
          ? []
          : [problem(file, first?.line ?? 1, `the first include must be "${header}"`)];
      }),
  },
  {
    name: 'no-struct-typedefs',
    check: (tree) =>
      tree.c.flatMap((file) =>
        matchesOf(
          file,
          file.code,
          /^\s*typedef\s+(struct|union|enum)\b[^;()]*[;{]/gm,
          () => 'write struct, union or enum where it is used',
        ),
      ),
  },
];

function bannedCalls(file) {
  return BANNED.flatMap(([name, allowedIn, instead]) => {
    if (file.path === allowedIn || (isTest(file) && name === 'time')) return [];
    const call = new RegExp(`(?<![\\w.>])${name}\\s*\\(`, 'g');
    return matchesOf(file, file.code, call, () => `${name}() is banned: use ${instead}`).filter(
      ({ line }) => !isDeclaration(file, line, name),
    );
  });
}

// "es_x *time(void);" or a struct member called like the function is no call of it.
function isDeclaration(file, line, name) {
  return (
    new RegExp(`^\\s*(const\\s+)?(struct\\s+)?\\w+\\s+\\**${name}\\s*\\([^;]*\\)\\s*;`).test(
      file.code.split('\n')[line - 1],
    ) && file.extension === '.h'
  );
}

// A function over the soft limit must stand in the exceptions file with its length at most as it was
// then; an exception that is no longer needed must go. So the list can only shrink.
function functionLengths(tree) {
  const exceptions = readExceptions(tree.root);
  const problems = [];
  const used = new Set();
  for (const file of tree.c) {
    for (const { name, firstLine, lines } of functionsOf(file.code)) {
      if (lines <= SOFT_LINES) continue;
      const key = `${file.path} ${name}`;
      const allowed = exceptions.get(key);
      used.add(key);
      if (lines > HARD_LINES)
        problems.push(problem(file, firstLine, `${name}() has ${lines} lines, at most ${HARD_LINES} ever`));
      else if (allowed === undefined)
        problems.push(problem(file, firstLine, `${name}() has ${lines} lines, at most ${SOFT_LINES}`));
      else if (lines > allowed)
        problems.push(problem(file, firstLine, `${name}() grew from ${allowed} to ${lines} lines`));
    }
  }
  const stale = [...exceptions.keys()].filter((key) => !used.has(key));
  return problems.concat(
    stale.map((key) => problem(EXCEPTIONS, 1, `${key} is short enough now: take it off the list`)),
  );
}

function readExceptions(root) {
  const file = path.join(root, EXCEPTIONS);
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
  const entries = lines.filter((line) => line !== '' && !line.startsWith('#')).map((line) => line.split(' '));
  return new Map(entries.map(([where, name, length]) => [`${where} ${name}`, Number(length)]));
}

// Blocks inside blocks; a switch and its cases are one level, an initialiser's braces are none.
function deepest(body) {
  let depth = 0;
  let most = 0;
  const levels = [];
  // The formatter writes "if (x) {" and "(struct x){".
  for (const brace of body.join('\n').matchAll(/([=(,]\s*|return\s*|\))?(\{)|\}/g)) {
    if (brace[2]) {
      const isBlock = brace[1] === undefined && !levels.includes(false);
      levels.push(isBlock);
      if (isBlock) most = Math.max(most, ++depth);
    } else if (levels.pop()) {
      depth--;
    }
  }
  return most;
}

// A member belongs to the header that declares it and to the .c file beside that.
function ownsMember(tree, file, member) {
  const home = tree.c.find((each) => each.extension === '.h' && new RegExp(`\\b${member};`).test(each.code));
  return home === undefined || home.path.replace(/\.h$/, '') === file.path.replace(/\.[ch]$/, '');
}
