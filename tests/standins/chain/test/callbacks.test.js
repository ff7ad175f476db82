// Callbacks: who is told what, in which order, how often it is tried, and how they get lost.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { change, pay } from '../client.js';
import { startChain, startReceiver } from '../harness.js';

function subscribe(url, { full = false, token = 'secret' } = {}) {
  return { 'X-CallbackUrl': url, 'X-CallbackToken': token, ...(full ? { 'X-FullStatusUpdates': 'true' } : {}) };
}

function submit(chain, api, tx, headers) {
  return chain.post({ arc: '/arc/v1/tx', arcade: '/arcade/tx' }[api], { rawTx: tx.toHex() }, headers);
}

function statuses(received) {
  return received.map(({ body }) => body.txStatus);
}

/** Callbacks of one test, with what became of them. */
async function log(chain, tx) {
  return (await chain.control(`callbacks?txid=${tx.id('hex')}`)).callbacks.map(({ status, result }) => [
    status,
    result,
  ]);
}

test('ARC calls back with token, content type and proof', async (t) => {
  const chain = await startChain(t);
  const receiver = await startReceiver(t);
  const tx = await chain.freshPayment();
  await submit(chain, 'arc', tx, subscribe(receiver.url));
  const {
    hashes: [hash],
    height,
  } = await chain.control('mine', {});
  const [{ headers, body }] = await receiver.next(1);
  assert.equal(headers.authorization, 'Bearer secret');
  assert.equal(headers['content-type'], 'application/json; charset=UTF-8');
  const { merklePath } = await chain.facts(tx.id('hex'));
  assert.deepEqual(body, {
    timestamp: body.timestamp,
    txid: tx.id('hex'),
    txStatus: 'MINED',
    blockHash: hash,
    blockHeight: height,
    merklePath,
  });
});

