// The local stack: servers, schema, keys, members and money, then every process of ours that this
// build has, each with its own environment, under a supervisor.

import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { EventEmitter } from 'node:events';
import path from 'node:path';
import { Edge } from './caddy.js';
import { ChainStandIn } from './chain.js';
import { ctl, ctlEnvironment } from './ctl.js';
import { request } from './http.js';
import { migrate } from './migrate.js';
import { Postgres } from './postgres.js';
import { describeEnd } from './process.js';
import { Redis } from './redis.js';
import { DAEMONS, programPath, REPOSITORY, ROLES, Site } from './site.js';
import { Supervisor } from './supervisor.js';
import { eventually } from './wait.js';

const DATABASE = 'eldersafe';
const HOST = '127.0.0.1';
const BLOCK_INTERVAL_S = 5;
const SERVER_PAUSE_MS = 500;
const FUNDING_SATOSHIS = 1_000_000;
const FUNDING_COINS = 3;
const ENOUGH_SATOSHIS = 100_000;

// Faster than production (60 s), so that a newcomer sees a signal all the way through.
const LOCAL_SETTINGS = {
  core: {},
  notify: {},
  ledger: { SEAL_INTERVAL: 2_000, POLL_INTERVAL: 500, CONFIRMATIONS: 2 },
  auditor: { INTERVAL: 60 },
};

/** The members a newcomer signs in as; the stack has no others. */
export const DEMO_MEMBERS = [
  { number: '1001', email: 'anna@example.org' },
  { number: '1002', email: 'bent@example.org' },
  { number: '1003', email: 'clara@example.org' },
];

/**
 * Emits 'note' (text) for each step and 'trouble' (text) for what somebody should read. LAYOUT is
 * that of layout.js.
 */
export class Stack extends EventEmitter {
  #layout;
  #supervisor = new Supervisor();
  #servers = [];
  #stopping = false;

