// Making blocks: the coinbase, the header and its proof of work.
//
// Difficulty is regtest's (bits 207fffff): every second hash is good enough. Blocks start from the
// known regtest genesis block, halve the subsidy every 150 blocks as regtest does, and carry the
// height in the coinbase as BIP 34 asks.

import { hash256, toDisplay } from './bytes.js';
import { header, merkleRoot, merkleTree } from './merkle.js';
import { makeTransaction, parseTransaction } from './wire.js';

export const BITS = 0x207fffff;
export const WORK_PER_BLOCK = 2n;

const BLOCK_VERSION = 0x20000000;
const SUBSIDY = 5_000_000_000;
const HALVING_INTERVAL = 150;
const NONCE_OFFSET = 76;
const COINBASE_TEXT = Buffer.from('/eldersafe chain stand-in/');

const GENESIS_COINBASE =
  '01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff4d' +
  '04ffff001d0104455468652054696d65732030332f4a616e2f32303039204368616e63656c6c6f72206f6e2062' +
  '72696e6b206f66207365636f6e64206261696c6f757420666f722062616e6b73ffffffff0100f2052a01000000' +
  '434104678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb649f6bc3f4cef38c4f355' +
  '04e51ec112de5c384df7ba0b8d578a4c702b6bf11d5fac00000000';

/** The regtest genesis block: { header, coinbase }. */
export function genesisBlock() {
  const coinbase = parseTransaction(Buffer.from(GENESIS_COINBASE, 'hex'));
  const root = merkleRoot(merkleTree([coinbase.txid]));
  const prev = '00'.repeat(32);
  return { coinbase, header: header({ version: 1, prev, root, time: 1296688602, bits: BITS, nonce: 2 }) };
}

/**
 * Mines a block on top of `prev` out of the given transactions, which must be in a valid order.
 * `tag` makes the coinbase differ between two blocks of one height and between two instances.
 */
export function mineBlock({ prev, height, time, txs, fees, script, tag }) {
  const coinbase = makeCoinbase({ height, fees, script, tag });
  const root = merkleRoot(merkleTree([coinbase.txid, ...txs.map((tx) => tx.txid)]));
  const candidate = header({ version: BLOCK_VERSION, prev, root, time, bits: BITS, nonce: 0 });
  return { coinbase, header: solve(candidate) };
}

export function blockHash(headerBytes) {
  return toDisplay(hash256(headerBytes));
}

/** Whether a header's hash is below its target. At these bits the target is 7fffff followed by zeros. */
export function hasProofOfWork(headerBytes) {
  return BigInt(`0x${blockHash(headerBytes)}`) <= target(headerBytes.readUInt32LE(72));
}

export function subsidy(height) {
  return Math.floor(SUBSIDY / 2 ** Math.floor(height / HALVING_INTERVAL));
}

function target(bits) {
  return BigInt(bits & 0x7fffff) << BigInt(8 * ((bits >>> 24) - 3));
}

function solve(candidate) {
  for (let nonce = 0; ; nonce++) {
    candidate.writeUInt32LE(nonce, NONCE_OFFSET);
    if (hasProofOfWork(candidate)) return candidate;
  }
}

function makeCoinbase({ height, fees, script, tag }) {
  const unlocking = Buffer.concat([heightPush(height), push(tag), push(COINBASE_TEXT)]);
  return makeTransaction({
    inputs: [{ txid: '00'.repeat(32), vout: 0xffffffff, script: unlocking, sequence: 0xffffffff }],
    outputs: [{ satoshis: subsidy(height) + fees, script }],
  });
}

/** BIP 34: the height as a minimally pushed script number. */
function heightPush(height) {
  if (height <= 16) return Buffer.from([0x50 + height]);
  const bytes = [];
  for (let left = height; left > 0; left = Math.floor(left / 256)) bytes.push(left % 256);
  if (bytes.at(-1) & 0x80) bytes.push(0);
  return push(Buffer.from(bytes));
}

function push(bytes) {
  return Buffer.concat([Buffer.from([bytes.length]), bytes]);
}
