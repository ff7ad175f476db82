// First seen wins, whatever the order, the service or the hurry.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pay } from '../client.js';
import { startChain } from '../harness.js';

async function rivals(chain, count) {
  const [coin] = await chain.coins();
  return Promise.all(
    Array.from({ length: count }, (_, index) => pay([coin], { fee: 100 + index, data: `rival ${index}` })),
  );
}

function arc(chain, tx) {
  return chain.post('/arc/v1/tx', { rawTx: tx.toHex() }).then(({ json }) => json);
}

async function status(chain, tx) {
  return (await chain.get(`/arc/v1/tx/${tx.id('hex')}`)).json;
}

test('of ten rivals sent at once exactly one enters, and the log names all ten', async (t) => {
  const chain = await startChain(t);
  const txs = await rivals(chain, 10);
  const answers = await Promise.all(txs.map((tx) => arc(chain, tx)));
  const winners = answers.filter(({ txStatus }) => txStatus === 'SEEN_ON_NETWORK');
  assert.equal(winners.length, 1);
  const losers = answers.filter(({ txid }) => txid !== winners[0].txid);
  for (const { txStatus, competingTxs } of losers) {
    assert.equal(txStatus, 'DOUBLE_SPEND_ATTEMPTED');
    assert.deepEqual(competingTxs, [winners[0].txid]);
  }
  const { mempool, spends } = await chain.control('state');
  assert.deepEqual(mempool, [winners[0].txid]);
  const [{ sourceTransaction }] = txs[0].inputs;
  assert.deepEqual(spends[`${sourceTransaction.id('hex')}:0`].sort(), txs.map((tx) => tx.id('hex')).sort());
});

test('both sides are told; the block decides', async (t) => {
  const chain = await startChain(t);
  const [first, second] = await rivals(chain, 2);
  await arc(chain, first);
  await arc(chain, second);
  const [a, b] = [await status(chain, first), await status(chain, second)];
  assert.deepEqual([a.txStatus, a.competingTxs], ['DOUBLE_SPEND_ATTEMPTED', [second.id('hex')]]);
  assert.deepEqual([b.txStatus, b.competingTxs], ['DOUBLE_SPEND_ATTEMPTED', [first.id('hex')]]);
  await chain.control('mine', {});
  const [won, lost] = [await status(chain, first), await status(chain, second)];
  assert.deepEqual([won.txStatus, won.extraInfo], ['MINED', 'previously double spend attempted']);
  assert.deepEqual([lost.txStatus, lost.extraInfo], ['REJECTED', 'double spend attempted']);
});

test('through four services at once, one wins', async (t) => {
  const chain = await startChain(t);
  const [a, b, c, d] = await rivals(chain, 4);
  await Promise.all([
    arc(chain, a),
    chain.post('/arcade/tx', { rawTx: b.toHex() }),
    chain.post('/woc/v1/bsv/test/tx/raw', { txhex: c.toHex() }),
    chain.rpc('sendrawtransaction', d.toHex()),
  ]);
  const { mempool } = await chain.control('state');
  assert.equal(mempool.length, 1);
});

test('a coin that a block has spent is gone: the node misses it, ARC rejects', async (t) => {
  const chain = await startChain(t);
  const [first, second] = await rivals(chain, 2);
  await arc(chain, first);
  await chain.control('mine', {});
  const { txStatus, competingTxs } = await arc(chain, second);
  assert.deepEqual([txStatus, competingTxs], ['REJECTED', [first.id('hex')]]);
  assert.deepEqual((await chain.rpc('sendrawtransaction', second.toHex())).error, {
    code: -25,
    message: 'Missing inputs',
  });
});

test('on order, a rival supplants a transaction that waits, and with it all that spends it', async (t) => {
  const chain = await startChain(t);
  const tx = await chain.freshPayment();
  const child = await pay([{ tx, vout: 1 }]);
  await arc(chain, tx);
  await arc(chain, child);
  await chain.faults({ fault: 'double-spend', api: 'arc' });
  const { txStatus, competingTxs } = await arc(chain, tx);
  const { mempool } = await chain.control('state');
  assert.deepEqual([txStatus, competingTxs, mempool.length], ['DOUBLE_SPEND_ATTEMPTED', mempool, 1]);
  assert.equal((await chain.facts(child.id('hex'))).refusal.reason, 'missing-parent');
  await chain.control('mine', {});
  assert.deepEqual(
    [(await status(chain, tx)).txStatus, (await status(chain, child)).txStatus],
    ['REJECTED', 'REJECTED'],
  );
});

test('a mined transaction cannot be supplanted', async (t) => {
  const chain = await startChain(t);
  const tx = await chain.freshPayment();
  await arc(chain, tx);
  await chain.control('mine', {});
  await chain.faults({ fault: 'double-spend', api: 'arc' });
  assert.equal((await arc(chain, tx)).txStatus, 'MINED');
});

test('the same transaction sent twenty times at once is one transaction', async (t) => {
  const chain = await startChain(t);
  const tx = await chain.freshPayment();
  const answers = await Promise.all(Array.from({ length: 20 }, () => arc(chain, tx)));
  assert.ok(answers.every(({ txStatus, txid }) => txStatus === 'SEEN_ON_NETWORK' && txid === tx.id('hex')));
  const facts = await chain.facts(tx.id('hex'));
  assert.equal(facts.submissions.filter(({ outcome }) => outcome === 'accepted').length, 1);
  assert.deepEqual([facts.submissions.length, facts.bytesSubmitted], [20, 20 * facts.size]);
});
