// The auditor against a healthy world in which one row at a time is changed behind everybody's back:
// exactly the one right finding each time, none before and none after.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import test from 'node:test';
import { P2PKH, PrivateKey, Transaction } from '@bsv/sdk';
import { ISSUER, programPath } from '../../deploy/local/site.js';
import { sanitizerReport } from '../harness/logs.js';
import { noonZone, signal } from './support/core.js';
import { anchoringWorld, putLeaves, startLedger, untilFinal } from './support/ledger.js';
import { behindTheBack, putBack } from './support/tamper.js';

const CLEAN = 0;
const FINDINGS = 1;
const NOT_RUN = 2;
const TILE = 256;

/** Runs the auditor once; yields { status, findings: [{ check, what, expected, found }], totals }. */
function audit(world, settings = {}) {
  const environment = {
    CHAIN_NETWORK: 'regtest', DATABASE: world.site.conninfo('eldersafe_auditor'), LOG_VKEY_FILE: world.site.logVerifierKey.path, LOG_LEVEL: 'warn', ...settings,
  };
  const env = Object.fromEntries(Object.entries(environment).map(([name, value]) => [`ELDERSAFE_${name}`, value]));
  const run = () => execFileSync(programPath('eldersafe-auditor'), ['--once', '--json'], { encoding: 'utf8', env, timeout: 60_000, stdio: ['ignore', 'pipe', 'pipe'] });
  let status = CLEAN;
  let output;
  try {
    output = run();
  } catch (error) {
    ({ status, stdout: output } = error);
    if (typeof status !== 'number') throw error;
    assert.equal(sanitizerReport(error.stderr), null);
  }
  const lines = output.trim().split('\n').filter(Boolean).map((line) => JSON.parse(line));
  return { status, findings: lines.filter(({ check }) => check), totals: lines.find(({ check }) => !check), output };
}

/** Members, signals of two days, more leaves than fill a tile, checkpoints final and not. */
async function healthyWorld(t) {
  const world = await anchoringWorld(t, { coins: 5 });
  const core = await world.start('core');
  await startLedger(world);
  const tokens = [];
  for (const n of [1, 2, 3]) {
    world.addMember({ number: `70006600${n}`, email: `audited-${n}@example.org`, zone: noonZone() });
    tokens.push(world.ctl(['token', 'mint', '--member-number', `70006600${n}`], { settings: { ISSUER } }).trim());
    world.canary(`token ${n}`, tokens.at(-1));
  }
  const yesterday = new Date(Date.now() - 86_400_000 + 120_000).toISOString();
  await signal(world, core, tokens[0], { body: { channel: 'app', at: yesterday } });
  await signal(world, core, tokens[1]);
  await putLeaves(world, TILE + 44);
  await untilFinal(world);
  await signal(world, core, tokens[0]);
  await putLeaves(world, 3);
  await untilFinal(world);
  await putLeaves(world, 2);
  await world.eventuallySql('the last checkpoint is seen and rewarded', `
    SELECT NOT EXISTS (SELECT FROM anchor.leaves) AND NOT EXISTS (SELECT FROM anchor.unanchored)
       AND (SELECT state = 'seen' FROM anchor.transactions ORDER BY checkpoint_id DESC NULLS LAST LIMIT 1)
       AND (SELECT count(*) FROM anchor.rewarded) = (SELECT count(*) FROM anchor.checkpoints)`);
  for (const { child } of world.runs) await child.stop({ termMs: 30_000 });
  return world;
}

const lastSignal = '(SELECT max(signal_id) FROM core.signals)';
const firstSignal = '(SELECT min(signal_id) FROM core.signals)';
const byte = (column, at, value) => `set_byte(${column}, ${at}, get_byte(${column}, ${at}) # ${value})`;
const aFinal = `(SELECT min(transaction_id) FROM anchor.transactions WHERE state = 'final' AND kind = 'anchor')`;
const aReward = '(SELECT max(transfer_id) FROM pay.transfers)';
const aCheckpoint = '(SELECT min(checkpoint_id) FROM anchor.checkpoints)';
const aChange = '(SELECT max(coin_id) FROM anchor.coins WHERE made_by IS NOT NULL AND spent_by IS NULL)';
const aSpent = '(SELECT min(coin_id) FROM anchor.coins WHERE spent_by IS NOT NULL)';

