// Each rule of validation, seen through ARC (its 46x code) and through the node (its message).

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { BigNumber, Curve, Script, Transaction, TransactionSignature, UnlockingScript } from '@bsv/sdk';
import { ADDRESS, KEY, change, dataOutput, output, pay } from '../client.js';
import { startChain } from '../harness.js';

const FINAL = 0xffffffff;

/** Sends the same transaction to ARC and to the node; neither may take it in. */
async function verdicts(chain, hex) {
  const arc = await chain.request('POST', '/arc/v1/tx', { body: hex, headers: { 'Content-Type': 'text/plain' } });
  const rpc = await chain.rpc('sendrawtransaction', hex);
  assert.deepEqual((await chain.control('state')).mempool, []);
  return {
    arc: arc.status,
    txStatus: arc.json.txStatus,
    body: arc.json,
    rpc: rpc.error && `${rpc.error.code} ${rpc.error.message}`,
  };
}

async function refused(chain, tx, arc, rpc) {
  const verdict = await verdicts(chain, tx.toHex());
  assert.equal(verdict.arc, arc);
  assert.equal(verdict.body.status, arc);
  assert.equal(verdict.body.txid, tx.id('hex'));
  assert.equal(verdict.body.type, `https://bitcoin-sv.github.io/arc/#/errors?id=_${arc}`);
  if (rpc instanceof RegExp) assert.match(verdict.rpc, rpc);
  else assert.equal(verdict.rpc, rpc);
}

async function accepted(chain, tx) {
  const answer = await chain.post('/arc/v1/tx', { rawTx: tx.toHex() });
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.json.txStatus, 'SEEN_ON_NETWORK');
}

function unsigned(inputs, outputs) {
  return new Transaction(
    1,
    inputs.map((input) => ({ sequence: FINAL, unlockingScript: UnlockingScript.fromHex(''), ...input })),
    outputs,
    0,
  );
}

/** Signs input 0 by hand, so that the signature can be made wrong in one way only. */
function signByHand(tx, { scope = 0x41, highS = false, after = '' }) {
  const [input] = tx.inputs;
  const source = input.sourceTransaction.outputs[input.sourceOutputIndex];
  const preimage = TransactionSignature.format({
    sourceTXID: input.sourceTransaction.id('hex'),
    sourceOutputIndex: input.sourceOutputIndex,
    sourceSatoshis: source.satoshis,
    transactionVersion: tx.version,
    otherInputs: [],
    outputs: tx.outputs,
    inputIndex: 0,
    subscript: source.lockingScript,
    inputSequence: input.sequence,
    lockTime: tx.lockTime,
    scope,
  });
  const { r, s } = KEY.sign([...Buffer.from(sha256(preimage))]);
  const order = new Curve().n;
  const used = highS ? order.sub(s) : s;
  const signature = new TransactionSignature(r, new BigNumber(used.toString(16), 16), scope).toChecksigFormat();
  const pushes = new Script().writeBin(signature).writeBin(KEY.toPublicKey().encode(true)).toHex();
  input.unlockingScript = UnlockingScript.fromHex(pushes + after);
  return new Transaction(tx.version, tx.inputs, tx.outputs, tx.lockTime);
}

function sha256(bytes) {
  return createHash('sha256').update(Buffer.from(bytes)).digest();
}

test('a good transaction enters the mempool', async (t) => {
  const chain = await startChain(t);
  const tx = await chain.freshPayment();
  await accepted(chain, tx);
  assert.deepEqual((await chain.control('state')).mempool, [tx.id('hex')]);
});

test('no inputs, no outputs', async (t) => {
  const chain = await startChain(t);
  const [coin] = await chain.coins();
  await refused(chain, unsigned([], [change(1000), dataOutput('x'.repeat(30))]), 462, '-26 16: bad-txns-vin-empty');
  await refused(chain, await pay([coin], { outputs: [] }), 464, '-26 16: bad-txns-vout-empty');
});

test('too small, and of the 64 bytes that could pose as a Merkle node', async (t) => {
  const chain = await startChain(t);
  const [{ tx: source }] = await chain.coins();
  const input = { sourceTXID: source.id('hex'), sourceOutputIndex: 0 };
  const tiny = unsigned([input], [output('', 1)]);
  assert.equal(tiny.toHex().length / 2, 60);
  await refused(chain, tiny, 463, '-26 16: bad-txns-undersize');
  const node = unsigned([input], [output('51515151', 1)]);
  assert.equal(node.toHex().length / 2, 64);
  await refused(chain, node, 463, '-26 16: bad-txns-undersize');
});

