// The stand-in's own money: it mines to one fixed key, pays what tests ask for and makes filler.
//
// Everything here is synchronous, so that two requests cannot pick the same coin. The key is no
// secret: this money is worth nothing.

import { LockingScript, P2PKH, PrivateKey, TransactionSignature } from '@bsv/sdk';
import { sha256 } from './bytes.js';
import { makeTransaction } from './wire.js';
import { COINBASE_MATURITY, requiredFee } from './validate.js';

const KEY = PrivateKey.fromHex(sha256(Buffer.from('eldersafe chain stand-in')).toString('hex'));
const SIGHASH = TransactionSignature.SIGHASH_ALL | TransactionSignature.SIGHASH_FORKID;
const INPUT_SIZE = 149;
const OUTPUT_SIZE = 34;
const FRAME_SIZE = 20;

/** Every block and all change is paid to this script. */
export const OWN_SCRIPT = Buffer.from(new P2PKH().lock(KEY.toPublicKey().toHash()).toBinary());

export class NotEnoughMoney extends Error {}

/** A signed transaction that pays `outputs` and returns the change. */
export function pay(chain, satoshisPerKb, outputs) {
  const target = total(outputs);
  const picked = [];
  for (const coin of spendable(chain)) {
    picked.push(coin);
    const fee = requiredFee(sizeOf(picked, outputs), satoshisPerKb);
    const change = total(picked) - target - fee;
    if (change >= 1) return sign(picked, [...outputs, { satoshis: change, script: OWN_SCRIPT }]);
  }
  throw new NotEnoughMoney(`the stand-in cannot pay ${target} satoshis: mine more blocks`);
}

/**
 * A transaction that spends the first coin of `tx` to the stand-in. Nobody but the owner can sign
 * it, so its unlocking script is empty and it enters the mempool by force; to all who follow headers
 * and Merkle proofs only, it is as good as any.
 */
export function rivalOf(tx, chain, satoshisPerKb) {
  const { txid, vout } = tx.inputs[0];
  const { satoshis } = chain.output(txid, vout);
  const fee = requiredFee(FRAME_SIZE + INPUT_SIZE + OUTPUT_SIZE, satoshisPerKb);
  return makeTransaction({
    inputs: [{ txid, vout, script: Buffer.alloc(0), sequence: 0xffffffff }],
    outputs: [{ satoshis: Math.max(1, satoshis - fee), script: OWN_SCRIPT }],
  });
}

/** Mature unspent coins, mined ones first: a chain of unmined change is the last resort. */
function spendable(chain) {
  const usable = chain.coins(OWN_SCRIPT).filter((coin) => !coin.spentInMempool && isMature(coin, chain));
  return usable.sort((a, b) => rank(a) - rank(b));
}

function rank(coin) {
  return coin.height ?? Number.MAX_SAFE_INTEGER;
}

function isMature(coin, chain) {
  return !coin.coinbase || chain.height + 1 - coin.height >= COINBASE_MATURITY;
}

function sizeOf(coins, outputs) {
  const scripts = outputs.reduce((size, { script }) => size + script.length + 9, 0);
  return FRAME_SIZE + coins.length * INPUT_SIZE + scripts + OUTPUT_SIZE;
}

function sign(coins, outputs) {
  const inputs = coins.map((_, index) => unlock(coins, outputs, index));
  return makeTransaction({ inputs, outputs });
}

function unlock(coins, outputs, index) {
  const { txid, vout, satoshis, script } = coins[index];
  const preimage = TransactionSignature.format({
    sourceTXID: txid,
    sourceOutputIndex: vout,
    sourceSatoshis: satoshis,
    transactionVersion: 1,
    otherInputs: coins.filter((_, other) => other !== index).map(sdkInput),
    outputs: outputs.map((output) => ({ satoshis: output.satoshis, lockingScript: locking(output.script) })),
    inputIndex: index,
    subscript: locking(script),
    inputSequence: 0xffffffff,
    lockTime: 0,
    scope: SIGHASH,
  });
  const { r, s } = KEY.sign([...sha256(Buffer.from(preimage))]);
  const signature = new TransactionSignature(r, s, SIGHASH).toChecksigFormat();
  return { txid, vout, script: pushes(signature, KEY.toPublicKey().encode(true)), sequence: 0xffffffff };
}

function sdkInput({ txid, vout }) {
  return { sourceTXID: txid, sourceOutputIndex: vout, sequence: 0xffffffff };
}

function locking(script) {
  return LockingScript.fromHex(script.toString('hex'));
}

function pushes(...items) {
  return Buffer.concat(items.flatMap((item) => [Buffer.from([item.length]), Buffer.from(item)]));
}

function total(items) {
  return items.reduce((sum, { satoshis }) => sum + satoshis, 0);
}
