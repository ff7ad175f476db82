// The checker's own tests: each rule finds its bad sample, at the right line, and lets a good one pass.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { functionsOf, macrosOf, maskC } from '../c-text.js';
import { RULES } from '../rules/all.js';
import { readTree } from '../tree.js';

const CHECKER = new URL('../../check-source', import.meta.url).pathname;
const REPOSITORY = new URL('../../..', import.meta.url).pathname;

/** A repository of FILES ({ path: text }) in a temporary folder. */
function repository(t, files) {
  const root = mkdtempSync(path.join(os.tmpdir(), 'eldersafe-source-'));
  t.after(() => rmSync(root, { recursive: true }));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
    writeFileSync(path.join(root, name), text);
  }
  return root;
}

/** What RULE finds in FILES, as "path:line". */
function findings(t, rule, files) {
  const { check } = RULES.find(({ name }) => name === rule);
  return check(readTree(repository(t, files))).map(({ path: where, line }) => `${where}:${line}`);
}

function lines(count, text = 'x();') {
  return `${Array.from({ length: count }, () => `    ${text}`).join('\n')}\n`;
}

const FORMAT = { '.clang-format': 'BasedOnStyle: LLVM\nIndentWidth: 4\n' };
const word = (...parts) => parts.join('');

// rule, bad sample, where it must be found, good sample
const SAMPLES = [
  ['clang-format', { ...FORMAT, 'a.c': 'int  x;\n' }, ['a.c:1'], { ...FORMAT, 'a.c': 'int x;\n' }],
  ['shellcheck', { run: '#!/bin/sh\necho $1\n' }, ['run:2'], { run: '#!/bin/sh\necho "$1"\n' }],
  [
    'js-syntax',
    { 'a.js': 'export const x = 1;\nconst const y;\n' },
    ['a.js:2'],
    { 'a.js': '#!/usr/bin/env node\nexport const x = 1;\n' },
  ],
  [
    'banned-functions',
    { 'common/a.c': '/* time() */\nlong x = time(NULL);\n' },
    ['common/a.c:2'],
    {
      'common/a.c':
        '// strcpy(a, b)\nconst char *x = "system(1)";\nlong y = runtime(1);\nlong z = clock.time(1);\n',
      'common/base/clock.c': 'int a = clock_gettime(0, &b);\n',
    },
  ],
  [
    'libraries-do-not-print',
    { 'common/a.c': 'x;\nprintf("hello");\n' },
    ['common/a.c:2'],
    { 'common/a.c': 'snprintf(a, 1, "x");\n', 'deploy/ctl/a.c': 'printf("hello");\n' },
  ],
  [
    'function-length',
    { 'common/a.c': `int f(void)\n{\n${lines(61)}}\n` },
    ['common/a.c:2'],
    { 'common/a.c': `int f(void)\n{\n${lines(60)}}\n` },
  ],
  [
    'nesting',
    {
      'common/a.c':
        'int f(void)\n{\n if (a) {\n  if (b) {\n   if (c) {\n    if (d) {\n    }\n   }\n  }\n }\n}\n',
    },
    ['common/a.c:2'],
    {
      'common/a.c':
        'int f(void)\n{\n if (a) {\n  if (b) {\n   if (c) {\n    x = (struct p){{{1}}};\n   }\n  }\n }\n}\n',
    },
  ],
  [
    'no-control-flow-in-macros',
    { 'common/a.h': '#define A 1\n#define CHECK(x) \\\n    if (!(x)) \\\n        return\n' },
    ['common/a.h:2'],
    { 'common/a.h': '#define A 1 /* return */\n' },
  ],
  [
    'private-members',
    {
      'common/amount.h': 'struct a {\n    int private_minor;\n};\n',
      'common/b.c': 'int f;\nint x = a.private_minor;\n',
    },
    ['common/b.c:2'],
    {
      'common/amount.h': 'struct a {\n    int private_minor;\n};\n',
      'common/amount.c': 'int x = a->private_minor;\n',
    },
  ],
  [
    'pragma-once',
    { 'common/a.h': '#ifndef A\n#endif\n' },
    ['common/a.h:1'],
    { 'common/a.h': '/* a */\n#pragma once\n' },
  ],
  [
    'own-header-first',
    { 'common/a.h': '', 'common/a.c': '#include <stdio.h>\n#include "common/a.h"\n' },
    ['common/a.c:1'],
    {
      'common/a.h': '',
      'common/a.c': '#include "common/a.h"\n\n#include <stdio.h>\n',
      'common/b.c': '#include <stdio.h>\n',
    },
  ],
  [
    'no-struct-typedefs',
    { 'common/a.h': 'typedef struct a a_t;\n' },
    ['common/a.h:1'],
    { 'common/a.h': 'typedef void fn(struct a *);\n' },
  ],
  [
    'include-direction',
    {
      'common/http/a.c': '#include "tier1-core/b.h"\n',
      'tier1-core/c.c': '\n#include "worker-ledger/d.h"\n',
      'elsewhere/x.c': 'int x;\n',
    },
    ['common/http/a.c:1', 'elsewhere/x.c:1', 'tier1-core/c.c:2'],
    { 'tier1-core/http/a.c': '#include "tier1-core/db/b.h"\n#include "common/b.h"\n#include <stdio.h>\n' },
  ],
  [
    'include-closure',
    {
      'tier1-core/domain/a.c': '#include "common/x.h"\n',
      'common/x.h': '#include "common/y.h"\n',
      'common/y.h': '#include <hiredis/hiredis.h>\n',
    },
    ['tier1-core/domain/a.c:1'],
    {
      'tier1-core/domain/a.c': '#include "common/x.h"\n',
      'common/x.h': '#include <stdio.h>\n',
      'common/z.c': '#include <microhttpd.h>\n',
    },
  ],
  [
    'include-paths',
    { 'common/a.c': '#include "common/missing.h"\n' },
    ['common/a.c:1'],
    { 'common/a.c': '#include "common/a.h"\n', 'common/a.h': '' },
  ],
  ['trailing-blanks', { 'a.md': 'fine\nnot fine \n' }, ['a.md:2'], { 'a.md': 'fine\n\nfine\n' }],
  [
    'final-newline',
    { 'a.md': 'no newline', 'b.md': 'two\n\n' },
    ['a.md:1', 'b.md:3'],
    { 'a.md': 'one\n', 'empty.md': '' },
  ],
  [
    'file-length',
    { 'a.js': 'x;\n'.repeat(601) },
    ['a.js:600'],
    { 'a.js': 'x;\n'.repeat(600), 'a.md': 'x\n'.repeat(700) },
  ],
  [
    'no-leftovers',
    { 'a.c': `int x;\n/* ${word('TO', 'DO')}: more */\n` },
    ['a.c:2'],
    { 'a.c': `int todolist;\nconst char *params = "${word('X', 'XX')}";\n` },
  ],
  [
    'no-own-machine-paths',
    { 'a.sh': `cd ${word('/ho', 'me')}/anna/x\n` },
    ['a.sh:1'],
    { 'a.sh': 'cd "$HOME"/x; cd ./work/x; ProtectHome=yes\n' },
  ],
  [
    'no-secrets',
    { 'a.conf': `x\n-----BEGIN ${word('PRIVATE', ' KEY')}-----\n` },
    ['a.conf:2'],
    { 'a.conf': '-----BEGIN CERTIFICATE-----\n' },
  ],
  [
    'no-hex-keys',
    { 'a.js': `x\nconst key = '${'0aF9'.repeat(16)}';\n`, 'deploy/token.key': '12ab'.repeat(16) },
    ['a.js:2', 'deploy/token.key:1'],
    {
      'a.js': `${'0aF9'.repeat(16)}0 ${'0aF9'.repeat(16).slice(1)}\n`,
      'worker-ledger/tests/test-key.c': `"${'0aF9'.repeat(16)}"\n`,
    },
  ],
  [
    'folder-readme',
    { 'common/base/a.c': '', 'common/README.md': 'x\n' },
    ['common/base:1'],
    {
      'common/base/a.c': '',
      'common/base/README.md': 'x\n',
      'common/README.md': 'x\n',
      'tier1-core/README.md': 'x\n',
      'tier1-core/http/a.c': '',
      'tier1-core/http/README.md': 'x\n',
      '.ci/run': '',
    },
  ],
  [
    'options-explained',
    { 'tier1-core/config.c': '{.name = "LISTEN",\n .type = ES_CONFIG_ADDRESS,\n .fallback = ""},\n' },
    ['tier1-core/config.c:1'],
    {
      'tier1-core/config.c':
        '{.name = "LISTEN",\n .type = ES_CONFIG_ADDRESS,\n .help = "where to listen"},\n',
    },
  ],
  [
    'environment-through-tables',
    { 'common/a.c': 'x;\ny = getenv("HOME");\n' },
    ['common/a.c:2'],
    { 'common/daemon/a.c': 'y = getenv("NOTIFY_SOCKET");\n' },
  ],
  [
    'samples-name-real-options',
    {
      'deploy/systemd/core.env': 'ELDERSAFE_LISTEN=x\nELDERSAFE_LISTNE=x\n',
      'a.c': '{.name = "LISTEN",\n .type = ES_CONFIG_TEXT}\n',
    },
    ['deploy/systemd/core.env:2'],
    {
      'deploy/systemd/core.env': 'ELDERSAFE_LISTEN=x\nELDERSAFE_REDIS=x\n',
      'a.c': '{.name = "LISTEN",\n .type = ES_CONFIG_TEXT}\n',
      'a.h': '#define REDIS_OPTION \\\n { \\\n .name = "REDIS", \\\n .type = ES_CONFIG_ADDRESS}\n',
    },
  ],
  [
    'fault-points',
    {
      'common/daemon/fault-points.def':
        'X("a.used", "*", "x")\nX("a.unused", "*", "x")\nX("a.used", "*", "x")\nX("a.survived", "*", "x")\n',
      'common/a.c':
        'es_fault_point("a.used");\nes_fault_point("a.unlisted");\nes_fault_point(name);\nes_fault_point("a.survived");\n',
      'tests/integration/a.test.js': "kill('a.used:3'); // not at a.survived\n",
      'tests/harness/b.test.js': "names.filter((name) => name.startsWith('a.')); run('--fault-points', 'a.survived');\n",
    },
    ['common/a.c:2', 'common/a.c:3', ...[2, 3, 4].map((line) => `common/daemon/fault-points.def:${line}`)],
    {
      'common/daemon/fault-points.def': '/* X("a.comment") */\nX("a.used", "*", "x")\nX("b.listed", "*", "x")\n',
      'common/daemon/fault.c': 'void es_fault_point(const char *name)\n',
      'common/a.c': '/* es_fault_point("a.comment") */\nes_fault_point("a.used");\nes_fault_point("b.listed");\n',
      'tests/integration/a.test.js': "kill('a.used:3');\n",
      'tests/integration/b.test.js': "run('--fault-points').filter((name) => name.startsWith('b.'));\n",
      'common/tests/t.c': 'es_fault_point("of.a.test");\n',
    },
  ],
];

