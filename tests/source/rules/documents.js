// Rules on what must be written down.

import { matchesOf, problem } from './problem.js';

// Folders whose parts each have a README of their own; elsewhere the one of the folder covers all.
const FOLDERS_OF_FOLDERS = /^(common|deploy|tests|tier1-core|worker-ledger)\/[^/]+$/;
// A row of an option table, up to its closing brace: {.name = "LISTEN", .type = ES_CONFIG_ADDRESS, …}. Rows that
// several processes share are macros: their lines end in backslashes.
const OPTION = /\{[\s\\]*\.name = "([A-Z][A-Z0-9_]*)",[\s\\]*\.type = ES_CONFIG_[^}]*\}/g;
const MAY_READ_ENVIRONMENT = /^(common\/daemon|deploy\/ctl|tests)\/|\/tests\//;
const CONFIGURED = /\bELDERSAFE_([A-Z][A-Z0-9_]*)=/g;

// Options that no daemon reads: eldersafectl's and the test scripts' own.
const NOT_DAEMON_OPTIONS = new Set(['BUILD', 'MIGRATIONS']);

export const documentRules = [
  {
    name: 'folder-readme',
    check: (tree) =>
      tree.folders
        .filter((folder) =>
          !folder.includes('/') ? !folder.startsWith('.') : FOLDERS_OF_FOLDERS.test(folder),
        )
        .filter((folder) => !tree.byPath.has(`${folder}/README.md`))
        .map((folder) => problem(folder, 1, 'the folder has no README.md')),
  },
  {
    // --help, --sample-env and the docs come from the tables: what is missing there is missing everywhere.
    name: 'options-explained',
    check: (tree) =>
      optionTables(tree)
        .filter(({ row }) => !/\.help =[\s\\]+"[^"]{8,}/.test(row))
        .map(({ file, name, offset }) =>
          problem(file, file.lineAt(offset), `the option ${name} has no help text`),
        ),
  },
  {
    name: 'environment-through-tables',
    check: (tree) =>
      tree.c
        .filter((file) => !MAY_READ_ENVIRONMENT.test(file.path))
        .flatMap((file) =>
          matchesOf(
            file,
            file.code,
            /\bsecure_getenv\s*\(|\bgetenv\s*\(/g,
            () => 'configuration comes from the option table',
          ),
        ),
  },
  {
    name: 'samples-name-real-options',
    check: (tree) => {
      const known = new Set(optionTables(tree).map(({ name }) => name));
      if (known.size === 0) return [];
      return tree.files
        .filter((file) => file.path.startsWith('deploy/systemd/'))
        .flatMap((file) =>
          [...file.text.matchAll(CONFIGURED)]
            .filter(([, name]) => !known.has(name) && !NOT_DAEMON_OPTIONS.has(name))
            .map((match) => problem(file, file.lineAt(match.index), `no process has an option ${match[1]}`)),
        );
    },
  },
];

function optionTables(tree) {
  return tree.c
    .filter((file) => !/(^|\/)tests\//.test(file.path))
    .flatMap((file) =>
      [...file.text.matchAll(OPTION)].map((match) => ({
        file,
        name: match[1],
        row: match[0],
        offset: match.index,
      })),
    );
}
