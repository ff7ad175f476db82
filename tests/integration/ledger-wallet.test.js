// The ledger's money: coins are found, split, put together, chained no further than allowed, and
// somebody is told before there are none left.

import assert from 'node:assert/strict';
import test from 'node:test';
import { Transaction } from '@bsv/sdk';
import { anchoringWorld, passTime, putLeaves, startLedger, transactions, untilAll, untilFinal } from './support/ledger.js';

async function freeCoins(world) {
  const { rows } = await world.sql.query('SELECT satoshis::int FROM anchor.coins WHERE spent_by IS NULL AND usable ORDER BY satoshis');
  return rows.map(({ satoshis }) => satoshis);
}

function inputsOf({ raw }) {
  return Transaction.fromHex(raw.toString('hex')).inputs.length;
}

test('one large coin is split, so that checkpoints need not queue for it', async (t) => {
  const world = await anchoringWorld(t, { coins: 1, satoshis: 500_000 });
  await startLedger(world, { settings: { COINS_READY: 10, COIN_VALUE: 10_000 } });
  await world.eventuallySql('ten coins are ready', 'SELECT count(*) >= 10 FROM anchor.coins WHERE spent_by IS NULL AND usable');
  const [split, ...more] = await transactions(world, { kind: 'split' });
  assert.equal(more.length, 0, 'one split is enough');
  const values = await freeCoins(world);
  assert.ok(values.filter((value) => value === 10_000).length >= 9);
  assert.equal(values.reduce((sum, value) => sum + value), 500_000 - split.fee);
  await world.eventuallySql('it is seen', "SELECT state = 'seen' FROM anchor.transactions WHERE kind = 'split'");
  await putLeaves(world, 3);
  await untilFinal(world);
  await world.eventuallySql('the split is final as well', "SELECT state = 'final' FROM anchor.transactions WHERE kind = 'split'");
});

test('J2.10: splits that are refused are tried again after growing pauses', async (t) => {
  const world = await anchoringWorld(t, { coins: 1, satoshis: 500_000 });
  await world.chain.faults({ fault: 'reject', reason: 'script', api: 'arc', count: 'until-cleared' });
  await startLedger(world, { settings: { COINS_READY: 10, COIN_VALUE: 10_000 } });
  await world.eventuallySql('one was refused', "SELECT bool_or(state = 'rejected') FROM anchor.transactions WHERE kind = 'split'");
  const { requests } = (await world.chain.state()).requests.woc.header;
  await world.chain.wait({ for: 'requests', api: 'woc', operation: 'header', count: requests + 100, timeoutMs: 60_000 });
  const { length } = await transactions(world, { kind: 'split' });
  assert.ok(length <= 8, `${length} splits in a hundred rounds`);
  await world.chain.clearFaults();
  await world.sql.query("UPDATE anchor.transactions SET state_since = state_since - interval '1 hour' WHERE state = 'rejected'");
  await world.eventuallySql('ten coins are ready', 'SELECT count(*) >= 10 FROM anchor.coins WHERE spent_by IS NULL AND usable');
});

test('E99 J2.10: the fee is what the provider asks for, at once', async (t) => {
  const world = await anchoringWorld(t, { chain: { options: { 'fee-rate': 250 } } });
  const ledger = await startLedger(world);
  await ledger.child.waitUntil('the policy is known', async () => await ledger.metric('eldersafe_ledger_fee_rate') === 250);
  await putLeaves(world, 3);
  await untilFinal(world);
  const [only, ...more] = await transactions(world);
  assert.equal(more.length, 0, 'nothing was refused');
  assert.ok(only.fee >= Math.ceil(0.25 * only.raw.length) && only.fee <= Math.ceil(0.25 * only.raw.length) + 1, `${only.fee} for ${only.raw.length} bytes`);
});