for (const [rule, bad, expected, good] of SAMPLES) {
  test(`${rule}: finds its bad sample and passes its good one`, (t) => {
    assert.deepEqual(findings(t, rule, bad).sort(), expected);
    assert.deepEqual(findings(t, rule, good), []);
  });
}

test('every rule has a sample, and every name is used once', () => {
  const names = RULES.map(({ name }) => name);
  assert.deepEqual([...new Set(names)].sort(), SAMPLES.map(([name]) => name).sort());
});

test('function-length: the list of exceptions may only shrink', (t) => {
  const list = (text) => ({ 'tests/source/long-functions.txt': text });
  const body = (count) => ({ 'common/a.c': `int f(void)\n{\n${lines(count)}}\n` });
  assert.deepEqual(findings(t, 'function-length', { ...list('common/a.c f 70\n'), ...body(70) }), []);
  assert.deepEqual(findings(t, 'function-length', { ...list('common/a.c f 70\n'), ...body(71) }), [
    'common/a.c:2',
  ]);
  assert.deepEqual(findings(t, 'function-length', { ...list('common/a.c f 70\n'), ...body(60) }), [
    'tests/source/long-functions.txt:1',
  ]);
  assert.deepEqual(findings(t, 'function-length', { ...list('common/a.c f 120\n'), ...body(101) }), [
    'common/a.c:2',
  ]);
});

