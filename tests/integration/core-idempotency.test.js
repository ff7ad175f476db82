// Idempotency-Key: whoever sends a write again gets the first answer, in a morning rush and after a death as well.

import assert from 'node:assert/strict';
import test from 'node:test';
import { createWorld } from '../harness/world.js';
import { beginSignIn, forgeToken, newMember, signal } from './support/core.js';
import { connections, tokensOfCrowd } from './support/load.js';

const SETTINGS = { SIGNAL_QUOTA: 1000 };
const RUSH = 2_000;
const HOUR_MS = 3_600_000;

const keyed = (key, more = {}) => ({ headers: { 'idempotency-key': `"${key}"` }, ...more });
const anHourAgo = () => ({ channel: 'app', at: new Date(Date.now() - HOUR_MS).toISOString() });

async function count(world, table) {
  const { rows } = await world.sql.query(`SELECT count(*)::int AS n FROM ${table}`);
  return rows[0].n;
}

function assertReplay(answer, first) {
  assert.equal(answer.status, 200);
  assert.equal(answer.text, first.text);
  assert.equal(answer.headers['idempotent-replayed'], 'true');
  assert.equal(answer.headers['content-type'], first.headers['content-type']);
}

function assertReused(answer) {
  assert.equal(answer.status, 422);
  assert.equal(answer.json.error, 'idempotency_key_reused');
}

test('J3.2 E3: thousands of signals at once, each with a key of its own, are all kept, and sign-in goes on', async (t) => {
  const world = await createWorld(t);
  const core = await world.start('core', { settings: SETTINGS });
  const tokens = await tokensOfCrowd(world, RUSH);
  const agent = connections(t);
  const rush = tokens.map((token, i) => signal(world, core, token, keyed(`rush-${i}`, { agent })));
  const login = await Promise.any(rush).then(() => beginSignIn(core, { number: '4711', email: 'rush@example.org' }));
  const answers = await Promise.all(rush);
  assert.deepEqual([...new Set(answers.map((each) => each.status))], [200]);
  assert.equal(login.answer.status, 202);
  assert.equal(await count(world, 'core.signals'), RUSH);
  const batches = await core.metric('eldersafe_lane_batch_signals_count');
  assert.ok(batches <= RUSH / 8, `they went through the lanes together: ${batches} batches`);

  const again = await Promise.all(tokens.map((token, i) => signal(world, core, token, keyed(`rush-${i}`, { agent }))));
  for (const [i, answer] of again.entries()) assertReplay(answer, answers[i]);
  const others = await Promise.all(tokens.map((token, i) => signal(world, core, token, keyed(`rush-${i}`, { agent, body: { channel: 'phone' } }))));
  others.forEach(assertReused);
  assert.equal(await count(world, 'core.idempotency'), RUSH);
});

test('J3.2: many at once with one key, through two cores: one first answer, which all get', async (t) => {
  const world = await createWorld(t);
  const cores = [await world.start('core', { settings: SETTINGS }), await world.start('core', { settings: SETTINGS })];
  const token = await forgeToken(world, await newMember(world));
  for (const key of ['one', 'two']) { // the second is of a day that has its signal
    const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => signal(world, cores[i % 2], token, keyed(key))));
    const firsts = answers.filter((each) => !('idempotent-replayed' in each.headers));
    assert.equal(firsts.length, 1);
    for (const each of answers) if (each !== firsts[0]) assertReplay(each, firsts[0]);
  }
  assert.equal(await count(world, 'core.signals'), 1);
});

