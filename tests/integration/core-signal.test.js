// A life signal, from tap to row: once a day, whoever else is pressing at the same time.

import assert from 'node:assert/strict';
import test from 'node:test';
import { createWorld } from '../harness/world.js';
import { beginSignIn, dayIn, forgeToken, newMember, noonZone, signal } from './support/core.js';
import { tokensOfCrowd } from './support/load.js';

const SETTINGS = { SIGNAL_QUOTA: 1000 };
const DAY_MS = 86_400_000;

async function rowsOf(world, member) {
  const { rows } = await world.sql.query(
    'SELECT signal_id::text, signal_day::text, channel, evidence, event FROM core.signals WHERE member_id = $1 ORDER BY signal_day', [member.id]);
  return rows;
}

async function streakOf(world, member) {
  const { rows } = await world.sql.query('SELECT streak, last_day::text FROM core.liveness WHERE member_id = $1', [member.id]);
  return rows[0];
}

test('E58 E60c E87 E113: two posts the same day give the same signal, one row, one leaf, one streak', async (t) => {
  const world = await createWorld(t);
  const core = await world.start('core', { settings: SETTINGS });
  const member = await newMember(world);
  const token = await forgeToken(world, member);
  const first = await signal(world, core, token);
  assert.equal(first.status, 200);
  assert.deepEqual(Object.keys(first.json), ['signal_id', 'day', 'streak', 'balance', 'receipt']);
  assert.equal(first.json.streak, 1);
  assert.equal(first.json.balance, '0');
  assert.equal(first.json.receipt, `/api/signals/${first.json.signal_id}/receipt`);
  const second = await signal(world, core, token);
  assert.deepEqual(second.json, first.json);
  const rows = await rowsOf(world, member);
  assert.equal(rows.length, 1);
  const event = JSON.parse(rows[0].event);
  assert.deepEqual(Object.keys(event), ['v', 'type', 'subject', 'day', 'slot', 'channel', 'evidence', 'received_at']);
  assert.equal(event.subject, member.subject);
  const { rows: leaves } = await world.sql.query('SELECT leaf_id::text FROM anchor.leaves WHERE source IS NULL');
  assert.deepEqual(leaves, [{ leaf_id: first.json.signal_id }]);
});

test('E87 J1.15: fifty posts at once through two core processes give one row', async (t) => {
  const world = await createWorld(t);
  const cores = [await world.start('core', { settings: SETTINGS }), await world.start('core', { settings: SETTINGS })];
  const member = await newMember(world);
  const token = await forgeToken(world, member);
  const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => signal(world, cores[i % 2], token)));
  assert.deepEqual([...new Set(answers.map((each) => each.status))], [200]);
  assert.equal(new Set(answers.map((each) => each.json.signal_id)).size, 1);
  assert.equal((await rowsOf(world, member)).length, 1);
  assert.equal((await streakOf(world, member)).streak, 1);
});

/** Signals of TOKENS in two batches: the first alone, all others in the second, which gathers while the first waits for a lock. */
async function inTwoBatches(world, core, [first, ...others]) {
  const lock = await world.sql.connect();
  await lock.query('BEGIN');
  await lock.query('LOCK TABLE core.signals IN SHARE MODE');
  const answers = [signal(world, core, first)];
  await world.eventuallySql('the first waits', "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()");
  answers.push(...others.map((token) => signal(world, core, token)));
  await core.child.waitUntil('the others gather', async () => await core.metric('eldersafe_lane_waiting_signals') === others.length);
  await lock.query('COMMIT');
  lock.release();
  assert.ok((await Promise.all(answers)).every(({ status }) => status === 200));
}

test('J2.3: each of 400 signals in a few batches of two processes has a salt of its own, random in every byte', async (t) => {
  const world = await createWorld(t);
  const settings = { ...SETTINGS, SIGNAL_LANES: 1 };
  const cores = [await world.start('core', { settings }), await world.start('core', { settings })];
  const tokens = await tokensOfCrowd(world, 400);
  for (let i = 0; i < 4; i += 1) await inTwoBatches(world, cores[i % 2], tokens.slice(i * 100, (i + 1) * 100));
  const { rows } = await world.sql.query("SELECT encode(salt, 'hex') AS salt, xmin::text AS batch FROM core.signals");
  assert.equal(rows.length, tokens.length);
  assert.equal(new Set(rows.map(({ batch }) => batch)).size, 8);
  assert.equal(new Set(rows.map(({ salt }) => salt)).size, rows.length);
  for (let at = 0; at < 16; at += 1) {
    const values = new Set(rows.map(({ salt }) => salt.slice(2 * at, 2 * at + 2))).size; // of 400 random ones 202, give or take 5
    assert.ok(values > 160, `byte ${at} has ${values} values`);
  }
});