test('coinbase-like inputs, and a coin twice', async (t) => {
  const chain = await startChain(t);
  const [coin] = await chain.coins();
  const nothing = {
    sourceTXID: '00'.repeat(32),
    sourceOutputIndex: FINAL,
    unlockingScript: UnlockingScript.fromHex('0101'),
  };
  await refused(chain, unsigned([nothing], [change(1000)]), 462, '-26 16: bad-tx-coinbase');
  const real = { sourceTXID: coin.tx.id('hex'), sourceOutputIndex: 0 };
  await refused(chain, unsigned([real, nothing], [change(1000)]), 462, '-26 16: bad-txns-prevout-null');
  await refused(chain, await pay([coin, coin]), 462, '-26 16: bad-txns-inputs-duplicate');
});

test('outputs: dust, a data output with money, P2SH, more than all the money', async (t) => {
  const chain = await startChain(t);
  const [coin] = await chain.coins();
  const withOutputs = (...outputs) => pay([coin], { outputs: [...outputs, change(90_000)] });
  await refused(chain, await withOutputs(change(0)), 464, '-26 64: dust');
  await refused(chain, await withOutputs(output('6a0474657374', 0)), 464, '-26 64: dust');
  await refused(chain, await withOutputs(dataOutput('x', 1)), 464, '-26 64: nonzero-false-return');
  await refused(chain, await withOutputs(output(`a914${'00'.repeat(20)}87`, 1)), 464, '-26 16: bad-txns-vout-p2sh');
  await refused(chain, await withOutputs(change(2_100_000_000_000_001)), 464, '-26 16: bad-txns-vout-toolarge');
});

test('parents that nobody knows', async (t) => {
  const chain = await startChain(t);
  const stranger = new Transaction(1, [], [change(50_000)], 0);
  await refused(chain, await pay([{ tx: stranger, vout: 0 }]), 460, '-25 Missing inputs');
  const [coin] = await chain.coins();
  const source = unsigned([{ sourceTXID: coin.tx.id('hex'), sourceOutputIndex: 99 }], [change(1000)]);
  await refused(chain, source, 460, '-25 Missing inputs');
});

test('fees: one satoshi less than asked is too little, and money cannot be made', async (t) => {
  const chain = await startChain(t);
  const [coin, other] = await chain.coins({ count: 2 });
  const size = (await pay([coin])).toHex().length / 2;
  const required = Math.ceil(size / 10);
  const cheap = await pay([coin], { fee: required - 2 });
  await refused(chain, cheap, 465, '-26 66: mempool min fee not met');
  await refused(chain, await pay([coin], { fee: -1 }), 465, '-26 16: bad-txns-in-belowout');
  await accepted(chain, await pay([coin], { fee: required }));
  await chain.control('mine', {});
  await chain.control('policy', { satoshisPerKb: 1 });
  await accepted(chain, await pay([other], { fee: 1 }));
});

test('signatures: of another key, of another amount, changed afterwards', async (t) => {
  const chain = await startChain(t);
  const [coin] = await chain.coins();
  const failed = /^-26 16: mandatory-script-verify-flag-failed \(input 0: .+\)$/;
  const stolen = await pay([coin], {
    edit: (tx) => {
      tx.outputs[1] = change(99_000);
    },
  });
  stolen.inputs[0].unlockingScript = (await pay([coin])).inputs[0].unlockingScript;
  await refused(chain, new Transaction(1, stolen.inputs, stolen.outputs, 0), 461, failed);

  const lie = new Transaction(
    coin.tx.version,
    coin.tx.inputs,
    [change(100_001), ...coin.tx.outputs.slice(1)],
    coin.tx.lockTime,
  );
  lie.id = () => coin.tx.id('hex');
  const tx = await pay([{ tx: lie, vout: 0 }]);
  tx.inputs[0].sourceTXID = coin.tx.id('hex');
  await refused(chain, tx, 461, failed);
});

