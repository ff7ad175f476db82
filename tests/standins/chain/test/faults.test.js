// Every lie the stand-in can tell, and that it stops when it should.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MerklePath } from '@bsv/sdk';
import { pay } from '../client.js';
import { startChain } from '../harness.js';

/** The four ways to submit; `good` tells whether the answer is an honest success. */
const SERVICES = {
  arc: {
    send: (chain, tx, init) => post(chain, '/arc/v1/tx', { rawTx: tx.toHex() }, init),
    good: ({ json }) => json?.txStatus === 'SEEN_ON_NETWORK',
  },
  arcade: {
    send: (chain, tx, init) => post(chain, '/arcade/tx', { rawTx: tx.toHex() }, init),
    good: ({ status }) => status === 202,
  },
  woc: {
    send: (chain, tx, init) => post(chain, '/woc/v1/bsv/test/tx/raw', { txhex: tx.toHex() }, init),
    good: ({ status }) => status === 200,
  },
  rpc: {
    send: (chain, tx, init) => post(chain, '/rpc', { method: 'sendrawtransaction', params: [tx.toHex()] }, init),
    good: ({ status }) => status === 200,
  },
};

function post(chain, path, value, { signal } = {}) {
  return chain.request('POST', path, {
    body: JSON.stringify(value),
    headers: { 'Content-Type': 'application/json' },
    signal,
  });
}

function arc(chain, tx) {
  return SERVICES.arc.send(chain, tx);
}

async function arcStatus(chain, tx) {
  return (await chain.get(`/arc/v1/tx/${tx.id('hex')}`)).json;
}

async function isAccepted(chain, tx) {
  const { status: code, json } = await chain.get(`/_control/tx/${tx.id('hex')}`);
  return code === 200 && json.accepted;
}

async function assertSpent(chain) {
  assert.deepEqual((await chain.control('faults')).faults, []);
}

