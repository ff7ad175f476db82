// The harness's own tests: children that end, do not end, or outlive those who started them.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { holdLock } from '../../../deploy/local/lock.js';
import { freePort, isFree } from '../../../deploy/local/ports.js';
import { Child } from '../../../deploy/local/process.js';
import { eventually } from '../../../deploy/local/wait.js';

const LOCAL = new URL('../../../deploy/local/', import.meta.url).pathname;

let folder;

before(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'eldersafe-harness-'));
});

after(() => rmSync(folder, { recursive: true, force: true }));

function shell(name, script) {
  return new Child({ name, command: ['sh', '-c', script], output: path.join(folder, `${name}.out`) });
}

function isAlive(pid) {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z');
  } catch {
    return false; // gone
  }
}

/** Runs a Node script that imports our modules, in a process of its own. */
function nodeScript(body) {
  return spawn(process.execPath, ['--input-type=module', '-e', body], { stdio: ['pipe', 'pipe', 'inherit'] });
}

function firstLine(child) {
  return new Promise((resolve) =>
    child.stdout.once('data', (data) => resolve(data.toString().split('\n')[0])),
  );
}

test('a child that stops on TERM has not been forced', async () => {
  const child = shell('polite', 'trap "exit 0" TERM; echo up; while :; do sleep 0.05; done');
  await child.waitForLine(/^up$/m);
  assert.deepEqual(await child.stop(), { code: 0, signal: null, forced: null });
});

test('a child stuck in TERM gets ABRT, and what it got is told', async () => {
  const child = shell('stuck', 'trap "" TERM; echo up; while :; do sleep 0.05; done');
  await child.waitForLine(/^up$/m);
  assert.deepEqual(await child.stop({ termMs: 200 }), { code: null, signal: 'SIGABRT', forced: 'SIGABRT' });
});

test('a child stuck in TERM and ABRT gets KILL, and its children with it', async () => {
  const child = shell(
    'stubborn',
    'trap "" TERM ABRT; sleep 1000 & echo "helper $!"; while :; do sleep 0.05; done',
  );
  const [, helper] = await child.waitForLine(/^helper (\d+)$/m);
  assert.equal((await child.stop({ termMs: 100, abortMs: 100 })).forced, 'SIGKILL');
  await eventually('the helper is gone', () => !isAlive(helper));
});

test('waiting for a line fails at once, with the output, when the child has ended', async () => {
  const child = shell('early', 'echo the reason; exit 7');
  const started = performance.now();
  await assert.rejects(child.waitForLine(/never/, { timeout: 30_000 }), /exit code 7[\s\S]*the reason/);
  assert.ok(performance.now() - started < 10_000);
});

test('a second run in the same file sees only its own lines', async () => {
  const first = shell('again', 'echo first');
  await first.exited;
  const second = shell('again', 'echo second');
  await second.exited;
  assert.equal(second.printed(), 'second\n');
});

test('a program that does not exist is an exit code, not a crash of the harness', async () => {
  const child = new Child({
    name: 'missing',
    command: ['/does/not/exist'],
    output: path.join(folder, 'missing.out'),
  });
  assert.equal((await child.exited).code, 127);
});

test('children die with the process that started them, even when that is killed', async () => {
  const parent = nodeScript(`
    import { Child } from '${LOCAL}process.js';
    const child = new Child({ name: 'orphan', command: ['sleep', '1000'], output: '${folder}/orphan.out' });
    console.log(child.pid);
    setInterval(() => {}, 1000);`);
  const pid = await firstLine(parent);
  await eventually('the child runs', () => readFileSync(`/proc/${pid}/comm`, 'utf8') === 'sleep\n');
  parent.kill('SIGKILL');
  await eventually('the child of a killed parent is gone', () => !isAlive(pid));
});

test('a lock is held by one process at a time, and a killed holder lets go', async () => {
  const file = path.join(folder, 'lock');
  const holder = nodeScript(`
    import { holdLock } from '${LOCAL}lock.js';
    console.log((await holdLock('${file}')) ? 'held' : 'refused');
    setInterval(() => {}, 1000);`);
  assert.equal(await firstLine(holder), 'held');
  assert.equal(await holdLock(file), null);
  const waiting = holdLock(file, { wait: 20 });
  holder.kill('SIGKILL');
  const lock = await waiting;
  assert.ok(lock, 'who waits gets it');
  await lock.release();
  const again = await holdLock(file);
  assert.ok(again);
  await again.release();
});

test('port collision: processes that ask at the same time never get the same port', async () => {
  const askers = Array.from({ length: 4 }, () =>
    nodeScript(`
    import { freePort } from '${LOCAL}ports.js';
    const ports = [];
    for (let i = 0; i < 10; i++) ports.push(await freePort());
    console.log(ports.join(' '));
    process.stdin.resume();
    process.stdin.on('end', () => process.exit(0));`),
  );
  const lines = await Promise.all(askers.map(firstLine));
  for (const asker of askers) asker.stdin.end();
  const ports = lines.flatMap((line) => line.split(' '));
  assert.equal(new Set(ports).size, 40);
});

test('port collision: a port that somebody listens on is passed over', async () => {
  const { createServer } = await import('node:net');
  const taken = await freePort();
  const server = createServer();
  await new Promise((resolve) => server.listen(taken, '127.0.0.1', resolve));
  assert.equal(await isFree(taken), false);
  const others = new Set();
  for (let i = 0; i < 60; i++) others.add(await freePort()); // once round the block
  assert.ok(!others.has(taken));
  await new Promise((resolve) => server.close(resolve));
});
