// Isolation is real: what each role may not do, tried for real; and nothing personal in the core.

import assert from 'node:assert/strict';
import test from 'node:test';
import pg from 'pg';
import { createWorld } from '../harness/world.js';
import { forgeToken, newMember, signal } from './support/core.js';
import { dumpOf } from './support/dump.js';

async function as(world, role, work) {
  const client = new pg.Client(pgConfig(world, role));
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

const pgConfig = (world, role) => ({
  host: world.postgres.host, port: world.postgres.port, database: world.database, user: role, password: world.postgres.password(role),
});

const FORBIDDEN = {
  eldersafe_ledger: [
    'SELECT * FROM core.signals', 'SELECT * FROM core.members', 'SELECT * FROM core.liveness', 'SELECT * FROM core.sessions',
    'SELECT * FROM core.audit', 'SELECT * FROM vault.contacts', 'UPDATE anchor.checkpoints SET size = 1', 'DELETE FROM anchor.entries',
    'UPDATE anchor.entries SET leaf_index = 1', 'UPDATE pay.accounts SET balance = 1', 'INSERT INTO pay.transfers (transfer_key, kind, debit_account, credit_account, amount, currency) VALUES (\'x\', \'reward\', 1, 2, 1, \'SAT\')',
  ],
  eldersafe_core: [
    'UPDATE anchor.checkpoints SET size = 1', 'DELETE FROM anchor.checkpoints', 'INSERT INTO anchor.entries VALUES (0, 0, \'\\x\')',
    'UPDATE anchor.entries SET leaf_index = 1', 'UPDATE core.signals SET channel = \'sms\'', 'DELETE FROM core.signals', 'TRUNCATE core.signals',
    'UPDATE core.audit_log SET actor = \'x\'', 'DELETE FROM core.audit_log', 'UPDATE pay.transfers SET amount = 2', 'UPDATE pay.accounts SET balance = 9',
    'SELECT * FROM vault.contacts', 'SELECT * FROM vault.messages', 'DELETE FROM bus.outbox', 'INSERT INTO bus.outbox (topic, payload) VALUES (\'mail.login\', \'{}\')', 'UPDATE core.members SET zone = \'UTC\'',
    'SELECT * FROM core.logins', 'CREATE TABLE core.mine (x int)', 'ALTER TABLE core.signals DISABLE TRIGGER ALL', 'SET session_replication_role = replica',
  ],
  eldersafe_notify: [
    'SELECT * FROM core.members', 'SELECT * FROM core.logins', 'SELECT * FROM core.signals', 'SELECT * FROM anchor.leaves', 'SELECT * FROM pay.accounts',
    'UPDATE vault.contacts SET sealed = \'\\x\'', 'DELETE FROM vault.contacts',
  ],
  eldersafe_auditor: [
    'INSERT INTO anchor.leaves VALUES (1, \'\\x\', NULL)', 'UPDATE core.liveness SET streak = 9', 'SELECT sealed FROM vault.contacts', 'SELECT token_hash FROM core.logins',
  ],
};

test('FE17: each role is denied what is not its own', async (t) => {
  const world = await createWorld(t);
  await newMember(world);
  for (const [role, statements] of Object.entries(FORBIDDEN)) {
    await as(world, role, async (client) => {
      for (const statement of statements) {
        await assert.rejects(client.query(statement), (error) => ['42501', '25006'].includes(error.code), `${role}: ${statement}`);
      }
    });
  }
});

test('FE17: core cannot open a sealed contact, only the notifier\'s key can', async (t) => {
  const world = await createWorld(t);
  const member = await newMember(world);
  const { rows: [{ sealed }] } = await world.sql.query('SELECT sealed FROM vault.contacts');
  assert.ok(!sealed.includes(Buffer.from(member.email)));
  const { readFileSync, readdirSync } = await import('node:fs');
  const settings = world.site.settings('core', { folder: world.folder, name: 'core-x', listen: '127.0.0.1:0', metrics: '127.0.0.1:0' });
  const readable = Object.entries(settings).filter(([name]) => name.endsWith('_FILE')).map(([, file]) => file);
  const vaultKey = world.site.keys.vault.text.trim();
  for (const file of readable) {
    if (!readdirSync(`${world.folder}/keys`).some((name) => file.endsWith(name))) continue;
    assert.notEqual(readFileSync(file, 'utf8').trim(), vaultKey, `${file} is the vault key`);
  }
});

test('E85 FE12: a member\'s number and address are nowhere in a dump of all tables, in clear or as a plain hash', async (t) => {
  const world = await createWorld(t);
  const core = await world.start('core');
  const member = await newMember(world);
  await signal(world, core, await forgeToken(world, member));
  await core.request('/api/auth/login', { method: 'POST', body: { member_number: member.number, email: member.email } });
  const { createHash } = await import('node:crypto');
  const dump = dumpOf(world);
  for (const secret of [member.number, member.email]) {
    assert.ok(!dump.includes(secret));
    assert.ok(!dump.includes(createHash('sha256').update(secret).digest('hex')));
    assert.ok(!dump.includes(Buffer.from(secret).toString('hex')));
  }
});

test('E84: number and address are unique, states are of the allowed set', async (t) => {
  const world = await createWorld(t);
  const member = await newMember(world);
  const insert = (number, email, state = 'active') => world.sql.query(
    `INSERT INTO core.members (public_id, number_hash, email_hash, contract_state, reward_account)
     SELECT decode(md5(random()::text), 'hex'), $1, $2, $3, 1`, [number, email, state]);
  const { rows: [own] } = await world.sql.query('SELECT number_hash, email_hash FROM core.members WHERE member_id = $1', [member.id]);
  const other = Buffer.alloc(32, 7);
  await assert.rejects(insert(own.number_hash, other), /members_number_hash_key/);
  await assert.rejects(insert(other, own.email_hash), /members_email_hash_key/);
  await assert.rejects(insert(other, other, 'happy'), /contract_state/);
  await assert.rejects(insert(null, other), /not-null/);
});

test('E90 E91: history, receipt, status and audit look-ups use an index', async (t) => {
  const world = await createWorld(t);
  const queries = [
    "SELECT * FROM core.signals WHERE member_id = 5 AND signal_day = current_date AND slot = 0",
    'SELECT * FROM core.signals WHERE member_id = 5 AND signal_day < current_date ORDER BY signal_day DESC LIMIT 51',
    'SELECT * FROM core.liveness WHERE member_id = 5',
    'SELECT * FROM core.audit_log WHERE member_id = 5 ORDER BY created_at',
  ];
  await world.sql.query("SET enable_seqscan = off");
  for (const query of queries) {
    const { rows } = await world.sql.query({ text: `EXPLAIN (COSTS off) ${query}`, rowMode: 'array' });
    const plan = rows.flat().join('\n');
    assert.match(plan, /Index/, query);
    assert.doesNotMatch(plan, /Seq Scan/, query);
  }
});