for (const [api, { send, good }] of Object.entries(SERVICES)) {
  test(`${api}: 5xx before and after accepting`, async (t) => {
    const chain = await startChain(t);
    const tx = await chain.freshPayment();
    await chain.faults({ fault: 'status5xx', api, operation: 'submit', status: 502, retryAfter: 7 });
    const before = await send(chain, tx);
    assert.deepEqual(
      [before.status, before.headers.get('retry-after'), await isAccepted(chain, tx)],
      [502, '7', false],
    );
    await chain.faults({ fault: 'status5xx-after-accept', api, operation: 'submit' });
    assert.deepEqual([(await send(chain, tx)).status, await isAccepted(chain, tx)], [503, true]);
    await assertSpent(chain);
  });

  test(`${api}: no answer, before and after accepting`, async (t) => {
    const chain = await startChain(t);
    const tx = await chain.freshPayment();
    await chain.faults(
      { fault: 'timeout-before', api, operation: 'submit' },
      { fault: 'timeout-after-accept', api, operation: 'submit' },
    );
    for (const accepted of [false, true]) {
      const patience = new AbortController();
      const sent = send(chain, tx, { signal: patience.signal });
      await chain.wait({ for: 'requests', api, operation: 'submit', count: accepted ? 2 : 1 });
      if (accepted) await chain.wait({ for: 'tx-seen', txid: tx.id('hex') });
      patience.abort();
      await assert.rejects(sent, { name: 'AbortError' });
      assert.equal(await isAccepted(chain, tx), accepted);
    }
    assert.equal((await chain.control('state')).requests[api].submit.answers.hang, 2);
  });

  test(`${api}: the connection is torn down, before and after accepting`, async (t) => {
    const chain = await startChain(t);
    const tx = await chain.freshPayment();
    await chain.faults(
      { fault: 'connection-reset', api, operation: 'submit' },
      { fault: 'connection-reset-after-accept', api, operation: 'submit' },
    );
    await assert.rejects(
      send(chain, tx),
      (error) => error.cause.code === 'ECONNRESET' || error.cause.code === 'UND_ERR_SOCKET',
    );
    assert.equal(await isAccepted(chain, tx), false);
    await assert.rejects(send(chain, tx));
    assert.equal(await isAccepted(chain, tx), true);
  });

  test(`${api}: bodies that make no sense, though the transaction is taken in`, async (t) => {
    const chain = await startChain(t);
    const coins = await chain.coins({ count: 4 });
    const bodies = ['garbage', 'truncated', 'empty', 'huge'];
    await chain.faults(
      ...bodies.map((body) => ({ fault: 'wrong-body', api, operation: 'submit', body, bytes: 3_000_000 })),
    );
    for (const [index, body] of bodies.entries()) {
      const tx = await pay([coins[index]]);
      const { json, text } = await send(chain, tx);
      assert.equal(json, undefined, `${body}: no JSON`);
      assert.equal(await isAccepted(chain, tx), true);
      if (body === 'empty') assert.equal(text, '');
      if (body === 'huge') assert.equal(text.length, 3_000_000);
    }
    await assertSpent(chain);
  });

  test(`${api}: a rejection for a named reason is the honest answer for that reason`, async (t) => {
    const chain = await startChain(t);
    const tx = await chain.freshPayment();
    await chain.faults({ fault: 'reject', api, reason: 'fee-too-low' });
    const { status: code, json, text } = await send(chain, tx);
    const told = {
      arc: [465, 'Fee too low', json?.title],
      arcade: [400, 465, json?.status],
      rpc: [500, '66: mempool min fee not met', json?.error?.message],
      woc: [400, 'unexpected response code 500: 66: mempool min fee not met', text],
    }[api];
    assert.deepEqual([code, told[2]], [told[0], told[1]]);
    assert.equal(await isAccepted(chain, tx), false);
    assert.ok(good(await send(chain, tx)), 'the next try is honest');
  });

  test(`${api}: a double spend wins`, async (t) => {
    const chain = await startChain(t);
    const tx = await chain.freshPayment();
    await chain.faults({ fault: 'double-spend', api });
    const answer = await send(chain, tx);
    const {
      mempool: [rival],
    } = await chain.control('state');
    assert.notEqual(rival, tx.id('hex'));
    assert.deepEqual((await chain.facts(tx.id('hex'))).competing, [rival]);
    if (api === 'arc') {
      assert.deepEqual(
        [answer.status, answer.json.txStatus, answer.json.competingTxs],
        [200, 'DOUBLE_SPEND_ATTEMPTED', [rival]],
      );
    }
    if (api === 'arcade') {
      assert.deepEqual(
        [answer.status, (await chain.get(`/arcade/tx/${tx.id('hex')}`)).json.txStatus],
        [202, 'DOUBLE_SPEND_ATTEMPTED'],
      );
    }
    if (api === 'woc') assert.match(answer.text, /258: txn-mempool-conflict$/);
    if (api === 'rpc') assert.deepEqual(answer.json.error, { code: -26, message: '258: txn-mempool-conflict' });
    await chain.control('mine', {});
    assert.equal((await chain.facts(rival)).state, 'mined');
    if (api === 'arc') {
      assert.deepEqual(
        [(await arcStatus(chain, tx)).txStatus, (await arcStatus(chain, tx)).extraInfo],
        ['REJECTED', 'double spend attempted'],
      );
    }
    if (api === 'arcade') assert.equal((await chain.get(`/arcade/tx/${tx.id('hex')}`)).json.txStatus, 'REJECTED');
  });

  test(`${api}: dropped after a yes`, async (t) => {
    const chain = await startChain(t);
    const tx = await chain.freshPayment();
    await chain.faults({ fault: 'drop', api });
    assert.ok(good(await send(chain, tx)));
    assert.equal((await chain.facts(tx.id('hex'))).state, 'forgotten');
    assert.equal((await chain.get(`/arc/v1/tx/${tx.id('hex')}`)).status, 404);
    assert.equal((await chain.rpc('getrawtransaction', tx.id('hex'))).error.code, -5);
    assert.ok(good(await send(chain, tx)));
    assert.equal(await isAccepted(chain, tx), true);
  });

  test(`${api}: taken in twice, the second answer seen`, async (t) => {
    const chain = await startChain(t);
    const tx = await chain.freshPayment();
    await chain.faults({ fault: 'duplicate-answer', api });
    const answer = await send(chain, tx);
    const { submissions } = await chain.facts(tx.id('hex'));
    assert.deepEqual(
      submissions.map(({ outcome }) => outcome),
      ['accepted', 'known'],
    );
    if (api === 'rpc') assert.equal(answer.json.error.code, -27);
    if (api === 'woc') assert.match(answer.text, /already in the mempool/);
    if (api === 'arc') assert.equal(answer.json.txStatus, 'SEEN_ON_NETWORK');
  });

  test(`${api}: the fee rises just before a submission`, async (t) => {
    const chain = await startChain(t);
    const tx = await chain.freshPayment();
    await chain.faults({ fault: 'fee-rise', api, satoshisPerKb: 1000 });
    assert.ok(!good(await send(chain, tx)));
    assert.equal(await isAccepted(chain, tx), false);
    assert.deepEqual((await chain.get('/arc/v1/policy')).json.policy.miningFee, { satoshis: 1000, bytes: 1000 });
    assert.ok(good(await send(chain, await pay([{ tx: tx.inputs[0].sourceTransaction, vout: 0 }], { fee: 300 }))));
  });
}

