// The JSON-RPC interface: protocol, methods, error codes, exact amounts.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ADDRESS, OTHER_ADDRESS, change, pay } from '../client.js';
import { startChain } from '../harness.js';

function send(chain, body, headers) {
  return chain.request('POST', '/rpc', { body, headers });
}

test('errors of the protocol have their HTTP statuses', async (t) => {
  const chain = await startChain(t);
  const cases = [
    ['{', 500, -32700],
    ['42', 400, -32600],
    ['{"id":1}', 400, -32600],
    ['{"method":3}', 400, -32600],
    ['{"method":"getblockcount","params":"x"}', 400, -32600],
    ['{"method":"nosuch","id":7}', 404, -32601],
    ['{"method":"getblockhash","id":7}', 500, -1],
  ];
  for (const [body, status, code] of cases) {
    const answer = await send(chain, body);
    assert.deepEqual([answer.status, answer.json.result, answer.json.error.code], [status, null, code], body);
  }
  assert.equal((await send(chain, '{"method":"nosuch","id":7}')).json.id, 7);
  assert.equal((await chain.get('/rpc')).status, 405);
});

test('a password is wanted when set', async (t) => {
  const chain = await startChain(t, { rpcUser: 'u', rpcPassword: 'p' });
  const call = (headers) => send(chain, '{"method":"getblockcount"}', headers);
  const refused = await call({});
  assert.deepEqual([refused.status, refused.headers.get('www-authenticate')], [401, 'Basic realm="jsonrpc"']);
  assert.equal((await call({ Authorization: `Basic ${btoa('u:wrong')}` })).status, 401);
  assert.equal((await call({ Authorization: `Basic ${btoa('u:p')}` })).json.result, 110);
});

test('batches and named parameters', async (t) => {
  const chain = await startChain(t);
  const answer = await send(
    chain,
    JSON.stringify([
      { method: 'getblockcount', id: 1 },
      { method: 'nosuch', id: 2 },
      { method: 'getblockhash', params: { height: 0 }, id: 3 },
    ]),
  );
  assert.equal(answer.status, 200);
  assert.deepEqual(
    answer.json.map(({ id, result, error }) => [id, result, error?.code]),
    [
      [1, 110, undefined],
      [2, null, -32601],
      [3, '0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206', undefined],
    ],
  );
});

test('sendrawtransaction and its error codes', async (t) => {
  const chain = await startChain(t);
  const [coin, other] = await chain.coins({ count: 2, satoshis: 20_000_000 });
  const tx = await pay([coin], { fee: 1_000 });
  const errorOf = async (...params) => {
    const { status, error } = await chain.rpc('sendrawtransaction', ...params);
    assert.equal(status, 500);
    return [error.code, error.message];
  };
  assert.deepEqual(await errorOf('00'), [-22, 'TX decode failed']);
  assert.deepEqual(await errorOf(7), [-3, 'Expected type string, got number']);
  assert.equal((await chain.rpc('sendrawtransaction', tx.toHex())).result, tx.id('hex'));
  assert.deepEqual(await errorOf(tx.toHex()), [-27, 'Transaction already in the mempool']);
  const rival = await pay([coin], { fee: 2_000 });
  assert.deepEqual(await errorOf(rival.toHex()), [-26, '258: txn-mempool-conflict']);

  const generous = await pay([other], { fee: 10_000_001 });
  assert.deepEqual(await errorOf(generous.toHex()), [-26, '256: absurdly-high-fee']);
  const free = await pay([other], { fee: 0 });
  assert.deepEqual(await errorOf(free.toHex()), [-26, '66: mempool min fee not met']);
  assert.equal(
    (await chain.rpc('sendrawtransaction', free.toHex(), false, true)).result,
    free.id('hex'),
    'dontcheckfee',
  );
});

test('a mined transaction is known while an output is unspent; after that its inputs are missing', async (t) => {
  const chain = await startChain(t);
  const [coin] = await chain.coins();
  const first = await pay([coin], { outputs: [change(99_000)] });
  await chain.rpc('sendrawtransaction', first.toHex());
  await chain.control('mine', {});
  assert.deepEqual((await chain.rpc('sendrawtransaction', first.toHex())).error, {
    code: -26,
    message: '257: txn-already-known',
  });
  const second = await pay([{ tx: first, vout: 0 }]);
  await chain.rpc('sendrawtransaction', second.toHex());
  await chain.control('mine', {});
  assert.deepEqual((await chain.rpc('sendrawtransaction', first.toHex())).error, {
    code: -25,
    message: 'Missing inputs',
  });
});