test('version 1 keeps the rules against malleation, version 2 is free of them', async (t) => {
  const chain = await startChain(t);
  const coins = await chain.coins({ count: 8 });
  const prepare = (coin, version) => pay([coin], { version });

  const highS = await prepare(coins[0], 1);
  await refused(chain, signByHand(highS, { highS: true }), 461, /signature format is invalid/);
  await accepted(chain, signByHand(highS, {}));
  await chain.control('mine', {});
  const highSTwo = await prepare(coins[1], 2);
  await accepted(chain, signByHand(highSTwo, { highS: true }));
  await chain.control('mine', {});

  const notPush = await prepare(coins[2], 1);
  await refused(chain, signByHand(notPush, { after: '61' }), 463, '-26 64: scriptsig-not-pushonly');
  const notPushTwo = await prepare(coins[3], 2);
  await accepted(chain, signByHand(notPushTwo, { after: '61' }));
  await chain.control('mine', {});

  const unclean = await prepare(coins[4], 1);
  const { unlockingScript } = signByHand(unclean, {}).inputs[0];
  unclean.inputs[0].unlockingScript = UnlockingScript.fromHex(`51${unlockingScript.toHex()}`);
  await refused(chain, new Transaction(1, unclean.inputs, unclean.outputs, 0), 461, /clean stack/);
});

test('FORKID is mandatory, in either version', async (t) => {
  const chain = await startChain(t);
  const coins = await chain.coins({ count: 2 });
  for (const [index, version] of [1, 2].entries()) {
    const tx = await pay([coins[index]], { version });
    await refused(chain, signByHand(tx, { scope: 0x01 }), 461, /signature format is invalid/);
  }
});

test('any script the SDK can run is judged by it', async (t) => {
  const chain = await startChain(t);
  const { raw } = await chain.control('fund', { scriptHex: '935387', satoshis: 10_000 });
  const source = { sourceTXID: Transaction.fromHex(raw).id('hex'), sourceOutputIndex: 0 };
  const spendWith = (hex) => unsigned([{ ...source, unlockingScript: UnlockingScript.fromHex(hex) }], [change(9_000)]);
  await refused(chain, spendWith('5153'), 461, /mandatory-script-verify-flag-failed/);
  await accepted(chain, spendWith('5152'));
});

test('the Extended Format may not misdescribe a coin', async (t) => {
  const chain = await startChain(t);
  const tx = await chain.freshPayment();
  const honest = tx.toHexEF();
  const wrong = honest.replace('a0860100000000001976a914', 'a1860100000000001976a914');
  assert.notEqual(wrong, honest, '100000 satoshis became 100001');
  const answer = await chain.post('/arc/v1/tx', { rawTx: wrong });
  assert.equal(answer.status, 461);
  assert.match(answer.json.extraInfo, /misdescribes/);
  assert.equal((await chain.post('/arc/v1/tx', { rawTx: honest })).json.txStatus, 'SEEN_ON_NETWORK');
});

test('a coinbase needs 100 blocks; ARC leaves that to the network', async (t) => {
  const chain = await startChain(t);
  const {
    result: [hash],
  } = await chain.rpc('generatetoaddress', 1, ADDRESS);
  const { result: header } = await chain.rpc('getblockheader', hash);
  const coinbase = await coinbaseOf(chain, header.height);
  const tx = await pay([{ tx: coinbase, vout: 0 }]);
  const verdict = await verdicts(chain, tx.toHex());
  assert.deepEqual([verdict.arc, verdict.txStatus], [200, 'REJECTED']);
  assert.match(verdict.body.extraInfo, /^bad-txns-premature-spend-of-coinbase/);
  assert.equal(verdict.rpc, '-26 16: bad-txns-premature-spend-of-coinbase');
  await chain.control('mine', { blocks: 99 });
  assert.equal((await chain.rpc('sendrawtransaction', tx.toHex())).result, tx.id('hex'));
});

test('a lock time in the future waits, unless every input is final', async (t) => {
  const chain = await startChain(t);
  const [coin, other] = await chain.coins({ count: 2 });
  const { height } = await chain.control('state');
  const locked = await pay([coin], { lockTime: height + 2, sequence: 0 });
  assert.equal((await chain.rpc('sendrawtransaction', locked.toHex())).error.message, '64: bad-txns-nonfinal');
  const arcade = await chain.post('/arcade/tx', { rawTx: locked.toHex() });
  assert.deepEqual([arcade.status, arcade.json.status], [400, 476]);
  assert.equal((await chain.get(`/arcade/tx/${locked.id('hex')}`)).status, 404, 'Arcade keeps no verdict of it');
  await accepted(chain, await pay([other], { lockTime: height + 1000, sequence: FINAL }));
  await chain.control('mine', { blocks: 2 });
  await accepted(chain, locked);
});

/** The coinbase of a block, found through its only coin. */
async function coinbaseOf(chain, height) {
  const { json } = await chain.get(`/woc/v1/bsv/test/address/${ADDRESS}/unspent/all`);
  const { tx_hash: txid } = json.result.find((coin) => coin.height === height);
  return Transaction.fromHex((await chain.get(`/woc/v1/bsv/test/tx/${txid}/hex`)).text);
}
