// Everything a step can change: chain, registry, fee rate, watched scripts.
//
// A step is plain data with the name of its kind; the methods below are those kinds. They apply what
// network.js has decided, or what the journal says was decided, and judge nothing. `apply` answers
// the txids whose status may have changed.

import { Chain } from './chain.js';
import { bump } from './merkle.js';
import { genesisBlock } from './mining.js';
import { isLeftToNetwork, refusal } from './reasons.js';
import { Registry } from './registry.js';
import { parseTransaction } from './wire.js';

const STEPS = [
  'begin',
  'policy',
  'watch',
  'submit',
  'admit',
  'supplant',
  'forget',
  'block',
  'disconnect',
  'readmit',
  'purge',
  'subscribe',
];

export class State {
  chain = new Chain(genesisBlock());
  registry = new Registry();
  watched = new Map();
  blocksMade = 0;
  tag = null;
  feeRate = null;

  apply(step) {
    if (!STEPS.includes(step.step)) throw new Error(`no such step: ${step.step}`);
    return this[step.step](step) ?? [];
  }

  begin({ tag }) {
    this.tag = Buffer.from(tag, 'hex');
  }

  policy({ satoshisPerKb }) {
    this.feeRate = satoshisPerKb;
  }

  watch({ script }) {
    this.watched.set(script, Buffer.from(script, 'hex'));
  }

  /** A submission and what came of it. `raw` is there only at first sight. */
  submit({ raw, txid, api, bytes, at, outcome, fee, verdict }) {
    const record = raw ? this.registry.note(parse(raw), at) : this.registry.get(txid);
    this.registry.noteSubmission(record, { api, at, bytes, outcome, reason: verdict?.key ?? null });
    if (outcome !== 'forgotten' && remembers(api, verdict)) record.knownTo.add(api);
    if (outcome === 'accepted') this.#enter(record, fee, at);
    if (outcome === 'refused') this.#refuse(record, verdict);
    return [txid, ...(verdict?.competing ?? [])];
  }

  /** Somebody wants to be called about a transaction; `quiet` if the present status is no news to them. */
  subscribe({ txid, api, url, token, full, quiet }) {
    this.registry.get(txid).subscriptions.push({ txid, api, url, token, full, quiet });
    return [txid];
  }

  /** A transaction of the stand-in's own, or one forced in. */
  admit({ raw, fee, at }) {
    const record = this.registry.note(parse(raw), at);
    this.#enter(record, fee, at);
    return [record.tx.txid];
  }

  /** A rival takes the place of an unmined transaction. */
  supplant({ txid, raw, fee, at }) {
    const removed = this.chain.removeFromMempool(txid);
    return [...this.admit({ raw, fee, at }), ...this.#evict(removed)];
  }

  forget({ txid }) {
    return this.chain.removeFromMempool(txid);
  }

  block({ header, coinbase, txids, at }) {
    const txs = [parse(coinbase), ...txids.map((txid) => this.chain.entry(txid).tx)];
    const evicted = this.chain.connect(Buffer.from(header, 'hex'), txs, at);
    this.blocksMade++;
    return [...txids, ...this.#evict(evicted), ...txids.flatMap((txid) => this.#settle(txid))];
  }

  disconnect() {
    const { block, entries } = this.chain.disconnect();
    for (const [index, { tx }] of entries.entries()) {
      const orphan = {
        hash: block.hash,
        height: block.height,
        bump: bump(block.height, block.tree, index),
        at: block.time,
      };
      this.registry.get(tx.txid)?.orphanedFrom.push(orphan);
    }
    return block.txids;
  }

  /** A transaction that lost its block waits again. */
  readmit({ txid }) {
    const { tx, fee, firstSeen } = this.registry.get(txid);
    this.chain.addToMempool(tx, fee, firstSeen);
    return [txid];
  }

  purge() {
    return this.chain.purgeMempool();
  }

  #enter(record, fee, at) {
    record.fee = fee;
    record.refusal = null;
    this.chain.addToMempool(record.tx, fee, at);
  }

  #refuse(record, verdict) {
    record.refusal = verdict;
    for (const rival of verdict.competing) this.registry.noteConflict(record.tx.txid, rival);
  }

  /** Of transactions thrown out of the mempool, those whose coin was taken are in conflict. */
  #evict(txids) {
    for (const txid of txids) {
      const record = this.registry.get(txid);
      const spenders = record.tx.inputs.map((input) => this.chain.spender(input.txid, input.vout));
      const rivals = [...new Set(spenders)].filter((spender) => spender && spender !== txid);
      this.#refuse(record, rivals.length > 0 ? refusal('conflict', '', rivals) : refusal('missing-parent'));
    }
    return txids;
  }

  /** A mined transaction settles its conflicts: the others have lost. */
  #settle(txid) {
    const rivals = [...this.registry.get(txid).competing].filter((rival) => !this.chain.entry(rival));
    for (const rival of rivals) {
      this.registry.get(rival).refusal = { ...refusal('conflict', 'double spend attempted', [txid]), lost: true };
    }
    return rivals;
  }
}

/** ARC keeps nothing of what its own checks refuse; Arcade keeps all but what is only not final yet. */
function remembers(api, verdict) {
  if (!verdict) return true;
  if (api === 'arc') return isLeftToNetwork(verdict);
  return verdict.key !== 'not-final';
}

function parse(text) {
  return parseTransaction(Buffer.from(text, 'hex'));
}