test("a rejection with a code and words of one's own", async (t) => {
  const chain = await startChain(t);
  const tx = await chain.freshPayment();
  await chain.faults(
    { fault: 'reject', api: 'arc', code: 466, message: 'so there' },
    { fault: 'reject', api: 'arcade', code: 473 },
    { fault: 'reject', api: 'woc', code: 418, message: 'teapot' },
    { fault: 'reject', api: 'rpc', code: -31, message: 'no peers' },
  );
  const [a, b, c, d] = [
    await arc(chain, tx),
    await SERVICES.arcade.send(chain, tx),
    await SERVICES.woc.send(chain, tx),
    await SERVICES.rpc.send(chain, tx),
  ];
  assert.deepEqual(
    [a.status, a.json.extraInfo, b.status, b.json.status, c.status, c.text, d.status, d.json.error],
    [466, 'so there', 400, 473, 418, 'teapot', 500, { code: -31, message: 'no peers' }],
  );
});

test('a rejection by the network is remembered by ARC', async (t) => {
  const chain = await startChain(t);
  const tx = await chain.freshPayment();
  await chain.faults({ fault: 'reject', api: 'arc', reason: 'mempool-full', message: 'try later' });
  const { status: code, json } = await arc(chain, tx);
  assert.deepEqual([code, json.txStatus, json.extraInfo], [200, 'REJECTED', 'mempool full: try later']);
  assert.equal((await arcStatus(chain, tx)).txStatus, 'REJECTED');
});

test('a delay, then the honest answer', async (t) => {
  const chain = await startChain(t);
  await chain.faults({ fault: 'delay', operation: 'policy', delayMs: 150 });
  const started = performance.now();
  assert.equal((await chain.get('/arc/v1/policy')).status, 200);
  assert.ok(performance.now() - started >= 149);
});

test('any fault may be late as well', async (t) => {
  const chain = await startChain(t);
  await chain.faults({ fault: 'status5xx', operation: 'policy', delayMs: 100 });
  const started = performance.now();
  assert.equal((await chain.get('/arc/v1/policy')).status, 503);
  assert.ok(performance.now() - started >= 99);
});

