// `make run`: brings up the local stack, does the main job once, tells how to do it by hand, and stays
// until it is told to stop.
//
//   LOCAL_DIR=…   where everything is kept (default .local); a second start goes on with its data
//   PORT_BASE=n   shifts every port (default 8000), so that two stacks can run side by side
//   RUN_ONCE=1    ends after the main job: 0 when it succeeded, 1 when not
//
// Exit codes: 0 stopped as asked, 1 something failed, 75 another stack runs in LOCAL_DIR.

import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { stackVariables, writeEnvFile } from './env-file.js';
import { checkPorts, checkPortsAfterKill, readLayout } from './layout.js';
import { holdLock } from './lock.js';
import { mainJob } from './main-job.js';
import { manual } from './manual.js';
import { DEMO_MEMBERS, Stack } from './stack.js';

const ALREADY_RUNNING = 75;
const LOCK_WAIT_S = 2; // one that was just killed is still letting go
const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];

function say(line) {
  process.stdout.write(`${line}\n`);
}

async function main() {
  const layout = readLayout(process.env);
  mkdirSync(layout.folder, { recursive: true, mode: 0o711 });
  const pidFile = path.join(layout.folder, 'pid');
  const lock = await holdLock(path.join(layout.folder, 'lock'), { wait: LOCK_WAIT_S });
  if (!lock) {
    const pid = existsSync(pidFile) ? readFileSync(pidFile, 'utf8').trim() : 'unknown';
    process.stderr.write(`eldersafe: a stack already runs in ${layout.folder} (process ${pid})\n`);
    return ALREADY_RUNNING;
  }
  const readyFile = path.join(layout.folder, 'ready');
  const wasKilled = existsSync(pidFile); // a stack that stops by itself takes it away
  rmSync(readyFile, { force: true });
  writeFileSync(pidFile, `${process.pid}\n`);
  try {
    await (wasKilled ? checkPortsAfterKill(layout) : checkPorts(layout));
    return await runStack(layout, readyFile);
  } finally {
    rmSync(readyFile, { force: true });
    rmSync(pidFile, { force: true });
    await lock.release();
  }
}

async function runStack(layout, readyFile) {
  const asked = askedToStop();
  const stack = new Stack(layout);
  stack.on('note', (text) => say(`eldersafe: ${text}`));
  stack.on('trouble', (text) => say(`eldersafe: TROUBLE: ${text}`));
  const started = stack.start().then(() => 'started');
  if ((await Promise.race([started, asked.promise])) !== 'started') {
    say('eldersafe: stopping before everything was up');
    await started.catch(() => {});
    await stack.stop();
    return 0;
  }
  try {
    return await serve(stack, layout, readyFile, asked.promise);
  } finally {
    say('eldersafe: stopping');
    await stack.stop();
    say('eldersafe: stopped, nothing is left running');
  }
}

async function serve(stack, layout, readyFile, asked) {
  const variables = stackVariables(stack);
  const envFile = writeEnvFile(layout.folder, variables);
  const job = await Promise.race([doMainJob(stack, layout), asked]);
  if (job === 'stop') return 0;
  writeFileSync(readyFile, `${JSON.stringify({ pid: process.pid, ...variables })}\n`, { mode: 0o600 });
  if (job === 'failed') say('eldersafe: the main job FAILED; the stack stays up for looking at');
  say(manual(variables, envFile));
  say('eldersafe: ready');
  if (process.env.RUN_ONCE === '1') return job === 'done' ? 0 : 1;
  await asked;
  return 0;
}

async function doMainJob({ site, edge }, { folder }) {
  const where = {
    edgeUrl: edge.appUrl,
    mailFolder: site.mailFolder,
    verifierKeyFile: site.logVerifierKey.path,
    receiptFile: path.join(folder, 'receipt.json'),
  };
  say('eldersafe: the main job, as a member does it');
  try {
    await mainJob(where, DEMO_MEMBERS[0], (line) => say(`    ${line}`));
    return 'done';
  } catch (error) {
    say(`    ${error.message}`);
    return 'failed';
  }
}

function askedToStop() {
  const asked = {};
  asked.promise = new Promise((resolve) => {
    for (const signal of STOP_SIGNALS) process.on(signal, () => resolve('stop'));
  });
  return asked;
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error) => {
    process.stderr.write(`eldersafe: ${error.message}\n`);
    process.exitCode = 1;
  },
);
