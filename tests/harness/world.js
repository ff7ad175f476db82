// One test's world: a database of its own, Redis emptied, keys, a chain stand-in when wanted, and
// the daemons it starts. At the end of the test everything is stopped and the gate (gate.js) looks
// for what no test should leave behind.
//
//     test('E58: …', async (t) => {
//       const world = await createWorld(t);
//       const core = await world.start('core');
//       const answer = await core.request('/health');
//     });

import { mkdirSync } from 'node:fs';
import path from 'node:path';
import Redis from 'ioredis';
import pg from 'pg';
import { ChainStandIn } from '../../deploy/local/chain.js';
import { ctl, ctlEnvironment, runProgram } from '../../deploy/local/ctl.js';
import { Daemon } from '../../deploy/local/daemon.js';
import { freePort } from '../../deploy/local/ports.js';
import { DAEMONS, programPath, Site } from '../../deploy/local/site.js';
import { eventually } from '../../deploy/local/wait.js';
import { openTransactions, problemsOf } from './gate.js';
import { request } from './http.js';
import { JsonLog } from './logs.js';
import { Mailbox } from './mail.js';
import { databaseName, slug } from './names.js';
import { FaultProxy } from './proxy.js';
import { keepFolder, sharedPostgres, sharedRedis, templateDatabase, testFolder } from './servers.js';

const STOP_MS = 35_000;
// A machine that is busy is no failure: daemons wait far longer for a server than in production, except
// where a test is about just that and says its own deadlines.
const PATIENT = { core: { REDIS_TIMEOUT: 5_000, STATEMENT_TIMEOUT: 10_000 } };
// Reports go to the daemon's output, where the gate looks; a failure ends the process, with a code that no
// program of ours ends with, so that it is never taken for a failure that a test expects.
export const SANITIZER_ENVIRONMENT = {
  ASAN_OPTIONS: 'detect_leaks=1:abort_on_error=0:exitcode=99',
  UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1:exitcode=99',
  TSAN_OPTIONS: 'halt_on_error=1:exitcode=99:second_deadlock_stack=1',
};

/**
 * A world for test T. Options:
 *   chain     start a chain stand-in (default false); or options for it
 *   proxied   put a fault proxy before 'postgres' and/or 'redis' (list); see world.proxies
 *   redis     false: daemons know no Redis
 *   warnings  patterns of log events of level WARN that this test provokes
 *   broken    patterns of log events of level BROKEN that this test provokes (by damaging data)
 */
export async function createWorld(t, options = {}) {
  const world = new World(t.fullName ?? t.name, options);
  t.after(() => world.close(t));
  await world.open();
  return world;
}

export class World {
  /** Every start of a daemon: { process, daemon, child, log, expected }. */
  runs = [];
  /** Signal ids that were answered 200: the gate checks that each is in the database. */
  acknowledged = [];
  /** The gate checks the invariants and the auditor; a test that tampers with rows says false. */
  invariants = true;
  checkTtl = true;
  proxies = {};
  #canaries = {};
  #options;
  #counts = {};

  constructor(title, options) {
    this.title = title;
    this.#options = options;
    this.allowedWarnings = options.warnings ?? [];
    this.allowedBroken = options.broken ?? [];
  }