// [story, table, what is done to it, check that finds it, of what]
const TAMPERED = [
  ['the channel of a signal', 'core.signals', `UPDATE core.signals SET channel = 'sms' WHERE signal_id = ${lastSignal}`, 'event', /^channel of signal/],
  ['the moment of a signal', 'core.signals', `UPDATE core.signals SET received_at = received_at - interval '1 hour' WHERE signal_id = ${lastSignal}`, 'event', /^received_at of signal/],
  ['the day of a signal', 'core.signals', `UPDATE core.signals SET signal_day = signal_day - 1 WHERE signal_id = (SELECT s.signal_id FROM core.signals s JOIN core.liveness l USING (member_id) WHERE l.streak = 1)`, 'event', /^day of signal/],
  ['the event of a signal', 'core.signals', `UPDATE core.signals SET event = replace(event, '"app"', '"sms"') WHERE signal_id = ${lastSignal}`, 'leaf', /^leaf of signal/],
  ['the salt of a signal', 'core.signals', `UPDATE core.signals SET salt = ${byte('salt', 3, 1)} WHERE signal_id = ${firstSignal}`, 'leaf', /^leaf of signal/],
  ['a signal is taken out', 'core.signals', `DELETE FROM core.signals WHERE signal_id = ${firstSignal}`, 'liveness', /^last day and streak of member/],
  ['the member of a signal is taken out', 'core.members', 'DELETE FROM core.members WHERE member_id = (SELECT member_id FROM core.liveness WHERE streak = 1)', 'event', /^signal/],
  ['the public id of a member', 'core.members', `UPDATE core.members SET public_id = ${byte('public_id', 0, 1)} WHERE member_id = (SELECT member_id FROM core.liveness WHERE streak = 1)`, 'event', /^subject of signal/],
  ['an audit entry is taken out', 'core.audit_log', 'DELETE FROM core.audit_log WHERE audit_id = 2', 'trail', /^leaf \d+ of the audit/],
  ['who did it, in an audit entry', 'core.audit_log', "UPDATE core.audit_log SET actor = 'operator:nobody' WHERE audit_id = 1", 'trail', /^audit entry 1/],
  ['whom an audit entry concerns', 'core.audit_log', 'UPDATE core.audit_log SET member_id = (SELECT max(member_id) FROM core.members) WHERE audit_id = 1', 'trail', /^audit entry 1/],
  ['when it was done, in an audit entry', 'core.audit_log', "UPDATE core.audit_log SET created_at = created_at - interval '1 hour' WHERE audit_id = 3", 'trail', /^audit entry 3/],
  ['the event text of an audit entry', 'core.audit_log', "UPDATE core.audit_log SET event = '{' WHERE audit_id = 2", 'trail', /^audit entry 2/],
  ['the salt of an audit entry', 'core.audit_log', `UPDATE core.audit_log SET salt = ${byte('salt', 0, 1)} WHERE audit_id = 2`, 'trail', /^audit entry 2/],
  ['a streak', 'core.liveness', 'UPDATE core.liveness SET streak = streak + 1 WHERE streak = 2', 'liveness', /^last day and streak/],
  ['the last day of somebody who never signalled', 'core.liveness', `UPDATE core.liveness SET streak = 1, last_day = '2026-01-01', last_signal_at = now() WHERE streak = 0`, 'liveness', /^last day of member/],
  ['a second leaf for a signal', 'anchor.leaves', `INSERT INTO anchor.leaves (leaf_id, hash) SELECT leaf_id, hash FROM anchor.entries WHERE leaf_id = ${lastSignal}`, 'leaf', /^signal/],
  ['the account that a leaf rewards', 'anchor.entries', `UPDATE anchor.entries SET reward_account = (SELECT max(account_id) FROM pay.accounts) WHERE leaf_id = ${lastSignal}`, 'leaf', /^account that the leaf/],
  ['the hash of an entry', 'anchor.entries', `UPDATE anchor.entries SET hash = ${byte('hash', 31, 128)} WHERE leaf_id = ${firstSignal}`, 'tile', /^hash \d+ of tile 0\/0 /],
  ['the hash of an entry outside of full tiles', 'anchor.entries', `UPDATE anchor.entries SET hash = ${byte('hash', 31, 128)} WHERE leaf_index = 260`, 'tile', /^hash 4 of tile 0\/1 /],
  ['an entry is taken out', 'anchor.entries', 'DELETE FROM anchor.entries WHERE leaf_index = 17', 'entry', /^next leaf index/],
  ['the last entry is taken out', 'anchor.entries', 'DELETE FROM anchor.entries WHERE leaf_index = (SELECT max(leaf_index) FROM anchor.entries)', 'entry', /^number of entries/],
  ['a hash in a tile of leaves', 'anchor.tiles', `UPDATE anchor.tiles SET hashes = ${byte('hashes', 9 * 32, 1)} WHERE level = 0 AND tile_index = 0`, 'tile', /^hash 9 of tile 0\/0 /],
  ['a hash in a tile above', 'anchor.tiles', `UPDATE anchor.tiles SET hashes = ${byte('hashes', 0, 1)} WHERE level = 1`, 'tile', /^hash 0 of tile 1\/0 /],
  ['a tile is taken out', 'anchor.tiles', 'DELETE FROM anchor.tiles WHERE level = 0 AND tile_index = 1', 'tile', /^tile 0\/1$/],
  ['a tile is shortened', 'anchor.tiles', 'UPDATE anchor.tiles SET hashes = substring(hashes FROM 1 FOR 64) WHERE level = 0 AND tile_index = 1', 'tile', /^tile 0\/1$/],
  ['a tile too many', 'anchor.tiles', `INSERT INTO anchor.tiles SELECT 2, 0, substring(hashes FROM 1 FOR 32) FROM anchor.tiles WHERE level = 1`, 'tile', /^number of tiles/],
  ['the size in the log\'s row', 'anchor.log', 'UPDATE anchor.log SET size = size + 1', 'entry', /^size of the log/],
  ['the origin in the log\'s row', 'anchor.log', `UPDATE anchor.log SET origin = 'log.example.org/other'`, 'note', /^origin of the log/],
  ['the root of a checkpoint', 'anchor.checkpoints', `UPDATE anchor.checkpoints SET root = ${byte('root', 5, 1)} WHERE checkpoint_id = ${aCheckpoint}`, 'checkpoint', /^root of checkpoint/],
  ['where a checkpoint begins', 'anchor.checkpoints', 'UPDATE anchor.checkpoints SET first_index = first_index - 1 WHERE first_index > 0 AND checkpoint_id = (SELECT max(checkpoint_id) FROM anchor.checkpoints)', 'checkpoint', /^first index/],
  ['the signature of a note', 'anchor.checkpoints', `UPDATE anchor.checkpoints SET note = regexp_replace(note, '(.)(.{12})\\n$', CASE WHEN substr(note, length(note) - 13, 1) = 'A' THEN 'B\\2' ELSE 'A\\2' END || E'\\n') WHERE checkpoint_id = ${aCheckpoint}`, 'note', /^note of checkpoint/],
  ['the size in a note', 'anchor.checkpoints', `UPDATE anchor.checkpoints SET note = replace(note, E'\\n' || size || E'\\n', E'\\n' || size + 1 || E'\\n') WHERE checkpoint_id = ${aCheckpoint}`, 'note', /^note of checkpoint/],
  ['what an anchoring transaction commits to', 'anchor.transactions', `UPDATE anchor.transactions SET raw = overlay(raw PLACING root_changed FROM position(root IN raw)) FROM (SELECT checkpoint_id AS id, root, ${byte('root', 0, 1)} AS root_changed FROM anchor.checkpoints) c WHERE c.id = checkpoint_id AND transaction_id = ${aFinal}`, 'commitment', /^output 0 of transaction/],
  ['the bytes of a transaction', 'anchor.transactions', `UPDATE anchor.transactions SET raw = ${byte('raw', 60, 1)} WHERE transaction_id = ${aFinal}`, 'transaction', /^id of transaction/],
  ['the id of a transaction', 'anchor.transactions', `UPDATE anchor.transactions SET txid = ${byte('txid', 0, 1)} WHERE transaction_id = ${aFinal}`, 'transaction', /^id of transaction/],
  ['the fee of a transaction', 'anchor.transactions', `UPDATE anchor.transactions SET fee = fee + 1 WHERE transaction_id = ${aFinal}`, 'transaction', /^fee of transaction/],
  ['a spent coin is free', 'anchor.coins', `UPDATE anchor.coins SET spent_by = NULL WHERE coin_id = ${aSpent}`, 'coin', /^coin /],
  ['a coin is held by another transaction', 'anchor.coins', `UPDATE anchor.coins SET spent_by = (SELECT max(transaction_id) FROM anchor.transactions) WHERE coin_id = ${aSpent}`, 'coin', /^coin /],
  ['a coin nobody spent is taken out', 'anchor.coins', `DELETE FROM anchor.coins WHERE coin_id = ${aChange}`, 'change', /^change \d+ of transaction/],
  ['the value of change', 'anchor.coins', `UPDATE anchor.coins SET satoshis = satoshis + 1 WHERE coin_id = ${aChange}`, 'change', /^change \d+ of transaction/],
  ['a coin that no transaction made', 'anchor.coins', `INSERT INTO anchor.coins (txid, vout, satoshis, made_by) SELECT txid, 77, 5, transaction_id FROM anchor.transactions WHERE transaction_id = ${aFinal}`, 'change', /^number of coins/],
  ['a header of the chain', 'anchor.headers', `UPDATE anchor.headers SET header = ${byte('header', 70, 1)} WHERE best AND height = (SELECT max(height) FROM anchor.headers)`, 'header', /header of height/],
  ['a header is taken out', 'anchor.headers', `DELETE FROM anchor.headers WHERE height = (SELECT max(height) - 1 FROM anchor.headers)`, 'header', /^next height/],
  ['the header of a transaction', 'anchor.transactions', `UPDATE anchor.transactions SET block_header = ${byte('block_header', 40, 1)} WHERE transaction_id = ${aFinal}`, 'header', /^header of transaction/],
  ['the proof of a transaction', 'anchor.transactions', `UPDATE anchor.transactions SET bump = ${byte('bump', 'length(bump) - 1', 1)} WHERE transaction_id = ${aFinal}`, 'bump', /^proof of transaction/],
  ['the state of a transaction', 'anchor.transactions', `UPDATE anchor.transactions SET state = 'mined', next_at = now() WHERE transaction_id = ${aFinal}`, 'state', /^state of transaction/],
  ['a step that is not allowed', 'anchor.transitions', `UPDATE anchor.transitions SET to_state = 'mined' WHERE from_state = 'signed' AND transaction_id = ${aFinal}`, 'state', /^transition/],
  ['a step is taken out', 'anchor.transitions', `DELETE FROM anchor.transitions WHERE from_state = 'sent' AND transaction_id = ${aFinal}`, 'state', /^transition/],
  ['a transaction that is looked at next year', 'anchor.transactions', `UPDATE anchor.transactions SET next_at = now() + interval '1 year' WHERE state = 'seen'`, 'deadline', /^transaction \d+, seen$/],
  ['an anchored checkpoint is listed as not anchored', 'anchor.unanchored', `INSERT INTO anchor.unanchored (checkpoint_id) VALUES (${aCheckpoint})`, 'deadline', /^checkpoint/],
  ['a reward is taken out', 'pay.transfers', `DELETE FROM pay.transfers WHERE transfer_id = ${aReward}`, 'reward', /^reward of leaf/],
  ['a reward is doubled', 'pay.transfers', `UPDATE pay.transfers SET amount = 2 WHERE transfer_id = ${aReward}`, 'reward', /^reward of leaf/],
  ['a reward goes to somebody else', 'pay.transfers', `UPDATE pay.transfers SET credit_account = (SELECT max(reward_account) FROM core.members) WHERE transfer_id = ${aReward}`, 'reward', /^reward of leaf/],
  ['a reward for nothing', 'pay.transfers', `INSERT INTO pay.transfers (transfer_key, kind, debit_account, credit_account, amount, currency) SELECT 'reward/999999', 'reward', debit_account, credit_account, 1, 'SAT' FROM pay.transfers WHERE transfer_id = ${aReward}`, 'reward', /^transfer reward\/999999/],
  ['a reward under another spelling of its leaf', 'pay.transfers', `INSERT INTO pay.transfers (transfer_key, kind, debit_account, credit_account, amount, currency) SELECT replace(transfer_key, '/', '/0'), kind, debit_account, credit_account, amount, currency FROM pay.transfers WHERE transfer_id = ${aReward}`, 'reward', /^transfer reward\/0\d+$/],
  ['a reward for a leaf that rewards nobody', 'pay.transfers', `INSERT INTO pay.transfers (transfer_key, kind, debit_account, credit_account, amount, currency) SELECT 'reward/' || (SELECT min(leaf_id) FROM anchor.entries WHERE reward_account IS NULL), kind, debit_account, credit_account, amount, currency FROM pay.transfers WHERE transfer_id = ${aReward}`, 'reward', /^transfer reward\/\d+$/],
  ['a checkpoint is not rewarded', 'anchor.rewarded', `DELETE FROM anchor.rewarded WHERE checkpoint_id = ${aCheckpoint}`, 'reward', /^checkpoint/],
  ['how many rewards were paid', 'anchor.rewarded', `UPDATE anchor.rewarded SET transfers = transfers + 1 WHERE checkpoint_id = ${aCheckpoint}`, 'reward', /^number of rewards/],
  ['a balance', 'pay.accounts', 'UPDATE pay.accounts SET balance = balance + 1 WHERE account_id = (SELECT max(account_id) FROM pay.accounts)', 'balance', /^balance of account/],
  ['an event that was never sent is taken in', 'bus.inbox', `INSERT INTO bus.inbox (consumer, event_id) VALUES ('notify', 999999)`, 'bus', /^event 999999/],
  ['an event is given up and still wanted', 'bus.failures', `INSERT INTO bus.failures (consumer, event_id, failures, last_error, parked_at) VALUES ('notify', 999999, 1, 'x', now())`, 'bus', /^failed event 999999/],
];

