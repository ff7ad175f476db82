// WhatsOnChain: shapes, plain-text errors, its traps, its limit.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MerklePath, WhatsOnChain } from '@bsv/sdk';
import { ADDRESS, OTHER_ADDRESS, change, pay } from '../client.js';
import { startChain } from '../harness.js';

const BASE = '/woc/v1/bsv/test';

function broadcast(chain, tx) {
  return chain.post(`${BASE}/tx/raw`, { txhex: tx.toHex() });
}

test('broadcast answers a quoted txid', async (t) => {
  const chain = await startChain(t);
  const tx = await chain.freshPayment();
  const { status, text } = await broadcast(chain, tx);
  assert.deepEqual([status, text], [200, `"${tx.id('hex')}"`]);
});

test('broadcast errors are the words of the node, as text', async (t) => {
  const chain = await startChain(t);
  const [coin] = await chain.coins();
  const tx = await pay([coin]);
  const answerOf = async (body) => {
    const { status, text, headers } = await chain.post(`${BASE}/tx/raw`, body);
    assert.match(headers.get('content-type'), /^text\/plain/);
    return [status, text];
  };
  const failure = (message) => [400, `unexpected response code 500: ${message}`];
  assert.deepEqual(await answerOf({ txhex: 'zz' }), failure('TX decode failed'));
  assert.deepEqual(await answerOf({ txhex: '0100' }), failure('TX decode failed'));
  assert.deepEqual(await answerOf({ nothing: 1 }), failure('TX decode failed'));
  assert.deepEqual(
    await answerOf({ txhex: (await pay([coin], { fee: 1 })).toHex() }),
    failure('66: mempool min fee not met'),
  );
  await broadcast(chain, tx);
  assert.deepEqual(await answerOf({ txhex: tx.toHex() }), failure('Transaction already in the mempool'));
  assert.deepEqual(
    await answerOf({ txhex: (await pay([coin], { fee: 500 })).toHex() }),
    failure('258: txn-mempool-conflict'),
  );
  await chain.control('mine', {});
  assert.deepEqual(await answerOf({ txhex: tx.toHex() }), failure('257: txn-already-known'));
  assert.deepEqual(await answerOf({ txhex: (await pay([coin], { fee: 500 })).toHex() }), failure('Missing inputs'));
});

test('a transaction before and after its block', async (t) => {
  const chain = await startChain(t);
  const tx = await chain.freshPayment();
  const txid = tx.id('hex');
  await broadcast(chain, tx);
  const waiting = (await chain.get(`${BASE}/tx/hash/${txid}`)).json;
  assert.deepEqual(
    [waiting.txid, waiting.size, waiting.version, waiting.blockhash, waiting.confirmations],
    [txid, tx.toHex().length / 2, 1, undefined, undefined],
  );
  assert.equal(waiting.vout[1].scriptPubKey.addresses[0], ADDRESS);
  assert.equal((await chain.get(`${BASE}/tx/${txid}/hex`)).text, tx.toHex());
  const bytes = await fetch(`${chain.url}${BASE}/tx/${txid}/bin`).then((response) => response.arrayBuffer());
  assert.equal(Buffer.from(bytes).toString('hex'), tx.toHex());

  const {
    hashes: [hash],
    height,
  } = await chain.control('mine', { blocks: 2 });
  const mined = (await chain.get(`${BASE}/tx/hash/${txid}`)).json;
  assert.deepEqual([mined.blockhash, mined.blockheight, mined.confirmations], [hash, height - 1, 2]);
});

test('a proof is an array, `null` until there is one, with copies spelled out', async (t) => {
  const chain = await startChain(t);
  const tx = await chain.freshPayment();
  const txid = tx.id('hex');
  await broadcast(chain, tx);
  assert.equal((await chain.get(`${BASE}/tx/${txid}/proof/tsc`)).text, 'null');
  const {
    hashes: [hash],
  } = await chain.control('mine', { fillers: 1 });
  const [proof] = (await chain.get(`${BASE}/tx/${txid}/proof/tsc`)).json;
  assert.deepEqual([proof.index, proof.txOrId, proof.target], [2, txid, hash]);
  assert.deepEqual(Object.keys(proof), ['index', 'txOrId', 'target', 'nodes']);
  assert.equal(proof.nodes[0], txid, 'the last of three is its own sibling');
  const fromNode = (await chain.rpc('getmerkleproof2', '', txid)).result;
  assert.deepEqual(fromNode.nodes, ['*', proof.nodes[1]]);
  assert.deepEqual(
    await Promise.all([
      chain.get(`${BASE}/tx/abc/proof/tsc`),
      chain.get(`${BASE}/tx/${'ab'.repeat(32)}/proof/tsc`),
    ]).then((all) => all.map(({ status, text }) => [status, text])),
    [
      [400, 'txid must be 64 hex characters in length'],
      [200, 'null'],
    ],
  );
});

