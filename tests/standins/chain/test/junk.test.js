// Junk in every place a client can put something: the answer is never "internal error".

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ADDRESS } from '../client.js';
import { startChain } from '../harness.js';

const SEED = 20261121;
const ROUNDS = 1500;

const JUNK = [
  null,
  true,
  0,
  -1,
  1.5,
  1e300,
  4294967296,
  '',
  'x',
  '00',
  'zz',
  '\u0000',
  'ab'.repeat(32),
  'AB'.repeat(32),
  ADDRESS,
  '__proto__',
  'constructor',
  [],
  [null],
  [[]],
  ['x'],
  [{}],
  {},
  { hex: 1 },
  { hex: '00' },
  { rawTx: 7 },
  { length: -1 },
  '01000000'.repeat(20),
  '0100beef',
  'f'.repeat(5000),
];

const POSTS = [
  '/arc/v1/tx',
  '/arc/v1/txs',
  '/arcade/tx',
  '/arcade/txs',
  '/woc/v1/bsv/test/tx/raw',
  '/woc/v1/bsv/test/txs/status',
  '/rpc',
  ...['fund', 'mine', 'reorg', 'forget', 'policy', 'faults'].map((name) => `/_control/${name}`),
];

const GETS = words(
  '/arc/v1/tx/$ /arcade/tx/$?callbackToken=$ /woc/v1/bsv/test/tx/hash/$ /woc/v1/bsv/test/tx/$/hex ' +
    '/woc/v1/bsv/test/tx/$/proof/tsc /woc/v1/bsv/test/tx/$/$/spent /woc/v1/bsv/test/address/$/unspent/all ' +
    '/woc/v1/bsv/test/block/$/header /_control/tx/$ /_control/headers?from=$ /_control/callbacks?txid=$ /$ //$ ' +
    '/arc/$',
);

const METHODS = words(
  'sendrawtransaction sendrawtransactions getrawtransaction gettxout getmerkleproof2 getblockhash getblockheader ' +
    'importaddress listunspent generate generatetoaddress getblockcount getrawmempool toString __proto__ ' +
    'constructor',
);

const FIELDS = words(
  'rawTx txhex txids address scriptHex satoshis outputs mined blocks empty fillers depth mode txid satoshisPerKb ' +
    'faults fault api operation count skip delayMs status body reason code',
);

function words(text) {
  return text.split(' ');
}

/** A small deterministic generator (mulberry32), so that a failure can be seen again. */
function generator(seed) {
  let state = seed;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  return (list) => list[next() % list.length];
}

function junkRequest(pick) {
  const kind = pick(['get', 'get', 'rpc', 'rpc', 'rpc', 'post', 'post', 'raw']);
  if (kind === 'get') {
    return {
      method: 'GET',
      path: pick(GETS).replaceAll('$', () => encodeURIComponent(String(pick(JUNK)).slice(0, 300))),
    };
  }
  if (kind === 'rpc') {
    return {
      method: 'POST',
      path: '/rpc',
      body: JSON.stringify({ method: pick(METHODS), id: pick(JUNK), params: junkParams(pick) }),
    };
  }
  if (kind === 'raw') return { method: pick(['POST', 'PUT', 'DELETE']), path: pick(POSTS), body: String(pick(JUNK)) };
  const fields = Object.fromEntries([1, 2, 3].map(() => [pick(FIELDS), pick(JUNK)]));
  return { method: 'POST', path: pick(POSTS), body: JSON.stringify(pick([fields, fields, pick(JUNK), [fields]])) };
}

function junkParams(pick) {
  return pick([
    [],
    [pick(JUNK)],
    [pick(JUNK), pick(JUNK)],
    [pick(JUNK), pick(JUNK), pick(JUNK)],
    { txid: pick(JUNK), height: pick(JUNK) },
    pick(JUNK),
  ]);
}

test(`${ROUNDS} junk requests`, async (t) => {
  const chain = await startChain(t);
  const pick = generator(SEED);
  for (let round = 0; round < ROUNDS; round++) {
    const { method, path, body } = junkRequest(pick);
    const type = pick(['application/json', 'text/plain', 'application/octet-stream', 'text/html']);
    const answer = await chain.request(method, path, { body, headers: { 'Content-Type': type } });
    assert.doesNotMatch(answer.text, /internal error/, `${method} ${path} ${body}`);
    await chain.control('faults/clear', {});
  }
});
