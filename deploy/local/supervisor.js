// Keeps a list of services running: starts them in order, brings back the ones that crash, stops
// them in reverse order. What systemd does in production, for the local stack.

import { EventEmitter } from 'node:events';
import { Daemon } from './daemon.js';
import { describeEnd } from './process.js';

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;
const HEALTHY_AFTER_MS = 10_000;
// As RestartPreventExitStatus= in the unit files: trying again cannot help.
const HOPELESS_CODES = [64, 78, 79];

/**
 * Emits
 *   'restart' (name, why, pauseMs)   a service ended by itself and will be started again
 *   'gone' (name, why)               a service ended with a status that a restart cannot mend
 */
export class Supervisor extends EventEmitter {
  #services = [];
  #stopping = false;

  /** Starts one service (as the options of Daemon) and waits until it is ready. */
  async add(options) {
    const service = { options, daemon: null, pauseMs: FIRST_PAUSE_MS, timer: null };
    this.#services.push(service);
    this.#launch(service);
    return service.daemon.ready();
  }

  get names() {
    return this.#services.map((service) => service.options.name);
  }

  /** The running Daemon called NAME. */
  daemon(name) {
    return this.#service(name).daemon;
  }

  /** Stops everything, last started first. Yields { name: how it ended }. */
  async stop() {
    this.#stopping = true;
    const ends = {};
    for (const service of [...this.#services].reverse()) {
      clearTimeout(service.timer);
      ends[service.options.name] = await service.daemon.child.stop();
    }
    return ends;
  }

  /** Restarts one service alone, as an upgrade does. */
  async restart(name) {
    const service = this.#service(name);
    clearTimeout(service.timer);
    service.daemon.child.removeAllListeners('exit');
    await service.daemon.child.stop();
    this.#launch(service);
    return service.daemon.ready();
  }

  #service(name) {
    const service = this.#services.find((each) => each.options.name === name);
    if (!service) throw new Error(`no service called ${name}`);
    return service;
  }

  #launch(service) {
    const daemon = new Daemon(service.options);
    service.daemon = daemon;
    daemon.child.once('exit', (end) => this.#ended(service, end));
  }

  #ended(service, end) {
    if (this.#stopping) return;
    const { name } = service.options;
    const why = describeEnd(end);
    if (HOPELESS_CODES.includes(end.code)) {
      this.emit('gone', name, why);
      return;
    }
    const livedMs = performance.now() - service.daemon.child.startedAt;
    if (livedMs > HEALTHY_AFTER_MS) service.pauseMs = FIRST_PAUSE_MS;
    this.emit('restart', name, why, service.pauseMs);
    service.timer = setTimeout(() => this.#launch(service), service.pauseMs);
    service.pauseMs = Math.min(service.pauseMs * 2, LONGEST_PAUSE_MS);
  }
}
