// Every fault point in the code stands in the list, every listed one is in the code, and an integration
// test kills a process at it: else N12 proves less than it says.

import { problem } from './problem.js';

const LIST = 'common/daemon/fault-points.def';
const LISTED = /\bX\("([^"]*)"/g;
const PASSED = /\bes_fault_point\(\s*(")?/g;
// The function itself, and tests, which may pass points of their own making.
const NOT_PASSAGES = /^common\/daemon\/fault\.[ch]$|(^|\/)tests\//;

const STORY = /^tests\/integration\/[^/]+\.test\.js$/;
const NAMED = /['"`]([a-z]+\.[a-z_]+)(?::\d+)?['"`]/g;
// A story that asks a program for its points kills it at all of those whose part it names.
const ASKS = /'--fault-points'/;
const PART = /\.startsWith\('([a-z]+\.)'\)/g;

export const faultPointRules = [
  { name: 'fault-points', check: (tree) => compare(tree, listedPoints(tree), passages(tree)) },
];

function compare(tree, listed, passed) {
  const names = new Set(passed.map(({ name }) => name));
  const known = new Set(listed.map(({ name }) => name));
  return [
    ...passed
      .filter(({ name }) => name === null)
      .map(({ file, line }) => problem(file, line, 'the name of a fault point must be written out')),
    ...passed
      .filter(({ name }) => name !== null && !known.has(name))
      .map(({ file, line, name }) =>
        problem(file, line, `the fault point "${name}" does not stand in ${LIST}`),
      ),
    ...listed
      .filter(({ name }) => !names.has(name))
      .map(({ line, name }) => problem(LIST, line, `no code passes the fault point "${name}"`)),
    ...listed
      .filter(({ name }) => names.has(name) && !isKilledAt(tree, name))
      .map(({ line, name }) => problem(LIST, line, `no integration test kills a process at "${name}"`)),
    ...listed
      .filter(({ name }, at) => listed.findIndex((each) => each.name === name) < at)
      .map(({ line, name }) => problem(LIST, line, `the fault point "${name}" stands here twice`)),
  ];
}

function isKilledAt(tree, name) {
  return tree.js
    .filter((file) => STORY.test(file.path))
    .some(
      ({ text }) =>
        [...text.matchAll(NAMED)].some(([, named]) => named === name) ||
        (ASKS.test(text) && [...text.matchAll(PART)].some(([, part]) => name.startsWith(part))),
    );
}

function listedPoints(tree) {
  const file = tree.byPath.get(LIST);
  if (!file) return [];
  const rows = file.text.replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ' '));
  return [...rows.matchAll(LISTED)].map((match) => ({ name: match[1], line: file.lineAt(match.index) }));
}

// Found in the masked code, so that comments do not count; the name is read from the text behind it.
function passages(tree) {
  return tree.c
    .filter((file) => !NOT_PASSAGES.test(file.path))
    .flatMap((file) =>
      [...file.code.matchAll(PASSED)].map((match) => {
        const from = match.index + match[0].length;
        const name = match[1] ? file.text.slice(from, file.text.indexOf('"', from)) : null;
        return { file, line: file.lineAt(match.index), name };
      }),
    );
}
