// The program itself: command line, ready line and file, signals, exit codes, its own miner.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ChainClient } from '../client.js';
import { temporaryFolder } from '../harness.js';

const MAIN = fileURLToPath(new URL('../main.js', import.meta.url));

/** Starts the program; `exited` resolves to { code, signal, out, err }. */
function run(t, ...args) {
  const child = spawn(process.execPath, [MAIN, ...args]);
  t.after(() => child.kill('SIGKILL'));
  const output = { out: '', err: '' };
  child.stdout.on('data', (data) => {
    output.out += data;
  });
  child.stderr.on('data', (data) => {
    output.err += data;
  });
  const exited = once(child, 'close').then(([code, signal]) => ({ code, signal, ...output }));
  const ready = new Promise((resolve, reject) => {
    createInterface(child.stdout).on(
      'line',
      (line) => line.startsWith('chain: ready ') && resolve(line.slice('chain: ready '.length)),
    );
    exited.then(({ err }) => reject(new Error(err)));
  });
  ready.catch(() => {});
  return { child, exited, ready };
}

test('it says when it is ready, in a line and in a file, and ends cleanly on SIGTERM', async (t) => {
  const file = join(temporaryFolder(t), 'ready.json');
  const { child, exited, ready } = run(t, '--port', '0', '--ready-file', file);
  const url = await ready;
  assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), { url, port: Number(new URL(url).port), pid: child.pid });
  assert.equal((await new ChainClient(url).get('/arc/v1/health')).status, 200);
  child.kill('SIGTERM');
  const { code, out, err } = await exited;
  assert.deepEqual([code, out, err], [0, `chain: ready ${url}\n`, '']);
});

test('SIGTERM ends it even while clients wait for an answer that never comes', async (t) => {
  const { child, exited, ready } = run(t);
  const chain = new ChainClient(await ready);
  await chain.faults({ fault: 'timeout-before' });
  const hanging = assert.rejects(chain.get('/arc/v1/policy'));
  const polling = assert.rejects(chain.wait({ for: 'height', height: 999 }));
  await chain.wait({ for: 'requests', api: 'arc', operation: 'policy' });
  child.kill('SIGTERM');
  assert.equal((await exited).code, 0);
  await Promise.all([hanging, polling]);
});

test('killed without warning it comes back with all it had answered for', async (t) => {
  const data = temporaryFolder(t);
  const first = run(t, '--data', data);
  const chain = new ChainClient(await first.ready);
  const tx = await chain.freshPayment();
  await chain.rpc('sendrawtransaction', tx.toHex());
  const { height } = await chain.control('mine', { blocks: 2 });
  first.child.kill('SIGKILL');
  assert.equal((await first.exited).signal, 'SIGKILL');
  const again = new ChainClient(await run(t, '--data', data).ready);
  assert.equal((await again.control('state')).height, height);
  assert.equal((await again.facts(tx.id('hex'))).confirmations, 2);
});

test('the options reach their services', async (t) => {
  const { ready } = run(
    t,
    '--fee-rate',
    '50',
    '--api-key',
    'k',
    '--rpc-user',
    'u',
    '--rpc-password',
    'p',
    '--rate-limit',
    '1',
  );
  const chain = new ChainClient(await ready);
  assert.equal((await chain.get('/arc/v1/policy')).status, 401);
  const { json } = await chain.get('/arc/v1/policy', { Authorization: 'Bearer k' });
  assert.deepEqual(json.policy.miningFee, { satoshis: 50, bytes: 1000 });
  assert.equal((await chain.rpc('getblockcount')).status, 401);
  const woc = [await chain.get('/woc/v1/bsv/test/chain/info'), await chain.get('/woc/v1/bsv/test/chain/info')];
  assert.deepEqual(
    woc.map(({ status }) => status),
    [200, 429],
  );
});

test('it mines on its own at an interval, empty blocks too', async (t) => {
  const chain = new ChainClient(await run(t, '--block-interval', '0.05').ready);
  const { height } = await chain.control('state');
  await chain.wait({ for: 'height', height: height + 3 });
});

test('a wrong command line is exit code 2, and nothing starts', async (t) => {
  for (const args of [['--nosuch'], ['--port', 'x'], ['--fee-rate=-1'], ['stray']]) {
    const { code, err, out } = await run(t, ...args).exited;
    assert.deepEqual([code, out], [2, ''], args.join(' '));
    assert.match(err, /^chain: .+\nusage: /);
  }
});

test('--help is on standard output', async (t) => {
  const { code, out } = await run(t, '--help').exited;
  assert.equal(code, 0);
  assert.match(out, /--ready-file FILE/);
});

test('a port that is taken is exit code 1, and no ready file', async (t) => {
  const taken = createServer();
  taken.listen(0, '127.0.0.1');
  await once(taken, 'listening');
  t.after(() => taken.close());
  const file = join(temporaryFolder(t), 'ready.json');
  const { code, err } = await run(t, '--port', String(taken.address().port), '--ready-file', file).exited;
  assert.equal(code, 1);
  assert.match(err, /^chain: cannot start: .*EADDRINUSE/);
  assert.equal(existsSync(file), false);
});