async function expectOne(world, story, check, what) {
  const { status, findings, output } = audit(world);
  assert.deepEqual(findings.map((each) => each.check), [check], `${story}:\n${output}`);
  assert.match(findings[0].what, what, output);
  assert.equal(status, FINDINGS);
  assert.notEqual(findings[0].expected, findings[0].found);
  return findings[0];
}

test('J3.12 O52: one tampered row, one finding', async (t) => {
  const world = await healthyWorld(t);
  const healthy = audit(world);
  assert.equal(healthy.status, CLEAN, healthy.output);
  assert.deepEqual(healthy.findings, []);
  assert.equal(healthy.totals.signals, 3);
  assert.ok(healthy.totals.entries > TILE && healthy.totals.checkpoints >= 3 && healthy.totals.transactions >= 3, healthy.output);

  for (const [story, table, sql, check, what] of TAMPERED) {
    await t.test(story, async () => {
      await world.sql.query(`CREATE TABLE public.untouched AS SELECT * FROM ${table}`);
      try {
        assert.equal(await behindTheBack(world, table, sql), 1, 'exactly one row is changed');
        const finding = await expectOne(world, story, check, what);
        assert.doesNotMatch(JSON.stringify(finding), /example\.org\b(?!\/)|70006600/);
      } finally {
        await putBack(world, { [table]: 'public.untouched' });
        await world.sql.query('DROP TABLE public.untouched');
      }
      assert.deepEqual(audit(world).findings, [], 'put back');
    });
  }

  await t.test('a transaction that is never looked at again', async () => {
    const { rows: [{ conname }] } = await world.sql.query(
      `SELECT conname FROM pg_constraint WHERE conrelid = 'anchor.transactions'::regclass AND pg_get_constraintdef(oid) LIKE '%next_at IS NULL%'`);
    await world.sql.query(`ALTER TABLE anchor.transactions RENAME CONSTRAINT ${conname} TO deadline_kept`);
    await world.sql.query('ALTER TABLE anchor.transactions DROP CONSTRAINT deadline_kept');
    await world.sql.query(`UPDATE anchor.transactions SET next_at = NULL WHERE state = 'seen'`);
    await expectOne(world, 'deadline', 'deadline', /^transaction \d+, seen/);
    await world.sql.query(`UPDATE anchor.transactions SET next_at = now() WHERE state = 'seen'`);
  });

  await t.test('a second transaction spends a coin that is spent', async () => {
    const { rows: [first] } = await world.sql.query(`SELECT raw FROM anchor.transactions WHERE transaction_id = ${aFinal}`);
    const [{ sourceTXID, sourceOutputIndex }] = Transaction.fromHex(first.raw.toString('hex')).inputs;
    const lock = new P2PKH().lock(PrivateKey.fromHex('07'.repeat(32)).toPublicKey().toHash());
    const twice = new Transaction();
    twice.addInput({ sourceTXID, sourceOutputIndex, unlockingScript: lock, sequence: 0xffffffff });
    twice.addOutput({ satoshis: 9, lockingScript: lock });
    const txid = Buffer.from(twice.id('hex'), 'hex').reverse();
    const { rows: [{ id }] } = await world.sql.query(
      `INSERT INTO anchor.transactions (kind, txid, raw, fee, state, next_at) VALUES ('split', $1, $2, 1, 'signed', now()) RETURNING transaction_id AS id`,
      [txid, Buffer.from(twice.toHex(), 'hex')]);
    await world.sql.query(`INSERT INTO anchor.transitions (transaction_id, from_state, to_state, reason) VALUES ($1, 'new', 'signed', 'test')`, [id]);
    await world.sql.query('INSERT INTO anchor.coins (txid, vout, satoshis, made_by) VALUES ($1, 0, 9, $2)', [txid, id]);
    const finding = await expectOne(world, 'double spend', 'coin', new RegExp(`^coin ${sourceTXID}:${sourceOutputIndex}$`));
    assert.equal(finding.expected, `spent by transaction ${id}`);
    for (const table of ['anchor.coins', 'anchor.transitions', 'anchor.transactions']) {
      await behindTheBack(world, table, `DELETE FROM ${table} WHERE ${table === 'anchor.coins' ? 'made_by' : 'transaction_id'} = ${id}`);
    }
  });

  await t.test('an append-only lock is opened', async () => {
    await world.sql.query('ALTER TABLE pay.transfers DISABLE TRIGGER append_only_row');
    await expectOne(world, 'lock', 'append_only', /^pay\.transfers, trigger append_only_row$/);
    await world.sql.query('ALTER TABLE pay.transfers ENABLE TRIGGER append_only_row');
    await expectOne(world, 'lock', 'append_only', /^pay\.transfers, trigger append_only_row$/);
    await world.sql.query('ALTER TABLE pay.transfers ENABLE ALWAYS TRIGGER append_only_row');
  });

  await t.test('the next month has no partition', async () => {
    const { rows: [{ name }] } = await world.sql.query(`SELECT to_char(now() AT TIME ZONE 'UTC' + interval '1 month', '"core.signals_"YYYY_MM') AS name`);
    const { rows: [{ bound }] } = await world.sql.query('SELECT pg_get_expr(relpartbound, oid) AS bound FROM pg_class WHERE oid = $1::regclass', [name]);
    await world.sql.query(`ALTER TABLE core.signals DETACH PARTITION ${name}`);
    await expectOne(world, 'partition', 'partitions', /^signals of \d{4}-\d\d$/);
    await world.sql.query(`ALTER TABLE core.signals ATTACH PARTITION ${name} ${bound}`);
  });

  await t.test('signed by another log key', async () => {
    const { status, findings } = audit(world, { LOG_VKEY_FILE: undefined });
    assert.deepEqual([status, findings], [CLEAN, []], 'without a key, signatures are not looked at');
  });

  assert.deepEqual(audit(world).findings, []);
});

