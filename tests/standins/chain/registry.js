// What is remembered of transactions beyond the chain itself: every submission, every refusal, every
// block a reorg took away. The chain forgets a transaction that is no longer live; this does not.
//
//   record  { tx, fee, firstSeen, submissions, knownTo, refusal, competing, orphanedFrom, subscriptions }
//
// `knownTo` holds the services that remember the transaction, `competing` the txids that want one of
// its coins, `orphanedFrom` the proofs that a reorg has voided, oldest first.

import { outpoint } from './wire.js';

export class Registry {
  #records = new Map();
  #tries = new Map();
  #submissions = new Map();

  get(txid) {
    return this.#records.get(txid);
  }

  /** The record of a transaction, made at first sight. Also notes which coins it tries to spend. */
  note(tx, at) {
    const known = this.#records.get(tx.txid);
    if (known) return known;
    const record = newRecord(tx, at);
    this.#records.set(tx.txid, record);
    for (const input of tx.inputs) this.#noteTry(outpoint(input.txid, input.vout), tx.txid);
    return record;
  }

  all() {
    return this.#records.values();
  }

  noteSubmission(record, submission) {
    record.submissions.push(submission);
    this.#submissions.set(submission.api, this.submissionCount(submission.api) + 1);
  }

  /** How many submissions there were through one service, or through all. */
  submissionCount(api) {
    if (api) return this.#submissions.get(api) ?? 0;
    return [...this.#submissions.values()].reduce((total, count) => total + count, 0);
  }

  /** Two transactions want the same coin. */
  noteConflict(txid, rival) {
    this.#records.get(txid)?.competing.add(rival);
    this.#records.get(rival)?.competing.add(txid);
  }

  /** For every coin anyone ever tried to spend: who tried, in the order of first sight. */
  spends() {
    return Object.fromEntries([...this.#tries].map(([coin, txids]) => [coin, [...txids]]));
  }

  #noteTry(coin, txid) {
    if (!this.#tries.has(coin)) this.#tries.set(coin, []);
    this.#tries.get(coin).push(txid);
  }
}

/** The record of a transaction of which nothing is known yet. */
export function newRecord(tx, firstSeen) {
  return {
    tx,
    fee: null,
    firstSeen,
    submissions: [],
    knownTo: new Set(),
    refusal: null,
    competing: new Set(),
    orphanedFrom: [],
    subscriptions: [],
  };
}
