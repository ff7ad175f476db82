// The bus: outbox, relay, Redis stream, inbox (rows C11 to C19, C28, J7). What is lost, doubled,
// late or poisoned on the way, the effect of each event happens exactly once.

import assert from 'node:assert/strict';
import test from 'node:test';
import pg from 'pg';
import { eventually } from '../../deploy/local/wait.js';
import { createBus, GROUP, STREAM, TOPIC } from './support/bus.js';
import { onceGood } from './support/load.js';

const BATCH = 64; // events that a consumer reads at once
const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
const numbersOf = (rows) => rows.map((row) => Number(row.event_id));

async function runToTheEnd(t, { consumers = 1, ...options } = {}) {
  const bus = await createBus(t, options);
  const relay = await bus.startRelay();
  for (let i = 0; i < consumers; i += 1) await bus.startConsumer();
  return { bus, relay };
}

/** Waits for COUNT entries of the stream, however the events had their effect; yields their event ids. */
async function eventsInStream(bus, count) {
  const entries = await eventually(`${count} entries`, async () => {
    const found = await bus.entries();
    return found.length >= count && found;
  });
  return entries.map((entry) => entry.event_id);
}

async function onceEach(bus, eventIds) {
  await bus.settled(eventIds);
  assert.deepEqual(
    numbersOf(await bus.effects()).sort((a, b) => a - b),
    eventIds.map(Number),
  );
}

test('C11: an event exists exactly when the change it tells of does', async (t) => {
  const { bus } = await runToTheEnd(t);
  const writer = await bus.sql.connect();
  writer.on('error', () => {}); // it is cut off on purpose
  await writer.query('BEGIN');
  await writer.query('CREATE TABLE bus_test.change ()');
  const { rows } = await writer.query(
    `INSERT INTO bus.outbox (topic, payload) VALUES ($1, '{"aggregate":"a","number":1}') RETURNING event_id, pg_backend_pid() AS pid`,
    [TOPIC],
  );
  await bus.sql.query('SELECT pg_terminate_backend($1)', [rows[0].pid]);
  writer.release(true);
  const after = await bus.write(3);
  await bus.settled(after);
  const left = await bus.sql.query(
    "SELECT to_regclass('bus_test.change') AS change, count(*)::integer AS events FROM bus.outbox",
  );
  assert.deepEqual(left.rows, [{ change: null, events: 3 }]);
  assert.deepEqual(numbersOf(await bus.effects()), after.map(Number));
});

test('C12, J7.2: woken by NOTIFY an event has its effect at once, without it within 1.2 s', async (t) => {
  const { bus } = await runToTheEnd(t);
  await bus.settled(await bus.write()); // everybody is connected
  const delayOf = async () => {
    const [eventId] = await bus.write();
    await bus.settled([eventId], { every: 5 });
    const { rows } = await bus.sql.query(
      'SELECT extract(epoch FROM e.at - o.created_at) * 1000 AS ms FROM bus_test.effects e JOIN bus.outbox o USING (event_id) WHERE event_id = $1',
      [eventId],
    );
    return Number(rows[0].ms);
  };
  await onceGood(async () => {
    const woken = [];
    for (let i = 0; i < 25; i += 1) woken.push(await delayOf());
    await bus.sql.query('ALTER TABLE bus.outbox DISABLE TRIGGER wake_relay');
    const polled = [];
    for (let i = 0; i < 5; i += 1) polled.push(await delayOf());
    await bus.sql.query('ALTER TABLE bus.outbox ENABLE TRIGGER wake_relay');
    const wrong = `median ${median(woken)} ms with NOTIFY, ${polled} ms without`;
    return median(woken) < 50 && Math.max(...polled) < 1_200 ? '' : wrong;
  });
});

for (const fault of ['bus.before_publish', 'bus.after_publish', 'bus.after_position']) {
  test(`C13, N12: a relay killed at ${fault} loses nothing and doubles no effect`, async (t) => {
    const bus = await createBus(t);
    await bus.startConsumer();
    const doomed = await bus.startRelay({ fault });
    const eventIds = await bus.write(20);
    await doomed.ends('fault');
    await bus.startRelay();
    await bus.published();
    await onceEach(bus, eventIds);
    const published = (await bus.entries()).length;
    assert.equal(published, fault === 'bus.after_publish' ? 40 : 20);
  });
}