test('E115 FE2: the streak grows by one on the next day, starts anew after a gap, and a late signal joins its run', async (t) => {
  const world = await createWorld(t);
  world.invariants = false; // streaks are put in by hand, without the signals they count
  const core = await world.start('core', { settings: { ...SETTINGS, SIGNAL_MAX_AGE: 172_800 } });
  const zone = noonZone();
  const member = await newMember(world, { zone });
  const token = await forgeToken(world, member);
  const before = (who, days, streak) => world.sql.query(
    `UPDATE core.liveness SET last_day = (now() AT TIME ZONE $4)::date - $2::int, streak = $3,
       last_signal_at = now() - make_interval(days => $2::int) WHERE member_id = $1`, [who.id, days, streak, zone]);
  await before(member, 2, 7);
  // Made yesterday while offline: it joins the run that ended two days ago.
  const yesterday = new Date(Date.now() - DAY_MS).toISOString();
  const late = await signal(world, core, token, { body: { at: yesterday } });
  assert.equal(late.json.streak, 8);
  assert.equal(late.json.day, dayIn(zone, DAY_MS));
  const today = await signal(world, core, token);
  assert.equal(today.json.streak, 9);
  const other = await newMember(world, { zone });
  await before(other, 2, 30);
  const fresh = await signal(world, core, await forgeToken(world, other));
  assert.equal(fresh.json.streak, 1);
});

test('E115: a signal made yesterday but delivered after today\'s lengthens the run it completes', async (t) => {
  const world = await createWorld(t);
  const core = await world.start('core', { settings: { ...SETTINGS, SIGNAL_MAX_AGE: 172_800 } });
  const zone = noonZone();
  const member = await newMember(world, { zone });
  const token = await forgeToken(world, member);
  assert.equal((await signal(world, core, token)).json.streak, 1);
  const yesterday = new Date(Date.now() - DAY_MS).toISOString();
  assert.equal((await signal(world, core, token, { body: { at: yesterday } })).json.streak, 2);
  const { last_day: lastDay } = await streakOf(world, member);
  assert.equal(lastDay, dayIn(zone), 'the last day never moves back');
});

test('FE1 N19: the day is the member\'s own, not the server\'s', async (t) => {
  const world = await createWorld(t);
  const core = await world.start('core', { settings: SETTINGS });
  for (const zone of ['Pacific/Kiritimati', 'Pacific/Pago_Pago', 'Europe/Copenhagen']) {
    const member = await newMember(world, { zone });
    const before = dayIn(zone);
    const answer = await signal(world, core, await forgeToken(world, member));
    assert.ok([before, dayIn(zone)].includes(answer.json.day), zone); // midnight may fall in between
  }
});

test('E86: the channel is one of four, and what else the body says is refused', async (t) => {
  const world = await createWorld(t);
  const core = await world.start('core', { settings: SETTINGS });
  for (const channel of ['app', 'sms', 'email', 'phone']) {
    const token = await forgeToken(world, await newMember(world));
    assert.equal((await signal(world, core, token, { body: { channel } })).status, 200, channel);
  }
  const token = await forgeToken(world, await newMember(world));
  const refused = [{ channel: 'pigeon' }, { channel: 7 }, { chanel: 'app' }, { at: 'yesterday' },
    { at: '2001-01-01T00:00:00Z' }, { at: new Date(Date.now() + 3_600_000).toISOString() }];
  for (const body of refused) {
    const answer = await signal(world, core, token, { body });
    assert.equal(answer.status, 422, JSON.stringify(body));
    assert.equal(answer.json.error, 'invalid_request');
    assert.match(answer.headers['content-type'], /^application\/problem\+json/);
  }
});

// Every state that DESIGN 8 names for a contract. Those between the first and the last come with the
// alarm; until then no row can have them.
const CONTRACT_STATES = ['active', 'due', 'grace', 'breach_day_1', 'breach_day_2', 'terminated', 'paused'];
const STATES_SO_FAR = ['active', 'terminated'];

test('E89 (states only; transitions come with the alarm): a contract is active or terminated, and who is terminated cannot signal or sign in', async (t) => {
  const world = await createWorld(t);
  const core = await world.start('core', { settings: SETTINGS });
  const member = await newMember(world);
  const set = (state) => world.sql.query('UPDATE core.members SET contract_state = $2 WHERE member_id = $1', [member.id, state]);
  const possible = [];
  for (const state of CONTRACT_STATES) {
    const refusal = await set(state).then(() => null, (error) => error);
    if (refusal) assert.equal(refusal.constraint, 'members_contract_state_check', state);
    else possible.push(state);
  }
  assert.deepEqual(possible, STATES_SO_FAR);
  for (const state of ['', 'ACTIVE', 'active ', 'breach_day_0', 'happy']) await assert.rejects(set(state), /members_contract_state_check/, state);
  await assert.rejects(set(null), /not-null/);

  await set('terminated');
  const token = await forgeToken(world, member);
  const refused = await signal(world, core, token);
  assert.equal(refused.status, 403, refused.text);
  assert.equal((await rowsOf(world, member)).length, 0);
  assert.equal((await beginSignIn(core, member)).answer.status, 202, 'nobody learns who is a member');
  const { rows: [{ topic }] } = await world.sql.query('SELECT topic FROM bus.outbox ORDER BY event_id DESC LIMIT 1');
  assert.equal(topic, 'mail.none');

  await set('active');
  assert.equal((await signal(world, core, token)).status, 200);
});

