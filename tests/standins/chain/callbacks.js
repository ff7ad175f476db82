// Callbacks: telling subscribers that the status of a transaction has changed.
//
// Whenever the network touches a transaction, the status each of its subscribers would now see is
// compared with the last one; a change is put in that subscriber's queue. A queue delivers one item
// at a time, so callbacks of a transaction arrive in order unless a fault says otherwise. As in the
// real services, a callback is a hint: ARC gives up on a connection failure, and nothing undelivered
// survives a restart. Only loopback addresses are called.

import { request } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import { statusOf } from './status.js';

const TIMEOUT_MS = 5000;
const MAX_ATTEMPTS = 10;
const MAX_PAUSE_MS = 300_000;
const LOOPBACK = /^(127(\.\d{1,3}){3}|localhost|\[::1\])$/;

const FINAL = {
  arc: ['REJECTED', 'MINED_IN_STALE_BLOCK', 'MINED'],
  arcade: ['MINED', 'REJECTED', 'IMMUTABLE', 'DOUBLE_SPEND_ATTEMPTED'],
};

/** Why a URL cannot be called back, or null. */
export function callbackUrlProblem(text) {
  let url;
  try {
    url = new URL(text);
  } catch {
    return 'invalid callback URL';
  }
  return url.protocol === 'http:' && LOOPBACK.test(url.hostname) ? null : 'callback URL not acceptable';
}

export class Callbacks {
  #network;
  #faults;
  #retryMs;
  #onProgress;
  #queues = new Map();
  #touched = new Set();
  #stop = new AbortController();

  constructor({ network, faults, retryMs, onProgress }) {
    this.#network = network;
    this.#faults = faults;
    this.#retryMs = retryMs;
    this.#onProgress = onProgress;
  }

  /** Looks at these transactions once the present request has done all its changes. */
  changed(txids) {
    if (this.#touched.size === 0) setImmediate(() => this.#lookAtTouched());
    for (const txid of txids) this.#touched.add(txid);
  }

  /** Takes the present status of every subscription as already told. */
  settle() {
    for (const record of this.#network.registry.all()) {
      for (const subscription of record.subscriptions) {
        this.#queue(subscription).last = signature(this.#view(subscription));
      }
    }
  }

  /** Drops all queues and everything under way. */
  clear() {
    this.#stop.abort();
    this.#stop = new AbortController();
    this.#queues.clear();
    this.#touched.clear();
  }

  /** Sends what the fault callback-out-of-order is holding back. */
  releaseHeld() {
    for (const queue of this.#queues.values()) this.#release(queue);
  }

  /** What became of each callback: [{ txid, api, url, status, attempts, result }]. */
  log(txid) {
    const lists = [...this.#queues.values()].map((queue) => queue.log);
    return lists.flat().filter((item) => !txid || item.txid === txid);
  }

  #lookAtTouched() {
    const txids = [...this.#touched];
    this.#touched.clear();
    for (const txid of txids) {
      for (const subscription of this.#network.registry.get(txid)?.subscriptions ?? []) this.#compare(subscription);
    }
  }

  #compare(subscription) {
    const queue = this.#queue(subscription);
    for (const view of this.#stages(queue, this.#view(subscription))) {
      if (queue.last === signature(view)) continue;
      queue.last = signature(view);
      if (subscription.full || FINAL[subscription.api].includes(view.txStatus)) this.#enqueue(queue, view);
    }
  }

  /** Arcade passes through SEEN_ON_NETWORK on its way to SEEN_MULTIPLE_NODES. */
  #stages(queue, view) {
    if (!view) return [];
    if (view.txStatus !== 'SEEN_MULTIPLE_NODES' || queue.last) return [view];
    return [{ ...view, txStatus: 'SEEN_ON_NETWORK' }, view];
  }

  #view({ api, txid }) {
    return statusOf(this.#network, api, txid);
  }

  #queue(subscription) {
    if (!this.#queues.has(subscription)) {
      const last = subscription.quiet ? signature(this.#view(subscription)) : null;
      this.#queues.set(subscription, { subscription, last, work: Promise.resolve(), held: [], log: [] });
    }
    return this.#queues.get(subscription);
  }

  #enqueue(queue, view) {
    const { api, txid, url } = queue.subscription;
    const item = {
      txid,
      api,
      url,
      status: view.txStatus,
      attempts: 0,
      result: 'waiting',
      body: JSON.stringify(payload(api, txid, view)),
    };
    queue.log.push(item);
    const fault = this.#faults.take({ api, operations: ['callback'], txids: [txid] });
    item.delayMs = fault?.delayMs ?? 0;
    if (fault?.fault === 'lose-callbacks') return this.#finish(item, 'lost');
    if (fault?.fault === 'callback-out-of-order') return queue.held.push(item);
    this.#send(queue, item);
    if (fault?.fault === 'callback-twice') this.#send(queue, item);
    this.#release(queue);
  }

  #release(queue) {
    for (const item of queue.held.splice(0)) this.#send(queue, item);
  }

