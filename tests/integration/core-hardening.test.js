// What a hostile reader of eldersafe-core found, each as the story of how it went wrong.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import test from 'node:test';
import { pause } from '../../deploy/local/wait.js';
import { createWorld } from '../harness/world.js';
import { beginSignIn, forgeToken, newCrowd, newMember, PROMPT, signal } from './support/core.js';
import { onceGood, withStall } from './support/load.js';

const SETTINGS = { SIGNAL_QUOTA: 1000 };
const OWN_ORIGIN = 'http://app.localhost';
const DAY_MS = 86_400_000;

const form = (fields, headers) => ({
  method: 'POST',
  body: new URLSearchParams(fields).toString(),
  headers: { accept: 'text/html', 'content-type': 'application/x-www-form-urlencoded', ...headers },
});

const signInForm = (headers) => form({ member_number: '4711', email: 'elder@example.org' }, headers);

test('E56 FE5: our own pages can post, as browsers do it from pages without referrers; others cannot', async (t) => {
  const world = await createWorld(t);
  const core = await world.start('core', { settings: { TRUST_PROXY: 'yes' } });
  let clients = 0;
  const post = (headers) => {
    clients += 1;
    return core.request('/api/auth/login', signInForm({ 'x-forwarded-for': `192.0.2.${clients}`, ...headers }));
  };
  const accepted = [
    { origin: OWN_ORIGIN, 'sec-fetch-site': 'same-origin' },
    { origin: 'null', 'sec-fetch-site': 'same-origin' }, // the Fetch standard's Origin under no-referrer
    { origin: OWN_ORIGIN }, // before Sec-Fetch-Site
    {}, // no browser
  ];
  for (const headers of accepted) assert.equal((await post(headers)).status, 202, JSON.stringify(headers));
  const refused = [
    { origin: 'null' }, { origin: 'null', 'sec-fetch-site': 'cross-site' }, { origin: 'https://evil.example' },
    { origin: OWN_ORIGIN, 'sec-fetch-site': 'cross-site' }, { 'sec-fetch-site': 'same-site' }, { origin: `${OWN_ORIGIN}.evil.example` },
    { origin: 'https://evil.example', 'sec-fetch-site': 'same-origin' },
  ];
  for (const headers of refused) assert.equal((await post(headers)).status, 403, JSON.stringify(headers));
  for (const path of ['/sign-in', `/api/auth/verify?token=${'A'.repeat(22)}`]) {
    const page = await core.request(path, { headers: { accept: 'text/html' } });
    assert.match(page.text, /<meta name="referrer" content="strict-origin">/, 'older browsers then say our Origin, and never the token');
  }
});

test('J4.4: who knows an address but not its number cannot lock the member out of sign-in', async (t) => {
  const world = await createWorld(t);
  const core = await world.start('core', { settings: { TRUST_PROXY: 'yes' } });
  const member = await newMember(world);
  for (let i = 0; i < 25; i += 1) {
    const { answer } = await beginSignIn(core, { number: `66${i}`, email: member.email }, { headers: { 'x-forwarded-for': `198.51.100.${i}` } });
    assert.equal(answer.status, 202);
  }
  assert.equal((await beginSignIn(core, member)).answer.status, 202);
  const { rows } = await world.sql.query("SELECT count(*)::int AS n FROM bus.outbox WHERE topic = 'mail.login'");
  assert.equal(rows[0].n, 1, 'the member gets the mail, and got none for the strangers');
});

test('E59 J3.2: a refusal for haste is not kept as the answer of an Idempotency-Key', async (t) => {
  const world = await createWorld(t);
  const core = await world.start('core', { settings: { SIGNAL_QUOTA: 1, SIGNAL_WINDOW: 15 } });
  const token = await forgeToken(world, await newMember(world));
  const keyed = (key) => signal(world, core, token, { headers: { 'idempotency-key': `"${key}"` } });
  assert.equal((await keyed('first')).status, 200);
  const hasty = await keyed('second');
  assert.equal(hasty.status, 429);
  assert.match(hasty.headers['ratelimit-policy'], /^"signal";q=1;w=15$/);
  await core.child.waitUntil('the same key goes through', async () => (await keyed('second')).status === 200, { timeout: 60_000 });
});

test('E59 E112: an Idempotency-Key is no way around the limit, and leaves no rows behind', async (t) => {
  const world = await createWorld(t);
  const core = await world.start('core', { settings: { SIGNAL_QUOTA: 3, SIGNAL_WINDOW: 60 } });
  const member = await newMember(world);
  const token = await forgeToken(world, member);
  const keyed = (key) => signal(world, core, token, { headers: { 'idempotency-key': `"${key}"` } });
  const statuses = [];
  for (const key of ['a', 'a', 'b', 'a', 'b', 'c', 'd']) statuses.push((await keyed(key)).status);
  assert.deepEqual(statuses, [200, 200, 200, 429, 429, 429, 429], 'replays count as requests');
  assert.equal((await signal(world, core, token)).status, 429, 'it is one limit, with or without a key');
  const { rows } = await world.sql.query('SELECT count(*)::int AS n FROM core.idempotency');
  assert.equal(rows[0].n, 2);
});

