// The way of a signal through all processes at once: whatever goes down in between, and however many
// come, what was acknowledged ends on the chain and is paid for once.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { eventually } from '../../deploy/local/wait.js';
import { sha256 } from '../harness/merkle.js';
import { beginSignIn, newMember, readMail, signal } from './support/core.js';
import { anchoringWorld, FAST, passTime, startLedger, untilFinal } from './support/ledger.js';
import { atPace, connections, inWaves, onceGood, tokensOfCrowd, watch } from './support/load.js';

const CORE = { SIGNAL_QUOTA: 1000 };
const WIDTH = 50;
const FAULT_EXIT = 86;
const REDIS_AWAY = [/^redis\./, /^relay\./, /^bus\./, /^revocations\./, /^health\./];
const POSTGRES_AWAY = [/^database\./, /^bus\.database_lost$/, /^health\./, /^request\./, /^relay\./, /^revocations\./, /^housekeeping\./, /^ledger\.paused$/];
const OWN_KEYS = /^eldersafe:(rate:.+|revoked|bus)$/;

/** The signals that were answered 200 and are not under the root of a final transaction. */
async function notFinal(world) {
  const { rows } = await world.sql.query(
    `SELECT id FROM unnest($1::bigint[]) AS id WHERE NOT EXISTS (
       SELECT FROM core.signals s JOIN anchor.entries e ON e.leaf_id = s.signal_id
       JOIN anchor.checkpoints c ON e.leaf_index >= c.first_index AND e.leaf_index < c.size
       JOIN anchor.transactions x ON x.checkpoint_id = c.checkpoint_id AND x.state = 'final'
       WHERE s.signal_id = id)`, [world.acknowledged]);
  return rows.map(({ id }) => id);
}

async function checkRedisHoldsNoQueue(world) {
  for (const key of await world.redisClient.keys('*')) {
    assert.match(key, OWN_KEYS);
    assert.notEqual(await world.redisClient.type(key), 'list', key);
  }
}

/** Sends a signal for each of TOKENS and resolves once half of them are answered; `all` waits for the rest. */
async function halfAnswered(world, core, tokens) {
  const load = tokens.map((token) => signal(world, core, token).catch(() => ({ status: 'lost' })));
  await Promise.all(load.slice(0, tokens.length / 2));
  return { all: () => Promise.all(load) };
}

test('E93 J2.1 FE7: the row is the journal: FLUSHALL and kill -9 of core, of ledger, of both right after the answers lose nothing', async (t) => {
  const world = await anchoringWorld(t, { warnings: REDIS_AWAY });
  const tokens = await tokensOfCrowd(world, 300);
  let core = await world.start('core', { settings: CORE });
  let ledger = await startLedger(world);
  const losses = [['core'], ['ledger'], ['core', 'ledger']];
  for (const [round, victims] of losses.entries()) {
    const mine = tokens.slice(round * 100, (round + 1) * 100);
    const load = await halfAnswered(world, core, mine);
    await world.redisClient.flushall();
    await Promise.all([core, ledger].filter(({ child }) => victims.some((name) => child.name.startsWith(name))).map((each) => each.kill()));
    await load.all();
    const kept = new Set(world.acknowledged).size;
    assert.ok(kept >= round * 100 + 50, `${kept} were acknowledged`);
    if (core.child.ended) core = await world.start('core', { settings: CORE });
    if (ledger.child.ended) ledger = await startLedger(world);
    const repeated = await inWaves(mine, WIDTH, (token) => signal(world, core, token)); // as clients without an answer do
    assert.ok(repeated.every(({ status }) => status === 200));
    await checkRedisHoldsNoQueue(world);
  }
  await passTime(world); // leases of those that were killed are over
  await untilFinal(world);
  assert.equal(new Set(world.acknowledged).size, tokens.length, 'a repeat is the same signal');
  assert.deepEqual(await notFinal(world), []);
});

/** Signals of TOKENS, ten at once, over and over until OVER; yields the statuses of the answers, 'lost' for none. */
async function signalsUntil(world, core, tokens, over) {
  const statuses = new Set();
  const send = async (token) => statuses.add((await signal(world, core, token).catch(() => ({ status: 'lost' }))).status);
  let going = true;
  const end = over.finally(() => { going = false; });
  for (let i = 0; going; i = (i + 10) % tokens.length) await Promise.all(tokens.slice(i, i + 10).map(send));
  await end;
  return [...statuses].sort();
}

