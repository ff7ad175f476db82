// The chain stand-in as a process, and its control interface as functions.

import path from 'node:path';
import { readFileSync, existsSync, rmSync } from 'node:fs';
import { Child } from './process.js';
import { REPOSITORY } from './site.js';

const MAIN = path.join(REPOSITORY, 'tests/standins/chain/main.js');
const START_MS = 20_000;
const STOP_MS = 5_000;

/** Talks to the control interface of a stand-in at URL. */
export class ChainControl {
  constructor(url) {
    this.url = url;
  }

  /** Pays SATOSHIS to an address of the test network, `outputs` times, in a block of its own. */
  fund(address, satoshis, { outputs = 1 } = {}) {
    return this.#post('fund', { address, satoshis, outputs });
  }

  mine(blocks = 1) {
    return this.#post('mine', { blocks });
  }

  reorg(options) {
    return this.#post('reorg', options);
  }

  forget(txid) {
    return this.#post('forget', { txid });
  }

  policy(options) {
    return this.#post('policy', options);
  }

  /** Adds fault rules (the stand-in's README lists them). */
  faults(...rules) {
    return this.#post('faults', rules);
  }

  clearFaults() {
    return this.#post('faults/clear', {});
  }

  /** Waits on the stand-in's side: { for: 'mined', txid, … }. */
  wait(condition) {
    return this.#post('wait', condition);
  }

  state() {
    return this.#get('state');
  }

  transaction(txid) {
    return this.#get(`tx/${txid}`);
  }

  callbacks(txid) {
    return this.#get(txid ? `callbacks?txid=${txid}` : 'callbacks');
  }

  headers(from = 0) {
    return this.#get(`headers?from=${from}`);
  }

  #get(operation) {
    return this.#call(operation, { method: 'GET' });
  }

  #post(operation, body) {
    return this.#call(operation, { method: 'POST', body: JSON.stringify(body) });
  }

  async #call(operation, options) {
    const answer = await fetch(`${this.url}/_control/${operation}`, options);
    const value = await answer.json();
    if (!answer.ok) throw new Error(`chain stand-in: ${operation}: ${answer.status} ${value.error}`);
    return value;
  }
}

/**
 * The stand-in as a process. Options: folder (its journal and log), port, blockInterval in seconds
 * (0: a block only when told), further command-line `options` ({ 'fee-rate': 50 }).
 */
export class ChainStandIn extends ChainControl {
  #child = null;

  constructor({ folder, port, blockInterval = 0, options = {} }) {
    super(`http://127.0.0.1:${port}`);
    Object.assign(this, { folder, port, blockInterval, options });
  }

  get child() {
    return this.#child;
  }

  async start() {
    const readyFile = path.join(this.folder, 'ready');
    rmSync(readyFile, { force: true });
    const options = {
      port: this.port,
      'ready-file': readyFile,
      data: path.join(this.folder, 'journal'),
      'block-interval': this.blockInterval,
      ...this.options,
    };
    const argv = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
    this.#child = new Child({
      name: 'chain',
      command: [process.execPath, MAIN, ...argv],
      output: path.join(this.folder, 'chain.log'),
    });
    await this.#child.waitUntil(
      'ready',
      () => existsSync(readyFile) && JSON.parse(readFileSync(readyFile, 'utf8')),
      { timeout: START_MS },
    );
  }

  async stop() {
    return this.#child?.stop({ termMs: STOP_MS });
  }
}
