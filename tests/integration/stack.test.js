// `make run` as a newcomer sees it: it comes up, does the main job, survives crashes, stops without a trace
// and goes on where it was.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { request } from '../../deploy/local/http.js';
import { freeBase } from '../../deploy/local/ports.js';
import { Child } from '../../deploy/local/process.js';
import { REPOSITORY } from '../../deploy/local/site.js';
import { DEMO_MEMBERS } from '../../deploy/local/stack.js';
import { eventually } from '../../deploy/local/wait.js';
import { sanitizerReport } from '../harness/logs.js';
import { testFolder } from '../harness/servers.js';

const RUN = path.join(REPOSITORY, 'deploy/local/run');
const MAIN_JOB = path.join(REPOSITORY, 'deploy/local/main-job.js');
const READY_MS = 180_000;
const STOP_MS = 90_000;
const BACK_MS = 3_000;
const TRIES = 3;
const DAEMON_NAMES = ['core', 'notify', 'ledger', 'auditor'];
const LISTENING = '0A';

/** A stack of its own folder and ports, as a process. */
class LocalStack {
  constructor(name, base) {
    this.folder = path.join(testFolder(), name);
    this.base = base;
  }

  start(environment = {}) {
    const { PATH, HOME = '/', ELDERSAFE_BUILD = 'build/release' } = process.env;
    this.child = new Child({
      name: 'run',
      command: [RUN],
      cwd: '/',
      output: `${this.folder}.out`,
      env: {
        PATH,
        HOME,
        ELDERSAFE_BUILD,
        LOCAL_DIR: this.folder,
        PORT_BASE: String(this.base),
        ...environment,
      },
    });
    return this;
  }

  async ready() {
    await this.child.waitForLine(/^eldersafe: ready$/m, { timeout: READY_MS });
    return JSON.parse(readFileSync(path.join(this.folder, 'ready'), 'utf8'));
  }

  /** Processes of this stack that are alive: those whose arguments or working folder name its folder. */
  processes() {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
      .filter((pid) => {
        try {
          const words =
            readFileSync(`/proc/${pid}/cmdline`, 'utf8') +
            readFileSync(`/proc/${pid}/environ`, 'utf8') +
            readlinkSync(`/proc/${pid}/cwd`);
          return words.includes(`${this.folder}/`) || words.includes(`LOCAL_DIR=${this.folder}\0`);
        } catch {
          return false; // gone meanwhile
        }
      });
  }

  /** What sanitizers found in the daemons, in all their runs; they keep to their standard error. */
  sanitizerReports() {
    const outputs = DAEMON_NAMES.map((name) => path.join(this.folder, 'log', `${name}.out`));
    const started = outputs.filter((file) => existsSync(file));
    return started.map((file) => sanitizerReport(readFileSync(file, 'utf8'))).filter(Boolean);
  }

  pidOf(daemon) {
    return JSON.parse(readFileSync(path.join(this.folder, 'run', `${daemon}.ready`), 'utf8')).pid;
  }
}

let stack;
let variables;
let firstReceipt;

before(async () => {
  stack = new LocalStack('first', await freeBase());
  stack.start();
  variables = await stack.ready();
});

after(async () => {
  await stack.child.stop({ termMs: STOP_MS });
  assert.deepEqual(stack.sanitizerReports(), []);
});

/** Runs SCRIPT in a shell that has sourced LOCAL_DIR/env. */
function shell(script) {
  const { PATH } = process.env;
  return execFileSync('sh', ['-ec', `. '${stack.folder}/env'\n${script}`], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: stack.folder,
    env: { PATH },
  });
}

test('the main job was done: signed in, signalled, sealed, mined, the receipt checked offline', () => {
  const said = stack.child.printed();
  for (const step of [
    /the mail with the link is there/,
    /signed in as member 1001/,
    /signal \d+ kept for \d{4}-\d\d-\d\d: streak 1/,
    /receipt saved as/,
  ]) {
    assert.match(said, step);
  }
  firstReceipt = JSON.parse(readFileSync(path.join(stack.folder, 'receipt.json'), 'utf8'));
  assert.ok(['mined', 'final'].includes(firstReceipt.status));
  assert.doesNotMatch(said, /FAILED|TROUBLE/);
});

