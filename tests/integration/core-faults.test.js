// What eldersafe-core does when what it stands on is taken away, and when it is killed itself.

import assert from 'node:assert/strict';
import test from 'node:test';
import Redis from 'ioredis';
import { createWorld } from '../harness/world.js';
import { beginSignIn, forgeToken, newCrowd, newMember, PROMPT, readMail, signal } from './support/core.js';
import { connections, inWaves, onceGood, timed } from './support/load.js';
import { logStatements } from './support/server-log.js';

const SETTINGS = { SIGNAL_QUOTA: 1000 };
const AWAY = [/^health\./, /^request\./, /^revocations\./, /^housekeeping\./, /^relay\./, /^database\./, /^idempotency\./, /^bus\./];

test('E131: PostgreSQL frozen or gone: 503 with Retry-After within 2 s, no hang, and recovery by itself', async (t) => {
  const world = await createWorld(t, { proxied: ['postgres'], warnings: AWAY });
  const core = await world.start('core', { settings: { ...SETTINGS, ...PROMPT } });
  const members = [];
  for (let i = 0; i < 3; i += 1) members.push(await newMember(world));
  const tokens = await Promise.all(members.map((each) => forgeToken(world, each)));
  const accepted = (token) => core.child.waitUntil('a signal is accepted', async () => (await signal(world, core, token)).status === 200);
  await accepted(tokens[0]);

  const faults = {
    frozen: (proxy) => proxy.pause(),
    gone: (proxy) => {
      proxy.refuse();
      proxy.reset();
    },
  };
  for (const [fault, take] of Object.entries(faults)) {
    await onceGood(async () => {
      take(world.proxies.postgres);
      const { answer, ms } = await timed(() => signal(world, core, tokens[1]));
      assert.equal(answer.status, 503, fault);
      assert.equal(answer.json.error, 'unavailable');
      assert.ok(Number(answer.headers['retry-after']) >= 1);
      const status = await timed(() => core.request('/api/member/status', { token: tokens[1] }));
      assert.equal(status.answer.status, 503);
      await core.child.waitUntil('not ready', async () => (await core.request('/health/ready')).status === 503);
      assert.equal((await core.request('/health/live')).status, 200);
      world.proxies.postgres.heal();
      await accepted(tokens[1]);
      await core.child.waitUntil('ready again', async () => (await core.request('/health/ready')).status === 200);
      return Math.max(ms, status.ms) < 2_000 ? '' : `${fault}: answered after ${ms} ms, status after ${status.ms} ms`;
    });
  }
  await accepted(tokens[2]);
});

test('E131: a frozen PostgreSQL is told by ready at once, however long statements may take', async (t) => {
  const world = await createWorld(t, { proxied: ['postgres'], warnings: AWAY });
  const core = await world.start('core', { settings: { STATEMENT_TIMEOUT: 30_000 } });
  const isReady = async () => (await core.request('/health/ready')).status === 200;
  await core.child.waitUntil('ready', isReady);
  world.proxies.postgres.pause();
  await core.child.waitUntil('not ready', async () => !(await isReady()), { timeout: 10_000 });
  world.proxies.postgres.heal();
  await core.child.waitUntil('ready again', isReady, { timeout: 10_000 });
});

test('a slow database is not a line in the log for each request', async (t) => {
  const world = await createWorld(t);
  const core = await world.start('core', { settings: { ...SETTINGS, STATEMENT_TIMEOUT: 20_000 } });
  const tokens = await Promise.all((await newCrowd(world, 40)).map((each) => forgeToken(world, each)));
  const lock = await world.sql.connect();
  let answers;
  try {
    await lock.query('BEGIN');
    await lock.query('LOCK TABLE core.signals');
    answers = Promise.all(tokens.map((token) => signal(world, core, token)));
    await world.eventuallySql('signals wait', "SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'core.signals'::regclass AND NOT granted)");
    await lock.query('SELECT pg_sleep(0.6)');
  } finally {
    await lock.query('ROLLBACK');
    lock.release();
  }
  assert.deepEqual([...new Set((await answers).map(({ status }) => status))], [200]);
  const lines = await core.child.waitUntil('a line', () => {
    const slow = core.log().filter(({ event }) => event === 'request.slow');
    return slow.length > 0 && slow;
  });
  const times = lines.map(({ time }) => Date.parse(time));
  times.slice(1).forEach((at, i) => assert.ok(at - times[i] > 900, 'a line a second at most'));
});

