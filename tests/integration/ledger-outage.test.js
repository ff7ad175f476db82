// What the ledger stands on is taken away: PostgreSQL, Redis. It waits without noise and goes on by
// itself.

import assert from 'node:assert/strict';
import test from 'node:test';
import { anchoringWorld, IMPATIENT, putLeaves, startLedger, transactions, untilAll, untilFinal } from './support/ledger.js';
import { onceGood } from './support/load.js';

const PAUSED = [/^ledger\.paused$/];

/** How often EVENT is in the log after its first SKIP lines. */
function count(ledger, event, skip) {
  return ledger.log().slice(skip).filter((entry) => entry.event === event).length;
}

function untilUp(ledger) {
  return ledger.child.waitUntil('it has its database', async () => (await ledger.metric('eldersafe_ledger_database_up')) === 1);
}

const WAYS_TO_GO = {
  gone: (world) => {
    world.proxies.postgres.refuse();
    world.proxies.postgres.reset();
  },
  frozen: (world) => world.proxies.postgres.pause(),
};

for (const [how, take] of Object.entries(WAYS_TO_GO)) {
  test(`E131: PostgreSQL ${how}: one line when it pauses, one when it resumes, and nothing is lost`, async (t) => {
    const world = await anchoringWorld(t, { proxied: ['postgres'], warnings: PAUSED });
    const ledger = await startLedger(world, { settings: { STATEMENT_TIMEOUT: 4_000 } });
    await putLeaves(world, 3, { rewarded: true });
    await untilAll(world, 'seen');
    await onceGood(async () => { // a thread of it that sleeps through it all may hear of it afterwards
      await untilUp(ledger);
      const skip = ledger.log().length;
      take(world);
      await ledger.waitForLog('ledger.paused', { skip });
      await putLeaves(world, 3, { rewarded: true });
      const asked = (await world.chain.state()).requests.woc.header.requests;
      await ledger.child.waitUntil('not ready', async () => (await fetch(`${ledger.metricsUrl}/health/ready`)).status === 503);
      assert.equal((await fetch(`${ledger.metricsUrl}/health/live`)).status, 200);
      assert.equal(await ledger.metric('eldersafe_ledger_database_up'), 0);
      world.proxies.postgres.heal();
      await ledger.waitForLog('ledger.resumed', { skip });
      await untilFinal(world);
      assert.ok((await world.chain.state()).requests.woc.header.requests > asked, 'it looks at the chain again');
      const [paused, resumed] = ['ledger.paused', 'ledger.resumed'].map((event) => count(ledger, event, skip));
      return paused === 1 && resumed === 1 ? '' : `${paused} lines of pausing, ${resumed} of resuming`;
    });
  });
}

test('E131: PostgreSQL restarts in the middle of the work', async (t) => {
  const world = await anchoringWorld(t, { warnings: PAUSED });
  const ledger = await startLedger(world);
  const restart = async () => {
    await untilUp(ledger);
    const skip = ledger.log().length;
    await putLeaves(world, 20, { rewarded: true });
    await world.postgres.restart();
    await world.eventuallySql('it is back at work', 'SELECT NOT EXISTS (SELECT FROM anchor.leaves)', [], { timeout: 60_000 });
    await untilUp(ledger);
    const paused = count(ledger, 'ledger.paused', skip);
    return paused <= 1 ? '' : `${paused} lines`;
  };
  for (let i = 0; i < 3; i++) await onceGood(restart);
  await untilFinal(world);
});

test('a checkpoint that cannot be signed for does not hold up what is on its way', async (t) => {
  const world = await anchoringWorld(t, { broken: [/^ledger\.database$/] });
  const ledger = await startLedger(world);
  await putLeaves(world, 3);
  await untilAll(world, 'seen');
  await world.sql.query(`
    CREATE FUNCTION public.refuse_for_test() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''not now''; END';
    CREATE TRIGGER refuse_for_test BEFORE INSERT ON anchor.transactions FOR EACH ROW EXECUTE FUNCTION public.refuse_for_test()`);
  await putLeaves(world, 3);
  await ledger.waitForLog('ledger.database');
  await world.chain.mine(3);
  await world.eventuallySql('the first is final', "SELECT state = 'final' FROM anchor.transactions WHERE checkpoint_id = 1");
  await world.sql.query('DROP TRIGGER refuse_for_test ON anchor.transactions');
  await untilFinal(world);
});

test('E132: Redis is emptied, stopped and started: sealing goes on by its timer', async (t) => {
  const world = await anchoringWorld(t, { proxied: ['redis'] });
  const ledger = await startLedger(world);
  await putLeaves(world, 5);
  await world.redisClient.flushall();
  await untilAll(world, 'seen');
  world.proxies.redis.refuse();
  world.proxies.redis.reset();
  await ledger.waitForLog('ledger.redis_away');
  await putLeaves(world, 5);
  await untilAll(world, 'seen');
  world.proxies.redis.heal();
  await ledger.waitForLog('ledger.redis_back');
  await putLeaves(world, 5);
  await untilFinal(world);
});

test('without Redis at all the ledger does the same work', async (t) => {
  const world = await anchoringWorld(t, { redis: false });
  await startLedger(world);
  await putLeaves(world, 5);
  await untilFinal(world);
});

test('E44: SIGTERM ends it with 0 while a provider hangs', async (t) => {
  const world = await anchoringWorld(t);
  const ledger = await startLedger(world, { settings: IMPATIENT });
  await world.eventuallySql('the wallet has coins', 'SELECT count(*) >= 5 FROM anchor.coins');
  await world.chain.faults({ fault: 'timeout-before', operation: 'any', count: 'until-cleared' });
  await putLeaves(world, 1);
  await world.eventuallySql('it is being sent', 'SELECT bool_or(sends > 0) FROM anchor.transactions', [], { timeout: 60_000 });
  await ledger.stop();
  assert.equal(ledger.child.ended.code, 0);
  assert.equal((await transactions(world))[0].state, 'signed');
});
