// Verbs of the ledger's tests: leaves without a core, a funded wallet, waiting for states in SQL,
// time that passes without being waited for.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { createWorld } from '../../harness/world.js';

/** Everything fast; the rest is as in production. */
export const FAST = {
  SEAL_INTERVAL: 100,
  POLL_INTERVAL: 50,
  RETRY_BASE: 50,
  PROVIDER_TIMEOUT: 15_000, // a busy machine is no provider that hangs; see IMPATIENT
  CONFIRMATIONS: 3,
  LOW_BALANCE_BATCHES: 10,
  COINS_READY: 5,
};

/** For tests in which a provider does hang. */
export const IMPATIENT = { PROVIDER_TIMEOUT: 1_000 };

/** How each way to the chain is configured. */
export const WAYS = {
  arc: { BROADCAST: 'arc' },
  arcade: (world) => ({ BROADCAST: 'arcade', ARC_URL: `${world.chain.url}/arcade` }),
  whatsonchain: { BROADCAST: 'whatsonchain' },
  node: { BROADCAST: 'node' },
  'arc, verified by a node': { BROADCAST: 'arc', VERIFY: 'node' },
  'whatsonchain, verified by a node': { BROADCAST: 'whatsonchain', VERIFY: 'node' },
};

export function way(world, name) {
  const settings = WAYS[name];
  return typeof settings === 'function' ? settings(world) : settings;
}

/** The chain stand-in's name for a broadcaster. */
export function apiOf(name) {
  return { arc: 'arc', arcade: 'arcade', whatsonchain: 'woc', node: 'rpc' }[name.split(',')[0]];
}

/** A world with a chain and a wallet: `coins` of `satoshis` each. */
export async function anchoringWorld(t, { coins = 5, satoshis = 100_000, ...options } = {}) {
  const world = await createWorld(t, { chain: true, ...options });
  world.address = world.ctl(['key', 'address', '--file', world.site.keys.chain.path, '--network', 'regtest']).trim();
  if (coins > 0) await world.chain.fund(world.address, satoshis, { outputs: coins });
  return world;
}

export function startLedger(world, { settings = {}, ...options } = {}) {
  return world.start('ledger', { settings: { ...FAST, ...settings }, ...options });
}

let leavesMade = 0;

/** COUNT waiting leaves, as a tier would put them there; with `rewarded`, each is the signal of a member of its own. */
export async function putLeaves(world, count, { rewarded = false, agedSeconds = 0 } = {}) {
  if (rewarded) return putSignals(world, await newMembers(world, count));
  const hashes = Array.from({ length: count }, () => createHash('sha256').update(`leaf ${leavesMade++} ${world.database}`).digest());
  await world.sql.query(
    `INSERT INTO anchor.leaves (leaf_id, hash, waiting_since)
     SELECT nextval('anchor.leaf_ids'), hash, clock_timestamp() - $2 * interval '1 second' FROM unnest($1::bytea[]) AS hash`,
    [hashes, agedSeconds]);
  return hashes;
}

/** The public ids of COUNT new members, straight into the tables: their entries of the audit would be leaves, too. */
async function newMembers(world, count) {
  const ids = Array.from({ length: count }, () => randomBytes(16));
  await world.sql.query(
    `WITH accounts AS (
       INSERT INTO pay.accounts (kind, currency, may_go_below_zero) SELECT 'member_reward', 'SAT', false FROM unnest($1::bytea[]) RETURNING account_id),
     added AS (
       INSERT INTO core.members (public_id, number_hash, email_hash, zone, reward_account)
       SELECT id, sha256('number' || id), sha256('email' || id), 'UTC', account_id
       FROM (SELECT account_id, row_number() OVER () AS i FROM accounts) a JOIN unnest($1::bytea[]) WITH ORDINALITY AS t (id, i) USING (i)
       RETURNING member_id)
     INSERT INTO core.liveness (member_id) SELECT member_id FROM added`, [ids]);
  return ids;
}

