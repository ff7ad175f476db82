// What eldersafe-core does when what it stands on is taken away, and when it is killed itself.

import assert from 'node:assert/strict';
import test from 'node:test';
import { createWorld } from '../harness/world.js';
import { beginSignIn, forgeToken, newMember, readMail, signal } from './support/core.js';

const SETTINGS = { SIGNAL_QUOTA: 1000 };
const AWAY = [/^health\./, /^request\./, /^revocations\./, /^housekeeping\./, /^relay\./, /^database\./, /^idempotency\./, /^bus\./];

async function timed(promise) {
  const begun = Date.now();
  return { answer: await promise, ms: Date.now() - begun };
}

test('E131: PostgreSQL frozen or gone: 503 with Retry-After within 2 s, no hang, and recovery by itself', async (t) => {
  const world = await createWorld(t, { proxied: ['postgres'], warnings: AWAY });
  const core = await world.start('core', { settings: SETTINGS });
  const members = [];
  for (let i = 0; i < 3; i += 1) members.push(await newMember(world));
  const tokens = await Promise.all(members.map((each) => forgeToken(world, each)));
  assert.equal((await signal(world, core, tokens[0])).status, 200);

  const faults = {
    frozen: (proxy) => proxy.pause(),
    gone: (proxy) => {
      proxy.refuse();
      proxy.reset();
    },
  };
  for (const [fault, take] of Object.entries(faults)) {
    take(world.proxies.postgres);
    const { answer, ms } = await timed(signal(world, core, tokens[1]));
    assert.equal(answer.status, 503, fault);
    assert.equal(answer.json.error, 'unavailable');
    assert.ok(Number(answer.headers['retry-after']) >= 1);
    assert.ok(ms < 2_000, `${fault}: answered after ${ms} ms`);
    const status = await timed(core.request('/api/member/status', { token: tokens[1] }));
    assert.equal(status.answer.status, 503);
    assert.ok(status.ms < 2_000, `${fault}: status after ${status.ms} ms`);
    await core.child.waitUntil('not ready', async () => (await core.request('/health/ready')).status === 503, { timeout: 8_000 });
    assert.equal((await core.request('/health/live')).status, 200);
    world.proxies.postgres.heal();
    await core.child.waitUntil('signals are accepted again', async () => (await signal(world, core, tokens[1])).status === 200, { timeout: 10_000 });
    await core.child.waitUntil('ready again', async () => (await core.request('/health/ready')).status === 200, { timeout: 10_000 });
  }
  assert.equal((await signal(world, core, tokens[2])).status, 200);
});

test('E132 E52 FE26: Redis gone: signals are accepted, sign-in stays limited, ready stays yes', async (t) => {
  const world = await createWorld(t, { proxied: ['redis'], warnings: AWAY });
  const core = await world.start('core', { settings: SETTINGS });
  assert.equal((await core.request('/health')).json.checks.redis, 'up');
  world.proxies.redis.refuse();
  world.proxies.redis.reset();
  await core.child.waitUntil('health names Redis', async () => (await core.request('/health')).json.checks.redis === 'down', { timeout: 8_000 });
  const { json: health, status } = await core.request('/health');
  assert.equal(status, 200);
  assert.equal(health.status, 'degraded');
  assert.equal((await core.request('/health/ready')).status, 200);
  const answers = [];
  for (let i = 0; i < 20; i += 1) answers.push(await signal(world, core, await forgeToken(world, await newMember(world))));
  assert.ok(answers.every((each) => each.status === 200));
  const statuses = [];
  for (let i = 0; i < 7; i += 1) statuses.push((await beginSignIn(core, { number: `2${i}`, email: `b${i}@example.org` })).answer.status);
  assert.deepEqual(statuses, [202, 202, 202, 202, 202, 429, 429], 'limited by this process alone');
});

test('E132: a Redis that hangs costs a signal no more than its time-out, and then nothing', async (t) => {
  const world = await createWorld(t, { proxied: ['redis'], warnings: AWAY });
  const core = await world.start('core', { settings: SETTINGS });
  world.proxies.redis.pause();
  const first = await timed(signal(world, core, await forgeToken(world, await newMember(world))));
  assert.equal(first.answer.status, 200);
  assert.ok(first.ms < 1_000, `the first after ${first.ms} ms`);
});

for (const point of ['core.before_append', 'core.after_append']) {
  test(`N12 E103 E114: killed at ${point}: what was acknowledged is there, what was not can be sent again`, async (t) => {
    const world = await createWorld(t);
    const core = await world.start('core', { settings: SETTINGS, fault: `${point}:3` });
    const tokens = [];
    for (let i = 0; i < 5; i += 1) tokens.push(await forgeToken(world, await newMember(world)));
    const outcomes = [];
    for (const token of tokens) outcomes.push(await signal(world, core, token).catch(() => ({ status: 'lost' })));
    assert.deepEqual(outcomes.slice(0, 3).map((each) => each.status), [200, 200, 'lost']);
    await core.ends('fault');
    const anew = await world.start('core', { settings: SETTINGS });
    const answers = [];
    for (const token of tokens) answers.push(await signal(world, anew, token));
    assert.ok(answers.every((each) => each.status === 200));
    assert.equal(answers[0].json.signal_id, outcomes[0].json.signal_id);
    const { rows } = await world.sql.query('SELECT count(*)::int AS signals, (SELECT count(*)::int FROM anchor.leaves) AS leaves FROM core.signals');
    assert.deepEqual(rows[0], { signals: 5, leaves: 5 });
  });
}

