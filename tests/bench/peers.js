// The two forms in which somebody else would build the signal path, beside ours: peers/.

import { execFileSync } from 'node:child_process';
import { openSync, closeSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { canConnect, freePort } from '../../deploy/local/ports.js';
import { Child } from '../../deploy/local/process.js';
import { load, plainLoad } from './load.js';
import { memoryOf } from './usage.js';
import { BENCH } from './world.js';

const DATABASE = 'peers';
const SECRET = 'a secret of the yardsticks, known to everybody';
const PYTHON = '/usr/bin/python3'; // Debian's own, which has Debian's packages
const FLASK_WORKERS = 8;
const START_MS = 60_000;
const STOP_MS = 10_000;
const WARM_UP_S = 3;
const LEAST_S = 4; // with 128 connections the slower one answers nobody in the first second
const GO_ENVIRONMENT = { GOPATH: '/usr/share/gocode', GO111MODULE: 'off' };

/** Builds what needs building and loads the yardsticks' own members; before anything is measured. */
export class Peers {
  constructor(world) {
    this.world = world;
    this.folder = path.join(world.folder, 'peers');
    this.tokenFile = path.join(this.folder, 'tokens');
    this.program = path.join(this.folder, 'go-pgx');
  }

  prepare() {
    mkdirSync(this.folder, { recursive: true });
    const cache = path.join(this.folder, 'cache');
    const env = { PATH: process.env.PATH, HOME: this.folder, GOCACHE: cache, ...GO_ENVIRONMENT };
    execFileSync('go', ['build', '-o', this.program, 'main.go'], { cwd: path.join(BENCH, 'peers/go-pgx'), env });
    const { postgres, options } = this.world;
    postgres.createDatabase(DATABASE);
    this.world.sqlFile('peers.sql', { members: options.members }, DATABASE);
    const output = openSync(this.tokenFile, 'w', 0o600);
    try {
      const argv = [path.join(BENCH, 'peers/flask-gevent/tokens.py'), SECRET, String(options.tokens)];
      execFileSync(PYTHON, argv, { stdio: ['ignore', output, 'inherit'] });
    } finally {
      closeSync(output);
    }
  }

  /** One load on 'flask' or 'go', from the morning on; yields load()'s result, rows and memory. */
  async run(name) {
    await this.#reset();
    const port = await freePort();
    const child = name === 'flask' ? this.#flask(port) : this.#go(port);
    try {
      await child.waitUntil('it listens', () => canConnect(port), { timeout: START_MS });
      await plainLoad(`http://127.0.0.1:${port}/health`, WARM_UP_S); // every worker has loaded its modules
      const { postgres, redis, options } = this.world;
      const pids = { server: child.pid, postgres: postgres.child.pid, redis: redis.child.pid };
      const result = await load({ url: `http://127.0.0.1:${port}`, seconds: Math.max(options.seconds, LEAST_S), tokenFile: this.tokenFile, pids });
      const memory = memoryOf(child.pid);
      return { ...result, rows: Number(postgres.sql('SELECT count(*) FROM signals', DATABASE)), memory };
    } finally {
      await child.stop({ termMs: STOP_MS });
    }
  }

  async #reset() {
    this.world.postgres.sql('TRUNCATE signals; UPDATE members SET last_signal_at = NULL, signal_streak = 0 WHERE signal_streak > 0; VACUUM members', DATABASE);
    await this.world.flushRedis();
  }

  #environment() {
    const { postgres, redis } = this.world;
    const owner = `${postgres.superuser}:${postgres.superPassword}@127.0.0.1:${postgres.port}`;
    return { DATABASE_URL: `postgresql://${owner}/${DATABASE}?sslmode=disable`, JWT_SECRET: SECRET, REDIS_URL: redis.uri() };
  }

  #flask(port) {
    const argv = ['gunicorn', '--workers', String(FLASK_WORKERS), '--worker-class', 'gevent', '--worker-connections', '2000', '--bind', `127.0.0.1:${port}`, 'app_tier1:create_app()'];
    return this.#child('flask', argv, path.join(BENCH, 'peers/flask-gevent'), { PYTHONDONTWRITEBYTECODE: '1' });
  }

  #go(port) {
    return this.#child('go', [this.program], this.folder, { LISTEN: `127.0.0.1:${port}`, REDIS_ADDR: this.world.redis.address });
  }

  #child(name, command, cwd, more) {
    return new Child({ name, command, cwd, env: { ...this.#environment(), ...more }, output: path.join(this.folder, `${name}.log`) });
  }
}