test('J3.2: one key for two different signals, at once through two cores: one is kept, the other has no effect', async (t) => {
  const world = await createWorld(t);
  const cores = [await world.start('core', { settings: SETTINGS }), await world.start('core', { settings: SETTINGS })];
  const yesterday = new Date(Date.now() - 23 * HOUR_MS).toISOString();
  for (let round = 0; round < 10; round += 1) {
    const member = await newMember(world, { zone: 'Etc/UTC' });
    const token = await forgeToken(world, member);
    const answers = await Promise.all([
      signal(world, cores[0], token, keyed('same')),
      signal(world, cores[1], token, keyed('same', { body: { channel: 'app', at: yesterday } })),
    ]);
    assertReused(answers.find((each) => each.status !== 200));
    const { rows } = await world.sql.query('SELECT signal_id::text FROM core.signals WHERE member_id = $1', [member.id]);
    assert.deepEqual(rows, [{ signal_id: answers.find((each) => each.status === 200).json.signal_id }]);
  }
});

test('J3.2: a repeat gets the first answer even when the signal would be too old by now, or the membership has ended', async (t) => {
  const world = await createWorld(t);
  const core = await world.start('core', { settings: SETTINGS });
  const strict = await world.start('core', { settings: { ...SETTINGS, SIGNAL_MAX_AGE: 600 } });
  const member = await newMember(world);
  const token = await forgeToken(world, member);
  const body = anHourAgo();
  const first = await signal(world, core, token, keyed('offline', { body }));
  assert.equal(first.status, 200);
  assertReplay(await signal(world, strict, token, keyed('offline', { body })), first);
  assertReused(await signal(world, strict, token, keyed('offline', { body: { ...body, channel: 'sms' } })));
  const stale = await signal(world, strict, token, keyed('fresh', { body }));
  assert.equal(stale.status, 422);
  assert.equal(stale.json.error, 'invalid_request');
  await world.sql.query("UPDATE core.members SET contract_state = 'terminated' WHERE member_id = $1", [member.id]);
  assertReplay(await signal(world, strict, token, keyed('offline', { body })), first);
  assert.equal((await signal(world, strict, token, keyed('late'))).status, 403);
});

test('J3.2 E59: what was refused is no first answer: the key is free for the next try', async (t) => {
  const world = await createWorld(t);
  const settings = { SIGNAL_QUOTA: 1, SIGNAL_WINDOW: 3600 };
  const core = await world.start('core', { settings });
  const token = await forgeToken(world, await newMember(world));
  assert.equal((await signal(world, core, token, keyed('k', { body: { channel: 'fax' } }))).status, 422);
  assert.equal((await signal(world, core, token)).status, 200);
  const limited = await signal(world, core, token, keyed('k'));
  assert.equal(limited.status, 429);
  assert.ok(Number(limited.headers['retry-after']) >= 1);
  await world.redisClient.flushall();
  const later = await world.start('core', { settings }); // it knows of no calls
  const first = await signal(world, later, token, keyed('k'));
  assert.equal(first.status, 200);
  assert.ok(!('idempotent-replayed' in first.headers));
  assert.equal((await signal(world, later, token, keyed('k'))).status, 429, 'replays count');
  const other = await forgeToken(world, await newMember(world));
  const malformed = await signal(world, later, other, { headers: { 'idempotency-key': 'a b' } });
  assert.equal(malformed.status, 400);
  assert.equal(malformed.json.error, 'bad_request');
});

const DEATHS = { // where it dies, and whether the first answer was kept by then
  'core.before_append': false,
  'core.before_keep': false,
  'db.before_commit': false,
  'db.after_commit': true,
  'core.after_append': true,
};

for (const [point, kept] of Object.entries(DEATHS)) {
  test(`N12 J3.2: killed at ${point} with a key in hand: its signal and its answer are kept together or not at all`, async (t) => {
    const world = await createWorld(t);
    const core = await world.start('core', { settings: SETTINGS, fault: point });
    const token = await forgeToken(world, await newMember(world));
    await assert.rejects(signal(world, core, token, keyed('k')));
    await core.ends('fault');
    assert.equal(await count(world, 'core.signals'), kept ? 1 : 0);
    assert.equal(await count(world, 'core.idempotency'), kept ? 1 : 0);
    const anew = await world.start('core', { settings: SETTINGS });
    const first = await signal(world, anew, token, keyed('k'));
    assert.equal(first.status, 200);
    assert.equal('idempotent-replayed' in first.headers, kept);
    assertReplay(await signal(world, anew, token, keyed('k')), first);
    assertReused(await signal(world, anew, token, keyed('k', { body: {} })));
    assert.equal(await count(world, 'core.signals'), 1);
  });
}