test('E59 E112 E94: more than a few requests in the window get 429 with Retry-After, and the limit has a TTL', async (t) => {
  const world = await createWorld(t);
  const core = await world.start('core', { settings: { SIGNAL_QUOTA: 1, SIGNAL_WINDOW: 10 } });
  const token = await forgeToken(world, await newMember(world));
  assert.equal((await signal(world, core, token)).status, 200);
  const refused = await signal(world, core, token);
  assert.equal(refused.status, 429);
  assert.equal(refused.json.error, 'rate_limited');
  assert.ok(Number(refused.headers['retry-after']) >= 1 && Number(refused.headers['retry-after']) <= 10);
  assert.match(refused.headers['ratelimit-policy'], /^"signal";q=1;w=10$/);
  assert.match(refused.headers.ratelimit, /^"signal";r=0;t=\d+$/);
  await world.redisClient.flushall();
  assert.equal((await signal(world, core, token)).status, 429, 'the limit survives the loss of Redis');
});

test('E111 N13: a device token signals, and only signals', async (t) => {
  const world = await createWorld(t);
  const core = await world.start('core', { settings: SETTINGS });
  const member = await newMember(world);
  const session = await forgeToken(world, member);
  const made = await core.request('/api/auth/device', { method: 'POST', token: session, body: { device: 'tablet' } });
  assert.equal(made.status, 201);
  assert.equal(made.json.scope, 'signal');
  const lifetime = Date.parse(made.json.expires_at) - Date.now();
  assert.ok(lifetime > 90 * 86_400_000, 'it outlives 90 days');
  const device = made.json.token;
  world.canary('device token', device);
  assert.equal((await signal(world, core, device)).status, 200);
  assert.equal((await core.request('/api/member/status', { token: device })).status, 200);
  for (const [method, path] of [['GET', '/api/signals'], ['GET', '/api/auth/sessions'], ['POST', '/api/auth/device'],
    ['POST', '/api/auth/logout'], ['DELETE', '/api/auth/sessions/1'], ['GET', '/api/signals/1/receipt']]) {
    const answer = await core.request(path, { method, token: device });
    assert.equal(answer.status, 403, `${method} ${path}`);
    assert.equal(answer.json.error, 'forbidden');
  }
});

test('E111: no, expired, forged, foreign or unsigned tokens are refused and leave no row', async (t) => {
  const world = await createWorld(t);
  const core = await world.start('core', { settings: SETTINGS });
  const member = await newMember(world);
  const { generateKeyPairSync } = await import('node:crypto');
  const now = Math.floor(Date.now() / 1000);
  const good = await forgeToken(world, member);
  const tampered = good.split('.');
  tampered[1] = Buffer.from(JSON.stringify({ ...JSON.parse(Buffer.from(tampered[1], 'base64url')), mid: '999' })).toString('base64url');
  const unsigned = `${Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url')}.${good.split('.')[1]}.`;
  const cases = {
    none: undefined,
    empty: '',
    garbage: 'not-a-token',
    'alg none': unsigned,
    'another key': await forgeToken(world, member, { key: generateKeyPairSync('ed25519').privateKey }),
    'another kid': await forgeToken(world, member, { header: { kid: '00000000' } }),
    'another audience': await forgeToken(world, member, { claims: { aud: ['eldersafe-payments'] } }),
    'another issuer': await forgeToken(world, member, { claims: { iss: 'somebody' } }),
    'no scope': await forgeToken(world, member, { claims: { scope: undefined } }),
    'another scope': await forgeToken(world, member, { claims: { scope: 'admin' } }),
    'expired (E48)': await forgeToken(world, member, { claims: { iat: now - 86_401, exp: now - 1 } }),
    'from the future': await forgeToken(world, member, { claims: { iat: now + 3600, exp: now + 7200 } }),
    'changed claims': tampered.join('.'),
    'cut signature': good.slice(0, -3),
  };
  for (const [name, token] of Object.entries(cases)) {
    const answer = await core.request('/api/signal', { method: 'POST', token, body: {} });
    assert.equal(answer.status, 401, name);
    assert.match(answer.headers['www-authenticate'], /^Bearer/, name);
  }
  assert.equal((await rowsOf(world, member)).length, 0);
});

