// A private PostgreSQL server: its own data folder, port and passwords, nothing of the system's.

import { execFileSync, spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { newPassword, secretFile } from './keys.js';
import { Child } from './process.js';
import { folderFor, runAs, serverUser } from './users.js';

const HOST = '127.0.0.1';
const SUPERUSER = 'eldersafe_super';
const PASSFILE_MODE = 0o600;
const START_MS = 60_000; // recovery after a crash takes a while
const STOP_MS = 30_000;
const EXIT_AFTER_FAST_SHUTDOWN = 0;

// The whole difference between the local stack and a test server: what a crash of the machine may cost.
const DURABILITY = {
  durable: {},
  throwaway: { fsync: 'off', full_page_writes: 'off', synchronous_commit: 'off', max_wal_size: '512MB' },
};

/**
 * Options:
 *   folder      where everything is kept (data, log, passwords)
 *   port        on 127.0.0.1
 *   durability  'durable' or 'throwaway'
 *   settings    further server settings
 */
export class Postgres {
  #user;
  #data;
  #child = null;

  constructor({ folder, port, durability = 'durable', settings = {} }) {
    this.folder = folder;
    this.port = port;
    this.host = HOST;
    this.settings = { ...DURABILITY[durability], ...settings };
    this.#user = serverUser();
    mkdirSync(folder, { recursive: true, mode: 0o711 }); // the server's user passes through
    this.superuser = SUPERUSER;
    this.superPassword = secretFile(path.join(folder, 'passwords'), SUPERUSER, newPassword).text;
  }

  get child() {
    return this.#child;
  }

  get log() {
    return path.join(this.folder, 'server.log');
  }

  /** Makes the data folder on first use, starts the server, and waits until it answers. */
  async start() {
    this.#data = path.join(folderFor(this.#user, path.join(this.folder, 'server')), 'data');
    if (!this.#isInitialised()) this.#initialise();
    this.#writeSettings();
    await this.#waitForAnOldServer();
    this.#child = new Child({
      name: 'postgres',
      command: [program('postgres'), '-D', this.#data],
      cwd: path.dirname(this.#data),
      output: this.log,
      user: this.#user,
      deathSignal: 'INT', // fast shutdown
    });
    await this.#child.waitUntil('it answers', () => this.#answers(), { timeout: START_MS });
    this.#writePassfile(SUPERUSER, this.superPassword);
  }

  /** Fast shutdown: sessions are cut, a checkpoint is written. Yields how it ended. */
  async stop() {
    if (!this.#child) return { code: EXIT_AFTER_FAST_SHUTDOWN, signal: null, forced: null };
    return this.#child.stop({ signal: 'SIGINT', termMs: STOP_MS });
  }

  /** As a power cut: every process of the server at once. The next start recovers. */
  async crash() {
    await this.#child.stop({ signal: 'SIGQUIT', termMs: STOP_MS });
  }

  async restart() {
    await this.stop();
    await this.start();
  }

  /** Sets (and remembers) a password for ROLE; yields the path of a libpq passfile that has it. */
  passfile(role) {
    const { text } = secretFile(path.join(this.folder, 'passwords'), role, newPassword);
    this.sql(`ALTER ROLE ${role} PASSWORD '${text}'`);
    return this.#writePassfile(role, text);
  }

  /** The password of ROLE, once passfile() was called for it. */
  password(role) {
    if (role === SUPERUSER) return this.superPassword;
    return readFileSync(path.join(this.folder, 'passwords', role), 'utf8').trim();
  }

  /** libpq connection string of ROLE, the password in its passfile; `port` may be a proxy's. */
  conninfo(role, database, port = this.port) {
    const passfile = path.join(this.folder, 'passwords', `${role}.pgpass`);
    return `host=${HOST} port=${port} dbname=${database} user=${role} passfile=${quoted(passfile)} sslmode=disable`;
  }

  /** The superuser's connection: for migrations, for looking, never for a daemon. */
  superConninfo(database = 'postgres') {
    return this.conninfo(SUPERUSER, database);
  }

  /** Runs SQL as the superuser through psql; yields its output. */
  sql(text, database = 'postgres') {
    const argv = [
      '--no-psqlrc',
      '--quiet',
      '--tuples-only',
      '--no-align',
      '--set',
      'ON_ERROR_STOP=1',
      '--dbname',
      this.superConninfo(database),
    ];
    return execFileSync(program('psql'), argv, {
      input: text,
      encoding: 'utf8',
      stdio: ['pipe', 'pipe', 'pipe'],
    }).trim();
  }

  /** A new database NAME, empty or a copy of TEMPLATE (to which nobody may be connected). */
  createDatabase(name, template = 'template0') {
    this.sql(`CREATE DATABASE "${name}" TEMPLATE "${template}" STRATEGY FILE_COPY`);
  }

  dropDatabase(name) {
    this.sql(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`);
  }

  /** Removes everything of a stopped server. */
  remove() {
    rmSync(path.dirname(this.#data), { recursive: true, force: true });
    rmSync(this.folder, { recursive: true, force: true });
  }

  hasDatabase(name) {
    return this.sql(`SELECT count(*) FROM pg_database WHERE datname = '${name}'`) === '1';
  }

  #isInitialised() {
    try {
      runAs(this.#user, ['test', '-f', path.join(this.#data, 'eldersafe-initialised')]);
      return true;
    } catch {
      return false;
    }
  }

  // The marker comes last: a data folder without it is a first start that did not get to its end.
  #initialise() {
    runAs(this.#user, ['rm', '-rf', this.#data]);
    const passwordFile = path.join(path.dirname(this.#data), 'superuser.tmp');
    writeFileSync(passwordFile, this.superPassword, { mode: PASSFILE_MODE });
    if (this.#user) chownSync(passwordFile, this.#user.uid, this.#user.gid);
    const options = [
      '--username',
      SUPERUSER,
      '--pwfile',
      passwordFile,
      '--auth',
      'scram-sha-256',
      '--encoding',
      'UTF8',
      '--locale',
      'C.UTF-8',
      '--no-sync',
    ];
    runAs(this.#user, [program('initdb'), '-D', this.#data, ...options], { cwd: '/' });
    runAs(this.#user, ['rm', '-f', passwordFile]);
    runAs(this.#user, ['touch', path.join(this.#data, 'eldersafe-initialised')]);
  }

  #writeSettings() {
    const settings = {
      listen_addresses: HOST,
      port: this.port,
      unix_socket_directories: '',
      max_connections: 100,
      password_encryption: 'scram-sha-256',
      timezone: 'UTC',
      log_timezone: 'UTC',
      ...this.settings,
    };
    const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value}'`);
    const file = path.join(this.#data, 'postgresql.auto.conf');
    writeFileSync(file, `${lines.join('\n')}\n`, { mode: PASSFILE_MODE });
    if (this.#user) chownSync(file, this.#user.uid, this.#user.gid);
  }

  // After kill -9 of a stack its server shuts down by itself; a new one must let it finish.
  async #waitForAnOldServer() {
    const pidFile = path.join(this.#data, 'postmaster.pid');
    const end = performance.now() + STOP_MS;
    while (isRunning(pidFile)) {
      if (performance.now() > end) throw new Error(`another server still runs on ${this.#data}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  #writePassfile(role, password) {
    const file = path.join(this.folder, 'passwords', `${role}.pgpass`);
    writeFileSync(file, `${HOST}:*:*:${role}:${password}\n`, { mode: PASSFILE_MODE });
    return file;
  }

  #answers() {
    const { status } = spawnSync(program('pg_isready'), [
      '--quiet',
      '--host',
      HOST,
      '--port',
      String(this.port),
    ]);
    return status === 0;
  }
}

/** Full path of one of the server's programs. */
export function program(name) {
  return path.join(programFolder(), name);
}

function quoted(value) {
  return `'${value.replace(/[\\']/g, '\\$&')}'`;
}

let folderOfPrograms = null;

function programFolder() {
  if (folderOfPrograms) return folderOfPrograms;
  const asked = spawnSync('pg_config', ['--bindir'], { encoding: 'utf8' });
  const candidates = [
    asked.stdout?.trim(),
    ...[17, 16, 15].map((major) => `/usr/lib/postgresql/${major}/bin`),
  ];
  folderOfPrograms = candidates.find((folder) => folder && existsSync(path.join(folder, 'initdb')));
  if (!folderOfPrograms) throw new Error('no PostgreSQL server programs found: run deploy/bootstrap');
  return folderOfPrograms;
}

function isRunning(pidFile) {
  try {
    const [pid] = readFileSync(pidFile, 'utf8').split('\n');
    return readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('postgres');
  } catch {
    return false; // no such file or process, or gone while we look
  }
}
