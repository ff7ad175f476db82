// The critical path, whole: sign-in, signal, sealed, sent, mined, final, and a receipt that anybody can
// check with the network cut.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { Transaction } from '@bsv/sdk';
import { buildFolder, programPath } from '../../deploy/local/site.js';
import { sanitizerReport } from '../harness/logs.js';
import { createWorld } from '../harness/world.js';
import { forgeToken, newMember, signal, signIn } from './support/core.js';
import { untilAll } from './support/ledger.js';
import { tokensOfCrowd } from './support/load.js';

const HEADERS_MAX = 2016; // of one receipt
const WITH_HEADERS_AT_ONCE = 16;
const CORE = { SIGNAL_QUOTA: 1000 };
const POLL_MS = 1_100; // a member may ask for 60 receipts a minute
const LEDGER = { SEAL_INTERVAL: 100, POLL_INTERVAL: 50, CONFIRMATIONS: 3 };

async function stage(t, ledger = {}, { settings = {}, height = 0 } = {}) {
  const world = await createWorld(t, { chain: true });
  await fundLedger(world);
  if (height > 0) await world.chain.mine(height);
  const core = await world.start('core', { settings: { ...CORE, ...settings } });
  await world.start('notify');
  await world.start('ledger', { settings: { ...LEDGER, ...ledger } });
  return { world, core };
}

/** Gives the ledger's wallet coins: paid on the chain, then made known by the operator. */
async function fundLedger(world) {
  const address = world.ctl(['key', 'address', '--file', world.site.keys.chain.path, '--network', 'regtest']).trim();
  const { raw } = await world.chain.fund(address, 100_000, { outputs: 10 });
  world.ctl(['coin', 'add', raw, '--key', world.site.keys.chain.path]);
}

const WITHOUT_NETWORK = ['unshare', '--net', '--map-root-user'];

/** What a command begins with that has no network; nothing where nobody may cut it: then the program has to be one that could not use it. */
function cutOff() {
  const { status, stdout } = spawnSync(WITHOUT_NETWORK[0], [...WITHOUT_NETWORK.slice(1), 'cat', '/proc/net/dev'], { encoding: 'utf8' });
  if (status === 0) {
    assert.deepEqual([...stdout.matchAll(/^\s*(\S+):/gm)].map(([, name]) => name), ['lo']);
    return WITHOUT_NETWORK;
  }
  const symbols = execFileSync('nm', [programPath('eldersafe-verify')], { encoding: 'utf8', maxBuffer: 16_777_216 });
  assert.match(symbols, /\bmain$/m);
  assert.doesNotMatch(symbols, /\b(socket|connect|sendto)$/m);
  return [];
}

let before; // the same for all

function runCutOff(command) {
  before ??= cutOff();
  const [program, ...argv] = [...before, ...command];
  const { status, stdout, stderr } = spawnSync(program, argv, { encoding: 'utf8' });
  const output = stdout + stderr;
  assert.equal(sanitizerReport(output), null);
  return { status, output };
}

/** Without a log key when KEY is null. */
function verifier(world, key = world.site.logVerifierKey.text.trim()) {
  return [programPath('eldersafe-verify'), '--network', 'regtest', ...(key === null ? ['--no-log-key'] : ['--log-key', key])];
}

/** Runs eldersafe-verify on TEXT without a network; { status, output }. */
function verify(world, text, { key, more = [] } = {}) {
  const file = path.join(world.folder, 'receipt.json');
  writeFileSync(file, text);
  return runCutOff([...verifier(world, key), ...more, file]);
}

/** The same for all of TEXTS ({ name: text }); yields the names of those that do not verify. */
function brokenAmong(world, texts) {
  const folder = path.join(world.folder, 'receipts');
  mkdirSync(folder);
  for (const [name, text] of Object.entries(texts)) writeFileSync(path.join(folder, name), text);
  const each = 'cd "$1" && shift && for receipt in *; do "$@" "$receipt" || echo "$receipt"; done';
  const { output } = runCutOff(['sh', '-c', each, 'sh', folder, ...verifier(world), '--quiet']);
  return output.split('\n').slice(0, -1);
}

