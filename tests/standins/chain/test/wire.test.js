// The reader of transactions: what it takes apart, and what it refuses to guess at.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Transaction } from '@bsv/sdk';
import { MalformedBytes } from '../bytes.js';
import { BeefNotSupported, parseTransaction, parseTransactions } from '../wire.js';
import { change, dataOutput, pay } from '../client.js';

const SOURCE = new Transaction(1, [], [change(5000), change(7000)], 0);

async function payment() {
  return pay(
    [
      { tx: SOURCE, vout: 0 },
      { tx: SOURCE, vout: 1 },
    ],
    { data: 'hello' },
  );
}

function bytes(hex) {
  return Buffer.from(hex, 'hex');
}

test('a plain transaction reads back as the SDK wrote it', async () => {
  const tx = await payment();
  const parsed = parseTransaction(bytes(tx.toHex()));
  assert.equal(parsed.txid, tx.id('hex'));
  assert.equal(parsed.raw.toString('hex'), tx.toHex());
  assert.equal(parsed.extended, false);
  assert.deepEqual(
    parsed.inputs.map(({ txid, vout }) => [txid, vout]),
    [
      [SOURCE.id('hex'), 0],
      [SOURCE.id('hex'), 1],
    ],
  );
  assert.equal(parsed.outputs[0].script.toString('hex'), dataOutput('hello').lockingScript.toHex());
});

test('the Extended Format gives the same transaction, and what it claims of the coins', async () => {
  const tx = await payment();
  const parsed = parseTransaction(bytes(tx.toHexEF()));
  assert.equal(parsed.txid, tx.id('hex'));
  assert.equal(parsed.raw.toString('hex'), tx.toHex());
  assert.equal(parsed.extended, true);
  assert.deepEqual(
    parsed.inputs.map(({ claimed }) => claimed.satoshis),
    [5000, 7000],
  );
});

test('transactions laid end to end are told apart, in both formats', async () => {
  const tx = await payment();
  const parsed = parseTransactions(bytes(tx.toHex() + tx.toHexEF() + tx.toHex()));
  assert.deepEqual(
    parsed.map(({ extended }) => extended),
    [false, true, false],
  );
});

test('every truncation is refused', async () => {
  const whole = bytes((await payment()).toHex());
  for (let length = 0; length < whole.length; length++) {
    assert.throws(() => parseTransaction(whole.subarray(0, length)), MalformedBytes, `${length} bytes`);
  }
});

test('bytes after the transaction are refused', async () => {
  const tx = await payment();
  assert.throws(() => parseTransaction(bytes(`${tx.toHex()}00`)), MalformedBytes);
});

test('a length that is not in its shortest form is refused', async () => {
  const hex = (await payment()).toHex();
  const padded = `${hex.slice(0, 8)}fd0200${hex.slice(10)}`;
  assert.equal(hex.slice(8, 10), '02');
  assert.throws(() => parseTransaction(bytes(padded)), /shortest form/);
});

test('a count that no data can back is refused at once', () => {
  assert.throws(() => parseTransaction(bytes('01000000ffffffffffffffff7f')), MalformedBytes);
  assert.throws(() => parseTransaction(bytes('01000000feffffffff')), MalformedBytes);
});

test('BEEF is refused by name', () => {
  for (const prefix of ['0100beef', '0200beef', '01010101']) {
    assert.throws(() => parseTransaction(bytes(`${prefix}00`)), BeefNotSupported);
  }
});
