// What all processes together may cost a small machine: memory, connections to the servers, and
// processor time while nothing happens.

import assert from 'node:assert/strict';
import test from 'node:test';
import { beginSignIn, newMember, readMail, signal } from './support/core.js';
import { anchoringWorld, putLeaves, startLedger, transactions, untilAll } from './support/ledger.js';
import { connections, inWaves, onceGood, tokensOfCrowd, watch } from './support/load.js';
import { isInstrumented, peakBytes, processorSeconds, proportionalBytes } from './support/processes.js';

const MIB = 1024 * 1024;
const mib = (bytes) => (bytes / MIB).toFixed(1);

async function startAll(world, { core, notify, ledger } = {}) {
  return {
    core: await world.start('core', { settings: { SIGNAL_QUOTA: 1000, ...core } }),
    notify: await world.start('notify', { settings: notify }),
    ledger: await startLedger(world, { settings: ledger }),
    auditor: await world.start('auditor'),
  };
}

const BURST = 5_000;
const ALL_MIB = 256;
const CORE_MIB = 64;

test(`N17: ${BURST} connections at once with a signal each: all our processes stay below ${ALL_MIB} MiB, core alone below ${CORE_MIB}`, async (t) => {
  const world = await anchoringWorld(t);
  await onceGood(async () => { // what arrives at the same instant, and how much memory that takes, is the scheduler's choice
    const { most, core } = await memoryOfBurst(t, world);
    const told = `all ${mib(most)} MiB at most (PSS), core ${mib(core)} MiB (peak RSS)`;
    t.diagnostic(told);
    if (isInstrumented()) return ''; // shadow memory is not ours
    return most < ALL_MIB * MIB && core < CORE_MIB * MIB ? '' : told;
  });
});

/** Starts everything, has new members signal at once, and stops everything: the most memory all took, and core. */
async function memoryOfBurst(t, world) {
  const tokens = await tokensOfCrowd(world, BURST);
  const all = await startAll(world);
  const pids = Object.values(all).map(({ pid }) => pid);
  const total = () => pids.reduce((sum, pid) => sum + proportionalBytes(pid), 0);
  const agent = connections(t);
  const memory = watch(total, 10);
  const burst = () => Promise.all(tokens.map((token) => signal(world, all.core, token, { agent })));
  const answers = await burst();
  const held = await all.core.metric('eldersafe_connections');
  answers.push(...(await burst())); // now they are all there already
  await untilAll(world, 'seen', { timeout: 60_000 });
  const most = Math.max(...(await memory.stop()), total());
  assert.ok(answers.every(({ status }) => status === 200));
  assert.ok(held >= BURST, `${held} connections at the same time`);
  const core = peakBytes(all.core.pid);
  agent.destroy();
  for (const process of Object.values(all)) await process.stop();
  return { most, core };
}

const EXECUTORS = 6;
const LANES = 3;
const SENDERS = 3;
// One a thread: probe, revocations, housekeeping and relay in core; the consumer in notify; sealer,
// anchorer and wallet in ledger.
const DATABASE_BUDGET = {
  eldersafe_core: EXECUTORS + LANES + 4,
  eldersafe_notify: SENDERS + 1,
  eldersafe_ledger: 3,
  eldersafe_auditor: 1,
};
const DATABASE_MOST = 50;
const SAMPLE_MS = 20;
// Housekeeping and senders have no use for Redis; core has a thread that tells of leaves, the ledger one
// that listens for that.
const REDIS_BUDGET = { eldersafe_core: EXECUTORS + LANES + 4, eldersafe_notify: 1, eldersafe_ledger: 1 };

async function sessionsByRole(world) {
  const { rows } = await world.sql.query(
    "SELECT usename AS role, count(*)::int AS n FROM pg_stat_activity WHERE backend_type = 'client backend' AND usename <> current_user GROUP BY 1");
  return Object.fromEntries(rows.map(({ role, n }) => [role, n]));
}

// Whose a client is that has not said so yet: between connect and AUTH it counts for everybody together.
const NOBODY = 'default';

async function clientsByUser(world) {
  const list = await world.redisClient.client('LIST');
  const counts = {};
  for (const [, user] of list.matchAll(/ user=(\S+)/g)) if (user !== world.redis.admin) counts[user] = (counts[user] ?? 0) + 1;
  return counts;
}

/**
 * Of a list of { name: count } what two samples running agree on: a session that has ended is listed for a
 * moment yet, when its successor is there already.
 */
function lasting(samples) {
  return samples.slice(1).map((sample, i) => {
    const both = Object.entries(sample).map(([name, n]) => [name, Math.min(n, samples[i][name] ?? 0)]);
    return Object.fromEntries(both.filter(([, n]) => n > 0));
  });
}