/** Today's first signal of each of these members and its leaf, as core writes them; yields the leaf hashes. */
async function putSignals(world, publicIds) {
  const { rows } = await world.sql.query(
    `WITH made AS (
       INSERT INTO core.signals (member_id, signal_day, signal_id, channel, evidence, received_at, salt, event, actor, request_id)
       SELECT member_id, (now.at AT TIME ZONE 'UTC')::date, nextval('anchor.leaf_ids'), 'app', 'strong', now.at, public_id,
              format('{"v":1,"type":"signal","subject":"%s","day":"%s","slot":0,"channel":"app","evidence":"strong","received_at":"%s"}',
                     encode(public_id, 'hex'), (now.at AT TIME ZONE 'UTC')::date, to_char(now.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')),
              public_id, gen_random_uuid()
       FROM core.members, (SELECT date_trunc('milliseconds', now()) AS at) now WHERE public_id = ANY ($1) RETURNING *),
     alive AS (UPDATE core.liveness l SET last_day = made.signal_day, streak = 1, last_signal_at = made.received_at FROM made WHERE l.member_id = made.member_id)
     INSERT INTO anchor.leaves (leaf_id, hash, reward_account)
     SELECT signal_id, sha256('\\x00' || salt || convert_to(event, 'UTF8')), reward_account FROM made JOIN core.members USING (member_id)
     RETURNING hash`, [publicIds]);
  return rows.map(({ hash }) => hash);
}

/** The balance of all members together. */
export async function rewardBalance(world) {
  const { rows } = await world.sql.query(`SELECT coalesce(sum(balance), 0)::int AS balance FROM pay.accounts WHERE kind = 'member_reward'`);
  return rows[0].balance;
}

export async function transactions(world, { kind = 'anchor' } = {}) {
  const { rows } = await world.sql.query(
    `SELECT transaction_id::int AS id, checkpoint_id::int AS checkpoint, encode(txid, 'hex') AS internal, raw, fee::int, state, sends, failures,
            block_height::int AS height, encode(block_hash, 'hex') AS block, bump
     FROM anchor.transactions WHERE kind = $1 ORDER BY transaction_id`, [kind]);
  return rows.map((row) => ({ ...row, txid: Buffer.from(row.internal, 'hex').reverse().toString('hex') }));
}

/** The transitions of a transaction as 'from>to' texts, in order. */
export async function transitions(world, id) {
  const { rows } = await world.sql.query('SELECT from_state, to_state FROM anchor.transitions WHERE transaction_id = $1 ORDER BY transition_id', [id]);
  return rows.map(({ from_state: from, to_state: to }) => `${from}>${to}`);
}

/** Waits until every checkpoint's live transaction is in STATE, and nothing waits to be sealed. */
export function untilAll(world, state, { timeout = 60_000 } = {}) {
  return world.eventuallySql(`every checkpoint is ${state}`, `
    SELECT NOT EXISTS (SELECT FROM anchor.leaves) AND NOT EXISTS (SELECT FROM anchor.unanchored)
       AND NOT EXISTS (SELECT FROM anchor.checkpoints c WHERE NOT EXISTS
         (SELECT FROM anchor.transactions t WHERE t.checkpoint_id = c.checkpoint_id AND t.state = $1))
       AND EXISTS (SELECT FROM anchor.checkpoints)`, [state], { timeout });
}

/** Mines until everything is final: what is left over from a fault gets all the blocks it needs. */
export async function untilFinal(world, { blocks = 3, timeout = 90_000 } = {}) {
  const end = performance.now() + timeout;
  for (;;) {
    await world.chain.mine(blocks);
    try {
      await untilAll(world, 'final', { timeout: 1_000 });
      break;
    } catch (error) {
      if (performance.now() > end) throw new Error(`${error.message}\n${JSON.stringify(await transactions(world), brief, 1)}`);
    }
    await passTime(world);
  }
  await checkAnchored(world);
}

function brief(key, value) {
  return key === 'raw' || key === 'bump' ? undefined : value;
}

/** Deadlines and back-offs are over: time has passed without anybody waiting for it. */
export async function passTime(world, { seconds = 600 } = {}) {
  await world.sql.query(`
    UPDATE anchor.transactions SET next_at = next_at - $1 * interval '1 second', sent_at = sent_at - $1 * interval '1 second',
      state_since = state_since - $1 * interval '1 second' WHERE next_at IS NOT NULL`, [seconds]);
  await world.sql.query(`UPDATE anchor.unanchored SET next_at = next_at - $1 * interval '1 second'`, [seconds]);
}

/** What the chain itself says: every checkpoint's transaction is in a block, and no coin went twice. */
export async function checkAnchored(world) {
  for (const { txid, state } of await transactions(world)) {
    const facts = await world.chain.transaction(txid).catch(() => null);
    if (['mined', 'final'].includes(state)) assert.equal(facts?.state, 'mined', `${txid} is ${state} here`);
  }
  const { rows: [{ missing }] } = await world.sql.query(
    `SELECT count(*)::int AS missing FROM anchor.checkpoints c LEFT JOIN anchor.rewarded r USING (checkpoint_id)
     JOIN anchor.transactions t USING (checkpoint_id) WHERE t.state = 'final' AND r.checkpoint_id IS NULL`);
  assert.equal(missing, 0, 'every anchored checkpoint is rewarded');
}
