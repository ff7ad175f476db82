// Rules on the text of every file.

import { matchesOf, problem } from './problem.js';

const MAX_LINES = 600;
// The lock file is npm's; the others are data that somebody else wrote.
const NOT_OURS = /(^|\/)(package-lock\.json|LICENSE)$|\/vectors?\//;
// In quotes it is the type of a statement's parameters.
const LEFTOVER = new RegExp(`(?<!")\\b(${['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX'].join('|')})\\b`, 'g');
// Folders of somebody's own machine. /root and /home stand in unit files and scripts for good reasons
// (ProtectHome, HOME), but a path into one of them does not.
const OWN_MACHINE = /(?<![\w.$}~-])\/(home|root|Users|work|workspace|mnt|media)\/[\w.-]+/g;
const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----/g;
// Our own keys are 64 hex digits, as hashes are: whoever writes one down shows where it may be looked up.
const HEX_KEY = /(?<![0-9a-fA-F])[0-9a-fA-F]{64}(?![0-9a-fA-F])/g;
const PUBLIC_NUMBERS = new RegExp(
  `^(${[
    'common/tests/test-(crypto|tlog-merkle|tlog-receipt)\\.c', // worked out with openssl; RFC 9162; made up
    'deploy/ctl/tests/test-ctl\\.c', // RFC 8032
    'worker-ledger/tests/test-(bump|header|key|tx)\\.c', // BRC-74, the chain's own headers, Bitcoin Core
    'worker-ledger/tests/test-ledger-(answers|best-chain)\\.c', // the chain's own first blocks
    'worker-ledger/tests/test-verify-options\\.c', // made up
    'tests/harness/test/tools\\.test\\.js', // RFC 8032, RFC 7748, RFC 9162
    'tests/standins/chain/test/(mining|rpc|vectors)\\.test\\.js', // the regtest genesis block; published ones
  ].join('|')})$`,
);

const ours = (tree) => tree.files.filter((file) => !NOT_OURS.test(file.path));

export const textRules = [
  {
    name: 'trailing-blanks',
    check: (tree) =>
      ours(tree).flatMap((file) =>
        matchesOf(file, file.text, /[ \t]+$/gm, () => 'blanks at the end of the line'),
      ),
  },
  {
    name: 'final-newline',
    check: (tree) =>
      ours(tree)
        .filter(({ text }) => text !== '' && (!text.endsWith('\n') || text.endsWith('\n\n')))
        .map((file) => problem(file, file.lines.length, 'the file must end with exactly one newline')),
  },
  {
    name: 'file-length',
    check: (tree) =>
      ours(tree)
        .filter((file) => file.isC || file.isJs || file.extension === '.sql')
        .filter((file) => file.lines.length - 1 > MAX_LINES)
        .map((file) =>
          problem(file, MAX_LINES, `${file.lines.length - 1} lines, at most ${MAX_LINES}: split it`),
        ),
  },
  {
    name: 'no-leftovers',
    check: (tree) =>
      ours(tree).flatMap((file) =>
        matchesOf(file, file.text, LEFTOVER, ([word]) => `${word}: finish it or open an issue`),
      ),
  },
  {
    name: 'no-own-machine-paths',
    check: (tree) =>
      ours(tree).flatMap((file) =>
        matchesOf(file, file.text, OWN_MACHINE, ([path]) => `${path} exists on one machine only`),
      ),
  },
  {
    name: 'no-secrets',
    check: (tree) =>
      tree.files.flatMap((file) =>
        matchesOf(file, file.text, PRIVATE_KEY, () => 'E47: a private key in the repository'),
      ),
  },
  {
    name: 'no-hex-keys',
    check: (tree) =>
      tree.files
        .filter((file) => !PUBLIC_NUMBERS.test(file.path))
        .flatMap((file) =>
          matchesOf(file, file.text, HEX_KEY, () => 'E47: 64 hex digits: a key, or a published number'),
        ),
  },
];