test('a status stays at an older state for n polls', async (t) => {
  const chain = await startChain(t);
  const tx = await chain.freshPayment();
  await arc(chain, tx);
  await chain.control('mine', {});
  await chain.faults({ fault: 'stale-status', api: 'arc', status: 'SENT_TO_NETWORK', count: 2 });
  const seen = [];
  for (let poll = 0; poll < 3; poll++) seen.push(await arcStatus(chain, tx));
  assert.deepEqual(
    seen.map(({ txStatus, blockHash }) => [txStatus, blockHash !== '']),
    [
      ['SENT_TO_NETWORK', false],
      ['SENT_TO_NETWORK', false],
      ['MINED', true],
    ],
  );
});

test('a node may not have heard of the block yet, or of the transaction', async (t) => {
  const chain = await startChain(t);
  const tx = await chain.freshPayment();
  const txid = tx.id('hex');
  await chain.rpc('sendrawtransaction', tx.toHex());
  await chain.control('mine', {});
  const asked = {
    rpc: async () => {
      const { result, error } = await chain.rpc('getrawtransaction', txid, true);
      return error?.code ?? result.confirmations;
    },
    woc: async () => {
      const { json } = await chain.post('/woc/v1/bsv/test/txs/status', { txids: [txid] });
      return json[0].error ?? json[0].confirmations;
    },
  };
  for (const [api, ask] of Object.entries(asked)) {
    await chain.faults(
      { fault: 'stale-status', api, status: 'UNKNOWN' },
      { fault: 'stale-status', api, status: 'SEEN' },
    );
    assert.deepEqual([await ask(), await ask(), await ask()], [api === 'rpc' ? -5 : 'unknown', undefined, 1]);
  }
  await chain.faults({ fault: 'stale-status', operation: 'proof', status: 'SEEN', count: 2 });
  assert.equal((await chain.get(`/woc/v1/bsv/test/tx/${txid}/proof/tsc`)).text, 'null');
  assert.equal((await chain.rpc('getmerkleproof2', '', txid)).error.code, -5);
});

test('Arcade can show the statuses that only it has', async (t) => {
  const chain = await startChain(t);
  const tx = await chain.freshPayment();
  await SERVICES.arcade.send(chain, tx);
  for (const word of ['PENDING_RETRY', 'STUMP_PROCESSING']) {
    await chain.faults({ fault: 'stale-status', api: 'arcade', status: word });
    assert.equal((await chain.get(`/arcade/tx/${tx.id('hex')}`)).json.txStatus, word);
  }
});

test('ARC may answer a submission with an early status when its time is up', async (t) => {
  const chain = await startChain(t);
  const tx = await chain.freshPayment();
  await chain.faults({ fault: 'stale-status', api: 'arc', operation: 'submit', status: 'STORED' });
  const started = performance.now();
  const { json } = await chain.post('/arc/v1/tx', { rawTx: tx.toHex() }, { 'X-MaxTimeout': '1' });
  assert.equal(json.txStatus, 'STORED');
  assert.ok(performance.now() - started >= 999, 'it waited for SEEN_ON_NETWORK');
  assert.equal((await arcStatus(chain, tx)).txStatus, 'SEEN_ON_NETWORK');
});

test('a proof that proves nothing, from every service', async (t) => {
  const chain = await startChain(t);
  const tx = await chain.freshPayment();
  const txid = tx.id('hex');
  await arc(chain, tx);
  await SERVICES.arcade.send(chain, tx);
  await chain.control('mine', { fillers: 3 });
  const honest = MerklePath.fromHex((await chain.facts(txid)).merklePath).computeRoot(txid);
  await chain.faults({ fault: 'bad-proof', count: 4 });
  for (const path of [`/arc/v1/tx/${txid}`, `/arcade/tx/${txid}`]) {
    const { merklePath } = (await chain.get(path)).json;
    assert.notEqual(MerklePath.fromHex(merklePath).computeRoot(txid), honest);
  }
  const [spoiled] = (await chain.get(`/woc/v1/bsv/test/tx/${txid}/proof/tsc`)).json;
  const { nodes } = (await chain.rpc('getmerkleproof2', '', txid)).result;
  const [proof] = (await chain.get(`/woc/v1/bsv/test/tx/${txid}/proof/tsc`)).json;
  assert.notDeepEqual(spoiled.nodes, proof.nodes);
  assert.notDeepEqual(
    nodes.filter((node) => node !== '*'),
    proof.nodes.filter((_, index) => nodes[index] !== '*'),
  );
  await assertSpent(chain);
});

