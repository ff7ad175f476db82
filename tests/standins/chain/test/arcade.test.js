// Arcade: where it differs from ARC.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { change, pay } from '../client.js';
import { startChain } from '../harness.js';

const BYTES = { 'Content-Type': 'application/octet-stream' };

function submit(chain, tx, headers) {
  return chain.post('/arcade/tx', { rawTx: tx.toHex() }, headers);
}

function submitBatch(chain, txs) {
  return chain.request('POST', '/arcade/txs', {
    body: Buffer.concat(txs.map((tx) => Buffer.from(tx.toBinary()))),
    headers: BYTES,
  });
}

function status(chain, tx) {
  return chain.get(`/arcade/tx/${tx.id('hex')}`);
}

test('policy under both paths, health, readiness; nothing else under /v1', async (t) => {
  const chain = await startChain(t);
  for (const path of ['/arcade/policy', '/arcade/v1/policy']) {
    const { json } = await chain.get(path);
    assert.deepEqual(json.policy.miningFee, { satoshis: 100, bytes: 1000 });
    assert.equal(json.policy.maxtxsigopscountspolicy, 4294967295);
  }
  const { healthy, status: word, blockHeight } = (await chain.get('/arcade/health')).json;
  assert.deepEqual([healthy, word, blockHeight], [true, 'ok', 110]);
  assert.deepEqual((await chain.get('/arcade/ready')).json, { status: 'ready' });
  assert.equal((await chain.get(`/arcade/v1/tx/${'00'.repeat(32)}`)).status, 404);
});

test('success is 202 RECEIVED, then seen by several nodes, mined, immutable', async (t) => {
  const chain = await startChain(t);
  const tx = await chain.freshPayment();
  const sent = await submit(chain, tx);
  assert.deepEqual([sent.status, sent.json], [202, { txid: tx.id('hex'), status: 202, txStatus: 'RECEIVED' }]);
  assert.equal((await status(chain, tx)).json.txStatus, 'SEEN_MULTIPLE_NODES');
  assert.deepEqual((await submit(chain, tx)).json, {
    txid: tx.id('hex'),
    status: 202,
    txStatus: 'SEEN_MULTIPLE_NODES',
  });

  await chain.control('mine', {});
  const { json } = await status(chain, tx);
  assert.equal(json.txStatus, 'MINED');
  assert.deepEqual(
    [json.blockHash.length, json.merklePath === (await chain.facts(tx.id('hex'))).merklePath],
    [64, true],
  );
  await chain.control('mine', { blocks: 99 });
  assert.equal((await status(chain, tx)).json.txStatus, 'IMMUTABLE');
});

test('all content types of a single submission', async (t) => {
  const chain = await startChain(t);
  const coins = await chain.coins({ count: 3 });
  const bodies = [
    ['application/octet-stream', (tx) => Buffer.from(tx.toEF())],
    ['text/plain', (tx) => `${tx.toHex()}\n`],
    ['application/json', (tx) => JSON.stringify({ rawTx: tx.toHexEF() })],
  ];
  for (const [index, [type, encode]] of bodies.entries()) {
    const tx = await pay([coins[index]]);
    const answer = await chain.request('POST', '/arcade/tx', { body: encode(tx), headers: { 'Content-Type': type } });
    assert.deepEqual([answer.status, answer.json.txid], [202, tx.id('hex')]);
  }
});

test('a refusal is 400 with the 46x code in the body, and is remembered', async (t) => {
  const chain = await startChain(t);
  const [coin] = await chain.coins();
  const cheap = await pay([coin], { fee: 1 });
  const answer = await submit(chain, cheap);
  assert.equal(answer.status, 400);
  assert.deepEqual(answer.json, {
    error: 'transaction failed validation',
    reason: answer.json.reason,
    txid: cheap.id('hex'),
    type: 'https://bitcoin-sv.github.io/arc/#/errors?id=_465',
    title: 'Fee too low',
    status: 465,
    detail: 'Transaction fee is too low',
  });
  assert.match(answer.json.reason, /minimum expected fee: \d+, actual fee: 1$/);
  const { txStatus, status: code, extraInfo } = (await status(chain, cheap)).json;
  assert.deepEqual([txStatus, code], ['REJECTED', 465]);
  assert.equal(extraInfo, answer.json.reason);
  await chain.control('policy', { satoshisPerKb: 1 });
  assert.equal((await submit(chain, cheap)).json.txStatus, 'RECEIVED', 'a rejected one may try again');
});