test('sendrawtransactions says only what went wrong', async (t) => {
  const chain = await startChain(t);
  const [coin, other] = await chain.coins({ count: 2 });
  const parent = await pay([coin], { outputs: [change(99_000)] });
  const child = await pay([{ tx: parent, vout: 0 }]);
  const batch = (...txs) =>
    chain.rpc(
      'sendrawtransactions',
      txs.map((tx) => ({ hex: tx.toHex() })),
    );
  assert.deepEqual((await batch(parent, child)).result, {});
  const rival = await pay([coin], { fee: 900 });
  const cheap = await pay([other], { fee: 1 });
  const { result } = await batch(parent, rival, cheap);
  assert.deepEqual(result.known, [parent.id('hex')]);
  assert.deepEqual(result.invalid, [
    {
      txid: rival.id('hex'),
      reject_code: 258,
      reject_reason: 'txn-mempool-conflict',
      collidedWith: [{ txid: parent.id('hex'), size: parent.toHex().length / 2, hex: parent.toHex() }],
    },
    { txid: cheap.id('hex'), reject_code: 66, reject_reason: 'mempool min fee not met' },
  ]);
  assert.equal((await chain.rpc('sendrawtransactions', [])).error.code, -8);
  assert.equal((await chain.rpc('sendrawtransactions', [{ hex: '00' }])).error.code, -22);
  const third = await pay([{ tx: child, vout: 1 }]);
  const listed = (await chain.rpc('sendrawtransactions', [{ hex: third.toHex(), listunconfirmedancestors: true }]))
    .result;
  assert.deepEqual(
    listed.unconfirmed[0].ancestors.map(({ txid }) => txid),
    [parent.id('hex'), child.id('hex')],
  );
});

test('getrawtransaction, plain and verbose', async (t) => {
  const chain = await startChain(t);
  const tx = await chain.freshPayment();
  const txid = tx.id('hex');
  assert.equal((await chain.rpc('getrawtransaction', txid)).error.code, -5);
  assert.equal((await chain.rpc('getrawtransaction', 'zz')).error.code, -8);
  await chain.rpc('sendrawtransaction', tx.toHex());
  assert.equal((await chain.rpc('getrawtransaction', txid)).result, tx.toHex());
  const waiting = (await chain.rpc('getrawtransaction', txid, true)).result;
  assert.deepEqual(
    [waiting.blockhash, waiting.vout[0].scriptPubKey.type, waiting.vout[0].scriptPubKey.asm],
    [undefined, 'nulldata', '0 OP_RETURN 74657374'],
  );
  const {
    hashes: [hash],
    height,
  } = await chain.control('mine', {});
  const mined = (await chain.rpc('getrawtransaction', txid, 1)).result;
  assert.deepEqual([mined.blockhash, mined.blockheight, mined.confirmations, mined.hex], [hash, height, 1, tx.toHex()]);
});

test('without an index getrawtransaction finds a mined transaction only while a coin of it is left', async (t) => {
  const chain = await startChain(t);
  await chain.control('policy', { txindex: false });
  const tx = await chain.freshPayment();
  await chain.rpc('sendrawtransaction', tx.toHex());
  await chain.control('mine', {});
  assert.equal((await chain.rpc('getrawtransaction', tx.id('hex'))).result, tx.toHex());
  const next = await pay([{ tx, vout: 1 }]);
  await chain.rpc('sendrawtransaction', next.toHex());
  await chain.control('mine', {});
  const { error } = await chain.rpc('getrawtransaction', tx.id('hex'));
  assert.deepEqual([error.code, /^No such mempool transaction\. Use -txindex /.test(error.message)], [-5, true]);
  assert.equal((await chain.rpc('sendrawtransaction', tx.toHex())).error.code, -25);
});

test('amounts are decimals with exactly 8 places', async (t) => {
  const chain = await startChain(t);
  const { txid } = await chain.control('fund', { address: ADDRESS, satoshis: 100_000_010 });
  assert.match((await chain.rpc('gettxout', txid, 0)).text, /"value":1\.00000010,/);
  assert.match((await chain.rpc('getrawtransaction', txid, true)).text, /"value":1\.00000010,/);
  await chain.rpc('importaddress', ADDRESS);
  assert.match((await chain.rpc('listunspent')).text, /"amount":1\.00000010,/);
  assert.match((await chain.rpc('getnetworkinfo')).text, /"relayfee":0\.00000100,/);
});