/** The highest count of each name in a list of { name: count }. */
function highest(samples) {
  const most = {};
  for (const sample of samples) for (const [name, n] of Object.entries(sample)) most[name] = Math.max(most[name] ?? 0, n);
  return most;
}

const sum = (counts) => Object.values(counts).reduce((total, n) => total + n, 0);
const mostTogether = (samples) => Math.max(...samples.map(sum));

/** In SAMPLES everybody is known to BUDGET and within it, alone and together, and core's threads have all had work. */
function assertWithin(samples, budget) {
  const { [NOBODY]: unknown, ...most } = highest(samples);
  for (const [name, n] of Object.entries(most)) assert.ok(n <= budget[name], `${name} has ${n} of ${budget[name]}`);
  assert.ok(mostTogether(samples) <= sum(budget), JSON.stringify({ ...most, unknown }));
  assert.ok(most.eldersafe_core > EXECUTORS + LANES, JSON.stringify(most));
  return most;
}

test('E50 E51 FE20: under load no process has more sessions and clients than its configuration adds up to', async (t) => {
  const world = await anchoringWorld(t);
  const tokens = await tokensOfCrowd(world, 300);
  const { core } = await startAll(world, { core: { EXECUTOR_THREADS: EXECUTORS, SIGNAL_LANES: LANES }, notify: { SENDER_THREADS: SENDERS } });
  const agent = connections(t, 200);
  const member = await newMember(world); // eldersafectl has a session of its own
  const sessions = watch(() => sessionsByRole(world), SAMPLE_MS);
  const clients = watch(() => clientsByUser(world), SAMPLE_MS);
  const calls = tokens.flatMap((token, i) => [
    () => signal(world, core, token, { agent }),
    () => core.request('/api/member/status', { token, agent }),
    () => core.request('/api/signals', { token, agent }),
    () => beginSignIn(core, { number: `${i}`, email: `e50-${i}@example.org` }, { agent, headers: { 'x-forwarded-for': `192.0.2.${i % 250}` } }),
  ]);
  const answers = await inWaves(calls, 200, (call) => call());
  assert.ok(answers.every((answer) => [200, 202].includes((answer.answer ?? answer).status)));
  await beginSignIn(core, member);
  await readMail(world, member); // the notifier has its share of the load
  await untilAll(world, 'seen');
  const samples = lasting(await sessions.stop());
  const database = assertWithin(samples, DATABASE_BUDGET);
  const redis = assertWithin(lasting(await clients.stop()), REDIS_BUDGET);
  t.diagnostic(`PostgreSQL ${JSON.stringify(database)}, Redis ${JSON.stringify(redis)}`);
  assert.ok(mostTogether(samples) <= DATABASE_MOST);
  const { rows: limits } = await world.sql.query('SELECT rolname AS role, rolconnlimit AS n FROM pg_roles WHERE rolname = ANY ($1)', [Object.keys(DATABASE_BUDGET)]);
  for (const { role, n } of limits) assert.ok(database[role] <= n, `${role} may have ${n}`);
});

const IDLE_ROUNDS = 8;
const IDLE_SEAL_MS = 500;
const IDLE_SHARE = 0.03;

test('E97: while nobody signals, round after round, the ledger makes no transaction and sleeps', async (t) => {
  const world = await anchoringWorld(t);
  const ledger = await startLedger(world, { settings: { SEAL_INTERVAL: IDLE_SEAL_MS, POLL_INTERVAL: IDLE_SEAL_MS } });
  await putLeaves(world, 3);
  await untilAll(world, 'seen');
  await world.chain.mine(3);
  await untilAll(world, 'final'); // nothing is left to be done
  const before = await transactions(world);
  const rounds = (await world.chain.state()).requests.woc.header.requests;
  const used = processorSeconds(ledger.pid);
  const begun = performance.now();
  await world.chain.wait({ for: 'requests', api: 'woc', operation: 'header', count: rounds + IDLE_ROUNDS, timeoutMs: 60_000 });
  const seconds = (performance.now() - begun) / 1_000;
  const share = (processorSeconds(ledger.pid) - used) / seconds;
  t.diagnostic(`${(100 * share).toFixed(2)} % of one processor over ${seconds.toFixed(1)} s`);
  assert.ok(seconds >= (IDLE_ROUNDS / 2) * (IDLE_SEAL_MS / 1_000), `${IDLE_ROUNDS} rounds in ${seconds} s`);
  assert.equal((await transactions(world)).length, before.length);
  assert.ok(share < IDLE_SHARE, `${(100 * share).toFixed(1)} %`);
});
