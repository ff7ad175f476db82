// The command line.

import { parseArgs } from 'node:util';

const OPTIONS = [
  ['port', 'N', '0', 'port to listen on; 0 picks a free one'],
  ['host', 'ADDRESS', '127.0.0.1', 'address to listen on'],
  ['ready-file', 'FILE', '', 'write {"url","port","pid"} there once listening'],
  ['data', 'DIR', '', 'keep a journal there and start from it; without it memory only'],
  ['block-interval', 'SECONDS', '0', 'mine a block that often; 0 is only when told'],
  ['fee-rate', 'N', '100', 'satoshis per 1000 bytes; a journal remembers its own'],
  ['api-key', 'KEY', '', 'ARC wants this key'],
  ['rpc-user', 'NAME', '', 'user name of the JSON-RPC interface'],
  ['rpc-password', 'WORD', '', 'the JSON-RPC interface wants this password'],
  ['rate-limit', 'N', '0', 'WhatsOnChain requests per second; 0 is no limit'],
  ['callback-retry-ms', 'N', '5000', 'pause before a failed callback is tried again'],
];

const NUMBERS = ['port', 'block-interval', 'fee-rate', 'rate-limit', 'callback-retry-ms'];

/** A command line that cannot be used. */
export class UsageError extends Error {}

/** @returns {object} the options in camel case, numbers as numbers, empty texts as undefined */
export function readOptions(args) {
  const values = parse(args);
  const options = { help: values.help };
  for (const [name, , standard] of OPTIONS) {
    const given = values[name] ?? standard;
    options[camelCase(name)] = NUMBERS.includes(name) ? toNumber(name, given) : given || undefined;
  }
  return options;
}

export function usage() {
  const lines = OPTIONS.map(([name, value, standard, help]) => {
    const left = `  --${name} ${value}`.padEnd(28);
    return `${left}${help}${standard ? ` (${standard})` : ''}`;
  });
  return `usage: node main.js [options]\n\nA BSV chain to test against.\n\n${lines.join('\n')}\n  --help                    this text\n`;
}

function parse(args) {
  const config = Object.fromEntries(OPTIONS.map(([name]) => [name, { type: 'string' }]));
  try {
    return parseArgs({ args, options: { ...config, help: { type: 'boolean' } } }).values;
  } catch (error) {
    throw new UsageError(error.message);
  }
}

function toNumber(name, text) {
  const value = Number(text);
  if (text === '' || !Number.isFinite(value) || value < 0) {
    throw new UsageError(`--${name} must be a number, not '${text}'`);
  }
  return value;
}

function camelCase(name) {
  return name.replace(/-(.)/g, (_, letter) => letter.toUpperCase());
}
