// Blocks and transactions as nodes and WhatsOnChain print them.

import { describeScript, asm } from './scripts.js';
import { BITS } from './mining.js';
import { isCoinbase } from './wire.js';

/** Difficulty of the regtest target, as nodes compute it. */
export const DIFFICULTY = 4.656542373906925e-10;

const SATOSHIS = 100_000_000;

/** An amount of satoshis that prints as a decimal number of BSV with 8 places. */
export class Amount {
  constructor(satoshis) {
    this.satoshis = satoshis;
  }

  toString() {
    const whole = Math.floor(this.satoshis / SATOSHIS);
    return `${whole}.${String(this.satoshis % SATOSHIS).padStart(8, '0')}`;
  }

  /** For plain JSON, where a number is all there is. */
  toJSON() {
    return Number(this.toString());
  }
}

/** JSON with amounts printed exactly. */
export function exactJson(value) {
  if (value instanceof Amount) return value.toString();
  if (Array.isArray(value)) return `[${value.map((each) => exactJson(each ?? null)).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${exactJson(member)}`).join(',')}}`;
}

export function describeHeader(chain, block) {
  const next = chain.isActive(block) ? chain.blockAt(block.height + 1) : undefined;
  return {
    hash: block.hash,
    confirmations: chain.isActive(block) ? chain.confirmations(block) : -1,
    size: block.size,
    height: block.height,
    version: block.header.readInt32LE(0),
    versionHex: block.header.readUInt32LE(0).toString(16).padStart(8, '0'),
    merkleroot: Buffer.from(block.header.subarray(36, 68)).reverse().toString('hex'),
    num_tx: block.txids.length,
    time: block.time,
    mediantime: chain.medianTimePast(block),
    nonce: block.header.readUInt32LE(76),
    bits: BITS.toString(16),
    difficulty: DIFFICULTY,
    chainwork: chainwork(BigInt(block.height + 1) * 2n),
    previousblockhash:
      block.height > 0 ? Buffer.from(block.header.subarray(4, 36)).reverse().toString('hex') : undefined,
    nextblockhash: next?.hash,
  };
}

/** A transaction as `getrawtransaction` with verbose prints it; without block facts while unmined. */
export function describeTransaction(chain, { tx, block }) {
  return {
    txid: tx.txid,
    hash: tx.txid,
    version: tx.version,
    size: tx.raw.length,
    locktime: tx.lockTime,
    vin: tx.inputs.map((input) => describeInput(tx, input)),
    vout: tx.outputs.map(({ satoshis, script }, n) => ({
      value: new Amount(satoshis),
      n,
      scriptPubKey: describeScript(script),
    })),
    ...(block ? blockFacts(chain, block) : {}),
    hex: tx.raw.toString('hex'),
  };
}

export function describeChain(chain, name) {
  return {
    chain: name,
    blocks: chain.height,
    headers: chain.height,
    bestblockhash: chain.tip.hash,
    difficulty: DIFFICULTY,
    mediantime: chain.medianTimePast(),
    verificationprogress: 1,
    chainwork: chainwork(chain.chainwork),
    pruned: false,
  };
}

function blockFacts(chain, block) {
  return {
    blockhash: block.hash,
    confirmations: chain.confirmations(block),
    time: block.time,
    blocktime: block.time,
    blockheight: block.height,
  };
}

function describeInput(tx, { txid, vout, script, sequence }) {
  if (isCoinbase(tx)) return { coinbase: script.toString('hex'), sequence };
  return { txid, vout, scriptSig: { asm: asm(script), hex: script.toString('hex') }, sequence };
}

function chainwork(work) {
  return work.toString(16).padStart(64, '0');
}
