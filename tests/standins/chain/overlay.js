// The chain as it would be with some more transactions in the mempool: lets a batch be judged as a
// whole before any of it is taken in. It offers what validate.js asks of a chain.

import { outpoint } from './wire.js';

export class Overlay {
  #chain;
  #added = new Map();
  #spenders = new Map();

  constructor(chain) {
    this.#chain = chain;
  }

  add(tx) {
    this.#added.set(tx.txid, { tx, block: null });
    for (const input of tx.inputs) this.#spenders.set(outpoint(input.txid, input.vout), tx.txid);
  }

  get height() {
    return this.#chain.height;
  }

  medianTimePast() {
    return this.#chain.medianTimePast();
  }

  entry(txid) {
    return this.#added.get(txid) ?? this.#chain.entry(txid);
  }

  output(txid, vout) {
    return this.entry(txid)?.tx.outputs[vout];
  }

  spender(txid, vout) {
    return this.#spenders.get(outpoint(txid, vout)) ?? this.#chain.spender(txid, vout);
  }
}
