// Blocks: real headers and proofs, and the three ways a reorg can end.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { MerklePath } from '@bsv/sdk';
import { change, pay } from '../client.js';
import { startChain } from '../harness.js';

const TARGET = 0x7fffffn << 232n;

/** Checks a list of raw headers on its own terms; answers hash and root of each. */
function verifyHeaders(headers) {
  let prev = '00'.repeat(32);
  return headers.map((text) => {
    const bytes = Buffer.from(text, 'hex');
    assert.equal(bytes.length, 80);
    assert.equal(display(bytes.subarray(4, 36)), prev);
    assert.equal(bytes.readUInt32LE(72), 0x207fffff);
    prev = display(sha256(sha256(bytes)));
    assert.ok(BigInt(`0x${prev}`) <= TARGET, 'proof of work');
    return { hash: prev, root: display(bytes.subarray(36, 68)) };
  });
}

function sha256(bytes) {
  return createHash('sha256').update(bytes).digest();
}

function display(bytes) {
  return Buffer.from(bytes).reverse().toString('hex');
}

/** The proof of a mined transaction, checked against the headers alone. */
async function verifyMined(chain, txid) {
  const { headers } = await chain.control('headers?from=0');
  const verified = verifyHeaders(headers);
  const { json } = await chain.get(`/arc/v1/tx/${txid}`);
  assert.equal(json.txStatus, 'MINED');
  assert.equal(json.blockHash, verified[json.blockHeight].hash);
  assert.equal(MerklePath.fromHex(json.merklePath).computeRoot(txid), verified[json.blockHeight].root);
  return json;
}

async function send(chain, tx) {
  const { json } = await chain.post('/arc/v1/tx', { rawTx: tx.toHex() });
  assert.equal(json.txStatus, 'SEEN_ON_NETWORK');
  return tx.id('hex');
}

async function arcStatus(chain, txid) {
  return (await chain.get(`/arc/v1/tx/${txid}`)).json.txStatus;
}

test('a new chain starts at the regtest genesis block and every header holds', async (t) => {
  const chain = await startChain(t);
  await chain.control('mine', { blocks: 20 });
  const { headers, height } = await chain.control('headers?from=0');
  const verified = verifyHeaders(headers);
  assert.equal(verified[0].hash, '0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206');
  assert.deepEqual([height, headers.length], [130, 131]);
  assert.deepEqual((await chain.control('headers?from=129')).headers, headers.slice(129));
});

test('two instances have nothing in common but the genesis block', async (t) => {
  const [one, two] = await Promise.all([startChain(t), startChain(t)]);
  assert.notEqual((await one.control('state')).tip, (await two.control('state')).tip);
});

test('the coinbase names its height and takes subsidy and fees', async (t) => {
  const chain = await startChain(t);
  const tx = await chain.freshPayment({ fee: 77 });
  await send(chain, tx);
  const {
    result: [hash],
  } = await chain.rpc('generatetoaddress', 1, 'mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn');
  const { json: coins } = await chain.get('/woc/v1/bsv/test/address/mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn/unspent/all');
  const { txid } = coins.result.map(({ tx_hash: id }) => ({ txid: id }))[0];
  const coinbase = (await chain.rpc('getrawtransaction', txid, true)).result;
  assert.equal(coinbase.blockhash, hash);
  assert.match(coinbase.vin[0].coinbase, /^0170/, 'height 112 as a script number');
  assert.equal(coinbase.vout[0].value, 50.00000077);
});

test('blocks can be mined without the mempool, or with filler', async (t) => {
  const chain = await startChain(t);
  const txid = await send(chain, await chain.freshPayment());
  await chain.control('mine', { empty: true, blocks: 2 });
  assert.equal((await chain.facts(txid)).state, 'mempool');
  await chain.control('mine', { empty: true, fillers: 4 });
  assert.equal((await chain.facts(txid)).state, 'mempool');
  await chain.control('mine', { fillers: 6 });
  const { block } = await chain.facts(txid);
  assert.deepEqual([block.position, block.transactions], [7, 8]);
  await verifyMined(chain, txid);
});

test('a chain of unmined transactions is mined parents first', async (t) => {
  const chain = await startChain(t);
  const [coin] = await chain.coins();
  const txids = [];
  let last = coin;
  for (let length = 0; length < 8; length++) {
    const tx = await pay([last], { outputs: [change(99_000 - length * 100)] });
    txids.push(await send(chain, tx));
    last = { tx, vout: 0 };
  }
  await chain.control('mine', {});
  const positions = [];
  for (const txid of txids) positions.push((await chain.facts(txid)).block.position);
  assert.deepEqual(positions, [1, 2, 3, 4, 5, 6, 7, 8]);
});

