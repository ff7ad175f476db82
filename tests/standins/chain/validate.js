// The rules a transaction must pass to enter the mempool.
//
// They are today's main-network rules (after the Genesis and Chronicle upgrades), at every height.
// Three are stricter than a node's and follow ARC or good sense: a data output carries nothing, a
// transaction of 64 bytes (which could pose as a Merkle node) and one below 61 bytes are refused.
//
// `check` returns null or a refusal. It reads the chain and changes nothing. The order is the one in
// which ARC checks: form, parents, fee, scripts; then what only the network can know.

import { LockingScript, Spend, UnlockingScript } from '@bsv/sdk';
import { isCoinbase, isNullInput, outpoint } from './wire.js';
import { isDataOutput, isP2sh } from './scripts.js';
import { refusal } from './reasons.js';

const MAX_MONEY = 21_000_000 * 100_000_000;
export const COINBASE_MATURITY = 100;
export const MAX_TX_SIZE = 10_000_000;

const MIN_TX_SIZE = 61;
const ABSURD_FEE = 10_000_000;
const FINAL_SEQUENCE = 0xffffffff;
const LOCKTIME_IS_TIME = 500_000_000;

const ALWAYS = ['SIGHASH_FORKID', 'STRICTENC', 'GENESIS', 'UTXO_AFTER_GENESIS', 'UTXO_AFTER_CHRONICLE'];
const VERSION_ONE_ONLY = ['LOW_S', 'NULLFAIL', 'NULLDUMMY', 'MINIMALDATA', 'MINIMALIF', 'SIGPUSHONLY', 'CLEANSTACK'];

/**
 * @param {object} tx a parsed transaction
 * @param {import('./chain.js').Chain} chain
 * @param {object} policy { satoshisPerKb, skipFees, refuseAbsurdFee }
 */
export function check(tx, chain, policy) {
  return (
    checkForm(tx) ??
    checkParents(tx, chain) ??
    checkExtension(tx, chain) ??
    checkValue(tx, chain, policy) ??
    checkScripts(tx, chain) ??
    checkSpends(tx, chain) ??
    checkMaturity(tx, chain) ??
    checkFinality(tx, chain)
  );
}

/** What a transaction must pay: the rate is per 1000 bytes, and a started satoshi counts. */
export function requiredFee(size, satoshisPerKb) {
  return Math.ceil((size * satoshisPerKb) / 1000);
}

/** The fee a transaction pays, given that its parents are known. */
export function feeOf(tx, chain) {
  const input = sum(tx.inputs.map((each) => chain.output(each.txid, each.vout).satoshis));
  return input - sum(tx.outputs.map((each) => each.satoshis));
}

function checkForm(tx) {
  return checkLists(tx) ?? checkSize(tx) ?? checkInputs(tx) ?? checkOutputs(tx);
}

function checkLists(tx) {
  if (tx.inputs.length === 0) return refusal('no-inputs');
  if (tx.outputs.length === 0) return refusal('no-outputs');
  return null;
}

function checkSize(tx) {
  const size = tx.raw.length;
  if (size > MAX_TX_SIZE) return refusal('too-large', `${size} bytes`);
  if (size < MIN_TX_SIZE) return refusal('too-small', `${size} bytes`);
  return size === 64 ? refusal('sixty-four-bytes') : null;
}

function checkInputs(tx) {
  if (isCoinbase(tx)) return refusal('coinbase');
  if (tx.inputs.some(isNullInput)) return refusal('null-input');
  const spent = new Set(tx.inputs.map((input) => outpoint(input.txid, input.vout)));
  if (spent.size < tx.inputs.length) return refusal('duplicate-input');
  const loose = tx.inputs.findIndex((input) => tx.version <= 1 && !unlocking(input).isPushOnly());
  return loose >= 0 ? refusal('not-push-only', `input ${loose}`) : null;
}

function checkOutputs(tx) {
  if (sum(tx.outputs.map((output) => output.satoshis)) > MAX_MONEY) return refusal('output-value');
  for (const [index, { satoshis, script }] of tx.outputs.entries()) {
    const isData = isDataOutput(script);
    if (isData && satoshis !== 0) return refusal('data-value', `output ${index}`);
    if (!isData && satoshis < 1) return refusal('dust', `output ${index}`);
    if (isP2sh(script)) return refusal('p2sh-output', `output ${index}`);
  }
  return null;
}

function checkParents(tx, chain) {
  const orphan = tx.inputs.find((input) => !chain.output(input.txid, input.vout));
  return orphan ? refusal('missing-parent', outpoint(orphan.txid, orphan.vout)) : null;
}