test('--once says by its status that it could not look', async (t) => {
  const world = await anchoringWorld(t, { coins: 0 });
  assert.equal(audit(world, { DATABASE: 'host=127.0.0.1 port=1 connect_timeout=1' }).status, NOT_RUN);
  assert.equal(audit(world).status, CLEAN, 'an empty world is clean');
  assert.ok(audit(world, { INTERVAL: 'often' }).status >= 64);
});

test('J3.2: a reward that no signal earned is a finding', async (t) => {
  const world = await anchoringWorld(t);
  world.invariants = false;
  await startLedger(world);
  await putLeaves(world, 2, { rewarded: true });
  await world.sql.query(`INSERT INTO anchor.leaves (leaf_id, hash, reward_account)
    SELECT nextval('anchor.leaf_ids'), sha256('signed by nobody'), max(reward_account) FROM core.members`);
  await untilFinal(world);
  const { rows: [{ id }] } = await world.sql.query('SELECT max(leaf_id) AS id FROM anchor.entries');
  await expectOne(world, 'not a signal', 'reward', new RegExp(`^leaf ${id}$`));
});

test('the daemon audits what is new, warns in its log and counts by check', async (t) => {
  const world = await anchoringWorld(t, { coins: 3, warnings: [/^audit\.finding$/] });
  await startLedger(world);
  await putLeaves(world, 5, { rewarded: true });
  await untilFinal(world);
  const auditor = await world.start('auditor', { settings: { INTERVAL: 1, LOG_VKEY_FILE: world.site.logVerifierKey.path } });
  const first = await auditor.waitForLog('audit.done');
  assert.deepEqual([first.findings, first.entries], [0, 5]);
  await putLeaves(world, 4, { rewarded: true });
  await untilFinal(world);
  const done = await world.runs.at(-1).child.waitUntil('new entries are audited', () => auditor.log().find(({ event, transfers }) => event === 'audit.done' && transfers === 4));
  assert.equal(done.findings, 0);
  const { rows: [{ account }] } = await world.sql.query('SELECT max(account_id) AS account FROM pay.accounts');
  await behindTheBack(world, 'pay.accounts', 'UPDATE pay.accounts SET balance = balance + 7 WHERE account_id = $1', [account]);
  const { level, check, what, expected, found } = await auditor.waitForLog('audit.finding');
  assert.deepEqual([level, check, what, expected, found], ['warn', 'balance', `balance of account ${account}`, '1', '8']);
  await auditor.child.waitUntil('it is counted', async () => (await auditor.metric('eldersafe_auditor_findings{check="balance"}')) === 1);
  assert.equal(await auditor.metric('eldersafe_auditor_findings{check="tile"}'), 0);
  assert.ok((await auditor.metric('eldersafe_auditor_runs_total')) >= 2);
  await behindTheBack(world, 'pay.accounts', 'UPDATE pay.accounts SET balance = balance - 7 WHERE account_id = $1', [account]);
});