test('a Redis that refuses to tell of revocations is asked now and then, and that is said once', async (t) => {
  const world = await createWorld(t, { warnings: AWAY });
  world.checkTtl = false;
  await world.redisClient.config('RESETSTAT');
  await world.redisClient.set('eldersafe:revoked', 'not a stream');
  const begun = performance.now();
  const core = await world.start('core');
  const asked = async () => Number(/cmdstat_xread:calls=(\d+)/.exec(await world.redisClient.info('commandstats'))?.[1] ?? 0);
  await core.child.waitUntil('it is asked again', async () => (await asked()) > 3);
  const calls = await asked();
  assert.ok(calls < 10 * (1 + (performance.now() - begun) / 1_000), `${calls} times`);
  await core.waitForLog('revocations.not_told');
  await world.redisClient.del('eldersafe:revoked');
  await core.waitForLog('revocations.told');
  assert.equal(core.log().filter(({ event }) => event === 'revocations.not_told').length, 1);
});

test('E59: signals that PostgreSQL keeps from being taken do not count against the limit', async (t) => {
  const world = await createWorld(t, { proxied: ['postgres'], warnings: AWAY });
  const core = await world.start('core', { settings: { SIGNAL_QUOTA: 2, SIGNAL_WINDOW: 3_600 } });
  const token = await forgeToken(world, await newMember(world));
  world.proxies.postgres.refuse();
  world.proxies.postgres.reset();
  for (let i = 0; i < 10; i += 1) assert.equal((await signal(world, core, token)).status, 503);
  world.proxies.postgres.heal();
  await core.child.waitUntil('signals are accepted again', async () => {
    const { status } = await signal(world, core, token);
    assert.notEqual(status, 429);
    return status === 200;
  });
  assert.equal((await signal(world, core, token)).status, 200);
  assert.equal((await signal(world, core, token)).status, 429);
});

