// Look-ups stay look-ups when the tables are large: the plans of the daemons' own statements, with the
// pages they touched, as PostgreSQL made and ran them.

import assert from 'node:assert/strict';
import test from 'node:test';
import { createWorld } from '../harness/world.js';
import { forgeToken, newCrowd, newMember, signal } from './support/core.js';
import { anchoringWorld, putLeaves, startLedger } from './support/ledger.js';
import { askForLetter, createNotifyWorld, messageIs, newAddressee } from './support/notify.js';
import { explain, indexesOf, logPlans, scannedWhole, sortsOf } from './support/server-log.js';

const MEMBERS = 10_000;
const DAYS = 30;
const KEYS = 200_000;
const FINISHED = 200_000;
const NOT_YET_DUE = 50_000;
const PAGE = 8_192;
const SIGNALS_INDEX = /^signals_\d{4}_\d{2}_pkey$/; // one a month
const DUE_PAGES = 60; // most of them for writing down who has claimed it

async function pagesOf(world, table) {
  const { rows } = await world.sql.query(
    `SELECT (sum(pg_table_size(relid)) / $2)::int AS pages FROM pg_partition_tree($1::regclass)`, [table, PAGE]);
  return rows[0].pages;
}

/** 300,000 signals of days to come (not of today, wherever the member is) with their entries in the log, final in 3,000 checkpoints, as many other entries
 * in the audit, and 200,000 answers under Idempotency-Keys. */
async function fillCore(world, members) {
  const ids = members.map((each) => each.id);
  await world.sql.query(
    `INSERT INTO core.signals (member_id, signal_day, signal_id, channel, evidence, received_at, salt, event, actor, request_id)
     SELECT member_id, current_date + day, nextval('anchor.leaf_ids'), 'app', 'strong', now(), decode(repeat('00', 16), 'hex'),
       '{}', decode(repeat('00', 16), 'hex'), gen_random_uuid()
     FROM generate_series(2, $2 + 1) AS day, unnest($1::bigint[]) AS member_id`, [ids, DAYS]); // partitions are made ahead
  await world.sql.query(
    `INSERT INTO anchor.entries (leaf_index, leaf_id, hash)
     SELECT row_number() OVER (ORDER BY signal_id) - 1, signal_id, sha256(int8send(signal_id)) FROM core.signals`);
  await world.sql.query(
    `INSERT INTO anchor.checkpoints (size, first_index, root, note)
     SELECT 100 * i, 100 * (i - 1), sha256(int8send(i)), 'note' FROM generate_series(1, $1::bigint) i`, [(members.length * DAYS) / 100]);
  await world.sql.query(
    `INSERT INTO anchor.transactions (kind, checkpoint_id, txid, raw, fee, state, block_hash, block_height, block_header, bump)
     SELECT 'anchor', checkpoint_id, root, '\\x00'::bytea, 1, 'final', root, 1, decode(repeat('00', 80), 'hex'), '\\x00'::bytea FROM anchor.checkpoints`);
  await world.sql.query('ALTER TABLE core.audit_log DISABLE TRIGGER anchor_audit');
  await world.sql.query(
    `INSERT INTO core.audit_log (member_id, event_type, actor, request_id, created_at, leaf_id, salt, event)
     SELECT member_id, 'login', 'test', gen_random_uuid(), now() - make_interval(days => day),
       nextval('anchor.leaf_ids'), decode(repeat('00', 16), 'hex'), '{}'
     FROM generate_series(1, $2) AS day, unnest($1::bigint[]) AS member_id`, [ids, DAYS]);
  await world.sql.query(
    `INSERT INTO core.idempotency (caller, key_hash, fingerprint, state, status, content_type, body, expires_at, lease_until)
     SELECT decode(md5(i::text), 'hex'), sha256(int4send(i)), sha256(int4send(i)), 'done', 200, 'application/json', '{}',
       now() + interval '1 day', now() + interval '1 minute' FROM generate_series(1, $1) i`, [KEYS]);
  await world.sql.query('ANALYZE');
}

