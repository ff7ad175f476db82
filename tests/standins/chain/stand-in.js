// One chain stand-in: all parts put together, behind one HTTP port.
//
//   const standIn = await startStandIn({ port: 0 });   // the options of options.js
//   standIn.url; await standIn.close();

import { arcApi } from './api-arc.js';
import { arcadeApi } from './api-arcade.js';
import { controlApi } from './api-control.js';
import { rpcApi } from './api-rpc.js';
import { wocApi } from './api-woc.js';
import { Callbacks } from './callbacks.js';
import { Counters } from './counters.js';
import { Faults } from './faults.js';
import { createHttpServer, json } from './http.js';
import { Journal } from './journal.js';
import { answerCall } from './misbehave.js';
import { Network } from './network.js';
import { findRoute } from './routes.js';
import { Waiters } from './waiters.js';

const DEFAULTS = { port: 0, host: '127.0.0.1', feeRate: 100, blockInterval: 0, rateLimit: 0, callbackRetryMs: 5000 };

export async function startStandIn(options = {}) {
  const standIn = new StandIn({ ...DEFAULTS, ...options });
  await standIn.listen();
  return standIn;
}

class StandIn {
  #options;
  #journal;
  #server;
  #apis;
  #miner;

  constructor(options) {
    this.#options = options;
    this.#journal = new Journal(options.data);
    this.faults = new Faults();
    this.counters = new Counters();
    this.waiters = new Waiters();
    this.limits = { perSecond: options.rateLimit };
    this.network = new Network({ journal: this.#journal, onChange: (txids) => this.#changed(txids) });
    this.callbacks = new Callbacks({
      network: this.network,
      faults: this.faults,
      retryMs: options.callbackRetryMs,
      onProgress: () => this.waiters.notify(),
    });
    this.#open();
    const parts = { ...options, network: this.network, callbacks: this.callbacks, limits: this.limits };
    this.#apis = [arcApi(parts), arcadeApi(parts), wocApi(parts), rpcApi(parts), controlApi(this)];
    this.#server = createHttpServer((request) => this.#answer(request));
  }

  get port() {
    return this.#server.address().port;
  }

  get url() {
    const { host } = this.#options;
    return `http://${host.includes(':') ? `[${host}]` : host}:${this.port}`;
  }

  async listen() {
    const { port, host, blockInterval } = this.#options;
    await new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, resolve);
    });
    if (blockInterval > 0) this.#miner = setInterval(() => this.network.mine(), blockInterval * 1000);
  }

  /** Back to a new chain with no faults, counts or callbacks. */
  reset() {
    this.faults.clear();
    this.counters.clear();
    this.callbacks.clear();
    this.#journal.clear();
    this.network.begin(this.#options.feeRate);
  }

  async close() {
    clearInterval(this.#miner);
    this.waiters.close();
    this.callbacks.clear();
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  #open() {
    const lines = this.#journal.read();
    if (lines.length === 0) return this.network.begin(this.#options.feeRate);
    this.network.replay(lines.flat());
    return this.callbacks.settle();
  }

  #changed(txids) {
    this.callbacks.changed(txids);
    this.waiters.notify();
  }

  async #answer(request) {
    const api = this.#apis.find(({ prefix }) => request.path === prefix || request.path.startsWith(`${prefix}/`));
    if (!api) return json(404, { error: 'no such interface' });
    const found = findRoute(api.routes, request.method, request.path.slice(api.prefix.length));
    if (!found) return api.notFound(request);
    const call = { api: api.name, operations: found.route.operations, ...found.route.prepare(request, found.params) };
    return this.#answerCounted(api, request, call);
  }

  /** Who may not enter is counted, too, but never meets a fault. */
  async #answerCounted(api, request, call) {
    const operation = call.operations[0];
    this.counters.asked(call.api, operation);
    const reply = (await api.authorize(request)) ?? (await answerCall(call, this.faults, this.network));
    this.counters.answered(call.api, operation, outcome(reply));
    this.waiters.notify();
    return reply;
  }
}

function outcome(reply) {
  if (reply.hang) return 'hang';
  return reply.reset ? 'reset' : reply.status;
}