test('E132 E52 FE26: Redis gone: signals are accepted, sign-in stays limited, ready stays yes', async (t) => {
  const world = await createWorld(t, { proxied: ['redis'], warnings: AWAY });
  const core = await world.start('core', { settings: SETTINGS });
  const redisIs = async (state) => {
    const { json, status } = await core.request('/health');
    return json.checks.redis === state && { json, status };
  };
  await core.child.waitUntil('health names Redis', () => redisIs('up'));
  world.proxies.redis.refuse();
  world.proxies.redis.reset();
  const { json: health, status } = await core.child.waitUntil('health names Redis', () => redisIs('down'));
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
  const core = await world.start('core', { settings: { ...SETTINGS, ...PROMPT, STATEMENT_TIMEOUT: undefined } });
  await onceGood(async () => {
    const token = await forgeToken(world, await newMember(world));
    await core.child.waitUntil('Redis is there', async () => (await core.request('/health')).json.checks.redis === 'up');
    world.proxies.redis.pause();
    const { answer, ms } = await timed(() => signal(world, core, token));
    assert.equal(answer.status, 200);
    world.proxies.redis.heal();
    return ms < 1_000 ? '' : `the first after ${ms} ms`;
  });
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
    const { rows } = await world.sql.query('SELECT count(*)::int AS signals, (SELECT count(*)::int FROM anchor.leaves WHERE source IS NULL) AS leaves FROM core.signals');
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

test('E53: ten thousand health calls, many at once, cause at most one database ping a second', async (t) => {
  const world = await createWorld(t);
  const server = await logStatements(world, 'eldersafe_core'); // PostgreSQL counts, not the daemon
  const core = await world.start('core');
  const agent = connections(t, 64);
  server.mark();
  const begun = performance.now();
  const answers = await inWaves(Array.from({ length: 10_000 }), 64, () => core.request('/health', { agent }));
  assert.ok(answers.every(({ status, json }) => status === 200 && json.checks.postgresql === 'up'));
  await core.child.waitUntil('it pings at all', () => server.executions('maintenance_ping') > 0);
  const pings = server.executions('maintenance_ping');
  const seconds = (performance.now() - begun) / 1000; // all of the time in which those pings came
  t.diagnostic(`${pings} pings in ${seconds.toFixed(1)} s`);
  assert.ok(pings <= Math.floor(seconds) + 2, `${pings} pings in ${seconds.toFixed(1)} s`); // one at each end of the time
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

test('N12 E54 E56: killed at core.before_session: the link is as good as before', async (t) => {
  const world = await createWorld(t);
  const member = await newMember(world);
  await world.start('notify');
  const first = await world.start('core', { settings: SETTINGS, fault: 'core.before_session' });
  await beginSignIn(first, member);
  const { token } = await readMail(world, member);
  const use = (core) => core.request('/api/auth/verify', { method: 'POST', body: { token } });
  await assert.rejects(use(first));
  await first.ends('fault');
  const answer = await use(await world.start('core', { settings: SETTINGS }));
  assert.equal(answer.status, 200);
  world.canary('session token', answer.json.token);
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

test('E132: a thousand signals are a few words on eldersafe:leaves, and none while Redis is away', async (t) => {
  const world = await createWorld(t, { proxied: ['redis'], warnings: AWAY });
  const core = await world.start('core', { settings: SETTINGS });
  const listener = new Redis(world.redis.uri());
  t.after(() => listener.disconnect());
  let words = 0;
  listener.on('message', () => { words += 1; });
  await listener.subscribe('eldersafe:leaves');
  const tokens = await Promise.all((await newCrowd(world, 100)).map((member) => forgeToken(world, member)));
  const begun = Date.now();
  for (let round = 0; round < 10; round += 1) await Promise.all(tokens.map((token) => signal(world, core, token)));
  await core.child.waitUntil('core has spoken', () => words > 0);
  const most = 2 + (Date.now() - begun) / 250;
  assert.ok(words <= most, `${words} words, ${most} at most`);
  world.proxies.redis.refuse();
  world.proxies.redis.reset();
  await onceGood(async () => {
    const { answer, ms } = await timed(() => signal(world, core, tokens[0]));
    assert.equal(answer.status, 200);
    return ms < 1_000 ? '' : `after ${ms} ms`;
  });
});

test('C28: what core says about the outbox is what the table says', async (t) => {
  const world = await createWorld(t, { proxied: ['redis'], warnings: AWAY });
  const core = await world.start('core');
  const published = async () => (await core.metric('eldersafe_outbox_unpublished_events')) === 0 && (await core.metric('eldersafe_relay_leading')) === 1;
  await core.child.waitUntil('core leads', published);
  world.proxies.redis.refuse();
  world.proxies.redis.reset();
  for (let i = 0; i < 3; i += 1) await beginSignIn(core, { number: `3${i}`, email: `c${i}@example.org` });
  const events = async () => core.metric('eldersafe_outbox_unpublished_events');
  await core.child.waitUntil('three events wait', async () => (await events()) === 3);
  await core.child.waitUntil('their age is told', async () => (await core.metric('eldersafe_outbox_oldest_seconds')) >= 1);
  const ageIs = async () => {
    const { rows: [{ count, age }] } = await world.sql.query(
      'SELECT count(*)::int, extract(epoch FROM clock_timestamp() - min(created_at))::float AS age FROM bus.outbox');
    assert.equal(count, 3);
    return age;
  };
  const isTold = async () => {
    const least = await ageIs();
    const told = await core.metric('eldersafe_outbox_oldest_seconds');
    const most = await ageIs();
    assert.ok(told <= most, `told ${told} s, is ${most} s at most`);
    return told > least - 8;
  };
  await core.child.waitUntil('what is told is at most 5 s old', isTold);
  world.proxies.redis.heal();
  await core.child.waitUntil('nothing waits', async () => (await events()) === 0);
  await core.child.waitUntil('three were published', async () => (await core.metric('eldersafe_outbox_published_events')) === 3);
});