test('ready says where everything is, and only what exists', async () => {
  for (const name of ['CORE_URL', 'EDGE_URL', 'PG_URL', 'REDIS_URL', 'CHAIN_URL', 'LOG_VKEY'])
    assert.ok(variables[name], name);
  for (const name of ['PAY_URL', 'SUPPORT_URL']) assert.equal(variables[name], undefined);
  await eventually('all is well', () => JSON.parse(shell('curl -s "$CORE_URL/health"')).status === 'ok');
});

test('E47: keys and passwords are files that only their owner reads', () => {
  const folders = ['keys', 'postgres/passwords', 'redis/passwords'].map((name) =>
    path.join(stack.folder, name),
  );
  const files = folders.flatMap((folder) => readdirSync(folder).map((name) => path.join(folder, name)));
  assert.ok(files.length >= 12);
  for (const file of [...files, path.join(stack.folder, 'env'), path.join(stack.folder, 'ready')]) {
    assert.equal(statSync(file).mode & 0o777, 0o600, file);
  }
});

test('E9: everything listens on loopback only', () => {
  const loopback = ['0100007F', '00000000000000000000000001000000'];
  const ports = new Set(
    Array.from({ length: 50 }, (_, offset) =>
      (stack.base + offset).toString(16).toUpperCase().padStart(4, '0'),
    ),
  );
  const listeners = ['tcp', 'tcp6']
    .flatMap((family) => readFileSync(`/proc/net/${family}`, 'utf8').split('\n').slice(1))
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state]) => state === LISTENING && ports.has(local.split(':')[1]));
  assert.ok(listeners.length >= 8);
  for (const [, local] of listeners) assert.ok(loopback.includes(local.split(':')[0]), local);
});

test('E122: every line of every log is JSON with time, level, process and event, and no mail address', () => {
  for (const name of DAEMON_NAMES) {
    const text = readFileSync(path.join(stack.folder, 'log', `${name}.log`), 'utf8');
    const lines = text.trimEnd().split('\n');
    for (const line of lines) {
      const entry = JSON.parse(line);
      for (const field of ['time', 'level', 'process', 'event'])
        assert.equal(typeof entry[field], 'string', line);
    }
    for (const { email } of DEMO_MEMBERS) assert.ok(!text.includes(email), name);
  }
});

test('the printed commands, as they are, do the main job by hand', () => {
  const printed = stack.child.printed();
  const begin = printed.indexOf('    # 1. sign in');
  const said = shell(printed.slice(begin, printed.indexOf('Ctrl-C stops everything')));
  assert.match(said, /"status":"accepted"/);
  assert.match(said, /every link holds/);
});

test('E10, E28: the edge routes app and api to the core, and sends the root host to app', async () => {
  await eventually('the api host is the core', async () => (await request(`${variables.API_URL}/health/ready`)).status === 200);
  const root = await request(`http://127.0.0.1:${stack.base}/x?y=1`, {
    headers: { host: `localhost:${stack.base}` },
  });
  assert.deepEqual([root.status, root.headers.location], [301, `${variables.EDGE_URL}/x?y=1`]);
});

test('J2.15: the log is there as static files', async () => {
  await eventually('a checkpoint of the published log', async () => {
    const { status, text } = await request(`${variables.LOG_URL}/checkpoint`);
    return status === 200 && text.startsWith('log.eldersafe.test/local\n');
  });
});

for (const name of DAEMON_NAMES) {
  test(`E44, E96: eldersafe-${name} is back within 3 s of kill -9, the others untouched`, async () => {
    const before = Object.fromEntries(DAEMON_NAMES.map((each) => [each, stack.pidOf(each)]));
    const took = []; // a busy machine may miss the time once, though not each time
    do {
      const pid = stack.pidOf(name);
      const killedAt = performance.now();
      process.kill(pid, 'SIGKILL');
      await eventually('a new process is ready', () => stack.pidOf(name) !== pid);
      took.push(performance.now() - killedAt);
    } while (took.at(-1) >= BACK_MS && took.length < TRIES);
    assert.ok(Math.min(...took) < BACK_MS, `back after ${took} ms`);
    for (const other of DAEMON_NAMES.filter((each) => each !== name))
      assert.equal(stack.pidOf(other), before[other]);
  });
}