const WRITER = `
  CREATE TABLE bus_test.aggregates (id integer PRIMARY KEY, last integer NOT NULL DEFAULT 0);
  INSERT INTO bus_test.aggregates SELECT n FROM generate_series(1, 40) n;
  CREATE PROCEDURE bus_test.write(aggregate integer, events integer, delay_s double precision) LANGUAGE plpgsql AS $$
  DECLARE
    reached integer;
  BEGIN
    SELECT last INTO reached FROM bus_test.aggregates WHERE id = aggregate FOR UPDATE;
    INSERT INTO bus.outbox (topic, payload)
      SELECT '${TOPIC}', jsonb_build_object('aggregate', aggregate::text, 'number', reached + n) FROM generate_series(1, events) n;
    UPDATE bus_test.aggregates SET last = reached + events WHERE id = aggregate;
    PERFORM pg_sleep(delay_s); -- committed later than its identities say
  END $$;`;

test('C14, J7.1: 16 writers with random commit delays, 100,000 events: none is missing, every aggregate in order', async (t) => {
  const bus = await createBus(t);
  await bus.sql.query(WRITER);
  await bus.startRelay();
  const { host, port, user, password, database } = bus.sql.options;
  const writers = new pg.Pool({ host, port, user, password, database, max: 16 });
  const random = (below) => Math.floor(Math.random() * below);
  const calls = Array.from({ length: 2_000 }, () => [1 + random(40), 50, Math.random() * 0.02]);
  await Promise.all(calls.map((call) => writers.query('CALL bus_test.write($1, $2, $3)', call)));
  await writers.end();
  await bus.published();
  const entries = await bus.entries();
  assert.equal(entries.length, 100_000);
  const { rows } = await bus.sql.query(
    "SELECT event_id, payload->>'aggregate' AS aggregate, (payload->>'number')::integer AS number FROM bus.outbox",
  );
  const events = new Map(rows.map((row) => [row.event_id, row]));
  const reached = new Map();
  for (const entry of entries) {
    const { aggregate, number } = events.get(entry.event_id);
    assert.equal(number, (reached.get(aggregate) ?? 0) + 1, `aggregate ${aggregate}`);
    reached.set(aggregate, number);
  }
});

test('C14: an event committed late is published then, and holds nobody back until then', async (t) => {
  const { bus } = await runToTheEnd(t);
  await bus.redis.xgroup('CREATE', STREAM, 'keeper', '0', 'MKSTREAM'); // has acknowledged nothing: nothing is trimmed
  const slow = await bus.sql.connect();
  await slow.query('BEGIN');
  const {
    rows: [late],
  } = await slow.query(
    `INSERT INTO bus.outbox (topic, payload) VALUES ($1, '{"aggregate":"late","number":1}') RETURNING event_id`,
    [TOPIC],
  );
  const others = await bus.write(600); // more than two portions of one batch
  await bus.settled(others);
  const later = await bus.write(5);
  await bus.settled(later);
  assert.deepEqual(await eventsInStream(bus, 605), [...others, ...later]);
  await slow.query('COMMIT');
  slow.release();
  await onceEach(bus, [late.event_id, ...others, ...later]);
  assert.deepEqual(await eventsInStream(bus, 606), [...others, ...later, late.event_id]);
});