  async open() {
    this.postgres = await sharedPostgres();
    this.redis = this.#options.redis === false ? null : await sharedRedis();
    this.database = databaseName(this.title);
    this.postgres.createDatabase(this.database, await templateDatabase());
    this.folder = path.join(testFolder(), `${slug(this.title).slice(0, 40)}-${this.database.slice(-8)}`);
    mkdirSync(this.folder, { mode: 0o700 });
    this.sql = new pg.Pool({ connectionString: undefined, ...this.#superConnection(), max: 4 });
    this.sql.on('error', () => {}); // tests restart the server; the next query reconnects
    await this.#openRedis();
    await this.#openProxies();
    await this.#openChain();
    this.site = new Site({
      folder: this.folder,
      postgres: this.postgres,
      database: this.database,
      redis: this.redis,
      chainUrl: this.chain?.url ?? null,
      publicUrl: 'http://app.localhost',
      addresses: { postgres: this.proxies.postgres?.port, redis: this.proxies.redis?.address },
    });
    mkdirSync(this.site.mailFolder, { recursive: true });
    mkdirSync(this.site.tilesFolder, { recursive: true });
    this.mailbox = new Mailbox(this.site.mailFolder);
  }

  /**
   * Starts a daemon and waits until it is ready; its deadlines are patient (PATIENT). Options: settings
   * (replace or, undefined, remove options; a deadline removed is the product's own), fault ('ledger.after_sign' or 'ledger.after_sign:2'), waitReady (default true).
   */
  async start(process, { settings = {}, fault, waitReady = true } = {}) {
    const run = this.#launch(process, { FAULT_POINT: fault, ...settings });
    if (fault) run.expected = 'fault';
    const running = new Running(this, run);
    if (waitReady) await running.ready();
    return running;
  }

  /** Makes a member known, as an operator does; the number and address become canaries. */
  addMember({ number, email, zone }) {
    this.canary(`member number ${number}`, number);
    this.canary(`mail address of ${number}`, email);
    const argv = ['member', 'add', '--number', number, '--email', email, ...(zone ? ['--zone', zone] : [])];
    return this.ctl(argv);
  }

  /** Runs eldersafectl as the operator of this world and yields its output; throws when it fails. */
  ctl(argv, { role = 'eldersafe_admin', settings = {} } = {}) {
    const own = Object.entries(settings).map(([name, value]) => [`ELDERSAFE_${name}`, String(value)]);
    return ctl(argv, { ...ctlEnvironment(this.site, role), ...Object.fromEntries(own), ...SANITIZER_ENVIRONMENT });
  }

  /** From now on TEXT must not appear in any log (a token, a code, an address). */
  canary(name, text) {
    this.#canaries[name] = text;
  }

  /** Everything that no log may hold. */
  secrets() {
    const { notifyPublic: _, ...keys } = this.site.keys;
    const own = Object.entries(keys).map(([name, { text }]) => [`${name} key`, text]);
    const passwords = Object.values(DAEMONS).flatMap(({ role, redisUser }) => [
      [`password of ${role}`, this.postgres.password(role)],
      ...(this.redis && redisUser
        ? [[`Redis password of ${redisUser}`, this.redis.password(redisUser)]]
        : []),
    ]);
    return { ...Object.fromEntries([...own, ...passwords]), ...this.#canaries };
  }

  /** Waits until a query yields a row whose first column is true. */
  eventuallySql(what, query, values = [], options) {
    return eventually(
      what,
      async () => {
        const { rows } = await this.sql.query({ text: query, values, rowMode: 'array' });
        return rows[0]?.[0] === true;
      },
      options,
    );
  }

  /** The last findings of `eldersafe-auditor --once`; none when this build has no auditor. */
  auditorFindings() {
    if (!programPath(DAEMONS.auditor.program)) return [];
    const at = { folder: this.folder, name: 'auditor-once', metrics: undefined };
    const settings = this.site.settings('auditor', at, {
      READY_FILE: undefined,
      DATABASE: this.site.directConninfo(DAEMONS.auditor.role),
    });
    const environment = Object.fromEntries(
      Object.entries(settings).map(([name, value]) => [`ELDERSAFE_${name}`, value]),
    );
    try {
      runProgram(DAEMONS.auditor.program, ['--once'], { ...environment, ...SANITIZER_ENVIRONMENT });
      return [];
    } catch (error) {
      return [`eldersafe-auditor --once is not content: ${error.message}`];
    }
  }

  async close(t) {
    const problems = await this.#collect();
    await this.#release();
    if (problems.length === 0) return;
    keepFolder();
    throw new Error(`after "${t.name}":\n* ${problems.join('\n* ')}`);
  }

  async #collect() {
    if (!this.site) return [];
    const problems = [];
    try {
      for (const proxy of Object.values(this.proxies)) proxy.heal();
      problems.push(...(await openTransactions(this)));
      for (const { child } of [...this.runs].reverse()) await child.stop({ termMs: STOP_MS });
      problems.push(...(await problemsOf(this)));
    } catch (error) {
      problems.push(`the gate itself failed: ${error.stack}`);
    }
    return problems;
  }

  async #release() {
    for (const { child } of this.runs) await child.stop({ termMs: 0 });
    await this.chain?.stop();
    for (const proxy of Object.values(this.proxies)) await proxy.stop();
    this.redisClient?.disconnect();
    await this.sql?.end();
    this.postgres?.dropDatabase(this.database);
  }

  #superConnection() {
    const { host, port, superuser, superPassword } = this.postgres;
    return { host, port, user: superuser, password: superPassword, database: this.database };
  }