test('PostgreSQL and Redis killed: the stack brings them back, and signals are accepted again', async () => {
  const skipped = stack.child.printed().length;
  const [postgres] = shell(`psql -qAtc "SELECT pg_read_file('postmaster.pid')" "$PG_URL"`).split('\n');
  const [, redis] = shell('redis-cli -u "$REDIS_URL" INFO server').match(/^process_id:(\d+)/m);
  for (const pid of [postgres, redis]) process.kill(Number(pid), 'SIGKILL');
  await eventually('both came back', () => {
    const said = stack.child.printed().slice(skipped);
    return ['PostgreSQL', 'Redis'].every((name) => said.includes(`TROUBLE: ${name} ended (signal SIGKILL)`));
  });
  await eventually('both answer', () =>
    shell('psql -qAtc "SELECT 1" "$PG_URL" && redis-cli -u "$REDIS_URL" PING'),
  );
  await eventually('the main job can be done again', () => shell(`'${process.execPath}' '${MAIN_JOB}'`), {
    timeout: 120_000,
  });
});

test('two stacks run side by side, and a second one in the same folder is refused', async (t) => {
  const refused = spawnSync(RUN, [], {
    encoding: 'utf8',
    env: { ...process.env, LOCAL_DIR: stack.folder, PORT_BASE: String(stack.base) },
  });
  assert.equal(refused.status, 75);
  assert.match(refused.stderr, new RegExp(`already runs .*process ${stack.child.pid}`));
  const taken = spawnSync(RUN, [], {
    encoding: 'utf8',
    env: { ...process.env, LOCAL_DIR: path.join(testFolder(), 'taken'), PORT_BASE: String(stack.base) },
  });
  assert.equal(taken.status, 1);
  assert.match(taken.stderr, new RegExp(`port ${stack.base} \\(edge\\) is taken`));
  const other = new LocalStack('other', await freeBase()).start({ RUN_ONCE: '1' });
  t.after(() => other.child.stop());
  assert.equal((await other.child.exited).code, 0, other.child.tail());
  assert.deepEqual(other.processes(), []);
  assert.equal((await request(`${variables.CORE_URL}/health/live`)).status, 200);
});

test('TERM stops everything and leaves nothing running; the next start goes on with the same data', async () => {
  assert.equal((await stack.child.stop({ termMs: STOP_MS })).code, 0);
  await eventually('no process is left', () => stack.processes().length === 0);
  assert.equal(existsSync(path.join(stack.folder, 'ready')), false);
  stack.start();
  await stack.ready();
  const again = JSON.parse(readFileSync(path.join(stack.folder, 'receipt.json'), 'utf8'));
  assert.equal(again.event, firstReceipt.event, 'the same signal of the same day');
  assert.equal(again.leaf_index, firstReceipt.leaf_index);
});

test('kill -9 of the stack itself takes everything down, and the next start is not confused', async () => {
  process.kill(stack.child.pid, 'SIGKILL');
  await stack.child.exited;
  const orphans = stack.processes();
  stack.start({ RUN_ONCE: '1' }); // at once: it waits for the old processes to stop
  assert.equal((await stack.child.exited).code, 0, stack.child.tail());
  assert.deepEqual(
    orphans.filter((pid) => existsSync(`/proc/${pid}`)),
    [],
  );
});

test('Ctrl-C during the start stops what was started', async () => {
  const early = new LocalStack('early', await freeBase()).start();
  await early.child.waitForLine(/starting Redis/);
  early.child.signal('SIGINT');
  assert.equal((await early.child.exited).code, 0);
  await eventually('no process is left', () => early.processes().length === 0);
});