async function receiptOf(core, token, id, query = '') {
  const answer = await core.request(`/api/signals/${id}/receipt${query}`, { token });
  assert.equal(answer.status, 200, answer.text);
  return answer;
}

async function untilStatus(core, token, id, status) {
  return core.child.waitUntil(`the receipt is ${status}`, async () => {
    const answer = await receiptOf(core, token, id);
    return answer.json.status === status && answer;
  }, { timeout: 60_000, every: POLL_MS });
}

test('N1 J2.4 J2.7 E100 E101: from sign-in to a final receipt that verifies offline', async (t) => {
  const { world, core } = await stage(t);
  const member = await newMember(world);
  const token = await signIn(world, core, member);
  const { json: kept } = await signal(world, core, token);

  const first = await receiptOf(core, token, kept.signal_id);
  assert.ok(['pending', 'sealed', 'sent', 'seen'].includes(first.json.status), 'there is a receipt from the first second');
  assert.notEqual(verify(world, first.text).status, 1, 'nothing in it is broken');

  await untilStatus(core, token, kept.signal_id, 'seen');
  const { json: { signals: [shown] } } = await core.request('/api/signals', { token });
  assert.match(shown.txid, /^[0-9a-f]{64}$/, 'the transaction is known by join once it is seen');
  await world.eventuallySql('the reward is paid', 'SELECT balance = 1 FROM pay.accounts WHERE account_id = (SELECT reward_account FROM core.members WHERE member_id = $1)', [member.id]);
  assert.equal((await signal(world, core, token)).json.balance, '1');

  await world.chain.mine(1);
  const mined = await untilStatus(core, token, kept.signal_id, 'mined');
  assert.equal(verify(world, mined.text).status, 0, verify(world, mined.text).output);
  assert.match(verify(world, mined.text).output, /^RESULT +every link holds$/m);
  assert.match(verify(world, mined.text, { key: null }).output, /^RESULT +every other link holds; not checked: checkpoint$/m);
  await world.chain.mine(3);
  const final = await untilStatus(core, token, kept.signal_id, 'final');
  const { status, output } = verify(world, final.text);
  assert.equal(status, 0, output);
  assert.equal(Transaction.fromHex(final.json.transaction).id('hex'), shown.txid);
  assert.equal(JSON.parse(final.json.event).subject, member.subject);
});

test('N1: the verifier that is released is one static file: no interpreter, no library', () => {
  if (path.basename(buildFolder()) !== 'release') return; // a sanitizer is a library
  const text = execFileSync('readelf', ['-lhdW', programPath('eldersafe-verify')], { encoding: 'utf8' });
  assert.match(text, /^ELF Header:/m);
  assert.doesNotMatch(text, /\bINTERP\b|\(NEEDED\)/);
});

test('N1: a receipt with headers checks out against a pinned block, and a stranger\'s key or pin does not', async (t) => {
  const { world, core } = await stage(t);
  const token = await forgeToken(world, await newMember(world));
  const { json: kept } = await signal(world, core, token);
  await untilStatus(core, token, kept.signal_id, 'seen');
  await world.chain.mine(1);
  const { json } = await untilStatus(core, token, kept.signal_id, 'mined');
  const { text } = await receiptOf(core, token, kept.signal_id, `?headers_from=${json.block.height}`);
  const pin = `${json.block.height}:${json.block.hash}`;
  assert.equal(verify(world, text, { more: ['--pin', pin] }).status, 0, verify(world, text, { more: ['--pin', pin] }).output);
  const wrongPin = verify(world, text, { more: ['--pin', `${json.block.height}:${'00'.repeat(32)}`] });
  assert.equal(wrongPin.status, 1);
  assert.match(wrongPin.output, /headers/i);
  const { newKey, verifierKey } = await import('../../deploy/local/keys.js');
  const stranger = verify(world, text, { key: verifierKey('log.eldersafe.test/local', newKey()) });
  assert.equal(stranger.status, 1);
  assert.match(stranger.output, /checkpoint/i);
});

