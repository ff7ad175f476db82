// One child process: started with its output in a file, watched, and stopped for certain.
//
// A child leads its own process group (Ctrl-C reaches us, and we stop it) and dies when we die,
// whatever killed us: the kernel sends it DEATH_SIGNAL then (setpriv --pdeathsig).

import { spawn } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { eventually, finalError } from './wait.js';

const TAIL_LINES = 40;
const DEFAULT_TERM_MS = 35_000; // daemons finish what runs for up to 30 s
const DEFAULT_ABORT_MS = 5_000;

/**
 * What to start:
 *   name       for messages
 *   command    program and arguments
 *   env        the whole environment (nothing of ours is inherited)
 *   cwd        working folder
 *   output     file that standard output and error are appended to
 *   user       { uid, gid } to run as, or null for our own
 *   deathSignal  what the child gets when we die (default TERM)
 */
export class Child extends EventEmitter {
  /** { code, signal, forced } once the process has ended; forced is null, 'SIGABRT' or 'SIGKILL'. */
  ended = null;
  #process;
  #forced = null;
  #outputStart;

  constructor({ name, command, env = {}, cwd, output, user = null, deathSignal = 'TERM' }) {
    super();
    this.name = name;
    this.output = output;
    this.startedAt = performance.now();
    this.#outputStart = existsSync(output) ? readFileSync(output).length : 0;
    mkdirSync(path.dirname(output), { recursive: true });
    const fd = openSync(output, 'a');
    try {
      const argv = [...setprivOptions(user, deathSignal), ...command];
      this.#process = spawn('setpriv', argv, {
        env: { PATH: process.env.PATH, ...env },
        cwd,
        stdio: ['ignore', fd, fd],
        detached: true,
      });
    } finally {
      closeSync(fd);
    }
    this.exited = new Promise((resolve) => this.#watch(resolve));
  }

  get pid() {
    return this.#process.pid;
  }

  get running() {
    return this.ended === null;
  }

  /** Everything this run has printed so far. */
  printed() {
    return existsSync(this.output)
      ? readFileSync(this.output).subarray(this.#outputStart).toString('utf8')
      : '';
  }

  /** The last lines it printed, for error messages. */
  tail(lines = TAIL_LINES) {
    return this.printed().trimEnd().split('\n').slice(-lines).join('\n');
  }

  /** Waits until a line matches PATTERN and returns the match; fails at once if the process ends. */
  waitForLine(pattern, options) {
    return this.waitUntil(`a line ${pattern}`, () => this.printed().match(pattern), options);
  }

  /** As eventually(), but fails at once, with the end of the output, if the process ends. */
  async waitUntil(what, probe, options) {
    try {
      return await eventually(
        `${this.name}: ${what}`,
        async () => {
          const value = await probe();
          if (!value && this.ended)
            throw finalError(`${this.name} ended (${describeEnd(this.ended)}) before: ${what}`);
          return value;
        },
        options,
      );
    } catch (error) {
      throw new Error(`${error.message}\n--- last output of ${this.name}\n${this.tail()}`);
    }
  }

  /** Sends a signal to the process alone. */
  signal(name) {
    if (this.running) this.#process.kill(name);
  }

  /** As an operator's kill -9: the process and its children, at once. */
  async kill() {
    this.#signalGroup('SIGKILL');
    return this.exited;
  }

  /** TERM, then ABRT (which leaves a stack), then KILL. Yields how it ended. */
  async stop({ termMs = DEFAULT_TERM_MS, abortMs = DEFAULT_ABORT_MS, signal = 'SIGTERM' } = {}) {
    this.signal(signal);
    if (await this.#endsWithin(termMs)) return this.ended;
    this.#force('SIGABRT');
    if (await this.#endsWithin(abortMs)) return this.ended;
    this.#force('SIGKILL');
    return this.exited;
  }

  #watch(resolve) {
    const finish = (code, signal) => {
      if (this.ended) return;
      this.ended = { code, signal, forced: this.#forced };
      this.#signalGroup('SIGKILL'); // helpers it may have left behind
      this.emit('exit', this.ended);
      resolve(this.ended);
    };
    this.#process.once('exit', finish);
    this.#process.once('error', () => finish(127, null));
  }

  #force(signal) {
    this.#forced = signal;
    if (signal === 'SIGKILL') this.#signalGroup(signal);
    else this.signal(signal);
  }

  #signalGroup(signal) {
    if (this.pid === undefined) return;
    try {
      process.kill(-this.pid, signal);
    } catch (error) {
      if (error.code !== 'ESRCH') throw error;
    }
  }

  async #endsWithin(ms) {
    let timer;
    const late = new Promise((resolve) => {
      timer = setTimeout(() => resolve(null), ms);
    });
    const ended = await Promise.race([this.exited, late]);
    clearTimeout(timer);
    return ended;
  }
}

/** "exit code 78" or "signal SIGKILL". */
export function describeEnd({ code, signal }) {
  return signal ? `signal ${signal}` : `exit code ${code}`;
}

function setprivOptions(user, deathSignal) {
  const identity = user ? ['--reuid', String(user.uid), '--regid', String(user.gid), '--clear-groups'] : [];
  return [...identity, '--pdeathsig', deathSignal, '--'];
}