test('Arcade calls back under its own name', async (t) => {
  const chain = await startChain(t);
  const receiver = await startReceiver(t);
  const tx = await chain.freshPayment();
  await submit(chain, 'arcade', tx, subscribe(receiver.url));
  await chain.control('mine', {});
  const [{ headers, body }] = await receiver.next(1);
  assert.match(headers['user-agent'], /^arcade-webhook\//);
  assert.deepEqual([headers.authorization, body.txStatus], ['Bearer secret', 'MINED']);
  await chain.wait({ for: 'callbacks', txid: tx.id('hex'), count: 1 });
  const { callbacks } = (await chain.get(`/arcade/tx/${tx.id('hex')}?callbackToken=secret`)).json;
  assert.deepEqual(callbacks, [
    { callbackUrl: receiver.url, lastDeliveredStatus: 'MINED', attempts: 1, lastResult: 'delivered' },
  ]);
  assert.equal((await chain.get(`/arcade/tx/${tx.id('hex')}?callbackToken=other`)).json.callbacks, undefined);
});

test('full updates tell every step, in order', async (t) => {
  const chain = await startChain(t);
  const receiver = await startReceiver(t);
  const [one, two] = await chain.coins({ count: 2 });
  await submit(chain, 'arc', await pay([one]), subscribe(receiver.url, { full: true }));
  await receiver.next(1);
  await chain.control('mine', {});
  assert.deepEqual(statuses(await receiver.next(2)), ['SEEN_ON_NETWORK', 'MINED']);
  await submit(chain, 'arcade', await pay([two]), subscribe(receiver.url, { full: true }));
  await receiver.next(4);
  await chain.control('mine', {});
  assert.deepEqual(statuses(await receiver.next(5)).slice(2), ['SEEN_ON_NETWORK', 'SEEN_MULTIPLE_NODES', 'MINED']);
});

test('a reorg is told: stale, then mined again elsewhere', async (t) => {
  const chain = await startChain(t);
  const receiver = await startReceiver(t);
  const tx = await chain.freshPayment();
  await submit(chain, 'arc', tx, subscribe(receiver.url));
  await chain.control('mine', {});
  await receiver.next(1);
  await chain.control('reorg', { depth: 1 });
  await receiver.next(2);
  await chain.control('mine', {});
  const received = await receiver.next(3);
  assert.deepEqual(statuses(received), ['MINED', 'MINED_IN_STALE_BLOCK', 'MINED']);
  assert.notEqual(received[0].body.blockHash, received[2].body.blockHash);
});

test('a reorg that mines it again at once is told as MINED with another block', async (t) => {
  const chain = await startChain(t);
  const receiver = await startReceiver(t);
  const tx = await chain.freshPayment();
  await submit(chain, 'arc', tx, subscribe(receiver.url));
  await chain.control('mine', {});
  await receiver.next(1);
  await chain.control('reorg', { depth: 1, mode: 'remine' });
  const received = await receiver.next(2);
  assert.deepEqual(statuses(received), ['MINED', 'MINED']);
  assert.notEqual(received[0].body.merklePath, received[1].body.merklePath);
});

test('the loser of a double spend is told', async (t) => {
  const chain = await startChain(t);
  const receiver = await startReceiver(t);
  const tx = await chain.freshPayment();
  await chain.faults({ fault: 'double-spend', api: 'arc' });
  await submit(chain, 'arc', tx, subscribe(receiver.url, { full: true }));
  await receiver.next(1);
  await chain.control('mine', {});
  const received = await receiver.next(2);
  assert.deepEqual(statuses(received), ['DOUBLE_SPEND_ATTEMPTED', 'REJECTED']);
  assert.equal(received[0].body.competingTxs.length, 1);
  assert.equal(received[1].body.extraInfo, 'double spend attempted');
});

test('sending again registers a second callback, which hears only what is new', async (t) => {
  const chain = await startChain(t);
  const [first, second] = [await startReceiver(t), await startReceiver(t)];
  const tx = await chain.freshPayment();
  await submit(chain, 'arc', tx, subscribe(first.url, { full: true }));
  await first.next(1);
  await submit(chain, 'arc', tx, subscribe(first.url, { full: true }));
  await submit(chain, 'arc', tx, subscribe(second.url, { full: true }));
  await chain.control('mine', {});
  assert.deepEqual(statuses(await first.next(2)), ['SEEN_ON_NETWORK', 'MINED']);
  assert.deepEqual(statuses(await second.next(1)), ['MINED']);
});

test('an error answer is tried again', async (t) => {
  const chain = await startChain(t, { callbackRetryMs: 10 });
  const receiver = await startReceiver(t, { answer: (times) => (times < 3 ? 500 : 204) });
  const tx = await chain.freshPayment();
  await submit(chain, 'arc', tx, subscribe(receiver.url));
  await chain.control('mine', {});
  await chain.wait({ for: 'callbacks', txid: tx.id('hex') });
  assert.deepEqual(statuses(receiver.received), ['MINED', 'MINED', 'MINED']);
});

test('after ten tries it gives up', async (t) => {
  const chain = await startChain(t, { callbackRetryMs: 1 });
  const receiver = await startReceiver(t, { answer: () => 503 });
  const tx = await chain.freshPayment();
  await submit(chain, 'arc', tx, subscribe(receiver.url));
  await chain.control('mine', {});
  await receiver.next(10);
  await chain.control('reorg', { depth: 1 });
  const received = await receiver.next(11);
  assert.equal(received[10].body.txStatus, 'MINED_IN_STALE_BLOCK', 'the eleventh is about the next status');
});

test('ARC does not try again when nobody listens, Arcade does', async (t) => {
  const chain = await startChain(t, { callbackRetryMs: 1 });
  const [one, two] = await chain.coins({ count: 2 });
  const [forArc, forArcade] = [await pay([one]), await pay([two])];
  const closed = 'http://127.0.0.1:1/callback';
  await submit(chain, 'arc', forArc, subscribe(closed));
  await submit(chain, 'arcade', forArcade, subscribe(closed));
  await chain.control('mine', {});
  await chain.wait({ for: 'callback-attempts', txid: forArcade.id('hex'), count: 10 });
  const { callbacks } = await chain.control('callbacks');
  assert.deepEqual(callbacks.map(({ api, attempts }) => [api, attempts]).sort(), [
    ['arc', 1],
    ['arcade', 10],
  ]);
  for (const { result } of callbacks) assert.match(result, /ECONNREFUSED/);
});

test('a refused submission registers nothing at ARC', async (t) => {
  const chain = await startChain(t);
  const receiver = await startReceiver(t);
  const [coin] = await chain.coins();
  const cheap = await pay([coin], { fee: 0 });
  assert.equal((await submit(chain, 'arc', cheap, subscribe(receiver.url))).status, 465);
  await chain.control('policy', { satoshisPerKb: 0 });
  await submit(chain, 'arc', cheap, {});
  await chain.control('mine', {});
  assert.deepEqual(await log(chain, cheap), []);
});

test('fault: callbacks are lost', async (t) => {
  const chain = await startChain(t);
  const receiver = await startReceiver(t);
  const [one, two] = await chain.coins({ count: 2 });
  const [lost, told] = [await pay([one]), await pay([two])];
  await chain.faults({ fault: 'lose-callbacks', txid: lost.id('hex'), count: 'until-cleared' });
  await submit(chain, 'arc', lost, subscribe(receiver.url, { full: true }));
  await submit(chain, 'arc', told, subscribe(receiver.url));
  await chain.control('mine', {});
  const received = await receiver.next(1);
  assert.equal(received[0].body.txid, told.id('hex'));
  assert.deepEqual(
    (await log(chain, lost)).map(([, result]) => result),
    ['lost', 'lost'],
  );
});

test('fault: a callback comes twice', async (t) => {
  const chain = await startChain(t);
  const receiver = await startReceiver(t);
  const tx = await chain.freshPayment();
  await chain.faults({ fault: 'callback-twice', api: 'arc' });
  await submit(chain, 'arc', tx, subscribe(receiver.url));
  await chain.control('mine', {});
  const [first, second] = await receiver.next(2);
  assert.deepEqual(first.body, second.body);
});

test('fault: a duplicated submission means two callbacks', async (t) => {
  const chain = await startChain(t);
  const receiver = await startReceiver(t);
  const tx = await chain.freshPayment();
  await chain.faults({ fault: 'duplicate-answer', api: 'arc' });
  await submit(chain, 'arc', tx, subscribe(receiver.url));
  await chain.control('mine', {});
  assert.deepEqual(statuses(await receiver.next(2)), ['MINED', 'MINED']);
});

test('fault: a callback is late', async (t) => {
  const chain = await startChain(t);
  const receiver = await startReceiver(t);
  const tx = await chain.freshPayment();
  await chain.faults({ fault: 'delay', operation: 'callback', delayMs: 120 });
  await submit(chain, 'arc', tx, subscribe(receiver.url));
  const started = performance.now();
  await chain.control('mine', {});
  await receiver.next(1);
  assert.ok(performance.now() - started >= 119);
});

test('fault: callbacks change places', async (t) => {
  const chain = await startChain(t);
  const receiver = await startReceiver(t);
  const tx = await chain.freshPayment();
  await chain.faults({ fault: 'callback-out-of-order' });
  await submit(chain, 'arc', tx, subscribe(receiver.url, { full: true }));
  await chain.control('mine', {});
  assert.deepEqual(statuses(await receiver.next(2)), ['MINED', 'SEEN_ON_NETWORK']);
});

test('what is held back comes when the faults are cleared', async (t) => {
  const chain = await startChain(t);
  const receiver = await startReceiver(t);
  const tx = await chain.freshPayment();
  await chain.faults({ fault: 'callback-out-of-order' });
  await submit(chain, 'arc', tx, subscribe(receiver.url));
  await chain.control('mine', {});
  assert.deepEqual(await log(chain, tx), [['MINED', 'waiting']]);
  await chain.control('faults/clear', {});
  assert.deepEqual(statuses(await receiver.next(1)), ['MINED']);
});

test('a receiver that is slow does not hold up the others', async (t) => {
  const chain = await startChain(t);
  const receiver = await startReceiver(t);
  const [one, two] = await chain.coins({ count: 2 });
  const parent = await pay([one], { outputs: [change(99_000)] });
  const other = await pay([two]);
  await submit(chain, 'arcade', parent, subscribe('http://127.0.0.1:1/'));
  await submit(chain, 'arcade', other, subscribe(receiver.url));
  await chain.control('mine', {});
  assert.equal((await receiver.next(1))[0].body.txid, other.id('hex'));
});