test('E103: kill -9 under load: every acknowledged signal is a row', async (t) => {
  const world = await createWorld(t);
  const core = await world.start('core', { settings: SETTINGS });
  const tokens = [];
  for (let i = 0; i < 60; i += 1) tokens.push(await forgeToken(world, await newMember(world)));
  const load = tokens.map(async (token, i) => {
    await new Promise((resolve) => setTimeout(resolve, i * 2));
    return signal(world, core, token).catch(() => ({ status: 'lost' }));
  });
  await Promise.race(load);
  await core.kill();
  const outcomes = await Promise.all(load);
  const kept = outcomes.filter((each) => each.status === 200).map((each) => each.json.signal_id);
  const { rows } = await world.sql.query('SELECT count(*)::int AS n FROM core.signals WHERE signal_id::text = ANY ($1)', [kept]);
  assert.equal(rows[0].n, kept.length);
});

test('J12.5: SIGTERM under load finishes what runs: no answer is cut off', async (t) => {
  const world = await createWorld(t);
  const core = await world.start('core', { settings: SETTINGS });
  const tokens = [];
  for (let i = 0; i < 40; i += 1) tokens.push(await forgeToken(world, await newMember(world)));
  const load = tokens.map((token) => signal(world, core, token).then((each) => each.status, (error) => error.code));
  await Promise.race(load);
  await core.stop();
  const outcomes = new Set(await Promise.all(load));
  outcomes.delete(200);
  outcomes.delete(503);
  outcomes.delete('ECONNREFUSED');
  assert.deepEqual([...outcomes], [], 'a connection is refused or answered, never reset half way');
});

test('E47: without its secrets, or with ones that others can read, core refuses to start', async (t) => {
  const world = await createWorld(t, { warnings: [/^daemon\.start_failed$/] });
  const { chmodSync } = await import('node:fs');
  const missing = await world.start('core', { settings: { TOKEN_KEY_FILE: undefined }, waitReady: false });
  assert.match((await missing.ends(78), missing.child.printed()), /ELDERSAFE_TOKEN_KEY_FILE/);
  chmodSync(world.site.keys.lookup.path, 0o644);
  const open = await world.start('core', { waitReady: false });
  await open.ends(78);
  chmodSync(world.site.keys.lookup.path, 0o600);
  const typo = await world.start('core', { settings: { TOKEN_KEY_FIEL: '/x' }, waitReady: false });
  assert.match((await typo.ends(78), typo.child.printed()), /ELDERSAFE_TOKEN_KEY_FIEL/);
});

test('E53: ten thousand health calls cost the database next to nothing', async (t) => {
  const world = await createWorld(t);
  const core = await world.start('core');
  const count = async () => Number((await world.sql.query('SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()')).rows[0].xact_commit);
  const before = await count();
  const begun = Date.now();
  const http = await import('node:http');
  const agent = new http.Agent({ keepAlive: true, maxSockets: 16 });
  await Promise.all(Array.from({ length: 16 }, async () => {
    for (let i = 0; i < 625; i += 1) assert.equal((await core.request('/health', { agent })).status, 200);
  }));
  agent.destroy();
  const seconds = (Date.now() - begun) / 1000;
  const spent = (await count()) - before;
  assert.ok(spent <= 10 * (seconds + 3), `${spent} transactions in ${seconds} s`);
});

test('N12 E95: killed at core.after_revoke: a logout that was not answered holds all the same', async (t) => {
  const world = await createWorld(t);
  const core = await world.start('core', { settings: SETTINGS, fault: 'core.after_revoke' });
  const token = await forgeToken(world, await newMember(world));
  assert.equal((await signal(world, core, token)).status, 200);
  await assert.rejects(core.request('/api/auth/logout', { method: 'POST', token }));
  await core.ends('fault');
  const anew = await world.start('core', { settings: SETTINGS });
  assert.equal((await signal(world, anew, token)).status, 401);
});

test('N12 E54 E56: killed at core.after_login and core.after_session: the mail goes out, and who was cut off begins again', async (t) => {
  const world = await createWorld(t);
  const member = await newMember(world);
  await world.start('notify');
  const first = await world.start('core', { settings: SETTINGS, fault: 'core.after_login' });
  await assert.rejects(beginSignIn(first, member));
  await first.ends('fault');
  const second = await world.start('core', { settings: SETTINGS, fault: 'core.after_session' });
  const { token } = await readMail(world, member);
  const use = (core, link) => core.request('/api/auth/verify', { method: 'POST', body: { token: link } });
  await assert.rejects(use(second, token));
  await second.ends('fault');
  const third = await world.start('core', { settings: SETTINGS });
  assert.equal((await use(third, token)).status, 401, 'the link is used up');
  await beginSignIn(third, member);
  const { token: again } = await readMail(world, member, 2);
  const answer = await use(third, again);
  assert.equal(answer.status, 200);
  world.canary('session token', answer.json.token);
  const { rows: [{ sessions, audits }] } = await world.sql.query(
    "SELECT (SELECT count(*)::int FROM core.sessions) AS sessions, (SELECT count(*)::int FROM core.audit_log WHERE event_type = 'verify') AS audits");
  assert.deepEqual([sessions, audits], [2, 2], 'each session has its audit entry, the lost one too');
});