for (const fault of ['db.before_commit', 'db.after_commit', 'bus.before_ack']) {
  test(`C15, N12: a consumer killed at ${fault}: another one claims what it left, once`, async (t) => {
    const bus = await createBus(t);
    await bus.startRelay();
    const doomed = await bus.startConsumer({ fault });
    const eventIds = await bus.write(10);
    await doomed.ends('fault');
    const left = await bus.pending();
    assert.ok(left > 0, 'it was given entries and did not acknowledge them');
    // As if the 30 s after which others may claim were over; only the clock of Redis is told so.
    const stuck = await bus.redis.xpending(STREAM, GROUP, '-', '+', 100);
    await bus.redis.xclaim(
      STREAM,
      GROUP,
      stuck[0][1],
      0,
      ...stuck.map(([id]) => id),
      'IDLE',
      60_000,
      'JUSTID',
    );
    await bus.startConsumer();
    await onceEach(bus, eventIds);
    await eventually('nothing is pending', async () => (await bus.pending()) === 0, {
      timeout: 60_000,
    });
  });
}

test('C16: a poison event is parked with its error, the stream moves on, and it can be replayed', async (t) => {
  const bus = await createBus(t);
  await bus.startRelay();
  const consumer = await bus.startConsumer({ settings: { EVENT_TRIES: 3 } });
  const [poison] = await bus.write(1, { number: -1 });
  const others = await bus.write(20);
  await bus.settled(others);
  const parked = await eventually(
    'it is parked',
    async () => {
      const failure = await bus.failure(poison);
      return failure?.parked_at && failure;
    },
    { timeout: 60_000 },
  );
  assert.equal(parked.failures, 3);
  assert.equal(parked.last_error, 'check 23514');
  await consumer.waitForLog('bus.event_parked');
  await eventually('it is counted', async () => (await consumer.metric('eldersafe_peer_parked')) === 1);
  const tries = consumer
    .log()
    .filter((entry) => /^bus\.event_/.test(entry.event) && entry.event_id === Number(poison));
  assert.deepEqual(
    tries.map((entry) => entry.event),
    ['bus.event_failed', 'bus.event_failed', 'bus.event_parked'],
  );

  await bus.sql.query('ALTER TABLE bus_test.effects DROP CONSTRAINT no_poison');
  const {
    rows: [replay],
  } = await bus.sql.query(
    'SELECT bus.replay_parked($1, $2) AS done, bus.replay_parked($1, 4711) AS unknown',
    [GROUP, poison],
  );
  assert.deepEqual(replay, { done: true, unknown: false });
  await onceEach(bus, [poison, ...others]);
  assert.equal(await bus.failure(poison), undefined);
});

for (const tries of [1, 2]) {
  test(`C16: an event whose effect our role may not write is tried until it may, and said once (EVENT_TRIES ${tries})`, async (t) => {
    const bus = await createBus(t);
    await bus.startRelay();
    await bus.sql.query('REVOKE INSERT ON bus_test.effects FROM eldersafe_notify');
    const consumer = await bus.startConsumer({ settings: { EVENT_TRIES: tries } });
    const denied = await bus.write(3);
    const tried = `SELECT coalesce(sum(n_tup_ins + n_tup_upd), 0)::int AS n FROM pg_stat_user_tables WHERE relname = 'failures'`;
    await eventually('they are tried again and again', async () => (await bus.sql.query(tried)).rows[0].n > 6 * denied.length, { timeout: 60_000 });
    const { rows } = await bus.sql.query('SELECT count(*)::int AS n FROM bus.failures WHERE parked_at IS NOT NULL');
    assert.equal(rows[0].n, 0);
    await bus.sql.query('GRANT INSERT ON bus_test.effects TO eldersafe_notify');
    await onceEach(bus, denied);
    await consumer.waitForLog('bus.allowed');
    const said = consumer.log().map(({ event }) => event);
    assert.equal(said.filter((event) => event === 'bus.denied').length, 1);
    assert.equal(said.some((event) => /^bus\.(event_|database_)/.test(event)), false);
  });
}

test('C16: an event that ends the process each time is parked too, and everybody else is served', async (t) => {
  const bus = await createBus(t);
  await bus.startRelay();
  const [killer] = await bus.write(1, { crash: true });
  const others = await bus.write(5);
  let crashes = 0;
  for (;;) {
    const consumer = await bus.startConsumer({ settings: { EVENT_TRIES: 2 } });
    const ended = await eventually(
      'it crashes or parks the event',
      async () => consumer.child.ended ?? ((await bus.failure(killer))?.parked_at && 'parked'),
      { timeout: 60_000 },
    );
    if (ended === 'parked') break;
    await consumer.ends('fault');
    crashes += 1;
    assert.ok(crashes <= 4, 'it goes on for ever');
  }
  const failure = await bus.failure(killer);
  assert.equal(failure.last_error, 'unfinished');
  await onceEach(bus, others);
});

