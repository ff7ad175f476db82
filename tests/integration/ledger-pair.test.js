// Two ledgers on one database, at once.

import assert from 'node:assert/strict';
import test from 'node:test';
import {
  anchoringWorld, IMPATIENT, passTime, putLeaves, rewardBalance, startLedger, transactions, transitions, untilAll, untilFinal,
} from './support/ledger.js';

const EXPECTED = ['new>signed', 'signed>sent', 'sent>seen', 'seen>mined', 'mined>final'];

async function pair(t, { settings = {}, ...options } = {}) {
  const world = await anchoringWorld(t, { coins: 20, ...options });
  const ledgers = [await startLedger(world, { settings }), await startLedger(world, { settings })];
  return { world, ledgers };
}

test('J1.15 E103: two eldersafe-ledger processes at once seal each leaf once and pay for each checkpoint once', async (t) => {
  const { world, ledgers } = await pair(t, { settings: { SEAL_MAX: 20, SEAL_INTERVAL: 30 } });
  for (let wave = 0; wave < 15; wave++) {
    await putLeaves(world, 17, { rewarded: true });
    if (wave % 4 === 3) await world.chain.mine(1);
  }
  await untilFinal(world);
  const { rows: [log] } = await world.sql.query('SELECT size::int, (SELECT count(*)::int FROM anchor.entries) AS entries FROM anchor.log');
  assert.deepEqual(log, { size: 255, entries: 255 });
  assert.equal(await rewardBalance(world), 255);
  const all = await transactions(world);
  for (const { id, state } of all) {
    assert.equal(state, 'final');
    assert.deepEqual(await transitions(world, id), EXPECTED, 'each step once');
  }
  const sealed = await Promise.all(ledgers.map((each) => each.metric('eldersafe_ledger_checkpoints_sealed_total')));
  assert.equal(sealed[0] + sealed[1], all.length, `${sealed} checkpoints`);
  const { rows: told } = await world.sql.query(
    `SELECT topic, payload->>'checkpoint_id' AS checkpoint, count(*)::int AS n FROM bus.outbox WHERE topic LIKE 'anchor.%' GROUP BY 1, 2`);
  assert.equal(told.length, 2 * all.length);
  assert.ok(told.every(({ n }) => n === 1), 'everybody is told once');
});

test('J1.15 E103: one of two is killed again and again while the other works', async (t) => {
  const { world, ledgers } = await pair(t);
  let [, victim] = ledgers;
  let leaves = 0;
  for (let round = 0; round < 6; round++) {
    await putLeaves(world, 10, { rewarded: true });
    leaves += 10;
    await world.eventuallySql('work is under way', "SELECT EXISTS (SELECT FROM anchor.transactions WHERE state NOT IN ('final', 'rejected', 'stale'))");
    await victim.kill();
    victim = await startLedger(world);
    await world.chain.mine(1);
  }
  await passTime(world);
  await untilFinal(world);
  assert.equal(await rewardBalance(world), leaves);
});

test('J1.15 E103: two of them and a chain that reorganises, loses and refuses', async (t) => {
  const { world } = await pair(t, { warnings: [/^ledger\.contested$/], settings: IMPATIENT });
  await world.eventuallySql('the wallet has coins', 'SELECT count(*) >= 20 FROM anchor.coins');
  await world.chain.faults(
    { fault: 'status5xx-after-accept', api: 'arc', operation: 'submit', count: 3 },
    { fault: 'reject', reason: 'script', api: 'arc', skip: 2, count: 2 },
    { fault: 'timeout-after-accept', api: 'arc', operation: 'submit', skip: 1, count: 1 },
    { fault: 'drop', api: 'arc', skip: 4, count: 2 });
  let leaves = 0;
  for (let round = 0; round < 5; round++) {
    await putLeaves(world, 8, { rewarded: true });
    leaves += 8;
    await world.eventuallySql('it is sealed', 'SELECT NOT EXISTS (SELECT FROM anchor.leaves)');
    await world.chain.mine(2);
    await world.chain.reorg({ depth: 2, mode: ['return', 'remine', 'drop'][round % 3] });
    await passTime(world, { seconds: 3 * 3600 });
  }
  await untilFinal(world);
  assert.equal(await rewardBalance(world), leaves);
});

test('J2.11: what another process has just found in a block keeps its coin, and what it spends from is not rejected', async (t) => {
  const world = await anchoringWorld(t, { coins: 1, warnings: [/^ledger\.refusal_contradicted$/] });
  const ledger = await startLedger(world, { settings: { COINS_READY: 1, SEAL_MAX: 1 } });
  await world.eventuallySql('the wallet has a coin', 'SELECT count(*) = 1 FROM anchor.coins');
  await putLeaves(world, 2); // the second transaction spends the change of the first
  await untilAll(world, 'seen');
  await world.sql.query("UPDATE anchor.transactions SET sent_at = sent_at - interval '10 minutes'"); // long enough to believe a refusal
  const [parent, child] = await transactions(world);
  const other = await world.sql.connect();
  try {
    await other.query('BEGIN');
    await other.query('SELECT FROM anchor.transactions WHERE transaction_id = $1 FOR NO KEY UPDATE', [child.id]);
    await world.chain.faults(
      { fault: 'status5xx', api: 'woc', operation: 'header', count: 'until-cleared' }, // no new block for this one
      { fault: 'stale-status', status: 'REJECTED', api: 'arc', txid: parent.txid, count: 'until-cleared' },
      { fault: 'stale-status', status: 'UNKNOWN', api: 'woc', txid: parent.txid, count: 'until-cleared' });
    await world.chain.mine(1);
    await world.eventuallySql('the rejection waits for the other process', `
      SELECT EXISTS (SELECT FROM pg_stat_activity
       WHERE usename = 'eldersafe_ledger' AND datname = current_database() AND wait_event_type = 'Lock')`);
    await foundInBlock(other, child, await world.chain.transaction(child.txid));
    await other.query('COMMIT');
  } finally {
    other.release();
  }
  await ledger.waitForLog('ledger.refusal_contradicted');
  const { rows: [{ spender }] } = await world.sql.query('SELECT spent_by::int AS spender FROM anchor.coins WHERE made_by = $1', [parent.id]);
  assert.equal(spender, child.id, 'the coin of a mined transaction is not free');
  await world.chain.clearFaults();
  await passTime(world);
  await untilFinal(world);
  assert.deepEqual((await transactions(world)).map(({ state }) => state), ['final', 'final']);
});

/** What a process writes that has found the transaction ROW in a block. */
async function foundInBlock(client, row, { block, merklePath }) {
  const hash = Buffer.from(block.hash, 'hex').reverse();
  await client.query(
    `UPDATE anchor.transactions SET state = 'mined', state_since = clock_timestamp(), block_hash = $2, block_height = $3, block_header = $4, bump = $5
     WHERE transaction_id = $1`,
    [row.id, hash, block.height, Buffer.from(block.header, 'hex'), Buffer.from(merklePath, 'hex')]);
  await client.query("INSERT INTO anchor.transitions (transaction_id, from_state, to_state, reason) VALUES ($1, 'seen', 'mined', 'arc')", [row.id]);
}