test('E93 E103 E131: PostgreSQL restarts three times under load: what was acknowledged is there, what was not can be sent again, and all ends final', async (t) => {
  const world = await anchoringWorld(t, { warnings: POSTGRES_AWAY });
  const tokens = await tokensOfCrowd(world, 600);
  const core = await world.start('core', { settings: CORE });
  await startLedger(world);
  for (let round = 0; round < 3; round += 1) {
    const mine = tokens.slice(round * 200, (round + 1) * 200);
    const before = world.acknowledged.length;
    const restarted = eventually('it is under load', () => world.acknowledged.length >= before + 20).then(() => world.postgres.restart());
    assert.deepEqual(await signalsUntil(world, core, mine, restarted), [200, 503]);
    await inWaves(mine, WIDTH, (token) => eventually('it is taken', async () => (await signal(world, core, token)).status === 200));
  }
  await passTime(world);
  await untilFinal(world);
  assert.equal(new Set(world.acknowledged).size, tokens.length, 'a repeat is the same signal');
  assert.deepEqual(await notFinal(world), []);
});

test('E132: with Redis stopped a thousand signals of a thousand members are accepted; it starts again, and all are anchored', async (t) => {
  const world = await anchoringWorld(t, { warnings: REDIS_AWAY });
  const agent = connections(t, WIDTH);
  const tokens = await tokensOfCrowd(world, 1_000);
  const core = await world.start('core', { settings: CORE });
  const ledger = await startLedger(world, { settings: { SEAL_INTERVAL: 500 } });
  await world.redis.stop();
  let answers;
  try {
    answers = await inWaves(tokens, WIDTH, (token) => signal(world, core, token, { agent }));
    await ledger.waitForLog('ledger.redis_away');
  } finally {
    await world.redis.start();
  }
  assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
  assert.equal(new Set(world.acknowledged).size, 1_000);
  await ledger.waitForLog('ledger.redis_back');
  await eventually('core has Redis again', async () => (await core.request('/health')).json.checks.redis === 'up');
  await untilFinal(world);
  assert.deepEqual(await notFinal(world), []);
});

/** Settings of each process, fast ones for the ledger. */
const PROCESSES = { core: CORE, ledger: FAST, notify: {}, auditor: {} };

function startAll(world, options) {
  return Promise.all(Object.entries(PROCESSES).map(([name, settings]) => world.start(name, { settings, ...options })));
}

for (const [point, isReady] of [['daemon.started', false], ['daemon.stopping', true]]) {
  test(`N12 E103 E114: core, ledger, notify and auditor are killed at ${point} under load: nothing is lost, and those that come after them go on`, async (t) => {
    const world = await anchoringWorld(t);
    const member = await newMember(world);
    const tokens = await tokensOfCrowd(world, 200);
    const neighbour = await world.start('core', { settings: CORE });
    await beginSignIn(neighbour, member);
    const doomed = await startAll(world, { fault: point, waitReady: isReady });
    const target = isReady ? doomed[0] : neighbour; // nobody knows yet where the other one listens
    const dead = Promise.all(doomed.map((each) => each.ends('fault')));
    const load = signalsUntil(world, target, tokens, dead);
    if (isReady) {
      await eventually('it is under load', () => world.acknowledged.length >= 20);
      doomed.forEach(({ child }) => child.signal('SIGTERM'));
    }
    assert.deepEqual((await dead).map(({ code }) => code), doomed.map(() => FAULT_EXIT));
    for (const { child } of doomed) assert.equal(existsSync(path.join(world.folder, `${child.name}.ready`)), isReady, child.name);
    assert.deepEqual(await load, isReady ? [200, 'lost'] : [200]);
    const [core] = await startAll(world);
    const repeated = await inWaves(tokens, WIDTH, (token) => signal(world, core, token));
    assert.ok(repeated.every(({ status }) => status === 200));
    await readMail(world, member);
    await passTime(world);
    await untilFinal(world);
    assert.equal(new Set(world.acknowledged).size, tokens.length, 'a repeat is the same signal');
    assert.deepEqual(await notFinal(world), []);
  });
}

/** Of each signal in the log, by the ranges of the checkpoints alone: { id, batch, state, txid (as people write it) }, the oldest first. */
async function anchoredSignals(world) {
  const { rows } = await world.sql.query(
    `SELECT s.signal_id AS id, dense_rank() OVER (ORDER BY c.checkpoint_id)::int AS batch, x.state, x.txid FROM core.signals s
     JOIN anchor.entries e ON e.leaf_id = s.signal_id JOIN anchor.checkpoints c ON e.leaf_index BETWEEN c.first_index AND c.size - 1
     JOIN anchor.transactions x USING (checkpoint_id) ORDER BY s.signal_id`);
  return rows.map((row) => ({ ...row, txid: row.txid.reverse().toString('hex') }));
}

async function anchorWhatIsThere(world) {
  const ledger = await startLedger(world);
  await untilFinal(world);
  await ledger.stop();
}

