// Who may include whom (DESIGN section 3): the architecture, enforced.

import { includesOf } from '../c-text.js';
import { problem } from './problem.js';

// The first row that fits a file decides; `may` lists the prefixes of project headers it may include.
const DIRECTIONS = [
  { files: /^common\/base\//, may: ['common/base/'] },
  { files: /^common\/tests\//, may: ['common/'] },
  { files: /^common\//, may: ['common/', 'schema-version.h'] },
  {
    files: /^tier1-core\/db\//,
    may: ['common/', 'tier1-core/'],
    mayNot: ['tier1-core/http/', 'tier1-core/domain/'],
  },
  { files: /^tier1-core\/domain\//, may: ['common/', 'tier1-core/'], mayNot: ['tier1-core/http/'] },
  { files: /^tier1-core\//, may: ['common/', 'tier1-core/'] },
  { files: /^worker-ledger\//, may: ['common/', 'worker-ledger/'] },
  { files: /^deploy\/ctl\//, may: ['common/', 'worker-ledger/', 'deploy/ctl/'] },
  { files: /^tests\//, may: [''] },
];

// What must not be reached from a file by any chain of includes.
const UNREACHABLE = [
  {
    files: /^tier\d-\w+\/domain\//,
    headers: /^(microhttpd\.h|libpq-fe\.h|hiredis\/)/,
    why: 'the domain knows neither HTTP nor databases',
  },
  {
    files: /^common\/base\//,
    headers: /^(microhttpd\.h|libpq-fe\.h|hiredis\/|curl\/)/,
    why: 'the base knows no server',
  },
  {
    files: /^(worker-ledger\/verify|common\/tlog)\//,
    headers: /^(microhttpd\.h|libpq-fe\.h|hiredis\/|curl\/)/,
    why: 'the verifier needs no network and no database',
  },
];

export const includeRules = [
  { name: 'include-direction', check: (tree) => tree.c.flatMap((file) => wrongDirections(file)) },
  { name: 'include-closure', check: (tree) => tree.c.flatMap((file) => wrongClosures(tree, file)) },
  {
    name: 'include-paths',
    check: (tree) =>
      tree.c.flatMap((file) =>
        includesOf(file.text)
          .filter(({ target, system }) => !system && target.includes('/') && !tree.byPath.has(target))
          .map(({ target, line }) =>
            problem(file, line, `no such file from the root of the repository: "${target}"`),
          ),
      ),
  },
];

function wrongDirections(file) {
  const row = DIRECTIONS.find(({ files }) => files.test(file.path));
  if (!row) return [problem(file, 1, 'no rule says what this folder may include: add one')];
  return includesOf(file.text)
    .filter(({ target, system }) => !system && !isAllowed(row, target))
    .map(({ target, line }) => problem(file, line, `must not include "${target}"`));
}

function isAllowed({ may, mayNot = [] }, target) {
  return (
    may.some((prefix) => target.startsWith(prefix)) && !mayNot.some((prefix) => target.startsWith(prefix))
  );
}

function wrongClosures(tree, file) {
  return UNREACHABLE.filter(({ files }) => files.test(file.path)).flatMap(({ headers, why }) => {
    const chain = chainTo(tree, file, headers, new Set());
    return chain ? [problem(file, 1, `${why}, yet it includes ${chain.join(' -> ')}`)] : [];
  });
}

// Depth first; the chain of includes that leads to a system header matching HEADERS, or null.
function chainTo(tree, file, headers, visited) {
  for (const { target, system } of includesOf(file.text)) {
    if (system && headers.test(target)) return [target];
    const next = system || visited.has(target) ? undefined : tree.byPath.get(target);
    if (!next) continue;
    visited.add(target);
    const rest = chainTo(tree, next, headers, visited);
    if (rest) return [target, ...rest];
  }
  return null;
}
