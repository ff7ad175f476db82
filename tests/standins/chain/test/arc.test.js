// ARC: shapes, content types, headers, statuses, keys.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ARC, MerklePath } from '@bsv/sdk';
import { ADDRESS, change, dataOutput, pay } from '../client.js';
import { startChain } from '../harness.js';

const HEX = { 'Content-Type': 'text/plain' };
const BYTES = { 'Content-Type': 'application/octet-stream' };

function submit(chain, tx, headers) {
  return chain.post('/arc/v1/tx', { rawTx: tx.toHexEF() }, headers);
}

function status(chain, tx) {
  return chain.get(`/arc/v1/tx/${tx.id('hex')}`);
}

test('policy and health', async (t) => {
  const chain = await startChain(t, { feeRate: 0.5 });
  const { json } = await chain.get('/arc/v1/policy');
  assert.deepEqual(Object.keys(json), ['policy', 'timestamp']);
  assert.deepEqual(json.policy.miningFee, { satoshis: 5, bytes: 10_000 });
  assert.deepEqual(Object.keys(json.policy).sort(), [
    'maxscriptsizepolicy',
    'maxtxsigopscountspolicy',
    'maxtxsizepolicy',
    'miningFee',
    'standardFormatSupported',
  ]);
  assert.ok(!Number.isNaN(Date.parse(json.timestamp)));
  assert.deepEqual((await chain.get('/arc/v1/health')).json, { healthy: true, reason: null, version: 'stand-in' });
});

test('from submission to a proof', async (t) => {
  const chain = await startChain(t);
  const tx = await chain.freshPayment();
  const sent = await submit(chain, tx);
  const { timestamp, ...rest } = sent.json;
  assert.equal(sent.status, 200);
  assert.ok(!Number.isNaN(Date.parse(timestamp)));
  assert.deepEqual(rest, {
    blockHash: '',
    blockHeight: 0,
    competingTxs: null,
    extraInfo: '',
    merklePath: '',
    status: 200,
    title: 'OK',
    txStatus: 'SEEN_ON_NETWORK',
    txid: tx.id('hex'),
  });

  const {
    hashes: [hash],
    height,
  } = await chain.control('mine', { fillers: 5 });
  const { json } = await status(chain, tx);
  assert.deepEqual([json.txStatus, json.blockHash, json.blockHeight], ['MINED', hash, height]);
  const { header } = (await chain.facts(tx.id('hex'))).block;
  const root = Buffer.from(header.slice(72, 136), 'hex').reverse().toString('hex');
  const path = MerklePath.fromHex(json.merklePath);
  assert.equal(path.computeRoot(tx.id('hex')), root);
  assert.equal(path.blockHeight, height);
});

test('all content types, plain and extended', async (t) => {
  const chain = await startChain(t);
  const coins = await chain.coins({ count: 6 });
  const bodies = [
    [HEX, (tx) => tx.toHex()],
    [HEX, (tx) => tx.toHexEF()],
    [BYTES, (tx) => Buffer.from(tx.toBinary())],
    [BYTES, (tx) => Buffer.from(tx.toEF())],
    [{ 'Content-Type': 'application/json; charset=utf-8' }, (tx) => JSON.stringify({ rawTx: tx.toHex() })],
    [{ 'Content-Type': 'application/json' }, (tx) => JSON.stringify({ rawTx: tx.toHexEF() })],
  ];
  for (const [index, [headers, encode]] of bodies.entries()) {
    const tx = await pay([coins[index]]);
    const answer = await chain.request('POST', '/arc/v1/tx', { body: encode(tx), headers });
    assert.deepEqual([answer.status, answer.json.txid], [200, tx.id('hex')]);
  }
});

test('requests that are no good are 400 with the ARC error shape', async (t) => {
  const chain = await startChain(t);
  const tx = await chain.freshPayment();
  const send = (body, headers) => chain.request('POST', '/arc/v1/tx', { body, headers });
  const answers = [
    await send('', HEX),
    await send('zz', HEX),
    await send('{"rawTx":', { 'Content-Type': 'application/json' }),
    await send('{"rawTx":""}', { 'Content-Type': 'application/json' }),
    await send(tx.toHex(), { 'Content-Type': 'text/html' }),
    await send(tx.toHex().slice(0, -2), HEX),
    await send(tx.toHex(), { ...HEX, 'X-MaxTimeout': '31' }),
    await send(tx.toHex(), { ...HEX, 'X-WaitFor': 'SOON' }),
    await send(tx.toHex(), { ...HEX, 'X-CallbackUrl': 'no url' }),
    await send(tx.toHex(), { ...HEX, 'X-CallbackUrl': 'http://example.com/' }),
  ];
  for (const { status: code, json } of answers) {
    assert.equal(code, 400);
    assert.deepEqual(Object.keys(json).sort(), ['detail', 'extraInfo', 'instance', 'status', 'title', 'txid', 'type']);
    assert.deepEqual(
      [json.status, json.title, json.type],
      [400, 'Bad request', 'https://bitcoin-sv.github.io/arc/#/errors?id=_400'],
    );
    assert.equal(typeof json.extraInfo, 'string');
  }
  assert.equal((await send('0100beef00', HEX)).status, 468);
  assert.equal((await chain.control('state')).submissions.arc, 0);
});