test('C17: two consumers of one group share the backlog, no event is handled twice', async (t) => {
  const bus = await createBus(t);
  const all = [];
  const takeAll = async (start) => {
    const eventIds = await bus.write(4_000);
    await start();
    all.push(...eventIds);
    await onceEach(bus, all);
    const { rows } = await bus.sql.query(
      'SELECT peer, count(*)::integer AS n FROM bus_test.effects WHERE event_id = ANY ($1) GROUP BY peer ORDER BY peer',
      [eventIds],
    );
    return rows.length === 2 && rows.every((row) => row.n > 1_000) ? '' : JSON.stringify(rows);
  };
  let relay;
  await onceGood(() => // while one is off the processor the other goes on: that is how it should be
    takeAll(async () => {
      if (relay) return;
      relay = await bus.startRelay();
      await bus.published();
      await Promise.all([bus.startConsumer({ name: 'one' }), bus.startConsumer({ name: 'two' })]);
    }),
  );
});

test('C18: FLUSHALL with events unprocessed: every one still has its effect, and the stream works again', async (t) => {
  const bus = await createBus(t);
  await bus.startRelay();
  const before = await bus.write(300);
  await bus.published();
  await bus.redis.flushall();
  await bus.startConsumer();
  await onceEach(bus, before);
  await bus.redis.flushall(); // now the group is gone while the consumer runs
  const after = await bus.write(10);
  await onceEach(bus, [...before, ...after]);
  await eventually(
    'new events come through the stream again',
    async () => (await bus.entries()).length > 0 || ((await bus.write()) && false),
  );
});

test('C18, J7.4: Redis stopped, frozen and back: nothing is lost, each change is said once in the log', async (t) => {
  const { bus, relay } = await runToTheEnd(t, { proxied: ['redis'] });
  const said = () => relay.log().map((entry) => entry.event).filter((event) => event.startsWith('bus.redis'));
  const all = await bus.write(10);
  await bus.settled(all);
  await bus.published();
  for (const away of ['pause', 'refuse']) {
    bus.world.proxies.redis[away]();
    if (away === 'refuse') bus.world.proxies.redis.reset();
    const during = await bus.write(10);
    await bus.settled(during); // from PostgreSQL
    await eventually('the relay has noticed', () => said().at(-1) === 'bus.redis_lost');
    all.push(...during);
    bus.world.proxies.redis.heal();
    await bus.published();
    await eventually('the relay has it back', () => said().at(-1) === 'bus.redis_back');
  }
  await onceEach(bus, all);
  const changes = said();
  assert.ok(changes.length >= 4, `${changes}`);
  changes.forEach((event, i) => assert.equal(event, i % 2 === 0 ? 'bus.redis_lost' : 'bus.redis_back', `${changes}`));
});

test('C18: without any Redis events are taken from PostgreSQL', async (t) => {
  const { bus } = await runToTheEnd(t, { redis: false });
  const eventIds = await bus.write(100);
  await onceEach(bus, eventIds);
  await bus.published(); // the position moves, so that the outbox can be pruned
});

test('a consumer that is stopped finishes the event at hand, not its batch', async (t) => {
  const bus = await createBus(t, { redis: false });
  const eventIds = await bus.write(BATCH);
  const lock = await bus.sql.connect();
  let consumer;
  try {
    await lock.query('BEGIN');
    await lock.query('LOCK TABLE bus_test.effects');
    consumer = await bus.startConsumer();
    await bus.world.eventuallySql('the first effect waits', "SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'bus_test.effects'::regclass AND NOT granted)");
    consumer.child.signal('SIGTERM');
    await eventually('its endpoint is gone, and the consumer is next', () => fetch(`${consumer.metricsUrl}/health`).then(() => false, () => true));
  } finally {
    await lock.query('ROLLBACK');
    lock.release();
  }
  await consumer.ends(0);
  assert.ok((await bus.effects()).length < BATCH);
  await bus.startConsumer();
  await onceEach(bus, eventIds);
});

