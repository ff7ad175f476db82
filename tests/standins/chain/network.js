// The network: what happens to a submitted transaction, and how blocks come about.
//
// Each public method that changes something runs to its end without waiting, so methods never
// interleave. It decides, applies its decision in small steps (state.js), and all steps of a method
// are written as one line of the journal; replaying the lines rebuilds the same state. `onChange`
// then hears which transactions were touched.

import { randomBytes } from 'node:crypto';
import { mineBlock } from './mining.js';
import { Overlay } from './overlay.js';
import { refusal } from './reasons.js';
import { State } from './state.js';
import { check, feeOf } from './validate.js';
import { NotEnoughMoney, OWN_SCRIPT, pay, rivalOf } from './wallet.js';

/** Blocks mined at birth: enough for the first coinbases to be mature. No reorg goes below them. */
const PREMINED = 110;

const BLOCK_SPACING = 600;
const FILLER_VALUE = 1000;

/** A request that makes no sense in the present state. */
export class BadRequest extends Error {}

export class Network {
  #journal;
  #now;
  #state;
  #steps = [];
  #touched = new Set();

  constructor({ journal, onChange = () => {}, now = Date.now }) {
    this.#journal = journal;
    this.#now = now;
    this.onChange = onChange;
    this.txindex = true;
  }

  get chain() {
    return this.#state.chain;
  }

  get registry() {
    return this.#state.registry;
  }

  get feeRate() {
    return this.#state.feeRate;
  }

  get watchedScripts() {
    return [...this.#state.watched.values()];
  }

  /** Begins a new chain. */
  begin(feeRate) {
    this.#state = new State();
    this.txindex = true;
    const start = Math.floor(this.#now() / 1000) - PREMINED * BLOCK_SPACING;
    this.#change(() => {
      this.#do({ step: 'begin', tag: randomBytes(4).toString('hex') });
      this.#do({ step: 'policy', satoshisPerKb: feeRate });
      for (let i = 0; i < PREMINED; i++) this.#mineBlock({ txids: [], time: start + i * BLOCK_SPACING });
    });
  }

  /** Takes up a chain where its journal ends. */
  replay(steps) {
    this.#state = new State();
    for (const step of steps) this.#state.apply(step);
  }