test('reorg of two blocks, return: transactions wait again and are proved anew', async (t) => {
  const chain = await startChain(t);
  const txid = await send(chain, await chain.freshPayment());
  await chain.control('mine', { fillers: 2 });
  const before = await verifyMined(chain, txid);
  await chain.control('mine', { empty: true });

  const { height, orphaned } = await chain.control('reorg', { depth: 2, mode: 'return' });
  assert.equal(height, 114, 'one block longer');
  assert.ok(orphaned.includes(txid));
  const between = (await chain.get(`/arc/v1/tx/${txid}`)).json;
  assert.deepEqual(
    [between.txStatus, between.blockHash, between.merklePath],
    ['MINED_IN_STALE_BLOCK', before.blockHash, before.merklePath],
  );
  assert.equal((await chain.facts(txid)).state, 'mempool');
  assert.equal((await chain.get(`/woc/v1/bsv/test/tx/${txid}/proof/tsc`)).text, 'null');
  assert.equal(
    (await chain.rpc('getblockheader', before.blockHash)).result.confirmations,
    -1,
    'the stale block stays known',
  );

  await chain.control('mine', {});
  const after = await verifyMined(chain, txid);
  assert.notEqual(after.blockHash, before.blockHash);
});

test('reorg of two blocks, remine: another block, another place', async (t) => {
  const chain = await startChain(t);
  const [one, two] = await chain.coins({ count: 2 });
  const first = await send(chain, await pay([one]));
  const second = await send(chain, await pay([two]));
  await chain.control('mine', {});
  const before = [await verifyMined(chain, first), await verifyMined(chain, second)];
  await chain.control('mine', { empty: true });
  await chain.control('reorg', { depth: 2, mode: 'remine' });
  const after = [await verifyMined(chain, first), await verifyMined(chain, second)];
  assert.notEqual(after[0].blockHash, before[0].blockHash);
  assert.notEqual(after[0].merklePath, before[0].merklePath);
  assert.deepEqual([(await chain.facts(second)).block.position, (await chain.facts(first)).block.position], [2, 3]);
});

test('reorg of one block, drop: nobody knows the transaction any more, until it is sent again', async (t) => {
  const chain = await startChain(t);
  const tx = await chain.freshPayment();
  const txid = await send(chain, tx);
  const child = await pay([{ tx, vout: 1 }]);
  await chain.control('mine', {});
  await send(chain, child);
  await chain.control('reorg', { depth: 1, mode: 'drop' });
  assert.equal((await chain.facts(txid)).state, 'orphaned');
  assert.deepEqual((await chain.control('state')).mempool, [], 'its child is gone, too');
  assert.equal((await chain.rpc('getrawtransaction', txid)).error.code, -5);
  assert.equal(await arcStatus(chain, txid), 'MINED_IN_STALE_BLOCK');
  assert.equal((await chain.rpc('sendrawtransaction', tx.toHex())).result, txid);
  await chain.control('mine', {});
  await verifyMined(chain, txid);
});

test('reorg, drop of some: the others return', async (t) => {
  const chain = await startChain(t);
  const [one, two] = await chain.coins({ count: 2 });
  const dropped = await send(chain, await pay([one]));
  const kept = await send(chain, await pay([two]));
  await chain.control('mine', {});
  await chain.control('reorg', { depth: 1, mode: 'drop', txids: [dropped] });
  assert.deepEqual([(await chain.facts(dropped)).state, (await chain.facts(kept)).state], ['orphaned', 'mempool']);
});

test('after a drop a rival may win the coin', async (t) => {
  const chain = await startChain(t);
  const [coin] = await chain.coins();
  const tx = await pay([coin]);
  const txid = await send(chain, tx);
  await chain.control('mine', {});
  await chain.control('reorg', { depth: 1, mode: 'drop' });
  const rival = await pay([coin], { fee: 900 });
  await send(chain, rival);
  const { json } = await chain.post('/arc/v1/tx', { rawTx: tx.toHex() });
  assert.deepEqual([json.txStatus, json.competingTxs], ['DOUBLE_SPEND_ATTEMPTED', [rival.id('hex')]]);
  await chain.control('mine', {});
  assert.equal(await arcStatus(chain, txid), 'REJECTED');
});

test('a reorg without money for filler mines again all the same', async (t) => {
  const chain = await startChain(t);
  const txid = await send(chain, await chain.freshPayment());
  await chain.control('mine', {});
  await chain.control('policy', { satoshisPerKb: 1e12 });
  await chain.control('reorg', { depth: 1, mode: 'remine' });
  assert.equal((await chain.facts(txid)).block.position, 1);
  await verifyMined(chain, txid);
});

test('a deep reorg, and one too deep', async (t) => {
  const chain = await startChain(t);
  await chain.control('mine', { blocks: 12 });
  const { height } = await chain.control('reorg', { depth: 12 });
  assert.equal(height, 123);
  verifyHeaders((await chain.control('headers?from=0')).headers);
  const refused = await chain.post('/_control/reorg', { depth: 14 });
  assert.deepEqual([refused.status, refused.json], [400, { error: 'depth can be at most 13 here' }]);
});