test('C19: a full Redis refuses loudly and loses nothing; only what was acknowledged is trimmed', async (t) => {
  const bus = await createBus(t);
  const relay = await bus.startRelay();
  const { used_memory: used } = Object.fromEntries(
    (await bus.redis.info('memory')).split('\r\n').map((line) => line.split(':')),
  );
  let eventIds;
  await bus.redis.config('SET', 'maxmemory', String(Number(used) - 1));
  try {
    eventIds = await bus.write(1_000);
    const lost = await relay.waitForLog('bus.redis_lost');
    assert.match(lost.reason, /OOM/);
  } finally {
    await bus.redis.config('SET', 'maxmemory', '256mb');
  }
  await bus.published();
  // A second group that has seen nothing: until it has, nothing may be trimmed.
  await bus.redis.xgroup('CREATE', STREAM, 'slow', '0');
  await bus.startConsumer();
  await onceEach(bus, eventIds);
  const more = await bus.write(1);
  await bus.settled(more);
  const stream = new Set((await bus.entries()).map((entry) => entry.event_id));
  assert.ok(eventIds.every((eventId) => stream.has(eventId)));
  await bus.redis.xgroup('SETID', STREAM, 'slow', '$');
  await eventually(
    'what all have acknowledged is trimmed',
    async () => (await bus.redis.xlen(STREAM)) < 300,
    { timeout: 60_000 },
  );
});

test('C28: what the relay says about its backlog is what the tables say', async (t) => {
  const bus = await createBus(t, { proxied: ['redis'] });
  const relay = await bus.startRelay();
  await bus.published();
  bus.world.proxies.redis.refuse();
  bus.world.proxies.redis.reset();
  await bus.write(7);
  await eventually(
    '7 unpublished events',
    async () => (await relay.metric('eldersafe_peer_unpublished')) === 7,
  );
  assert.ok((await relay.metric('eldersafe_peer_oldest_unpublished_ms')) > 0);
  bus.world.proxies.redis.heal();
  await bus.published();
  await eventually(
    'no unpublished events',
    async () => (await relay.metric('eldersafe_peer_unpublished')) === 0,
    { timeout: 60_000 },
  );
});

test('of several relays one leads; when it is killed another takes over within seconds', async (t) => {
  const bus = await createBus(t);
  const first = await bus.startRelay();
  await first.waitForLog('bus.leading');
  const second = await bus.startRelay();
  await bus.startConsumer();
  const before = await bus.write(50);
  await bus.settled(before);
  await bus.published(); // and it is on record that they are
  assert.equal(await second.metric('eldersafe_peer_leading'), 0);
  await first.kill();
  const after = await bus.write(50);
  await second.waitForLog('bus.leading');
  await bus.published();
  await onceEach(bus, [...before, ...after]);
  assert.equal((await bus.entries()).length, 100, 'nothing was published twice');
});

test('a relay whose database session was cut notices that it leads no more, and that it may again', async (t) => {
  const bus = await createBus(t);
  const relays = [await bus.startRelay(), await bus.startRelay()];
  await bus.startConsumer();
  const all = await bus.write(5);
  await bus.settled(all);
  for (let i = 0; i < 3; i += 1) {
    await bus.sql.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'bus-peer' AND datname = current_database()",
    );
    const next = await bus.write(5);
    await bus.published();
    all.push(...next);
  }
  await onceEach(bus, all);
  await eventually('exactly one leads', async () => {
    const leading = await Promise.all(
      relays.map((relay) => relay.metric('eldersafe_peer_leading')),
    );
    return leading[0] + leading[1] === 1;
  });
});