test('J3.2 N13: a device asked for again under its key is not made again, and its token is kept nowhere', async (t) => {
  const world = await createWorld(t);
  const core = await world.start('core', { settings: SETTINGS });
  const token = await forgeToken(world, await newMember(world));
  const ask = (device, key = 'phone') => core.request('/api/auth/device', { method: 'POST', token, ...keyed(key), body: { device } });
  const first = await ask('phone');
  assert.equal(first.status, 201);
  world.canary('device token', first.json.token);
  const again = await ask('phone');
  assert.equal(again.status, 409);
  assert.equal(again.json.error, 'already_done');
  assert.ok(!('idempotent-replayed' in again.headers));
  assertReused(await ask('tablet'));
  assert.equal(await count(world, 'core.sessions'), 1);
  const { rows } = await world.sql.query('SELECT status, length(body) AS length FROM core.idempotency');
  assert.deepEqual(rows, [{ status: 201, length: 0 }]);
  const refused = await ask('x'.repeat(65), 'refused');
  assert.equal(refused.status, 422);
  const refusedAgain = await ask('x'.repeat(65), 'refused');
  assert.equal(refusedAgain.text, refused.text);
  assert.equal(refusedAgain.headers['idempotent-replayed'], 'true');
});

test('N12 J3.2: killed before the answer with a new device is out: its key is free when the lease is over', async (t) => {
  const world = await createWorld(t);
  const limitMs = 120_000;
  const core = await world.start('core', { settings: SETTINGS, fault: 'core.after_session' });
  const token = await forgeToken(world, await newMember(world));
  const ask = (from) => from.request('/api/auth/device', { method: 'POST', token, ...keyed('phone'), body: {} });
  await assert.rejects(ask(core));
  await core.ends('fault');
  const anew = await world.start('core', { settings: { ...SETTINGS, REQUEST_TIMEOUT: limitMs } });
  const busy = await ask(anew);
  assert.equal(busy.status, 409);
  assert.equal(busy.json.error, 'conflict');
  await world.sql.query('UPDATE core.idempotency SET lease_until = now()');
  const answer = await ask(anew);
  assert.equal(answer.status, 201);
  world.canary('device token', answer.json.token);
  const { rows: [{ lease }] } = await world.sql.query(
    "SELECT extract(epoch FROM lease_until - (expires_at - interval '1 day'))::float AS lease FROM core.idempotency");
  assert.ok(lease > limitMs / 1_000, `a claim outlasts the longest request: ${lease} s`);
});

test('J3.2: a logout, or the end of a device, that is sent again changes nothing', async (t) => {
  const world = await createWorld(t);
  const core = await world.start('core', { settings: SETTINGS });
  const token = await forgeToken(world, await newMember(world));
  const { json: device } = await core.request('/api/auth/device', { method: 'POST', token, body: {} });
  world.canary('device token', device.token);
  const end = () => core.request(`/api/auth/sessions/${device.session_id}`, { method: 'DELETE', token });
  const logout = () => core.request('/api/auth/logout', { method: 'POST', token });
  assert.deepEqual([(await end()).status, (await end()).status], [204, 404]);
  assert.deepEqual([(await logout()).status, (await logout()).status], [204, 401]);
  const { rows } = await world.sql.query("SELECT count(*)::int AS n FROM core.audit_log WHERE event_type = 'logout'");
  assert.equal(rows[0].n, 2);
});