test('rules strike where, when and as often as they say', async (t) => {
  const chain = await startChain(t);
  const [one, two] = await chain.coins({ count: 2 });
  const [first, second] = [await pay([one]), await pay([two])];
  await chain.faults(
    { fault: 'status5xx', api: 'arc', operation: 'submit', txid: second.id('hex') },
    { fault: 'status5xx', api: 'arc', operation: 'policy', skip: 1, count: 2, status: 500 },
    { fault: 'status5xx', api: 'rpc', operation: 'header', count: 'until-cleared' },
  );
  assert.equal((await arc(chain, first)).status, 200, 'another transaction');
  assert.equal((await SERVICES.rpc.send(chain, second)).status, 200, 'another service');
  assert.equal((await arc(chain, second)).status, 503);
  const policies = [];
  for (let asked = 0; asked < 4; asked++) policies.push((await chain.get('/arc/v1/policy')).status);
  assert.deepEqual(policies, [200, 500, 500, 200]);
  for (let asked = 0; asked < 3; asked++) assert.equal((await chain.rpc('getblockcount')).status, 503);
  assert.deepEqual(
    (await chain.control('state')).faults.map(({ struck }) => struck),
    [3],
  );
  await chain.control('faults/clear', {});
  assert.equal((await chain.rpc('getblockcount')).status, 200);
});

test('the oldest matching rule comes first, and only one strikes', async (t) => {
  const chain = await startChain(t);
  await chain.faults(
    { fault: 'status5xx', operation: 'policy', status: 501 },
    { fault: 'status5xx', operation: 'policy', status: 502 },
  );
  const asked = [
    await chain.get('/arc/v1/policy'),
    await chain.get('/arcade/policy'),
    await chain.get('/arc/v1/policy'),
  ];
  assert.deepEqual(
    asked.map(({ status: code }) => code),
    [501, 502, 200],
  );
});

test('a rule that makes no sense is refused, and then none of its company is added', async (t) => {
  const chain = await startChain(t);
  const good = { fault: 'timeout-before' };
  const wrong = [
    {},
    { fault: 'nosuch' },
    { ...good, api: 'x' },
    { ...good, operation: 'x' },
    { ...good, count: 0 },
    { ...good, count: 'forever' },
    { ...good, skip: -1 },
    { fault: 'delay' },
    { fault: 'delay', delayMs: 0 },
    { fault: 'status5xx', status: 404 },
    { fault: 'wrong-body', body: 'x' },
    { fault: 'reject' },
    { fault: 'reject', reason: 'x' },
    { fault: 'fee-rise' },
    { fault: 'stale-status' },
    { fault: 'stale-status', status: 'MINED', operation: 'policy' },
    { fault: 'drop', operation: 'status' },
    { fault: 'lose-callbacks', operation: 'submit' },
    { fault: 'status5xx', operation: 'callback' },
  ];
  for (const rule of wrong) {
    const answer = await chain.post('/_control/faults', { faults: [good, rule] });
    assert.equal(answer.status, 400, JSON.stringify(rule));
    assert.equal(typeof answer.json.error, 'string');
  }
  assert.deepEqual((await chain.control('faults')).faults, []);
});

test('the control interface itself never lies', async (t) => {
  const chain = await startChain(t);
  await chain.faults({ fault: 'status5xx', count: 'until-cleared' });
  assert.equal((await chain.get('/_control/state')).status, 200);
});