test('coins of an address, and the confirmed coin that the mempool spends', async (t) => {
  const chain = await startChain(t);
  const [coin] = await chain.coins();
  const tx = await pay([coin], { outputs: [change(60_000), change(39_000, OTHER_ADDRESS)] });
  await broadcast(chain, tx);
  const of = async (address, kind) => (await chain.get(`${BASE}/address/${address}/${kind}`)).json;
  const all = await of(ADDRESS, 'unspent/all');
  assert.deepEqual(Object.keys(all), ['address', 'script', 'result', 'error']);
  assert.match(all.script, /^[0-9a-f]{64}$/);
  const confirmed = {
    height: 111,
    tx_pos: 0,
    tx_hash: coin.tx.id('hex'),
    value: 100_000,
    isSpentInMempoolTx: true,
    status: 'confirmed',
  };
  const unconfirmed = {
    tx_pos: 0,
    tx_hash: tx.id('hex'),
    value: 60_000,
    isSpentInMempoolTx: false,
    hex: tx.outputs[0].lockingScript.toHex(),
    status: 'unconfirmed',
  };
  assert.deepEqual(all.result, [confirmed, unconfirmed]);
  assert.deepEqual((await of(ADDRESS, 'confirmed/unspent')).result, [confirmed]);
  assert.deepEqual((await of(ADDRESS, 'unconfirmed/unspent')).result, [unconfirmed]);
  await chain.control('mine', {});
  assert.deepEqual(
    (await of(ADDRESS, 'unspent/all')).result.map(({ tx_hash: txid }) => txid),
    [tx.id('hex')],
  );
  assert.deepEqual(
    (await of(OTHER_ADDRESS, 'unspent/all')).result.map(({ value, height }) => [value, height]),
    [[39_000, 112]],
  );
  assert.equal((await chain.get(`${BASE}/address/1BoatSLRHtKNngkdXEeobR76b53LETtpyT/unspent/all`)).status, 400);
});

test('who spent an output', async (t) => {
  const chain = await startChain(t);
  const [coin] = await chain.coins();
  const path = `${BASE}/tx/${coin.tx.id('hex')}/0/spent`;
  assert.equal((await chain.get(path)).status, 404);
  const tx = await pay([coin]);
  await broadcast(chain, tx);
  assert.deepEqual((await chain.get(path)).json, { txid: tx.id('hex'), vin: 0 });
});

test('headers and chain info', async (t) => {
  const chain = await startChain(t);
  await chain.control('mine', { blocks: 3 });
  const { json: latest } = await chain.get(`${BASE}/block/headers`);
  assert.deepEqual(
    latest.map(({ height }) => height),
    [113, 112, 111, 110, 109, 108, 107, 106, 105, 104],
  );
  const byHeight = (await chain.get(`${BASE}/block/112/header`)).json;
  assert.deepEqual((await chain.get(`${BASE}/block/${byHeight.hash}/header`)).json, byHeight);
  assert.deepEqual([byHeight.confirmations, byHeight.nextblockhash, byHeight.bits], [2, latest[0].hash, '207fffff']);
  assert.equal((await chain.get(`${BASE}/block/999/header`)).status, 404);
  const info = (await chain.get(`${BASE}/chain/info`)).json;
  assert.deepEqual([info.chain, info.blocks, info.headers, info.bestblockhash], ['test', 113, 113, latest[0].hash]);
});

test('the status of many', async (t) => {
  const chain = await startChain(t);
  const [mined, waiting] = await chain.coins({ count: 2 });
  const tx = await pay([waiting]);
  await broadcast(chain, tx);
  const unknown = 'ab'.repeat(32);
  const { json } = await chain.post(`${BASE}/txs/status`, { txids: [mined.tx.id('hex'), tx.id('hex'), unknown] });
  const [first, ...others] = json;
  assert.deepEqual([first.blockheight, first.confirmations], [111, 1]);
  assert.deepEqual(others, [{ txid: tx.id('hex') }, { txid: unknown, error: 'unknown' }]);
  assert.equal((await chain.post(`${BASE}/txs/status`, { txids: Array(21).fill(unknown) })).status, 400);
});

test('above its rate it answers 429', async (t) => {
  const chain = await startChain(t, { rateLimit: 3 });
  const answers = await Promise.all(Array.from({ length: 5 }, () => chain.get(`${BASE}/chain/info`)));
  assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 200, 200, 429, 429]);
  await chain.control('policy', { wocRequestsPerSecond: 0 });
  assert.equal((await chain.get(`${BASE}/chain/info`)).status, 200);
});

test('the SDK tracks this chain and verifies its proofs', async (t) => {
  const chain = await startChain(t);
  const tx = await chain.freshPayment();
  await chain.post('/arc/v1/tx', { rawTx: tx.toHex() });
  await chain.control('mine', { fillers: 3 });
  const { merklePath } = await chain.facts(tx.id('hex'));
  const tracker = new WhatsOnChain('test');
  Object.defineProperty(tracker, 'URL', { value: chain.url + BASE });
  assert.equal(await tracker.currentHeight(), 112);
  assert.equal(await MerklePath.fromHex(merklePath).verify(tx.id('hex'), tracker), true);
});