test('E100: 250 signals in three checkpoints: each has the state and the txid of its own, in its member\'s history and in the audit', async (t) => {
  const world = await anchoringWorld(t);
  const tokens = await tokensOfCrowd(world, 250);
  await anchorWhatIsThere(world); // that they became members
  const core = await world.start('core', { settings: CORE });
  const tokenOf = {};
  const send = (some) => inWaves(some, WIDTH, async (token) => { tokenOf[(await signal(world, core, token)).json.signal_id] = token; });
  const check = async (...batches) => {
    const anchored = await anchoredSignals(world);
    const { rows: audited } = await world.sql.query(
      "SELECT data ->> 'signal_id' AS id, txid FROM core.audit WHERE event_type = 'signal' ORDER BY (data ->> 'signal_id')::bigint");
    assert.deepEqual(audited.map(({ id, txid }) => [id, txid.reverse().toString('hex')]), anchored.map(({ id, txid }) => [id, txid]));
    for (const [batch, [size, state]] of batches.entries()) {
      const own = anchored.filter((each) => each.batch === batch + 1);
      assert.deepEqual([own.length, new Set(own.map(({ txid }) => txid)).size], [size, 1]);
      for (const { id, txid } of [own[0], own[size / 2], own.at(-1)]) {
        const { json: { signals: [shown] } } = await core.request('/api/signals', { token: tokenOf[id] });
        assert.deepEqual([shown.signal_id, shown.status, shown.txid], [id, state, txid]);
      }
    }
    assert.equal(new Set(anchored.map(({ txid }) => txid)).size, batches.length);
  };

  await send(tokens.slice(0, 200)); // while there is no ledger: it finds two checkpoints full
  const ledger = await startLedger(world, { settings: { SEAL_MAX: 100 } });
  await untilFinal(world);
  await check([100, 'final'], [100, 'final']);
  await ledger.stop();
  await send(tokens.slice(200)); // and now the rest of one
  await startLedger(world, { settings: { SEAL_MAX: 100 } });
  await world.eventuallySql('the third is seen', "SELECT count(*) = 1 FROM anchor.transactions WHERE kind = 'anchor' AND state = 'seen'");
  await check([100, 'final'], [100, 'final'], [50, 'seen']);
  await untilFinal(world);
  await check([100, 'final'], [100, 'final'], [50, 'final']);
});

test('E88 FE15: whatever is done is one entry of the audit, with who did it and by which request, and each is on the chain', async (t) => {
  const world = await anchoringWorld(t);
  const core = await world.start('core', { settings: CORE });
  await world.start('notify');
  await startLedger(world);
  const member = await newMember(world);
  await beginSignIn(core, member);
  const { token: link } = await readMail(world, member);
  const requests = [];
  const call = async (path, options) => {
    const answer = await core.request(path, { method: 'POST', ...options });
    requests.push(answer.headers['x-request-id']);
    return answer.json;
  };
  const { token } = await call('/api/auth/verify', { body: { token: link } });
  const device = await call('/api/auth/device', { token, body: { device: 'phone' } });
  await call('/api/signal', { token: device.token });
  await call('/api/signal', { token: device.token }); // the same signal
  await call(`/api/auth/sessions/${device.session_id}`, { method: 'DELETE', token });
  await call('/api/auth/logout', { token });
  for (const [name, secret] of Object.entries({ token, device: device.token })) world.canary(name, secret);
  await untilFinal(world);
  const { rows } = await world.sql.query('SELECT event_type, actor, request_id::text, txid FROM core.audit WHERE member_id = $1 ORDER BY created_at', [member.id]);
  const [added, ...others] = rows;
  assert.deepEqual([added.event_type, added.actor.split(':')[0]], ['member', 'operator']);
  const byRequest = requests.filter((_, i) => i !== 3); // the repeat left nothing
  assert.deepEqual(others.map((row) => [row.event_type, row.request_id]), ['verify', 'device', 'signal', 'logout', 'logout'].map((type, i) => [type, byRequest[i]]));
  assert.ok(others.every(({ actor }) => /^member:[0-9a-f]{32}$/.test(actor)));
  for (const { event_type: type, txid } of rows) assert.ok((await world.chain.transaction(txid.reverse().toString('hex'))).block, type);
  const { rows: entries } = await world.sql.query('SELECT u.salt, u.event, e.hash FROM core.audit_log u JOIN anchor.entries e USING (leaf_id) WHERE u.member_id = $1 ORDER BY u.audit_id', [member.id]);
  assert.equal(entries.length, rows.length - 1, 'the signal is its own entry');
  for (const { salt, event, hash } of entries) {
    assert.deepEqual(hash, sha256(Buffer.concat([Buffer.from([0]), salt, Buffer.from(event)])));
    assert.equal(JSON.parse(event).subject, member.subject);
  }
  assert.equal(new Set(entries.map(({ salt }) => salt.toString('hex'))).size, entries.length);
});