test('an unknown transaction and an unknown path are 404', async (t) => {
  const chain = await startChain(t);
  const unknown = await chain.get(`/arc/v1/tx/${'ab'.repeat(32)}`);
  assert.deepEqual([unknown.status, unknown.json.status, unknown.json.title], [404, 404, 'Not found']);
  assert.deepEqual((await chain.get('/arc/v2/tx')).json, { message: 'Not Found' });
});

test('ARC knows only what was sent to it', async (t) => {
  const chain = await startChain(t);
  const tx = await chain.freshPayment();
  await chain.rpc('sendrawtransaction', tx.toHex());
  assert.equal((await status(chain, tx)).status, 404);
  assert.equal((await submit(chain, tx)).json.txStatus, 'SEEN_ON_NETWORK');
  assert.equal((await status(chain, tx)).status, 200);
});

test('what ARC itself refuses it does not remember; what the network refuses it does', async (t) => {
  const chain = await startChain(t);
  const [coin] = await chain.coins();
  const cheap = await pay([coin], { fee: 1 });
  assert.equal((await submit(chain, cheap)).status, 465);
  assert.equal((await status(chain, cheap)).status, 404);

  const unchecked = await submit(chain, cheap, { 'X-SkipFeeValidation': 'true' });
  assert.deepEqual([unchecked.status, unchecked.json.txStatus], [200, 'REJECTED']);
  assert.match(unchecked.json.extraInfo, /^mempool min fee not met/);
  assert.equal((await status(chain, cheap)).json.txStatus, 'REJECTED');
  await chain.control('policy', { satoshisPerKb: 1 });
  assert.equal((await submit(chain, cheap)).json.txStatus, 'REJECTED', 'its last word');
  assert.equal((await submit(chain, cheap, { 'X-ForceValidation': 'true' })).json.txStatus, 'SEEN_ON_NETWORK');
});

test('sending again gives the present state', async (t) => {
  const chain = await startChain(t);
  const tx = await chain.freshPayment();
  await submit(chain, tx);
  assert.equal((await submit(chain, tx)).json.txStatus, 'SEEN_ON_NETWORK');
  await chain.control('mine', {});
  const again = await submit(chain, tx);
  assert.deepEqual([again.status, again.json.txStatus], [200, 'MINED']);
  assert.ok(again.json.merklePath);
  assert.equal((await chain.facts(tx.id('hex'))).submissions.length, 3);
});

test('a batch answers 200 with a bare array, successes first', async (t) => {
  const chain = await startChain(t);
  const [coin, other] = await chain.coins({ count: 2 });
  const bad = await pay([coin], { fee: 0 });
  const parent = await pay([other], { outputs: [change(99_900)] });
  const child = await pay([{ tx: parent, vout: 0 }]);
  const asked = [bad, parent, child];
  const bodies = [
    ['application/json', JSON.stringify(asked.map((tx) => ({ rawTx: tx.toHex() })))],
    ['text/plain', asked.map((tx) => tx.toHexEF()).join('\n')],
    ['application/octet-stream', Buffer.concat(asked.map((tx) => Buffer.from(tx.toBinary())))],
  ];
  for (const [type, body] of bodies) {
    const answer = await chain.request('POST', '/arc/v1/txs', { body, headers: { 'Content-Type': type } });
    assert.equal(answer.status, 200);
    assert.deepEqual(
      answer.json.map(({ status: code, txid }) => [code, txid]),
      [
        [200, parent.id('hex')],
        [200, child.id('hex')],
        [465, bad.id('hex')],
      ],
    );
  }
});

test('X-WaitFor answers with the status waited for', async (t) => {
  const chain = await startChain(t);
  const tx = await chain.freshPayment();
  assert.equal((await submit(chain, tx, { 'X-WaitFor': 'STORED', 'X-MaxTimeout': '30' })).json.txStatus, 'STORED');
  assert.equal((await status(chain, tx)).json.txStatus, 'SEEN_ON_NETWORK');
});

test('with a key, any of three headers opens, and nothing else does', async (t) => {
  const chain = await startChain(t, { apiKey: 'sesame' });
  assert.equal((await chain.get('/arc/v1/policy')).status, 401);
  assert.equal((await chain.get('/arc/v1/policy', { Authorization: 'Bearer wrong' })).status, 401);
  for (const headers of [{ Authorization: 'Bearer sesame' }, { Authorization: 'sesame' }, { 'Api-Key': 'sesame' }]) {
    assert.equal((await chain.get('/arc/v1/policy', headers)).status, 200);
  }
});

test('the SDK as a client: success, refusal, double spend', async (t) => {
  const chain = await startChain(t);
  const arc = new ARC(`${chain.url}/arc`);
  const [coin] = await chain.coins();
  const tx = await pay([coin]);
  assert.deepEqual(await arc.broadcast(tx), { status: 'success', txid: tx.id('hex'), message: 'SEEN_ON_NETWORK ' });
  const cheap = await chain.freshPayment({ fee: 1 });
  assert.deepEqual(pick(await arc.broadcast(cheap)), { status: 'error', code: '465', txid: cheap.id('hex') });
  const rival = await pay([coin], { outputs: [dataOutput('rival'), change(99_000, ADDRESS)] });
  const lost = await arc.broadcast(rival);
  assert.deepEqual(pick(lost), { status: 'error', code: 'DOUBLE_SPEND_ATTEMPTED', txid: rival.id('hex') });
  assert.deepEqual(lost.more, { competingTxs: [tx.id('hex')] });
});

function pick({ status: outcome, code, txid }) {
  return { status: outcome, code, txid };
}