test('a receipt carries two weeks of headers at most, and few such receipts are made at once', async (t) => {
  const { world, core } = await stage(t, {}, { settings: { EXECUTOR_THREADS: WITH_HEADERS_AT_ONCE + 2 }, height: HEADERS_MAX });
  const token = await forgeToken(world, await newMember(world));
  const { json: kept } = await signal(world, core, token);
  await untilStatus(core, token, kept.signal_id, 'seen');
  await world.chain.mine(1);
  const { json: { block } } = await untilStatus(core, token, kept.signal_id, 'mined');
  const ask = (from) => core.request(`/api/signals/${kept.signal_id}/receipt?headers_from=${from}`, { token });
  const tooFar = await ask(block.height - HEADERS_MAX);
  assert.deepEqual([tooFar.status, tooFar.json.error], [422, 'invalid_request']);
  assert.match(tooFar.json.detail, /2016/);
  assert.equal((await ask(block.height - HEADERS_MAX + 1)).status, 200);

  const lock = await world.sql.connect();
  let asked;
  try {
    await lock.query('BEGIN');
    await lock.query('LOCK TABLE anchor.headers');
    asked = Array.from({ length: WITH_HEADERS_AT_ONCE }, () => ask(block.height));
    await world.eventuallySql('all wait', `SELECT count(*) = ${WITH_HEADERS_AT_ONCE} FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = 'eldersafe-core' AND wait_event_type = 'Lock'`);
    const refused = await ask(block.height);
    assert.deepEqual([refused.status, refused.json.error], [503, 'overloaded']);
  } finally {
    await lock.query('ROLLBACK');
    lock.release();
  }
  assert.deepEqual([...new Set((await Promise.all(asked)).map(({ status }) => status))], [200]);
  assert.equal((await ask(block.height)).status, 200, 'their places are free again');
});

test('N1: any single changed byte is rejected and the broken link is named', async (t) => {
  const { world, core } = await stage(t);
  const token = await forgeToken(world, await newMember(world));
  const { json: kept } = await signal(world, core, token);
  await untilStatus(core, token, kept.signal_id, 'seen');
  await world.chain.mine(1);
  const { text } = await untilStatus(core, token, kept.signal_id, 'mined');
  assert.equal(verify(world, text).status, 0);
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += 7) { // the unit tests change every byte in many ways
    const changed = Buffer.from(bytes);
    changed[at] ^= 1;
    const { status, output } = verify(world, changed);
    assert.equal(status, 1, `byte ${at}: ${output}`);
    assert.match(output, /broken/i, `byte ${at}`);
  }
});

test('N1 J2.2 E98: a thousand signals, a handful of transactions, and every receipt verifies', async (t) => {
  const { world, core } = await stage(t, { SEAL_INTERVAL: 1000 });
  const tokens = await tokensOfCrowd(world, 1000);
  const kept = [];
  for (let i = 0; i < tokens.length; i += 50) {
    kept.push(...await Promise.all(tokens.slice(i, i + 50).map((token) => signal(world, core, token))));
  }
  assert.ok(kept.every((each) => each.status === 200));
  await untilAll(world, 'seen'); // a checkpoint is sealed a moment before it has a transaction
  await world.chain.mine(1);
  await untilAll(world, 'mined');
  const receipts = {};
  for (const [i, token] of tokens.entries()) receipts[i] = (await receiptOf(core, token, kept[i].json.signal_id)).text;
  receipts.damaged = receipts[0].replace(/"salt":"./, '"salt":"?');
  assert.deepEqual(brokenAmong(world, receipts), ['damaged']);
  const { rows: [{ n }] } = await world.sql.query("SELECT count(*)::int AS n FROM anchor.transactions WHERE kind = 'anchor'");
  assert.ok(n < 40, `${n} transactions`);
});
