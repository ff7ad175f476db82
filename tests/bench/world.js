// What is measured: a private PostgreSQL with production's settings, Redis, the members, their
// tokens, and our processes, each started as deploy/local starts it.

import { chmodSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import Client from 'ioredis';
import { Daemon } from '../../deploy/local/daemon.js';
import { migrate } from '../../deploy/local/migrate.js';
import { freePort } from '../../deploy/local/ports.js';
import { Postgres } from '../../deploy/local/postgres.js';
import { Redis } from '../../deploy/local/redis.js';
import { DAEMONS, programPath, REPOSITORY, ROLES, Site } from '../../deploy/local/site.js';
import { writeTokens } from './tokens.js';

export const BENCH = path.join(REPOSITORY, 'tests/bench');
const CONFIGURATION = path.join(REPOSITORY, 'deploy/postgres/eldersafe.conf');
const DATABASE = 'eldersafe';
// Settings of the configuration file that a private server decides for itself.
const OWN = new Set(['listen_addresses', 'unix_socket_directories', 'password_encryption', 'timezone', 'log_timezone']);

/** The settings of deploy/postgres/eldersafe.conf: { shared_buffers: '512MB', … }. */
export function productionSettings() {
  const lines = readFileSync(CONFIGURATION, 'utf8').matchAll(/^([a-z_]+) = '?([^'\n]*)'?$/gm);
  return Object.fromEntries([...lines].map(([, name, value]) => [name, value]).filter(([name]) => !OWN.has(name)));
}

export class World {
  #daemons = {};
  #starts = 0;

  constructor(options) {
    this.options = options;
    this.folder = options.folder;
    this.tokenFile = path.join(this.folder, 'tokens'); // of the first members, in order
    this.mixedTokenFile = path.join(this.folder, 'tokens-mixed'); // of members from all over, in none
  }

  /** Servers, schema, members and tokens; SAY is told of each step. */
  async open(say) {
    rmSync(this.folder, { recursive: true, force: true });
    mkdirSync(this.folder, { recursive: true });
    chmodSync(this.folder, 0o711); // the database server's user passes through
    this.postgres = new Postgres({ folder: path.join(this.folder, 'postgres'), port: await freePort(), settings: productionSettings() });
    this.redis = new Redis({ folder: path.join(this.folder, 'redis'), port: await freePort(), aclFile: path.join(REPOSITORY, 'deploy/redis/users.acl') });
    await this.postgres.start();
    await this.redis.start();
    this.postgres.createDatabase(DATABASE);
    migrate(this.postgres, DATABASE);
    for (const role of ROLES) this.postgres.passfile(role);
    say(`loading ${this.options.members} members`);
    this.sqlFile('members.sql', { members: this.options.members });
    this.site = new Site({ folder: this.folder, postgres: this.postgres, database: DATABASE, redis: this.redis, chainUrl: 'http://127.0.0.1:9', publicUrl: 'http://app.localhost' });
    for (const folder of [this.site.mailFolder, this.site.tilesFolder]) mkdirSync(folder, { recursive: true });
    say(`signing ${this.options.tokens} tokens`);
    const members = "SELECT member_id, encode(public_id, 'hex') FROM core.members";
    this.writeTokens(this.tokenFile, `${members} ORDER BY member_id LIMIT ${this.options.tokens}`);
    this.writeTokens(this.mixedTokenFile, `${members} ORDER BY md5(member_id::text) LIMIT ${this.options.mixedTokens}`);
  }

  get database() {
    return DATABASE;
  }

  sql(text, database = DATABASE) {
    return this.postgres.sql(text, database);
  }

  /** Runs a file of sql/, with psql variables. */
  sqlFile(name, variables = {}, database = DATABASE) {
    const sets = Object.entries(variables).map(([key, value]) => `\\set ${key} ${value}\n`);
    return this.sql(sets.join('') + readFileSync(path.join(BENCH, 'sql', name), 'utf8'), database);
  }

  /** Tokens of SCOPE for the members that a query (id, public id as hex) yields, one a line in FILE. */
  writeTokens(file, query, scope = 'signal') {
    const list = path.join(this.folder, 'members');
    this.sql(`\\o ${list}\n${query};\n`);
    const rows = readFileSync(list, 'utf8').trimEnd().split('\n').map((row) => row.split('|'));
    writeTokens(file, this.site.keys.token.text, rows, scope);
    return rows;
  }

  readTokens(file = this.tokenFile) {
    return readFileSync(file, 'utf8').trimEnd().split('\n');
  }

  /** Nobody has signalled today, and Redis knows nothing. */
  async reset() {
    this.sqlFile('reset.sql');
    await this.flushRedis();
  }

  /** FLUSHALL. */
  async flushRedis() {
    const client = new Client(this.redis.uri());
    try {
      await client.flushall();
    } finally {
      client.disconnect();
    }
  }

  signals() {
    return Number(this.sql('SELECT count(*) FROM core.signals'));
  }

  /** Starts one of our processes afresh and waits until it is ready: { pid, url, metricsUrl }. */
  async start(name, overrides = {}) {
    this.#starts += 1;
    const at = { folder: this.folder, name: `${name}-${this.#starts}`, listen: '127.0.0.1:0', metrics: '127.0.0.1:0' };
    const settings = this.site.settings(name, at, overrides);
    const daemon = new Daemon({ name, command: [programPath(DAEMONS[name].program)], settings, output: path.join(this.folder, `${at.name}.out`), cwd: this.folder });
    this.#daemons[name] = daemon;
    const announced = await daemon.ready();
    return { name, pid: announced.pid, url: announced.listen && `http://${announced.listen}`, metricsUrl: `http://${announced.metrics}` };
  }

  async stop(name) {
    await this.#daemons[name]?.child.stop();
    delete this.#daemons[name];
  }

  /** Our processes that this build has. */
  get processes() {
    return Object.keys(DAEMONS).filter((name) => programPath(DAEMONS[name].program));
  }

  async close({ keep = false } = {}) {
    for (const name of Object.keys(this.#daemons)) await this.stop(name);
    await this.redis?.stop();
    await this.postgres?.stop();
    if (keep) return;
    this.postgres?.remove();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