test('money that comes later is noticed, once it is in a block', async (t) => {
  const world = await anchoringWorld(t, { coins: 0, warnings: [/^ledger\.(low_balance|no_coins)$/] });
  await startLedger(world, { settings: { COINS_READY: 1 } });
  await putLeaves(world, 3);
  await world.eventuallySql('a checkpoint waits for money', 'SELECT count(*) = 1 FROM anchor.unanchored');
  const asked = (await world.chain.state()).requests.woc.utxo?.requests ?? 0;
  await fetch(`${world.chain.url}/_control/fund`, { method: 'POST', body: JSON.stringify({ address: world.address, satoshis: 50_000, mined: false }) });
  await world.chain.wait({ for: 'requests', api: 'woc', operation: 'utxo', count: asked + 3 });
  assert.deepEqual(await freeCoins(world), [], 'what is not in a block may still change or vanish');
  await world.chain.mine(1);
  await untilFinal(world);
});

test('J2.12: few batches left is told, and told to be over after a refill', async (t) => {
  const world = await anchoringWorld(t, { coins: 3, satoshis: 1_000, warnings: [/^ledger\.low_balance$/] });
  const ledger = await startLedger(world, { settings: { LOW_BALANCE_BATCHES: 500, COINS_READY: 1 } });
  const { batches_left: left, address } = await ledger.waitForLog('ledger.low_balance');
  assert.ok(left > 90 && left < 110, `3000 satoshis pay for ${left} transactions of 29`);
  assert.equal(address, world.address);
  await ledger.child.waitUntil('the metric tells', async () => await ledger.metric('eldersafe_ledger_batches_left') === left);
  await world.chain.fund(world.address, 100_000);
  await ledger.waitForLog('ledger.balance_normal');
  assert.ok(await ledger.metric('eldersafe_ledger_batches_left') > 3_000);
});

test('J2.12 E131: coins that could not be written are asked for again before anybody is alarmed', async (t) => {
  const world = await anchoringWorld(t, { warnings: [/^ledger\.paused$/] });
  await world.sql.query(`
    CREATE FUNCTION public.wait_for_test() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
      'BEGIN PERFORM pg_advisory_xact_lock(212); RETURN NEW; END';
    CREATE TRIGGER wait_for_test BEFORE INSERT ON anchor.coins FOR EACH ROW EXECUTE FUNCTION public.wait_for_test()`);
  const lock = await world.sql.connect();
  await lock.query('SELECT pg_advisory_lock(212)');
  const ledger = await startLedger(world);
  await world.eventuallySql('the coins wait to be written', `
    SELECT count(pg_terminate_backend(pid)) > 0 FROM pg_stat_activity
    WHERE usename = 'eldersafe_ledger' AND datname = current_database() AND wait_event_type = 'Lock'`);
  await lock.query('SELECT pg_advisory_unlock(212)');
  lock.release();
  await putLeaves(world, 1);
  await untilFinal(world);
  assert.deepEqual(ledger.log().filter(({ event }) => event === 'ledger.low_balance'), []);
});

test('many small coins pay together when no single one does', async (t) => {
  const world = await anchoringWorld(t, { coins: 12, satoshis: 20, warnings: [/^ledger\.low_balance$/] });
  await startLedger(world);
  await putLeaves(world, 3);
  await untilFinal(world);
  const [only] = await transactions(world);
  assert.ok(inputsOf(only) > 1, `${inputsOf(only)} inputs`);
});

test('J2.11: a coin too small for change, once refused, holds up neither its checkpoint nor those behind it', async (t) => {
  const world = await anchoringWorld(t, { coins: 1, satoshis: 27 });
  await world.chain.fund(world.address, 100_000);
  await startLedger(world, { settings: { COINS_READY: 1 } });
  await world.eventuallySql('the wallet has both coins', 'SELECT count(*) = 2 FROM anchor.coins');
  await world.chain.faults({ fault: 'reject', reason: 'script', api: 'arc' });
  await putLeaves(world, 3);
  await world.eventuallySql('the small coin was refused', "SELECT bool_or(state = 'rejected') FROM anchor.transactions");
  await passTime(world);
  await untilAll(world, 'seen');
  await putLeaves(world, 3);
  await untilFinal(world);
  const [refused, ...others] = await transactions(world);
  assert.deepEqual([refused.state, refused.fee], ['rejected', 27]);
  assert.deepEqual(others.map(({ state }) => state), ['final', 'final']);
});