test('J3.2 J3.3: the same Idempotency-Key gets the first answer again, another body 422, and a running one 409', async (t) => {
  const world = await createWorld(t);
  const core = await world.start('core', { settings: SETTINGS });
  const token = await forgeToken(world, await newMember(world));
  const headers = { 'idempotency-key': '"8e03978e-40d5-43dd-bc93-6894a57f9324"' };
  const first = await signal(world, core, token, { headers });
  assert.equal(first.status, 200);
  const again = await signal(world, core, token, { headers });
  assert.equal(again.status, 200);
  assert.equal(again.text, first.text);
  assert.equal(again.headers['idempotent-replayed'], 'true');
  const other = await signal(world, core, token, { headers, body: { channel: 'phone' } });
  assert.equal(other.status, 422);
  assert.equal(other.json.error, 'idempotency_key_reused');
  await world.sql.query("UPDATE core.idempotency SET state = 'running', status = NULL, content_type = NULL, body = NULL, lease_until = now() + interval '1 minute'");
  const running = await signal(world, core, token, { headers });
  assert.equal(running.status, 409);
});

test('E88 FE15: each signal is one audit row with actor and request, and nothing of it can be changed', async (t) => {
  const world = await createWorld(t);
  const core = await world.start('core', { settings: SETTINGS });
  const member = await newMember(world);
  const answer = await signal(world, core, await forgeToken(world, member));
  const { rows } = await world.sql.query("SELECT event_type, actor, request_id::text FROM core.audit WHERE member_id = $1 AND event_type = 'signal'", [member.id]);
  assert.equal(rows.length, 1);
  assert.match(rows[0].actor, /^member:[0-9a-f]{32}$/);
  assert.equal(rows[0].request_id, answer.headers['x-request-id']);
  for (const statement of ['UPDATE core.signals SET channel = \'sms\'', 'DELETE FROM core.signals', 'TRUNCATE core.signals',
    'UPDATE core.audit_log SET actor = \'x\'', 'DELETE FROM core.audit_log']) {
    await world.sql.query(`INSERT INTO core.audit_log (member_id, event_type, actor, request_id) VALUES ($1, 'breach', 'test', gen_random_uuid())`, [member.id]);
    await assert.rejects(world.sql.query(statement), /append-only/, statement);
  }
});

test('E60a: the status equals what SQL says, and the eleventh call in a minute is refused', async (t) => {
  const world = await createWorld(t);
  const core = await world.start('core', { settings: SETTINGS });
  const member = await newMember(world);
  const token = await forgeToken(world, member);
  await signal(world, core, token);
  const { json: status } = await core.request('/api/member/status', { token });
  const { rows: [expected] } = await world.sql.query(
    `SELECT l.streak, l.last_day::text AS last_day, m.contract_state, m.zone, b.balance::text AS balance
       FROM core.members m JOIN core.liveness l USING (member_id) JOIN pay.accounts b ON b.account_id = m.reward_account WHERE member_id = $1`, [member.id]);
  for (const [name, value] of Object.entries(expected)) assert.equal(status[name], value, name);
  assert.equal(status.signalled_today, true);
  assert.ok(Date.parse(status.next_deadline) > Date.now() + 86_400_000 / 2);
  for (let i = 2; i <= 10; i += 1) assert.equal((await core.request('/api/member/status', { token })).status, 200);
  assert.equal((await core.request('/api/member/status', { token })).status, 429);
});

test('E88: the history is paged, newest first, and shows each signal once', async (t) => {
  const world = await createWorld(t);
  world.invariants = false; // rows are put in by hand, without their leaves
  const core = await world.start('core', { settings: SETTINGS });
  const member = await newMember(world);
  const token = await forgeToken(world, member);
  const { rows: written } = await world.sql.query(
    `INSERT INTO core.signals (member_id, signal_day, signal_id, channel, evidence, received_at, salt, event, actor, request_id)
     SELECT $1, current_date + i, 1000000 + i, 'app', 'strong', now(), decode(repeat('00', 16), 'hex'), '{}', decode(repeat('00', 16), 'hex'), gen_random_uuid()
     FROM generate_series(1, 60) i RETURNING signal_day::text AS day`, [member.id]);
  const expected = written.map((each) => each.day).sort().reverse();
  const { json: newest } = await core.request('/api/signals', { token });
  const { json: older } = await core.request(`/api/signals?before=${newest.before}`, { token });
  assert.equal(newest.signals.length, 50);
  assert.deepEqual([...newest.signals, ...older.signals].map((each) => each.day), expected);
  assert.equal(older.before, null);
  assert.equal((await core.request('/api/signals?before=soon', { token })).status, 422);
});