test('E131: PostgreSQL gone, then frozen: relay and consumer go on by themselves', async (t) => {
  const { bus } = await runToTheEnd(t, { proxied: ['postgres'] });
  const all = await bus.write(10);
  await bus.settled(all);
  for (const away of ['refuse', 'pause']) {
    bus.world.proxies.postgres[away]();
    if (away === 'refuse') bus.world.proxies.postgres.reset();
    const during = await bus.write(10);
    bus.world.proxies.postgres.heal();
    await bus.settled(during);
    all.push(...during);
  }
  await onceEach(bus, all);
});

test('entries forged in Redis do nothing: what an event is, PostgreSQL says', async (t) => {
  const { bus } = await runToTheEnd(t);
  const [real] = await bus.write();
  await bus.settled([real]);
  const {
    rows: [foreign],
  } = await bus.sql.query(
    `INSERT INTO bus.outbox (topic, payload) VALUES ('other.topic', '{"aggregate":"x","number":1}') RETURNING event_id`,
  );
  const forged = [
    ['event_id', '999999', 'topic', TOPIC, 'payload', '{"aggregate":"forged","number":1}'],
    ['event_id', real, 'topic', TOPIC],
    ['event_id', foreign.event_id, 'topic', TOPIC],
    ['event_id', '-1', 'topic', TOPIC],
    ['event_id', '1e3', 'topic', TOPIC],
    ['event_id', '99999999999999999999', 'topic', TOPIC],
    ['event_id', real],
    ['topic', TOPIC],
    ['event_id', real, 'topic', 'x'.repeat(10_000)],
    ['nonsense', Buffer.from([0, 255, 10])],
  ];
  for (const fields of forged) await bus.redis.xadd(STREAM, '*', ...fields);
  const [last] = await bus.write();
  await bus.settled([last]);
  await eventually('everything is acknowledged', async () => (await bus.pending()) === 0);
  await onceEach(bus, [real, last]);
  const { rows } = await bus.sql.query(
    'SELECT count(*)::integer AS n FROM bus.inbox WHERE consumer = $1',
    [GROUP],
  );
  assert.equal(rows[0].n, 2);
});

test('events brought here by a logical restore, with transaction ids of another server, are delivered', async (t) => {
  const bus = await createBus(t);
  const eventIds = await bus.write(5);
  await bus.sql.query(
    'UPDATE bus.outbox SET written_by = (written_by::text::bigint + 1000000)::text::xid8',
  );
  await bus.sql.query("UPDATE bus.relay_position SET passed = '999999999:999999999:'");
  await bus.sql.query(
    "INSERT INTO bus.consumers (consumer, taken_below) VALUES ($1, '999999999')",
    [GROUP],
  );
  const relay = await bus.startRelay();
  await bus.startConsumer();
  await relay.waitForLog('bus.restored');
  await bus.published();
  await onceEach(bus, [...eventIds, ...(await bus.write(3))]);
});

test('the mark of a group keeps up, so that looking for what was missed stays cheap', async (t) => {
  const { bus } = await runToTheEnd(t);
  const eventIds = await bus.write(500);
  await onceEach(bus, eventIds);
  await bus.world.eventuallySql(
    'the mark is past the last event',
    `SELECT (SELECT taken_below FROM bus.consumers WHERE consumer = $1) > (SELECT max(written_by) FROM bus.outbox)`,
    [GROUP],
  );
});

test('bus.prune forgets what is old and done, and never what could then be taken twice', async (t) => {
  const bus = await createBus(t);
  const old = await bus.write(5);
  await bus.sql.query("UPDATE bus.outbox SET created_at = created_at - interval '8 days'");
  await bus.startRelay();
  await bus.published();
  await bus.startConsumer();
  const young = await bus.write(5);
  await bus.settled(young);
  await bus.sql.query('SELECT bus.prune()');
  const { rows } = await bus.sql.query('SELECT event_id FROM bus.outbox ORDER BY event_id');
  assert.deepEqual(
    rows.map((row) => row.event_id),
    young,
  );
  assert.ok(old.every((eventId) => !young.includes(eventId)));
  await onceEach(bus, young); // the old ones were beyond their time
});