  async #openRedis() {
    if (!this.redis) return;
    this.redisClient = new Redis(this.redis.uri(), { maxRetriesPerRequest: 1, retryStrategy: () => 100 });
    this.redisClient.on('error', () => {}); // tests stop the server; the next command reconnects
    await this.redisClient.flushall();
  }

  async #openProxies() {
    const targets = { postgres: this.postgres.port, redis: this.redis?.port };
    for (const name of this.#options.proxied ?? []) {
      this.proxies[name] = new FaultProxy(targets[name]);
      await this.proxies[name].start();
    }
  }

  async #openChain() {
    if (!this.#options.chain) return;
    const options = typeof this.#options.chain === 'object' ? this.#options.chain : {};
    this.chain = new ChainStandIn({
      folder: path.join(this.folder, 'chain'),
      port: await freePort(),
      ...options,
    });
    await this.chain.start();
  }

  #launch(process, overrides) {
    const { program: name } = DAEMONS[process];
    const program = programPath(name);
    if (!program) throw new Error(`${name} is not built: run make`);
    this.#counts[process] = (this.#counts[process] ?? 0) + 1;
    const at = {
      folder: this.folder,
      name: `${process}-${this.#counts[process]}`,
      listen: '127.0.0.1:0',
      metrics: '127.0.0.1:0',
    };
    const settings = this.site.settings(process, at, {
      ABORT_ON_BUG: 'yes',
      LOG_LEVEL: 'debug',
      ...PATIENT[process],
      ...overrides,
    });
    const daemon = new Daemon({
      name: at.name,
      command: [program],
      settings,
      environment: SANITIZER_ENVIRONMENT,
      output: path.join(this.folder, `${at.name}.out`),
      cwd: this.folder,
    });
    const run = { process, daemon, child: daemon.child, log: settings.LOG_FILE, expected: 0 };
    this.runs.push(run);
    return run;
  }
}

/** A daemon that a test has started. */
export class Running {
  #world;
  #run;
  #log;

  constructor(world, run) {
    this.#world = world;
    this.#run = run;
    this.#log = new JsonLog(run.log);
  }

  get child() {
    return this.#run.child;
  }

  get pid() {
    return this.#run.child.pid;
  }

  /** Waits for the ready file, once; failing hard with the end of the log. */
  async ready(options) {
    try {
      const announced = await this.#run.daemon.ready(options);
      this.url = announced.listen && `http://${announced.listen}`;
      this.metricsUrl = announced.metrics && `http://${announced.metrics}`;
      this.port = announced.listen && Number(announced.listen.split(':').at(-1));
    } catch (error) {
      throw new Error(`${error.message}\n--- log\n${JSON.stringify(this.log().slice(-20), null, 1)}`);
    }
    return this;
  }

  /** HTTP to the daemon's own listener; see request() in http.js. */
  request(target, options) {
    return request(this.url + target, options);
  }

  /** Its log entries so far (all runs of a process that share a log file have one each). */
  log() {
    return this.#log.read().entries;
  }

  /** Waits for a log entry whose event matches, after the first SKIP entries. */
  waitForLog(event, { skip = 0, timeout } = {}) {
    const matches = (entry) => (event instanceof RegExp ? event.test(entry.event) : entry.event === event);
    return this.#run.child.waitUntil(`log event ${event}`, () => this.log().slice(skip).find(matches), {
      timeout,
    });
  }

  /** One metric's value by its full line name, e.g. 'eldersafe_signals_total'; undefined when absent. */
  async metric(name) {
    const { text } = await request(`${this.metricsUrl}/metrics`);
    const line = text.split('\n').find((each) => each.startsWith(`${name} `));
    return line && Number(line.slice(name.length + 1));
  }

  /** TERM, and the gate checks that it ended with 0. */
  stop() {
    return this.#run.child.stop({ termMs: STOP_MS });
  }

  /** kill -9; expected from now on. */
  async kill() {
    this.#run.expected = 'killed';
    return this.#run.child.kill();
  }

  /** Waits until it ends by itself; EXPECTED is an exit code, 'fault' or 'killed'. */
  async ends(expected, { timeout = STOP_MS } = {}) {
    this.#run.expected = expected;
    return eventually(`${this.child.name} ends`, () => this.child.ended, { timeout });
  }

  /** A new run of the same process in the same world (other settings only if given). */
  async again(options) {
    return this.#world.start(this.#run.process, options);
  }
}