test('J2.11: two coins too small for change, each refused alone, pay together', async (t) => {
  const world = await anchoringWorld(t, { coins: 2, satoshis: 27, warnings: [/^ledger\.low_balance$/] });
  await startLedger(world, { settings: { COINS_READY: 1 } });
  await world.eventuallySql('the wallet has both coins', 'SELECT count(*) = 2 FROM anchor.coins');
  await world.chain.faults({ fault: 'reject', reason: 'script', api: 'arc', count: 2 });
  await putLeaves(world, 3);
  await untilFinal(world);
  const [last] = (await transactions(world)).slice(-1);
  assert.deepEqual([last.state, inputsOf(last)], ['final', 2]);
});

test('what no coin can pay for lets the others go first, and is signed once money comes', async (t) => {
  const world = await anchoringWorld(t, { coins: 1, satoshis: 27, warnings: [/^ledger\.(low_balance|no_coins)$/] });
  await startLedger(world, { settings: { COINS_READY: 1 } });
  await world.eventuallySql('the wallet has its coin', 'SELECT count(*) = 1 FROM anchor.coins');
  await world.chain.faults({ fault: 'reject', reason: 'script', api: 'arc' });
  await putLeaves(world, 3);
  await world.eventuallySql('it was refused', "SELECT bool_or(state = 'rejected') FROM anchor.transactions");
  await passTime(world);
  await putLeaves(world, 3);
  await world.eventuallySql('the second checkpoint has the coin', "SELECT bool_or(state = 'seen') FROM anchor.transactions WHERE checkpoint_id = 2");
  await world.chain.fund(world.address, 100_000);
  await untilFinal(world);
});

test('J2.8: funding that a reorganisation took away is set aside, and another coin pays', async (t) => {
  const world = await anchoringWorld(t, { coins: 1 });
  const { txid } = await world.chain.fund(world.address, 1_000);
  await startLedger(world, { settings: { BROADCAST: 'whatsonchain', COINS_READY: 1 } });
  await world.eventuallySql('the wallet has both coins', 'SELECT count(*) = 2 FROM anchor.coins');
  await world.chain.reorg({ depth: 1, mode: 'drop', txids: [txid] });
  await putLeaves(world, 3);
  await untilFinal(world);
  const [refused, paid, ...more] = await transactions(world);
  assert.deepEqual([refused.state, paid.state, more.length], ['rejected', 'final', 0]);
  const { rows } = await world.sql.query('SELECT usable, spent_by FROM anchor.coins WHERE satoshis = 1000');
  assert.deepEqual(rows, [{ usable: false, spent_by: null }]);
});

test('J2.8: a chain of our own unmined transactions is no longer than COIN_DEPTH', async (t) => {
  const world = await anchoringWorld(t, { coins: 1, warnings: [/^ledger\.no_coins$/] });
  const ledger = await startLedger(world, { settings: { COIN_DEPTH: 3, COINS_READY: 1, SEAL_MAX: 1 } });
  await putLeaves(world, 5);
  await world.eventuallySql('three are seen, two wait', "SELECT (SELECT count(*) FROM anchor.transactions WHERE state = 'seen') = 3 AND (SELECT count(*) FROM anchor.unanchored) = 2");
  const rounds = (await world.chain.state()).requests.woc.header.requests;
  await world.chain.wait({ for: 'requests', api: 'woc', operation: 'header', count: rounds + 10 });
  assert.equal((await transactions(world)).length, 3, 'and go on waiting');
  assert.equal(await ledger.metric('eldersafe_ledger_checkpoints_unanchored'), 2);
  await world.chain.mine(1);
  await untilFinal(world);
  assert.equal((await transactions(world)).length, 5);
});

test('E4 E5: three thousand leaves in bursts leave no backlog, and need few transactions', async (t) => {
  const world = await anchoringWorld(t);
  await startLedger(world, { settings: { SEAL_INTERVAL: 500 } });
  for (let burst = 0; burst < 6; burst++) {
    for (let part = 0; part < 5; part++) await putLeaves(world, 100, { rewarded: true });
  }
  await untilFinal(world);
  const { rows: [{ size }] } = await world.sql.query('SELECT size::int FROM anchor.log');
  assert.equal(size, 3_000);
  assert.ok((await transactions(world)).length <= 30, 'no more than one for 100 leaves');
});