test('J3.2: a key belongs to its caller: another token gets an answer of its own', async (t) => {
  const world = await createWorld(t);
  const core = await world.start('core', { settings: SETTINGS });
  const headers = { 'idempotency-key': '"shared"' };
  const first = await signal(world, core, await forgeToken(world, await newMember(world)), { headers });
  const second = await signal(world, core, await forgeToken(world, await newMember(world)), { headers });
  assert.deepEqual([first.status, second.status], [200, 200]);
  assert.notEqual(second.json.signal_id, first.json.signal_id);
  assert.equal(second.headers['idempotent-replayed'], undefined);
});

test('E115: a phone whose clock is a minute ahead signals for today, not for tomorrow', async (t) => {
  const world = await createWorld(t);
  const core = await world.start('core', { settings: SETTINGS });
  const member = await newMember(world, { zone: 'Etc/UTC' });
  const ahead = new Date(Date.now() + 60_000).toISOString();
  const answer = await signal(world, core, await forgeToken(world, member), { body: { at: ahead } });
  assert.equal(answer.status, 200);
  const { rows: [{ event }] } = await world.sql.query('SELECT event FROM core.signals');
  const { made_at: madeAt, received_at: receivedAt, day } = JSON.parse(event);
  assert.equal(madeAt, undefined, 'no time after its own receipt is on record');
  assert.equal(day, receivedAt.slice(0, 10));
});

test('E131: with PostgreSQL frozen, whoever queues up behind others hears within 2 s as well', async (t) => {
  const warnings = [/^health\./, /^request\./, /^revocations\./, /^housekeeping\./, /^relay\./, /^database\./, /^bus\./];
  const world = await createWorld(t, { proxied: ['postgres'], warnings });
  const core = await world.start('core', { settings: { ...SETTINGS, ...PROMPT, SIGNAL_LANES: 1 } });
  const members = [];
  for (let i = 0; i < 12; i += 1) members.push(await newMember(world));
  const tokens = await Promise.all(members.map((each) => forgeToken(world, each)));
  const accepted = () => core.child.waitUntil('signals are accepted', async () => (await signal(world, core, tokens[0])).status === 200);
  await accepted();
  await onceGood(async () => {
    world.proxies.postgres.pause();
    const { answers, slowest } = await oneAfterTheOther(tokens, (token) => signal(world, core, token));
    assert.ok(answers.every(({ status }) => status === 503));
    world.proxies.postgres.heal();
    await accepted();
    return slowest < 2_000 ? '' : `answered after ${slowest} ms`;
  });
});

/** Calls CALL with each of ITEMS, PERROUND of them 150 ms apart; yields answers and the longest wait for one. */
async function oneAfterTheOther(items, call, perRound = items.length) {
  const { value, stallMs } = await withStall(() => Promise.all(items.map(async (item, i) => {
    await pause((i % perRound) * 150);
    const begun = performance.now();
    const answer = await call(item);
    return { answer, ms: performance.now() - begun };
  })));
  return { answers: value.map(({ answer }) => answer), slowest: Math.max(...value.map(({ ms }) => ms)) - stallMs };
}

/** Stops PostgreSQL's own process and the backends of core in their tracks; yields how to let them go on. */
async function freezePostgres(world) {
  const { rows } = await world.sql.query(
    `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND usename = 'eldersafe_core'
     UNION ALL SELECT split_part(pg_read_file('postmaster.pid'), E'\n', 1)::int`);
  const pids = rows.map(({ pid }) => pid);
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  return () => pids.splice(0).forEach((pid) => process.kill(pid, 'SIGCONT'));
}

test('E131: with PostgreSQL\'s processes stopped, ordinary requests in the queue hear within 2 s as well, and the log says it once', async (t) => {
  const warnings = [/^health\./, /^revocations\./, /^housekeeping\./, /^database\./, /^bus\./];
  const world = await createWorld(t, { warnings });
  const core = await world.start('core', { settings: { ...SETTINGS, ...PROMPT, EXECUTOR_THREADS: 4 } });
  const tokens = await Promise.all((await newCrowd(world, 40)).map((member) => forgeToken(world, member)));
  const status = (token) => core.request('/api/member/status', { token });
  const answered = async () => (await Promise.all(tokens.map(status))).every((each) => each.status === 200);
  await onceGood(async () => {
    await core.child.waitUntil('all are answered', answered); // every thread has its connection
    const skip = core.log().length;
    const thaw = await freezePostgres(world);
    let slowest;
    try {
      const round = await oneAfterTheOther(tokens, status, tokens.length / 2); // more at once than there are threads
      slowest = round.slowest;
      assert.ok(round.answers.every((each) => each.status === 503 && Number(each.headers['retry-after']) >= 1));
      const page = await core.request(`/api/auth/verify?token=${'A'.repeat(22)}`, { headers: { accept: 'text/html' } });
      assert.equal(page.status, 200, 'a page that needs no database');
    } finally {
      thaw();
    }
    await core.child.waitUntil('pages are answered again', async () => (await status(tokens[1])).status === 200);
    const back = await core.waitForLog('database.back', { skip });
    const away = core.log().slice(skip).filter(({ event }) => event === 'database.away').length;
    const wrong = `${away} times away, ${back.refused} refused, the slowest after ${slowest} ms`;
    return away === 1 && back.refused >= tokens.length && slowest < 2_000 ? '' : wrong;
  });
  assert.equal(core.log().filter(({ event }) => event === 'request.failed').length, 0);
});