test('requests that are no good', async (t) => {
  const chain = await startChain(t);
  const tx = await chain.freshPayment();
  const send = (path, body, headers) => chain.request('POST', path, { body, headers });
  const answers = [
    [await send('/arcade/tx', '', BYTES), 'empty transaction'],
    [await send('/arcade/tx', 'zz', { 'Content-Type': 'text/plain' }), 'invalid hex'],
    [await send('/arcade/tx', '{', { 'Content-Type': 'application/json' }), 'invalid request'],
    [await send('/arcade/tx', 'xx', BYTES), 'failed to parse transaction'],
    [
      await send('/arcade/txs', tx.toHex(), { 'Content-Type': 'text/plain' }),
      'Content-Type must be application/octet-stream',
    ],
    [await send('/arcade/txs', '', BYTES), 'empty body'],
    [
      await send('/arcade/tx', tx.toHex(), { 'Content-Type': 'text/plain', 'X-CallbackUrl': 'http://10.0.0.1/' }),
      'invalid callback url: callback URL not acceptable',
    ],
  ];
  for (const [{ status: code, json }, error] of answers) assert.deepEqual([code, json], [400, { error }]);
  const unknown = await chain.get(`/arcade/tx/${'ab'.repeat(32)}`);
  assert.deepEqual([unknown.status, unknown.json], [404, { error: 'transaction not found' }]);
});

test('a batch counts, or is refused whole', async (t) => {
  const chain = await startChain(t);
  const [coin, other, third] = await chain.coins({ count: 3 });
  const parent = await pay([coin], { outputs: [change(99_900)] });
  const child = await pay([{ tx: parent, vout: 0 }]);
  const good = await pay([other]);
  const bad = await pay([third], { fee: 0 });
  assert.deepEqual((await submitBatch(chain, [parent, child])).json, { submitted: 2, duplicates: 0, total: 2 });
  const mixed = await submitBatch(chain, [good, bad]);
  assert.deepEqual([mixed.status, mixed.json.txid, mixed.json.status], [400, bad.id('hex'), 465]);
  assert.equal((await chain.facts(bad.id('hex'))).state, 'refused');
  assert.equal((await status(chain, good)).status, 404, 'nothing of the batch was taken in');
  const again = await submitBatch(chain, [parent, good]);
  assert.deepEqual([again.status, again.json], [202, { submitted: 1, duplicates: 1, total: 2 }]);
});

test('a batch with a transaction that is not final yet is refused whole, too', async (t) => {
  const chain = await startChain(t);
  const [coin, other] = await chain.coins({ count: 2 });
  const good = await pay([coin]);
  const inAnHour = Math.floor(Date.now() / 1000) + 3600;
  const locked = await pay([other], { lockTime: inAnHour, sequence: 0 });
  const answer = await submitBatch(chain, [good, locked]);
  assert.deepEqual([answer.status, answer.json.status, answer.json.txid], [400, 476, locked.id('hex')]);
  assert.deepEqual([(await status(chain, good)).status, (await status(chain, locked)).status], [404, 404]);
});

test('a body above 32 MiB is refused', async (t) => {
  const chain = await startChain(t);
  const body = Buffer.alloc(33 * 1024 * 1024);
  const answer = await chain.request('POST', '/arcade/tx', { body, headers: BYTES });
  assert.deepEqual([answer.status, answer.json], [400, { error: 'failed to read body' }]);
});

test('after a reorg the old proof stays readable and the new one is marked', async (t) => {
  const chain = await startChain(t);
  const tx = await chain.freshPayment();
  await submit(chain, tx);
  await chain.control('mine', {});
  const before = (await status(chain, tx)).json;
  await chain.control('reorg', { depth: 1 });
  const between = (await status(chain, tx)).json;
  assert.deepEqual([between.txStatus, between.extraInfo], ['SEEN_ON_NETWORK', 'reorg_unmined']);
  await chain.control('mine', {});
  const after = (await status(chain, tx)).json;
  assert.deepEqual([after.txStatus, after.extraInfo], ['MINED', 'reorg_reanchor']);
  assert.notEqual(after.blockHash, before.blockHash);
  const [orphan] = after.orphanedProofs;
  assert.deepEqual(
    [orphan.blockHash, orphan.blockHeight, orphan.merklePath],
    [before.blockHash, before.blockHeight, before.merklePath],
  );
});
