// The control interface: money, waiting, state, refusals.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Transaction } from '@bsv/sdk';
import { ADDRESS, pay } from '../client.js';
import { startChain } from '../harness.js';

test('fund pays an address or a script, in one output or in many, mined or not', async (t) => {
  const chain = await startChain(t);
  const one = await chain.control('fund', { address: ADDRESS, satoshis: 1234 });
  assert.deepEqual([one.vout, one.vouts, one.mined, one.blockHeight], [0, [0], true, 111]);
  const tx = Transaction.fromHex(one.raw);
  assert.deepEqual([tx.id('hex'), tx.outputs[0].satoshis], [one.txid, 1234]);

  const many = await chain.control('fund', { scriptHex: '51', satoshis: 5, outputs: 300, mined: false });
  assert.deepEqual([many.vouts.length, many.blockHash, many.scriptHex], [300, null, '51']);
  assert.equal((await chain.facts(many.txid)).state, 'mempool');
  assert.equal((await chain.facts(one.txid)).confirmations, 1);
});

test('fund mines only what it pays', async (t) => {
  const chain = await startChain(t);
  const tx = await chain.freshPayment();
  await chain.rpc('sendrawtransaction', tx.toHex());
  await chain.control('fund', { address: ADDRESS, satoshis: 1000 });
  assert.equal((await chain.facts(tx.id('hex'))).state, 'mempool');
});

test('money lasts: a hundred payments out of the mempool, then a large one', async (t) => {
  const chain = await startChain(t);
  for (let paid = 0; paid < 100; paid++) {
    await chain.control('fund', { address: ADDRESS, satoshis: 1000, mined: false });
  }
  const large = await chain.control('fund', { address: ADDRESS, satoshis: 20_000_000_000 });
  assert.equal(large.mined, true);
  const tooLarge = await chain.post('/_control/fund', { address: ADDRESS, satoshis: 1_000_000_000_000 });
  assert.equal(tooLarge.status, 400);
  assert.match(tooLarge.json.error, /mine more blocks/);
});

test('wait answers at once, or when it happens, or in vain', async (t) => {
  const chain = await startChain(t);
  const tx = await chain.freshPayment();
  const txid = tx.id('hex');
  const waits = [
    chain.wait({ for: 'tx-seen', txid }),
    chain.wait({ for: 'submissions', count: 2 }),
    chain.wait({ for: 'submissions', api: 'arc', txid, count: 1 }),
    chain.wait({ for: 'requests', api: 'rpc', operation: 'submit' }),
    chain.wait({ for: 'height', height: 113 }),
    chain.wait({ for: 'mined', txid, confirmations: 2 }),
  ];
  await chain.post('/arc/v1/tx', { rawTx: tx.toHex() });
  await chain.rpc('sendrawtransaction', tx.toHex());
  await chain.control('mine', { blocks: 2 });
  assert.deepEqual(
    (await Promise.all(waits)).map((answer) => answer.for),
    ['tx-seen', 'submissions', 'submissions', 'requests', 'height', 'mined'],
  );
  assert.deepEqual(await chain.wait({ for: 'height', height: 1 }), {
    for: 'height',
    height: 113,
    tip: (await chain.control('state')).tip,
  });
  const vain = await chain.post('/_control/wait', { for: 'height', height: 999, timeoutMs: 20 });
  assert.deepEqual([vain.status, vain.json], [408, { error: 'timed out waiting for height' }]);
});

test('state counts requests and answers by service and operation', async (t) => {
  const chain = await startChain(t, { apiKey: 'k' });
  await chain.get('/arc/v1/policy');
  await chain.get('/arc/v1/policy', { Authorization: 'Bearer k' });
  await chain.rpc('getblockcount');
  const { requests, submissions, height, satoshisPerKb } = await chain.control('state');
  assert.deepEqual(requests.arc.policy, { requests: 2, answers: { 200: 1, 401: 1 } });
  assert.deepEqual(requests.rpc.header, { requests: 1, answers: { 200: 1 } });
  assert.deepEqual([submissions, height, satoshisPerKb], [{ arc: 0, arcade: 0, woc: 0, rpc: 0 }, 110, 100]);
});