test('E90: status, history, receipt, repeat and Idempotency-Key find their rows by an index among 300,000 signals, on few pages', async (t) => {
  const world = await createWorld(t);
  world.invariants = false; // rows are put in by hand, without their leaves
  const members = await newCrowd(world, MEMBERS);
  await fillCore(world, members);
  assert.ok((await pagesOf(world, 'core.signals')) > 3_000, 'reading all of it would show');
  const server = await logPlans(world, 'eldersafe_core');
  const core = await world.start('core', { settings: { SIGNAL_QUOTA: 1000 } });
  const token = await forgeToken(world, members[MEMBERS / 2]);
  const headers = { 'idempotency-key': '"e90"' };
  for (let i = 0; i < 2; i += 1) {
    assert.equal((await core.request('/api/member/status', { token })).status, 200);
    assert.equal((await core.request(`/api/signals?before=${inDays(DAYS + 2)}`, { token })).json.signals.length, DAYS + i);
    const { status, json: kept } = await signal(world, core, token);
    assert.equal(status, 200);
    assert.equal((await core.request(kept.receipt, { token })).status, 200);
    assert.equal((await signal(world, core, token, { headers })).status, 200);
  }
  const lookups = [ // what it is, how its statement begins, the index of the large table, pages at most
    ['status', /^SELECT m\.contract_state/, /^members_pkey$/, 20],
    ['history', /^WITH page AS MATERIALIZED/, SIGNALS_INDEX, 30 * (DAYS + 1)],
    ['event of a receipt', /^SELECT event, salt/, SIGNALS_INDEX, 4 * (DAYS + 1)],
    ['repeat of the day', /^SELECT s\.member_id, s\.signal_day/, SIGNALS_INDEX, 80],
    ['answer of a key', /^SELECT \(k\.place/, /^idempotency_pkey$/, 20],
  ];
  for (const [what, query, index, most] of lookups) {
    for (const plan of await server.plansOf(query)) {
      assert.deepEqual(scannedWhole(plan), [], `${what}: ${plan.text}`);
      assert.ok(indexesOf(plan).some((name) => index.test(name)), `${what} uses ${indexesOf(plan)}`);
      assert.ok(plan.pages <= most, `${what} touches ${plan.pages} pages`);
      for (const sort of sortsOf(plan)) assert.ok(sort['Actual Rows'] <= DAYS + 1, `${what} sorts no more than the member's own`);
    }
  }
  const kept = await server.plansOf(/^INSERT INTO core\.idempotency/); // the key itself: one new row in its indexes
  assert.ok(kept.every((plan) => plan.pages <= 30), `a key's answer is kept on ${kept.map((plan) => plan.pages)} pages`);
});

test('E91: the audit of a member in a time is found by an index among 600,000 entries, the newest first without a sort', async (t) => {
  const world = await createWorld(t);
  world.invariants = false; // rows are put in by hand, without their leaves
  const members = await newCrowd(world, MEMBERS);
  await fillCore(world, members);
  const ofWeek = `member_id = ${members[MEMBERS / 2].id} AND created_at >= now() - interval '1 week'`;
  const all = await explain(world.sql, `SELECT * FROM core.audit WHERE ${ofWeek}`);
  const newest = await explain(world.sql, `SELECT * FROM core.audit_log WHERE ${ofWeek} ORDER BY created_at DESC LIMIT 5`);
  for (const plan of [all, newest]) {
    assert.deepEqual(scannedWhole(plan), [], plan.text);
    const search = plan.nodes.find((node) => node['Index Name'] === 'audit_of_member');
    assert.match(search?.['Index Cond'] ?? '', /member_id = .* AND \(created_at >= /, plan.text);
  }
  assert.ok(indexesOf(all).some((name) => SIGNALS_INDEX.test(name)), `signals by ${indexesOf(all)}`);
  assert.ok(all.pages <= 20 * (DAYS + 1), `${all.pages} pages`);
  assert.deepEqual(sortsOf(newest), []);
  assert.ok(newest.pages <= 20, `${newest.pages} pages`);
});

test('E90: a plan that the lanes made while their tables were empty goes by the indexes all the same', async (t) => {
  const world = await createWorld(t);
  const token = await forgeToken(world, await newMember(world));
  await world.sql.query('VACUUM ANALYZE'); // PostgreSQL knows for certain that there are no signals and no keys
  const server = await logPlans(world, 'eldersafe_core');
  const core = await world.start('core', { settings: { SIGNAL_QUOTA: 1000 } });
  for (const key of ['"a"', '"b"']) // the second time its day has its signal
    assert.equal((await signal(world, core, token, { headers: { 'idempotency-key': key } })).status, 200);
  for (const query of [/^SELECT \(k\.place/, /^WITH input AS MATERIALIZED/, /^SELECT s\.member_id, s\.signal_day/, /^SELECT member_id, reward_account/]) {
    for (const plan of await server.plansOf(query)) assert.deepEqual(scannedWhole(plan), [], plan.text);
  }
});

/** The day in DAYS days, as the history's URL has it. */
function inDays(days) {
  return new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
}

/** A long past: transactions that are final, and many more that are looked at again only next year. */
async function fillTransactions(world) {
  await world.sql.query(
    `INSERT INTO anchor.transactions (kind, txid, raw, fee, state, next_at, block_hash, block_height, block_header, bump)
     SELECT 'split', sha256(int4send(i)), '\\x00'::bytea, 1, 'final', NULL, sha256(int4send(i)), 1, decode(repeat('00', 80), 'hex'), '\\x00'::bytea
     FROM generate_series(1, $1) i
     UNION ALL
     SELECT 'split', sha256(int4send(i)), '\\x00'::bytea, 1, 'signed', now() + interval '1 year', NULL, NULL, NULL, NULL
     FROM generate_series($1 + 1, $1 + $2) i`, [FINISHED, NOT_YET_DUE]);
  await world.sql.query('ANALYZE');
}

test('E92 FE21: looking for due work touches only what is due among 250,000 transactions', async (t) => {
  const world = await anchoringWorld(t);
  world.invariants = false; // transactions are put in by hand, without their coins
  await fillTransactions(world);
  const server = await logPlans(world, 'eldersafe_ledger');
  await startLedger(world);
  await putLeaves(world, 3);
  await world.eventuallySql('a checkpoint is on the network', `SELECT EXISTS (SELECT FROM anchor.transactions WHERE kind = 'anchor' AND state = 'seen')`);
  const searches = await server.plansOf(/ORDER BY next_at LIMIT 1 FOR UPDATE SKIP LOCKED/);
  assertTouchesOnlyDue(searches, 'transactions_due');
});

test('E92: looking for mail to send touches only what is due among 50,000 messages', async (t) => {
  const world = await createNotifyWorld(t);
  await world.sql.query(
    `INSERT INTO vault.messages (event_id, member_id, channel, template, sealed, next_at, expires_at)
     SELECT -i, 1, 'email', 'login', '\\x00', now() + interval '1 year', now() + interval '2 years' FROM generate_series(1, $1) i`, [NOT_YET_DUE]);
  await world.sql.query('ANALYZE');
  const server = await logPlans(world, 'eldersafe_notify');
  await world.start('notify');
  await messageIs(world, await askForLetter(world, await newAddressee(world)), 'sent');
  assertTouchesOnlyDue(await server.plansOf(/ORDER BY d\.next_at FOR UPDATE SKIP LOCKED LIMIT 1/), 'messages_due');
});

function assertTouchesOnlyDue(searches, index) {
  const found = searches.filter((plan) => plan.nodes[0]['Actual Rows'] > 0);
  assert.ok(found.length > 0 && found.length < searches.length, 'it looked when something was due, and when nothing was');
  for (const plan of searches) {
    const search = plan.nodes.find((node) => node['Index Name'] === index);
    assert.ok(search?.['Index Cond'], `${index} bounds the search: ${JSON.stringify(plan.nodes, null, 1)}`);
    assert.ok(plan.pages <= DUE_PAGES, `${plan.pages} pages for ${plan.nodes[0]['Actual Rows']} rows`);
  }
}