  /**
   * Judges a transaction and takes it in, or remembers why not.
   *
   * @param {object} tx a parsed transaction
   * @param {object} how { api, bytes, skipFees, refuseAbsurdFee, unchecked } and, for faults,
   *   `verdict` (a refusal to use whatever the rules say), `forget` (say yes, keep nothing) or
   *   `doubleSpend` (if it is good, a rival comes first)
   * @returns {{ outcome: 'accepted'|'known'|'refused'|'forgotten', refusal: object|null }}
   */
  submit(tx, how) {
    return this.#change(() => {
      if (how.doubleSpend) this.#makeRival(tx, how);
      const verdict = how.verdict ?? this.#judge(tx, how);
      const outcome = this.#outcome(tx, verdict, how);
      const step = { step: 'submit', txid: tx.txid, api: how.api, bytes: how.bytes, at: this.#now(), outcome };
      if (!this.registry.get(tx.txid)) step.raw = hex(tx.raw);
      if (outcome === 'accepted') step.fee = feeOf(tx, this.chain);
      if (outcome === 'refused') step.verdict = verdict;
      this.#do(step);
      return { outcome, refusal: step.verdict ?? null };
    });
  }

  /** The first transaction of a batch with a verdict that `matters`, and that verdict; or null. */
  firstRefused(txs, matters) {
    const overlay = new Overlay(this.chain);
    for (const tx of txs) {
      const verdict = overlay.entry(tx.txid) ? null : check(tx, overlay, { satoshisPerKb: this.feeRate });
      if (verdict && matters(verdict)) return { tx, verdict };
      if (!verdict) overlay.add(tx);
    }
    return null;
  }

  /** Pays a script from the stand-in's own money; with `mined`, in a block of its own. */
  fund({ script, satoshis, outputs = 1, mined = true }) {
    const wanted = Array.from({ length: outputs }, () => ({ satoshis, script }));
    const tx = pay(this.chain, this.feeRate, wanted);
    return this.#change(() => {
      this.#admitOwn(tx);
      if (mined) this.#mineBlock({ txids: this.chain.withAncestors(tx.txid) });
      return tx;
    });
  }

  /**
   * Mines blocks on the tip. The first takes the mempool, after `fillers` transactions of our own;
   * `empty` leaves the mempool alone. Answers the block hashes.
   */
  mine({ blocks = 1, empty = false, fillers = 0, script = OWN_SCRIPT } = {}) {
    return this.#change(() => {
      const own = this.#makeFillers(fillers);
      const first = empty ? this.#withAncestors(own) : this.chain.inOrder([...own, ...this.chain.mempool]);
      return Array.from({ length: blocks }, (_, made) => this.#mineBlock({ txids: made === 0 ? first : [], script }));
    });
  }

  /**
   * Replaces the last `depth` blocks by a branch one block longer.
   *
   * return  their transactions go back to the mempool
   * remine  they are mined again in the new branch: in its second block, in reverse, behind a filler
   * drop    they vanish, or only those in `txids` do and the others return
   *
   * Answers the txids that lost their block.
   */
  reorg({ depth, mode = 'return', txids }) {
    const deepest = this.chain.height - PREMINED;
    if (depth > deepest) throw new BadRequest(`depth can be at most ${deepest} here`);
    return this.#change(() => {
      const orphaned = this.#disconnect(depth);
      const dropped = new Set(mode === 'drop' ? (txids ?? orphaned) : []);
      for (const txid of orphaned) if (!dropped.has(txid)) this.#do({ step: 'readmit', txid });
      this.#do({ step: 'purge' });
      this.#mineBranch(depth + 1, mode === 'remine' ? orphaned : []);
      return orphaned;
    });
  }

  /** Every node forgets an unmined transaction, as when the mempool expires. */
  forget(txid) {
    const entry = this.chain.entry(txid);
    if (!entry || entry.block) throw new BadRequest('not in the mempool');
    this.#change(() => this.#do({ step: 'forget', txid }));
  }

  setFeeRate(satoshisPerKb) {
    this.#change(() => this.#do({ step: 'policy', satoshisPerKb }));
  }

  /** Registers a callback for a transaction; the same one only once, unless `again`. */
  subscribe(subscription, { again = false } = {}) {
    const { subscriptions } = this.registry.get(subscription.txid);
    const same = (each) =>
      each.api === subscription.api && each.url === subscription.url && each.token === subscription.token;
    if (subscriptions.some(same) && !again) return;
    this.#change(() => this.#do({ step: 'subscribe', ...subscription }));
  }

  /** Lets listunspent show the coins of a script. */
  watch(script) {
    this.#change(() => this.#do({ step: 'watch', script: hex(script) }));
  }

  #judge(tx, how) {
    if (this.chain.entry(tx.txid)) return refusal('known');
    const verdict = check(tx, this.chain, { ...how, satoshisPerKb: this.feeRate });
    return verdict && how.unchecked?.includes(verdict.key) ? { ...verdict, unchecked: true } : verdict;
  }

  /** A transaction of ours takes the first coin of `tx`, which is new or still waits. */
  #makeRival(tx, how) {
    const waiting = this.chain.entry(tx.txid);
    if (waiting ? waiting.block : this.#judge(tx, how)) return;
    const rival = rivalOf(tx, this.chain, this.feeRate);
    const entering = { raw: hex(rival.raw), fee: feeOf(rival, this.chain), at: this.#now() };
    this.#do(waiting ? { step: 'supplant', txid: tx.txid, ...entering } : { step: 'admit', ...entering });
  }

  #outcome(tx, verdict, how) {
    if (this.chain.entry(tx.txid)) return 'known';
    if (verdict) return 'refused';
    return how.forget ? 'forgotten' : 'accepted';
  }

  #admitOwn(tx) {
    this.#do({ step: 'admit', raw: hex(tx.raw), fee: feeOf(tx, this.chain), at: this.#now() });
    return tx.txid;
  }

  #makeFillers(count) {
    const output = { satoshis: FILLER_VALUE, script: OWN_SCRIPT };
    return Array.from({ length: count }, () => this.#admitOwn(pay(this.chain, this.feeRate, [output])));
  }

  /** In the middle of a reorg, being out of money is no reason to stop. */
  #makeFillerIfAffordable() {
    try {
      return this.#makeFillers(1);
    } catch (error) {
      if (error instanceof NotEnoughMoney) return [];
      throw error;
    }
  }

  /** These transactions and all they depend on, in an order in which they can be mined. */
  #withAncestors(txids) {
    return this.chain.inOrder([...new Set(txids.flatMap((txid) => this.chain.withAncestors(txid)))]);
  }

  #mineBlock({ txids, script = OWN_SCRIPT, time = this.#nextTime() }) {
    const entries = txids.map((txid) => this.chain.entry(txid));
    const { header, coinbase } = mineBlock({
      prev: this.chain.tip.hash,
      height: this.chain.height + 1,
      time,
      txs: entries.map((entry) => entry.tx),
      fees: entries.reduce((sum, entry) => sum + entry.fee, 0),
      script,
      tag: this.#nextTag(),
    });
    this.#do({ step: 'block', header: hex(header), coinbase: hex(coinbase.raw), txids, at: this.#now() });
    return this.chain.tip.hash;
  }

  #mineBranch(length, again) {
    this.#mineBlock({ txids: [] });
    const filler = again.length > 0 ? this.#makeFillerIfAffordable() : [];
    const survivors = again.filter((txid) => this.chain.entry(txid)).reverse();
    this.#mineBlock({ txids: this.#withAncestors([...filler, ...survivors]) });
    for (let made = 2; made < length; made++) this.#mineBlock({ txids: [] });
  }

  /** Answers the txids that lost their block, without the coinbases, in the order of the chain. */
  #disconnect(depth) {
    const orphaned = [];
    for (let undone = 0; undone < depth; undone++) {
      orphaned.unshift(...this.chain.tip.txids.slice(1));
      this.#do({ step: 'disconnect' });
    }
    return orphaned;
  }

  #nextTime() {
    return Math.max(Math.floor(this.#now() / 1000), this.chain.medianTimePast() + 1);
  }

  /** Makes every coinbase differ: from other instances, and from abandoned blocks of one height. */
  #nextTag() {
    const counter = Buffer.alloc(4);
    counter.writeUInt32BE(this.#state.blocksMade);
    return Buffer.concat([this.#state.tag, counter]);
  }

  /** Runs a change; whatever steps it took are written down, even if it fails half-way. */
  #change(work) {
    try {
      return work();
    } finally {
      this.#commit();
    }
  }

  #do(step) {
    for (const txid of this.#state.apply(step)) this.#touched.add(txid);
    this.#steps.push(step);
  }

  #commit() {
    if (this.#steps.length === 0) return;
    const touched = [...this.#touched];
    this.#journal.append(this.#steps);
    this.#steps = [];
    this.#touched.clear();
    this.onChange(touched);
  }
}

function hex(bytes) {
  return Buffer.from(bytes).toString('hex');
}