  #send(queue, item) {
    const { signal } = this.#stop;
    queue.work = queue.work.then(() => this.#deliver(queue.subscription, item, signal));
  }

  async #deliver(subscription, item, signal) {
    if (item.delayMs > 0) await pause(item.delayMs, signal);
    for (let tries = 1; !signal.aborted; tries++) {
      item.attempts++;
      const result = await post(subscription, item.body, signal);
      this.#onProgress();
      if (result.ok) return this.#finish(item, 'delivered');
      item.result = result.problem;
      if (tries >= MAX_ATTEMPTS || (result.unreachable && subscription.api === 'arc')) {
        return this.#finish(item, result.problem);
      }
      await pause(this.#pauseMs(subscription.api, tries), signal);
    }
  }

  #pauseMs(api, tries) {
    return api === 'arc' ? this.#retryMs : Math.min(this.#retryMs * 2 ** (tries - 1), MAX_PAUSE_MS);
  }

  #finish(item, result) {
    item.result = result;
    this.#onProgress();
  }
}

function signature(view) {
  return view ? `${view.txStatus} ${view.blockHash}` : null;
}

function payload(api, txid, view) {
  const { txStatus, code, blockHash, blockHeight, merklePath, extraInfo, competingTxs } = view;
  const body = { timestamp: new Date().toISOString(), txid, txStatus };
  if (api === 'arcade' && code) body.status = code;
  if (blockHash) Object.assign(body, { blockHash, blockHeight, merklePath });
  if (extraInfo) body.extraInfo = extraInfo;
  if (competingTxs.length > 0 && txStatus !== 'MINED') body.competingTxs = competingTxs;
  return body;
}

/** Answers { ok }, or { ok: false, problem, unreachable }. Never throws. */
function post({ api, url, token }, body, signal) {
  const headers = {
    'Content-Type': api === 'arc' ? 'application/json; charset=UTF-8' : 'application/json',
    'Content-Length': Buffer.byteLength(body),
  };
  if (token) headers.Authorization = `Bearer ${token}`;
  if (api === 'arcade') headers['User-Agent'] = 'arcade-webhook/0.9';
  return new Promise((resolve) => {
    const outgoing = request(
      url,
      { method: 'POST', headers, signal, timeout: TIMEOUT_MS, agent: false },
      (response) => {
        response.resume();
        const ok = response.statusCode >= 200 && response.statusCode < 300;
        response.on('close', () => resolve({ ok, problem: `status ${response.statusCode}`, unreachable: false }));
      },
    );
    outgoing.on('timeout', () => outgoing.destroy(new Error('timed out')));
    outgoing.on('error', (error) => resolve({ ok: false, problem: error.message, unreachable: true }));
    outgoing.end(body);
  });
}

/** Ends early, but not with an error, when stopped. */
function pause(ms, signal) {
  return setTimeout(ms, undefined, { signal }).catch(() => undefined);
}