test('J3.1: after a load with rewards paid, by a ledger that is killed at it and by two at once, all accounts add up to 0 and each balance is the sum of its transfers', async (t) => {
  const world = await anchoringWorld(t, { coins: 20 });
  const tokens = await tokensOfCrowd(world, 400);
  const core = await world.start('core', { settings: CORE });
  const settings = { SEAL_MAX: 40 };
  const dying = await startLedger(world, { settings, fault: 'ledger.before_rewards:2' });
  const twice = [...tokens, ...tokens.slice(0, 100)]; // a repeat pays nothing
  const answers = await inWaves(twice, WIDTH, (token) => signal(world, core, token));
  assert.ok(answers.every(({ status }) => status === 200));
  await dying.ends('fault');
  await Promise.all([startLedger(world, { settings }), startLedger(world, { settings })]);
  await passTime(world);
  await untilFinal(world);
  const { rows: accounts } = await world.sql.query(
    `SELECT a.kind, a.balance::int AS balance,
       coalesce((SELECT sum(amount) FROM pay.transfers WHERE credit_account = a.account_id), 0)::int AS received,
       coalesce((SELECT sum(amount) FROM pay.transfers WHERE debit_account = a.account_id), 0)::int AS given FROM pay.accounts a`);
  for (const { kind, balance, received, given } of accounts) assert.equal(balance, received - given, kind);
  assert.equal(accounts.reduce((sum, { balance }) => sum + balance, 0), 0);
  const members = accounts.filter(({ kind }) => kind === 'member_reward');
  assert.deepEqual(members.map(({ balance }) => balance), tokens.map(() => 1), 'one each, and nobody twice');
  assert.deepEqual(accounts.filter(({ kind }) => kind === 'reward_pool').map(({ balance }) => balance), [-tokens.length]);
  assert.equal((await core.request('/api/member/status', { token: tokens[0] })).json.balance, '1');
});

const SIGNALS_PER_S = 500; // forty times the yearly mean
const SECONDS = Number(process.env.E4_SECONDS ?? 10); // the row itself says 600
const SEAL_MS = 1_000;
const SAMPLE_MS = 100;
const BLOCK_MS = 1_000;
const COINS = 50;

/** How many signals are kept and not on the network yet. */
async function backlogOf(world) {
  const { rows } = await world.sql.query(
    `SELECT (SELECT count(*) FROM anchor.leaves)::int + (SELECT coalesce(sum(c.size - c.first_index), 0) FROM anchor.checkpoints c
       WHERE NOT EXISTS (SELECT FROM anchor.transactions x WHERE x.checkpoint_id = c.checkpoint_id AND x.state IN ('seen', 'mined', 'final')))::int AS waiting`);
  return rows[0].waiting;
}

test(`E4 FE10: ${SIGNALS_PER_S} signals a second for ${SECONDS} s are anchored as they come, and the backlog does not grow`, async (t) => {
  const world = await anchoringWorld(t, { coins: COINS });
  const agent = connections(t, 64);
  const core = await world.start('core', { settings: CORE });
  await startLedger(world, { settings: { SEAL_INTERVAL: SEAL_MS } });
  await onceGood(async () => {
    const tokens = await tokensOfCrowd(world, SIGNALS_PER_S * SECONDS);
    const wrong = await anchorAtPace(t, world, tokens, (token) => signal(world, core, token, { agent }));
    await untilFinal(world);
    return wrong;
  });
  assert.deepEqual(await notFinal(world), []);
});

/** Calls SEND with each of TOKENS at the pace; yields what was wrong with that or with the backlog, or ''. */
async function anchorAtPace(t, world, tokens, send) {
  const begun = performance.now();
  const backlog = watch(async () => ({ waiting: await backlogOf(world), at: (performance.now() - begun) / 1_000 }), SAMPLE_MS);
  const miner = watch(() => world.chain.mine(1), BLOCK_MS);
  const { answers, seconds } = await atPace(tokens, SIGNALS_PER_S, send);
  const samples = await backlog.stop();
  await miner.stop();
  assert.ok(answers.every(({ status }) => status === 200));
  // A saw of one interval's signals: what counts is how high its last teeth are beside the first.
  const tooth = (2.5 * SEAL_MS) / 1_000;
  const highest = (part) => Math.max(...part.map(({ waiting }) => waiting));
  const first = highest(samples.filter(({ at }) => at < tooth));
  const last = highest(samples.filter(({ at }) => at > seconds - tooth && at <= seconds));
  const interval = (SIGNALS_PER_S * SEAL_MS) / 1_000;
  t.diagnostic(`backlog at most ${first} at the start, ${last} at the end, ${highest(samples)} ever`);
  if (seconds >= SECONDS * 1.1 + 2) return `the pace was not kept: ${tokens.length} signals in ${seconds.toFixed(1)} s`;
  return Number.isFinite(last) && last <= first + interval ? '' : `${last} wait at the end, ${first} at the start`;
}