/** The sender of an extended transaction describes the outputs it spends; it may not misdescribe them. */
function checkExtension(tx, chain) {
  const wrong = tx.inputs.findIndex((input) => {
    if (!input.claimed) return false;
    const real = chain.output(input.txid, input.vout);
    return input.claimed.satoshis !== real.satoshis || !input.claimed.script.equals(real.script);
  });
  return wrong >= 0 ? refusal('wrong-extension', `input ${wrong} misdescribes the output it spends`) : null;
}

function checkValue(tx, chain, policy) {
  const fee = feeOf(tx, chain);
  if (fee < 0) return refusal('value-created', `${-fee} satoshis more out than in`);
  const required = requiredFee(tx.raw.length, policy.satoshisPerKb);
  if (!policy.skipFees && fee < required) {
    return refusal('fee-too-low', `minimum expected fee: ${required}, actual fee: ${fee}`);
  }
  return policy.refuseAbsurdFee && fee > ABSURD_FEE ? refusal('absurd-fee', `${fee} > ${ABSURD_FEE}`) : null;
}

/** Runs every unlocking script against the output it spends, in the SDK's interpreter. */
function checkScripts(tx, chain) {
  const forSdk = sdkView(tx);
  for (const index of tx.inputs.keys()) {
    const failure = runScript(tx, index, chain, forSdk);
    if (failure) return refusal('script', `input ${index}: ${failure}`);
  }
  return null;
}

function sdkView(tx) {
  return {
    inputs: tx.inputs.map((input) => ({
      sourceTXID: input.txid,
      sourceOutputIndex: input.vout,
      sequence: input.sequence,
    })),
    outputs: tx.outputs.map(({ satoshis, script }) => ({
      satoshis,
      lockingScript: LockingScript.fromHex(script.toString('hex')),
    })),
  };
}

function runScript(tx, index, chain, { inputs, outputs }) {
  const input = tx.inputs[index];
  const source = chain.output(input.txid, input.vout);
  const spend = new Spend({
    sourceTXID: input.txid,
    sourceOutputIndex: input.vout,
    sourceSatoshis: source.satoshis,
    lockingScript: LockingScript.fromHex(source.script.toString('hex')),
    unlockingScript: unlocking(input),
    transactionVersion: tx.version,
    otherInputs: inputs.filter((_, other) => other !== index),
    inputIndex: index,
    inputSequence: input.sequence,
    outputs,
    lockTime: tx.lockTime,
    verifyFlags: tx.version > 1 ? ALWAYS : [...ALWAYS, ...VERSION_ONE_ONLY],
  });
  try {
    return spend.validate() ? null : 'Script evaluated without error but finished with a false/empty top stack element';
  } catch (error) {
    return firstSentence(error.message);
  }
}

/** The SDK appends its whole machine state to a message. */
function firstSentence(message) {
  const line = message.split('\n')[0];
  const match = /^Script evaluation error: (.*)$/.exec(line);
  return match ? match[1] : line;
}

function unlocking(input) {
  return UnlockingScript.fromHex(input.script.toString('hex'));
}

/** First seen wins. Against the mempool this is a conflict; against a block the coin is simply gone. */
function checkSpends(tx, chain) {
  const spenders = tx.inputs.map((input) => chain.spender(input.txid, input.vout)).filter(Boolean);
  const rivals = [...new Set(spenders)].filter((txid) => txid !== tx.txid);
  if (rivals.length === 0) return null;
  const mined = rivals.some((txid) => chain.entry(txid).block);
  return refusal(mined ? 'spent' : 'conflict', '', rivals);
}

function checkMaturity(tx, chain) {
  for (const { txid } of tx.inputs) {
    const parent = chain.entry(txid);
    if (!isCoinbase(parent.tx)) continue;
    const depth = chain.height + 1 - parent.block.height;
    if (depth < COINBASE_MATURITY) return refusal('immature-coinbase', `tried to spend coinbase at depth ${depth}`);
  }
  return null;
}

function checkFinality(tx, chain) {
  if (tx.lockTime === 0 || tx.inputs.every((input) => input.sequence === FINAL_SEQUENCE)) return null;
  const now = tx.lockTime < LOCKTIME_IS_TIME ? chain.height + 1 : chain.medianTimePast();
  return tx.lockTime < now ? null : refusal('not-final', `lock time ${tx.lockTime}, now ${now}`);
}

function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}
