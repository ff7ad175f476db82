// The state of the chain: blocks, live transactions, coins and the mempool.
//
// A transaction is live while it is in the mempool or in a block of the active chain; only live
// transactions have an entry. This class applies changes and never judges them: validate.js decides
// what may enter, network.js in which order. Blocks of abandoned branches stay known by their hash.
//
//   entry  { tx, fee, block, position, seenAt }   block is null while in the mempool
//   block  { hash, height, header, time, txids, tree, size }

import { blockHash, WORK_PER_BLOCK } from './mining.js';
import { merkleTree } from './merkle.js';
import { isCoinbase, outpoint } from './wire.js';

const MEDIAN_SPAN = 11;
const TIME_OFFSET = 68;
const HEADER_SIZE = 80;

export class Chain {
  #entries = new Map();
  #spenders = new Map();
  #coinsByScript = new Map();
  #blocks = new Map();
  #active = [];
  #mempool = new Set();

  /** Starts with the genesis block, whose coinbase nobody can ever spend. */
  constructor({ header, coinbase }) {
    this.#activate(this.#makeBlock(header, [coinbase]));
  }

  get height() {
    return this.#active.length - 1;
  }

  get tip() {
    return this.#active.at(-1);
  }

  get chainwork() {
    return WORK_PER_BLOCK * BigInt(this.#active.length);
  }

  /** The txids of the mempool, parents before children. */
  get mempool() {
    return this.inOrder([...this.#mempool]);
  }

  entry(txid) {
    return this.#entries.get(txid);
  }

  blockAt(height) {
    return this.#active[height];
  }

  blockByHash(hash) {
    return this.#blocks.get(hash);
  }

  isActive(block) {
    return this.#active[block.height] === block;
  }

  confirmations(block) {
    return this.isActive(block) ? this.height - block.height + 1 : 0;
  }

  /** Output of a live transaction, spent or not. */
  output(txid, vout) {
    return this.#entries.get(txid)?.tx.outputs[vout];
  }

  /** The live transaction that spends an outpoint. */
  spender(txid, vout) {
    return this.#spenders.get(outpoint(txid, vout));
  }

  /** Every coin of a script that no block has spent: { txid, vout, satoshis, height, spentInMempool }. */
  coins(script) {
    const coins = this.#coinsByScript.get(script.toString('hex')) ?? new Map();
    return [...coins.values()].map(({ txid, vout }) => this.#describeCoin(txid, vout));
  }

  medianTimePast(block = this.tip) {
    const first = Math.max(0, block.height - MEDIAN_SPAN + 1);
    const times = this.#active.slice(first, block.height + 1).map((each) => each.time);
    return times.sort((a, b) => a - b)[Math.floor(times.length / 2)];
  }

  addToMempool(tx, fee, seenAt) {
    this.#addEntry({ tx, fee, block: null, position: null, seenAt });
    this.#mempool.add(tx.txid);
  }

  /** Removes a transaction and all that spends it; answers the txids, parents first. */
  removeFromMempool(txid) {
    if (!this.#mempool.has(txid)) return [];
    const family = this.#descendants(txid);
    for (const member of [...family].reverse()) {
      this.#mempool.delete(member);
      this.#removeEntry(member);
    }
    return family;
  }

  /**
   * Puts a block on the tip. `txs` starts with the coinbase. Answers the txids that left the mempool
   * because a transaction of the block spends the same coin.
   */
  connect(header, txs, seenAt) {
    const evicted = txs.flatMap((tx) => this.#evictRivals(tx));
    const block = this.#makeBlock(header, txs);
    for (const [position, tx] of txs.entries()) this.#confirm(tx, block, position, seenAt);
    this.#activate(block);
    return evicted;
  }

  /** Takes the tip off. Its transactions are no longer live; its coins are as they were before. */
  disconnect() {
    const block = this.#active.pop();
    const txs = block.txids.map((txid) => this.#entries.get(txid));
    for (const { tx } of [...txs].reverse()) {
      this.#removeEntry(tx.txid);
      for (const input of spends(tx)) this.#indexCoin(input.txid, input.vout);
    }
    return { block, entries: txs };
  }

  /** Drops what can no longer be mined: transactions whose parents are not live any more. */
  purgeMempool() {
    const orphans = this.mempool.filter((txid) => {
      const entry = this.#entries.get(txid);
      return entry && entry.tx.inputs.some((input) => !this.#entries.has(input.txid));
    });
    return orphans.flatMap((txid) => this.removeFromMempool(txid));
  }

  /** Orders transactions so that parents come before children, else as given. */
  inOrder(txids) {
    const wanted = new Set(txids);
    const ordered = new Set();
    const visit = (txid) => {
      if (!wanted.has(txid) || ordered.has(txid)) return;
      for (const input of this.#entries.get(txid).tx.inputs) visit(input.txid);
      ordered.add(txid);
    };
    txids.forEach(visit);
    return [...ordered];
  }

  /** A transaction of the mempool with all its unmined ancestors, in order. */
  withAncestors(txid) {
    const family = new Set();
    const visit = (each) => {
      if (!this.#mempool.has(each) || family.has(each)) return;
      for (const input of this.#entries.get(each).tx.inputs) visit(input.txid);
      family.add(each);
    };
    visit(txid);
    return [...family];
  }

  #makeBlock(header, txs) {
    const txids = txs.map((tx) => tx.txid);
    const size = HEADER_SIZE + 1 + txs.reduce((total, tx) => total + tx.raw.length, 0);
    const time = header.readUInt32LE(TIME_OFFSET);
    return { hash: blockHash(header), height: this.#active.length, header, time, txids, tree: merkleTree(txids), size };
  }

  #activate(block) {
    this.#active.push(block);
    this.#blocks.set(block.hash, block);
  }

  #confirm(tx, block, position, seenAt) {
    const waiting = this.#entries.get(tx.txid);
    this.#mempool.delete(tx.txid);
    if (waiting) Object.assign(waiting, { block, position });
    else this.#addEntry({ tx, fee: 0, block, position, seenAt });
    for (const input of spends(tx)) this.#unindexCoin(input.txid, input.vout);
  }

  #evictRivals(tx) {
    const rivals = spends(tx).map((input) => this.spender(input.txid, input.vout));
    return [...new Set(rivals)]
      .filter((txid) => txid && txid !== tx.txid)
      .flatMap((txid) => this.removeFromMempool(txid));
  }

  #addEntry(entry) {
    const { tx } = entry;
    this.#entries.set(tx.txid, entry);
    for (const input of spends(tx)) this.#spenders.set(outpoint(input.txid, input.vout), tx.txid);
    for (const vout of tx.outputs.keys()) this.#indexCoin(tx.txid, vout);
  }

  #removeEntry(txid) {
    const { tx } = this.#entries.get(txid);
    for (const vout of tx.outputs.keys()) this.#unindexCoin(txid, vout);
    for (const input of spends(tx)) this.#spenders.delete(outpoint(input.txid, input.vout));
    this.#entries.delete(txid);
  }

  #indexCoin(txid, vout) {
    const output = this.output(txid, vout);
    if (!output) return;
    const key = output.script.toString('hex');
    if (!this.#coinsByScript.has(key)) this.#coinsByScript.set(key, new Map());
    this.#coinsByScript.get(key).set(outpoint(txid, vout), { txid, vout });
  }

  #unindexCoin(txid, vout) {
    const output = this.output(txid, vout);
    if (!output) return;
    const key = output.script.toString('hex');
    const coins = this.#coinsByScript.get(key);
    coins?.delete(outpoint(txid, vout));
    if (coins?.size === 0) this.#coinsByScript.delete(key);
  }

  #describeCoin(txid, vout) {
    const { tx, block, position } = this.#entries.get(txid);
    const { satoshis, script } = tx.outputs[vout];
    const height = block ? block.height : null;
    return {
      txid,
      vout,
      satoshis,
      script,
      height,
      coinbase: position === 0,
      spentInMempool: Boolean(this.spender(txid, vout)),
    };
  }

  #descendants(txid) {
    const family = new Set([txid]);
    for (const member of family) {
      const { tx } = this.#entries.get(member);
      for (const vout of tx.outputs.keys()) {
        const child = this.spender(member, vout);
        if (child) family.add(child);
      }
    }
    return this.inOrder([...family]);
  }
}

/** The inputs that spend a coin: all, but for a coinbase none. */
function spends(tx) {
  return isCoinbase(tx) ? [] : tx.inputs;
}
