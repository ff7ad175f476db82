// Isolation is real: what each role may not do, tried for real; and nothing personal in the core.

import assert from 'node:assert/strict';
import test from 'node:test';
import pg from 'pg';
import { createWorld } from '../harness/world.js';
import { forgeToken, newMember, signal } from './support/core.js';
import { dumpOf } from './support/dump.js';
import { operations, resolve } from './support/openapi.js';

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
    'INSERT INTO anchor.leaves (leaf_id, hash) VALUES (1, sha256(\'x\'))', 'UPDATE anchor.transactions SET raw = raw', 'UPDATE anchor.transactions SET txid = txid',
    'UPDATE anchor.transactions SET checkpoint_id = checkpoint_id', 'UPDATE anchor.coins SET satoshis = satoshis', 'UPDATE anchor.coins SET made_by = made_by',
    'UPDATE anchor.log SET origin = origin', 'UPDATE anchor.tiles SET level = level', 'UPDATE anchor.unanchored SET checkpoint_id = checkpoint_id',
    'UPDATE anchor.broadcast_failures SET provider = provider',
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

const PERSONAL = {
  'full name': 'Canary-Jensen',
  'CPR number': '010150-4242',
  'street address': 'Canaryvej 77',
  'private mail address': 'canary.jensen@example.org',
};

/** Every request with TEXT in one of the places that take text: each field of each body, path, query and headers. */
function requestsWith(text, member) {
  const bodies = { postAuthLogin: { member_number: member.number, email: member.email } };
  const inHeaders = Object.fromEntries(['user-agent', 'referer', 'idempotency-key', 'x-request-id', 'traceparent', 'cookie', 'accept-language'].map((name) => [name, text]));
  const asked = encodeURIComponent(text);
  return operations.flatMap(({ operationId, method, path, requestBody }) => {
    const { properties = {} } = resolve(resolve(requestBody)?.content['application/json'].schema) ?? {};
    return [
      ...Object.keys(properties).map((name) => [path, { method, body: { ...bodies[operationId], [name]: text } }]),
      [path, { method, body: requestBody && { ...bodies[operationId] }, headers: inHeaders }],
      [`${path.replace('{id}', asked)}?token=${asked}&before=${asked}`, { method }],
    ];
  });
}

test('E85 FE12: a name, a CPR number, an address, a private mail address in any field of any request end in no table and no log', async (t) => {
  const world = await createWorld(t);
  const core = await world.start('core', { settings: { TRUST_PROXY: 'yes', SIGNAL_QUOTA: 1000 } });
  const member = await newMember(world);
  const statuses = new Set();
  for (const [name, text] of Object.entries(PERSONAL)) {
    world.canary(name, text); // the gate looks through the logs
    for (const [i, [path, options]] of requestsWith(text, member).entries()) {
      const headers = { ...options.headers, 'x-forwarded-for': `192.0.2.${i}` };
      const token = await forgeToken(world, member); // the one before may be logged out
      statuses.add((await core.request(path, { ...options, headers, token })).status);
    }
  }
  for (const status of [200, 201, 202, 422]) assert.ok(statuses.has(status), `${[...statuses]}`);
  const dump = dumpOf(world);
  for (const [name, text] of Object.entries(PERSONAL))
    for (const form of ['utf8', 'hex', 'base64url']) assert.ok(!dump.includes(Buffer.from(text).toString(form)), `${name} as ${form}`);
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