test('the facts of a transaction', async (t) => {
  const chain = await startChain(t);
  const [coin] = await chain.coins();
  const cheap = await pay([coin], { fee: 3 });
  await chain.rpc('sendrawtransaction', cheap.toHex());
  await chain.rpc('sendrawtransaction', cheap.toHex());
  const facts = await chain.facts(cheap.id('hex'));
  assert.deepEqual(
    [facts.accepted, facts.state, facts.block, facts.confirmations, facts.arc, facts.raw],
    [false, 'refused', null, 0, null, cheap.toHex()],
  );
  assert.equal(facts.refusal.reason, 'fee-too-low');
  assert.deepEqual([facts.submissions.length, facts.bytesSubmitted], [2, 2 * facts.size]);
  assert.equal((await chain.get(`/_control/tx/${'ab'.repeat(32)}`)).status, 404);
});

test('forget: every node loses a waiting transaction, ARC does not notice', async (t) => {
  const chain = await startChain(t);
  const tx = await chain.freshPayment();
  const txid = tx.id('hex');
  await chain.post('/arc/v1/tx', { rawTx: tx.toHex() });
  await chain.control('forget', { txid });
  assert.equal((await chain.facts(txid)).state, 'forgotten');
  assert.equal((await chain.get(`/arc/v1/tx/${txid}`)).json.txStatus, 'SEEN_ON_NETWORK');
  assert.equal((await chain.get(`/woc/v1/bsv/test/tx/hash/${txid}`)).status, 404);
  assert.equal((await chain.post('/_control/forget', { txid })).status, 400);
  assert.equal((await chain.post('/arc/v1/tx', { rawTx: tx.toHex() })).json.txStatus, 'SEEN_ON_NETWORK');
  assert.equal((await chain.facts(txid)).state, 'mempool');
});

test('reset: another chain, no faults, no counts', async (t) => {
  const chain = await startChain(t);
  const tx = await chain.freshPayment();
  await chain.post('/arc/v1/tx', { rawTx: tx.toHex() });
  await chain.faults({ fault: 'drop' });
  await chain.control('policy', { satoshisPerKb: 7 });
  const before = await chain.control('state');
  await chain.control('reset', {});
  const after = await chain.control('state');
  assert.notEqual(after.tip, before.tip);
  assert.deepEqual(
    [after.height, after.mempool, after.faults, after.satoshisPerKb, after.submissions.arc],
    [110, [], [], 100, 0],
  );
  assert.deepEqual(Object.keys(after.requests), ['control']);
  assert.equal((await chain.post('/arc/v1/tx', { rawTx: tx.toHex() })).status, 460);
});

test('wrong requests are told what is wrong', async (t) => {
  const chain = await startChain(t);
  const cases = [
    ['fund', {}],
    ['fund', { address: '1BoatSLRHtKNngkdXEeobR76b53LETtpyT', satoshis: 1 }],
    ['fund', { address: ADDRESS, satoshis: 0 }],
    ['fund', { address: ADDRESS, satoshis: 1, outputs: 0 }],
    ['mine', { blocks: 0 }],
    ['mine', { blocks: 1.5 }],
    ['mine', { fillers: -1 }],
    ['reorg', { depth: 0 }],
    ['reorg', { depth: 1 }],
    ['reorg', { depth: 1, mode: 'x' }],
    ['policy', { satoshisPerKb: -1 }],
    ['wait', { for: 'x' }],
    ['wait', { for: 'height', height: 1, timeoutMs: 1e9 }],
    ['forget', { txid: 'x' }],
  ];
  for (const [path, body] of cases) {
    const answer = await chain.post(`/_control/${path}`, body);
    assert.equal(answer.status, 400, `${path} ${JSON.stringify(body)}`);
    assert.equal(typeof answer.json.error, 'string');
  }
  assert.equal((await chain.request('POST', '/_control/mine', { body: '{' })).status, 400);
  assert.equal((await chain.request('POST', '/_control/mine', { body: 'null' })).status, 400);
  assert.equal((await chain.post('/_control/nosuch', {})).status, 404);
  assert.equal((await chain.get('/nosuch')).status, 404);
});