  constructor(layout) {
    super();
    this.#layout = layout;
    this.folder = layout.folder;
    this.#supervisor.on('restart', (name, why, pauseMs) =>
      this.emit('trouble', `${name} ended (${why}), starting it again in ${pauseMs} ms`),
    );
    this.#supervisor.on('gone', (name, why) =>
      this.emit('trouble', `${name} ended (${why}) and stays down: see ${this.#logOf(name)}`),
    );
  }

  /** Starts everything, in order. On failure what was started is stopped again. */
  async start() {
    try {
      await this.#startServers();
      this.#prepareSite();
      await this.#startProcesses();
      this.#importMembers();
      await this.#fundLedger();
      await eventually(
        'the edge lets requests through',
        async () => (await request(`${this.edge.appUrl}/health/ready`)).status === 200,
      );
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Stops everything, last started first; nothing is left running. */
  async stop() {
    this.#stopping = true;
    await this.#supervisor.stop();
    for (const { server } of [...this.#servers].reverse()) await server.stop();
  }

  /** The daemons of this build, e.g. ['core', 'notify']. */
  get processes() {
    return Object.keys(DAEMONS).filter((name) => programPath(DAEMONS[name].program));
  }

  get supervisor() {
    return this.#supervisor;
  }

  async #startServers() {
    const { ports } = this.#layout;
    const inside = (name) => path.join(this.folder, name);
    mkdirSync(this.folder, { recursive: true });
    chmodSync(this.folder, 0o711); // the database server's user passes through
    this.postgres = new Postgres({ folder: inside('postgres'), port: ports.postgres });
    this.redis = new Redis({
      folder: inside('redis'),
      port: ports.redis,
      aclFile: path.join(REPOSITORY, 'deploy/redis/users.acl'),
    });
    this.chain = new ChainStandIn({
      folder: inside('chain'),
      port: ports.chain,
      blockInterval: BLOCK_INTERVAL_S,
    });
    this.edge = new Edge({
      folder: inside('edge'),
      port: ports.edge,
      core: `${HOST}:${ports.core}`,
      tiles: inside('tiles'),
    });
    for (const folder of ['chain', 'mail', 'tiles', 'run', 'log'])
      mkdirSync(inside(folder), { recursive: true, mode: 0o700 });
    await this.#serve('PostgreSQL', this.postgres);
    await this.#serve('Redis', this.redis);
    await this.#serve('the chain stand-in', this.chain);
    await this.#serve('the edge', this.edge);
  }

  async #serve(name, server) {
    this.emit('note', `starting ${name}`);
    this.#servers.push({ name, server });
    await server.start();
    this.#watch(name, server);
  }

  // A server that crashes comes back as the daemons do; our processes live through its absence.
  #watch(name, server) {
    server.child.once('exit', (end) => {
      if (this.#stopping) return;
      this.emit('trouble', `${name} ended (${describeEnd(end)}), starting it again`);
      this.#revive(name, server);
    });
  }

  async #revive(name, server) {
    try {
      await server.start();
      this.#watch(name, server);
    } catch (error) {
      if (this.#stopping) return;
      this.emit('trouble', `${name} does not start: ${error.message}`);
      setTimeout(() => this.#stopping || this.#revive(name, server), SERVER_PAUSE_MS);
    }
  }

  #prepareSite() {
    if (!this.postgres.hasDatabase(DATABASE)) this.postgres.createDatabase(DATABASE);
    this.emit('note', 'migrating the database');
    migrate(this.postgres, DATABASE);
    for (const role of ROLES) this.postgres.passfile(role);
    this.site = new Site({
      folder: this.folder,
      postgres: this.postgres,
      database: DATABASE,
      redis: this.redis,
      chainUrl: this.chain.url,
      publicUrl: this.edge.appUrl,
    });
  }

  async #startProcesses() {
    const { ports } = this.#layout;
    for (const name of this.processes) {
      this.emit('note', `starting ${DAEMONS[name].program}`);
      const at = {
        folder: path.join(this.folder, 'run'),
        name,
        listen: `${HOST}:${ports[name]}`,
        metrics: `${HOST}:${ports[`${name}Metrics`]}`,
      };
      const settings = this.site.settings(name, at, { LOG_FILE: this.#logOf(name), ...LOCAL_SETTINGS[name] });
      await this.#supervisor.add({
        name,
        command: [programPath(DAEMONS[name].program)],
        settings,
        output: path.join(this.folder, 'log', `${name}.out`),
        cwd: this.folder,
      });
    }
  }

  #logOf(name) {
    return path.join(this.folder, 'log', `${name}.log`);
  }

  #importMembers() {
    const file = path.join(this.folder, 'members.csv');
    const rows = DEMO_MEMBERS.map(({ number, email }) => `${number},${email}`);
    writeFileSync(file, `number,email\n${rows.join('\n')}\n`, { mode: 0o600 });
    this.emit('note', `importing ${DEMO_MEMBERS.length} demo members`);
    ctl(['member', 'import', file], ctlEnvironment(this.site));
  }

  /** The ledger pays for its transactions: give its key coins when it has too few. */
  async #fundLedger() {
    if (!this.processes.includes('ledger')) return;
    const address = ctl([
      'key',
      'address',
      '--file',
      this.site.keys.chain.path,
      '--network',
      'regtest',
    ]).trim();
    const marker = path.join(this.folder, 'chain', 'funded');
    if (existsSync(marker) && (await this.#balance()) >= ENOUGH_SATOSHIS) return;
    this.emit('note', "funding the ledger's key on the chain stand-in");
    const { raw } = await this.chain.fund(address, FUNDING_SATOSHIS, { outputs: FUNDING_COINS });
    ctl(['coin', 'add', raw], {
      ...ctlEnvironment(this.site),
      ELDERSAFE_CHAIN_KEY_FILE: this.site.keys.chain.path,
    });
    writeFileSync(marker, `${address}\n`);
  }

  async #balance() {
    return Number(
      this.postgres.sql(
        'SELECT coalesce(sum(satoshis), 0) FROM anchor.coins WHERE spent_by IS NULL AND usable',
        DATABASE,
      ),
    );
  }
}