test('what has ended is removed to the last row in one round, however much it is', async (t) => {
  const world = await createWorld(t);
  await world.sql.query(
    `INSERT INTO core.idempotency (caller, key_hash, fingerprint, state, expires_at, lease_until)
     SELECT decode(md5(i::text), 'hex'), sha256(i::text::bytea), sha256('f'), 'running', now() - interval '1 hour', now() - interval '1 day'
     FROM generate_series(1, 120000) i`);
  await world.start('core');
  await world.eventuallySql('all are gone', 'SELECT count(*) = 0 FROM core.idempotency', [], { timeout: 30_000 });
});

test('E47: a notifier key that nothing can be sealed to is refused at the start, not at the first sign-in', async (t) => {
  const world = await createWorld(t, { warnings: [/^daemon\.start_failed$/] });
  const file = `${world.folder}/small-order.pub`;
  writeFileSync(file, `${'0'.repeat(64)}\n`, { mode: 0o600 });
  const core = await world.start('core', { settings: { NOTIFY_PUBLIC_KEY_FILE: file }, waitReady: false });
  await core.ends(78);
  const said = core.child.printed() + JSON.stringify(core.log());
  assert.match(said, /NOTIFY_PUBLIC_KEY_FILE/);
});

test('E95 FE18: a logout outlives this process also for a session the database has lost', async (t) => {
  const world = await createWorld(t);
  const core = await world.start('core', { settings: SETTINGS });
  const token = await forgeToken(world, await newMember(world)); // as after a restore: signed by us, no row
  assert.equal((await core.request('/api/auth/logout', { method: 'POST', token })).status, 204);
  assert.equal((await signal(world, core, token)).status, 401);
  const fresh = await world.start('core', { settings: SETTINGS });
  assert.equal((await signal(world, fresh, token)).status, 401);
});

test('E88: history longer than a page goes on where the page before ended', async (t) => {
  const world = await createWorld(t);
  world.invariants = false; // rows are put in by hand, without their leaves
  const core = await world.start('core', { settings: SETTINGS });
  const member = await newMember(world);
  const token = await forgeToken(world, member);
  await world.sql.query( // partitions are made ahead: days to come are as good as days gone by
    `INSERT INTO core.signals (member_id, signal_day, signal_id, channel, evidence, received_at, salt, event, actor, request_id)
     SELECT $1, current_date + i, 1000000 + i, 'app', 'strong', now(), decode(repeat('00', 16), 'hex'), '{}', decode(repeat('00', 16), 'hex'), gen_random_uuid()
     FROM generate_series(0, 59) i`, [member.id]);
  const { json: first } = await core.request('/api/signals', { token });
  assert.equal(first.signals.length, 50);
  assert.equal(first.before, first.signals[49].day);
  const { json: second } = await core.request(`/api/signals?before=${first.before}`, { token });
  assert.equal(second.signals.length, 10);
  assert.equal(second.before, null);
  const days = [...first.signals, ...second.signals].map((each) => each.day);
  assert.equal(new Set(days).size, 60, 'none twice, none missing');
  assert.deepEqual(days, [...days].sort().reverse());
  const { json: { signals: none } } = await core.request('/api/signals', { token: await forgeToken(world, await newMember(world)) });
  assert.deepEqual(none, [], 'nobody sees another member\'s');
});

test('E48: a session token is good for its last second and not for the next', async (t) => {
  const world = await createWorld(t);
  const core = await world.start('core', { settings: SETTINGS });
  const member = await newMember(world);
  const issued = Math.floor(Date.now() / 1000) - DAY_MS / 1000 + 15;
  const token = await forgeToken(world, member, { claims: { iat: issued, exp: issued + DAY_MS / 1000 } });
  assert.equal((await signal(world, core, token)).status, 200, '23:59:45 after it was issued');
  const refused = async () => (await signal(world, core, token)).status === 401;
  await core.child.waitUntil('its time is over', refused, { timeout: 60_000 });
  assert.ok(Date.now() / 1000 >= issued + DAY_MS / 1000, 'not a second too early, and not kept by the cache');
});