test('gettxout knows what is spent where', async (t) => {
  const chain = await startChain(t);
  const [coin] = await chain.coins();
  const txid = coin.tx.id('hex');
  const { result } = await chain.rpc('gettxout', txid, 0);
  assert.deepEqual(
    [result.confirmations, result.coinbase, result.confiscation, result.scriptPubKey.addresses],
    [1, false, false, [ADDRESS]],
  );
  const tx = await pay([coin]);
  await chain.rpc('sendrawtransaction', tx.toHex());
  assert.equal((await chain.rpc('gettxout', txid, 0)).result, null);
  assert.equal((await chain.rpc('gettxout', txid, 0, false)).result.confirmations, 1);
  assert.equal((await chain.rpc('gettxout', tx.id('hex'), 1)).result.confirmations, 0);
  assert.equal((await chain.rpc('gettxout', tx.id('hex'), 1, false)).result, null);
  assert.equal((await chain.rpc('gettxout', 'ab'.repeat(32), 0)).result, null);
});

test('getmerkleproof2 in its forms, and its errors', async (t) => {
  const chain = await startChain(t);
  const tx = await chain.freshPayment();
  const txid = tx.id('hex');
  await chain.rpc('sendrawtransaction', tx.toHex());
  assert.equal((await chain.rpc('getmerkleproof2', '', txid)).error.code, -5);
  const {
    hashes: [hash],
  } = await chain.control('mine', {});
  const { header } = (await chain.facts(txid)).block;
  const plain = (await chain.rpc('getmerkleproof2', hash, txid)).result;
  assert.deepEqual(
    [plain.index, plain.txOrId, plain.target, plain.nodes.length, 'targetType' in plain],
    [1, txid, hash, 1, false],
  );
  const full = (await chain.rpc('getmerkleproof2', '', txid, true, 'header')).result;
  assert.deepEqual([full.txOrId, full.targetType, full.target], [tx.toHex(), 'header', header]);
  const root = (await chain.rpc('getmerkleproof2', '', txid, false, 'merkleroot')).result;
  assert.equal(root.target, Buffer.from(header.slice(72, 136), 'hex').reverse().toString('hex'));
  assert.equal((await chain.rpc('getmerkleproof2', 'ab'.repeat(32), txid)).error.code, -5);
  assert.equal((await chain.rpc('getmerkleproof2', '', txid, false, 'x')).error.code, -32602);
});

test('headers, hashes, counts and chain info agree', async (t) => {
  const chain = await startChain(t);
  const { result: count } = await chain.rpc('getblockcount');
  const { result: best } = await chain.rpc('getbestblockhash');
  assert.equal((await chain.rpc('getblockhash', count)).result, best);
  assert.equal((await chain.rpc('getblockhash', count + 1)).error.code, -8);
  const raw = (await chain.rpc('getblockheader', best, false)).result;
  const { result: verbose } = await chain.rpc('getblockheader', best);
  assert.equal(raw.length, 160);
  assert.deepEqual([verbose.height, verbose.confirmations, verbose.versionHex], [count, 1, '20000000']);
  assert.equal((await chain.rpc('getblockheader', 'ab'.repeat(32))).error.code, -5);
  const { result: info } = await chain.rpc('getblockchaininfo');
  assert.deepEqual(
    [info.chain, info.blocks, info.bestblockhash, 'initialblockdownload' in info],
    ['regtest', count, best, false],
  );
  assert.equal((await chain.rpc('getinfo')).result.blocks, count);
});

test('generate, generatetoaddress, importaddress, listunspent', async (t) => {
  const chain = await startChain(t);
  assert.equal((await chain.rpc('generate', 2)).result.length, 2);
  assert.equal((await chain.rpc('generatetoaddress', 1, 'nonsense')).error.code, -5);
  await chain.rpc('generatetoaddress', 1, OTHER_ADDRESS);
  assert.deepEqual((await chain.rpc('listunspent')).result, [], 'nothing is watched yet');
  assert.equal((await chain.rpc('importaddress', 'nonsense')).error.code, -5);
  await chain.rpc('importaddress', ADDRESS);
  await chain.rpc('importaddress', OTHER_ADDRESS);
  await chain.coins({ count: 2 });
  const { result } = await chain.rpc('listunspent', 1, 9999999, [ADDRESS]);
  assert.deepEqual(
    result.map(({ vout, address, confirmations, safe }) => [vout, address, confirmations, safe]),
    [
      [0, ADDRESS, 1, true],
      [1, ADDRESS, 1, true],
    ],
  );
  assert.deepEqual((await chain.rpc('listunspent', 1, 9999999, [OTHER_ADDRESS])).result, [], 'a coinbase is not ripe');
  await chain.control('fund', { address: ADDRESS, satoshis: 5000, mined: false });
  assert.equal((await chain.rpc('listunspent')).result.length, 2);
  assert.equal((await chain.rpc('listunspent', 0)).result.length, 3);
  assert.equal((await chain.rpc('listunspent', 0, 1, ['nonsense'])).error.code, -5);
});
