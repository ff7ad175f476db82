// Rules that another program decides: the formatter, shellcheck, Node.js' parser.

import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { problem } from './problem.js';

const SYNTAX_CHILD = new URL('../syntax-child.js', import.meta.url).pathname;
const FORMATTERS = ['clang-format-14', 'clang-format'];
const MISSING = 'ENOENT';

export const toolRules = [
  { name: 'clang-format', check: (tree) => formatting(tree) },
  { name: 'shellcheck', check: (tree) => shellcheck(tree) },
  { name: 'js-syntax', check: (tree) => syntax(tree) },
];

function formatting(tree) {
  const formatter = FORMATTERS.find((name) => spawnSync(name, ['--version']).error?.code !== MISSING);
  if (!formatter) return [problem('.clang-format', 1, 'clang-format is not installed: run deploy/bootstrap')];
  return run(
    tree,
    tree.c,
    (files) => [formatter, '--dry-run', '--ferror-limit=1', '-Werror', ...files],
    /^(\S+?):(\d+):\d+: error: (.*)$/gm,
  );
}

function shellcheck(tree) {
  return run(
    tree,
    tree.shell,
    (files) => ['shellcheck', '--format=gcc', '--external-sources', ...files],
    /^(\S+?):(\d+):\d+: (.*)$/gm,
  );
}

function syntax(tree) {
  const command = (files) => [
    process.execPath,
    '--experimental-vm-modules',
    '--no-warnings',
    SYNTAX_CHILD,
    ...files,
  ];
  return run(tree, tree.js, command, /^(\S+?):(\d+): (.*)$/gm);
}

/** One run of a tool over all files; each line of its output that fits PATTERN is a finding. */
function run(tree, files, command, pattern) {
  if (files.length === 0) return [];
  const [program, ...argv] = command(files.map((file) => file.path));
  const { error, status, stdout, stderr } = spawnSync(program, argv, {
    cwd: tree.root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (error) return [problem(path.basename(program), 1, `cannot run: ${error.message}`)];
  const found = [...`${stdout}${stderr}`.matchAll(pattern)].map(([, file, line, message]) =>
    problem(file, Number(line), message),
  );
  if (status !== 0 && found.length === 0)
    return [problem(path.basename(program), 1, `exit code ${status}: ${stderr.slice(0, 500)}`)];
  return status === 0 ? [] : found;
}