test('masking keeps positions and empties comments and literals', () => {
  const text = 'a("x//y"); /* b\n c */ d(\'"\'); // e\n"\\"f" g;';
  const masked = maskC(text);
  assert.equal(masked.length, text.length);
  assert.deepEqual(
    masked.split('\n').map((line) => line.replace(/\s+/g, ' ').trim()),
    ['a("    ");'.replace(/\s+/g, ' '), "d(' ');", '" " g;'],
  );
});

test('functions and macros are found with their names, lines and lengths', () => {
  const code =
    'static int\nf(int a,\n  int b)\n{\n    x;\n}\n\nstruct s\n{\n};\n#define M(a) \\\n    a + \\\n    1\nint g(void)\n{\n}\n';
  assert.deepEqual(
    functionsOf(code).map(({ name, firstLine, lines: count }) => [name, firstLine, count]),
    [
      ['f', 4, 1],
      ['g', 15, 0],
    ],
  );
  assert.deepEqual(
    macrosOf(code).map(({ name, line }) => [name, line]),
    [['M', 11]],
  );
});

test('the command says what it found, counts rules, and its exit code tells', (t) => {
  const root = repository(t, { 'a.md': 'blank \n' });
  const bad = spawnSync(CHECKER, ['--root', root, 'trailing-blanks', 'final-newline'], { encoding: 'utf8' });
  assert.equal(
    bad.stdout,
    'trailing-blanks: a.md:1: blanks at the end of the line\nsource: 1 passed, 1 failed\n',
  );
  assert.equal(bad.status, 1);
  const good = spawnSync(CHECKER, ['--root', root, 'final-newline'], { encoding: 'utf8' });
  assert.deepEqual([good.stdout, good.status], ['source: 1 passed, 0 failed\n', 0]);
  const unknown = spawnSync(CHECKER, ['no-such-rule'], { encoding: 'utf8' });
  assert.equal(unknown.status, 2);
});

test('the whole repository is checked within a minute, on a busy machine too', () => {
  const started = performance.now();
  const { stdout } = spawnSync(CHECKER, [], { encoding: 'utf8', cwd: REPOSITORY });
  assert.match(stdout, /^source: \d+ passed, \d+ failed$/m);
  assert.ok(performance.now() - started < 60_000);
});
