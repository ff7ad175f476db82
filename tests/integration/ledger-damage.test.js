// Damage in the database is noticed before it is signed.

import assert from 'node:assert/strict';
import test from 'node:test';
import { anchoringWorld, putLeaves, startLedger } from './support/ledger.js';

/** Damages the first tile; the second time it repairs it. */
const FLIP = 'UPDATE anchor.tiles SET hashes = set_byte(hashes, 5, get_byte(hashes, 5) # 1) WHERE level = 0 AND tile_index = 0';
/** A round that meets damage ends its transaction without effect: PostgreSQL counts those. */
const ROLLBACKS = 'SELECT xact_rollback::int FROM pg_stat_database WHERE datname = current_database()';

async function rollbacks(world) {
  return (await world.sql.query({ text: ROLLBACKS, rowMode: 'array' })).rows[0][0];
}

test('J2.13: a tile that was changed is never signed into a checkpoint; repaired, sealing goes on', async (t) => {
  const world = await anchoringWorld(t, { broken: [/^ledger\.log_damaged$/, /^ledger\.database$/] });
  const ledger = await startLedger(world, { settings: { ABORT_ON_BUG: 'no' } });
  await putLeaves(world, 10);
  await world.eventuallySql('ten leaves are sealed', 'SELECT size = 10 FROM anchor.log');
  await world.sql.query(FLIP);
  await putLeaves(world, 5);
  await ledger.waitForLog('ledger.log_damaged');
  const { rows: [{ sizes }] } = await world.sql.query('SELECT array_agg(size::int ORDER BY size) AS sizes FROM anchor.checkpoints');
  assert.ok(!sizes.includes(15) && Math.max(...sizes) === 10, `checkpoints of ${sizes}`);
  await world.sql.query(FLIP);
  await world.eventuallySql('the other five are sealed', 'SELECT size = 15 FROM anchor.log');
});

test('J2.13: damage is told once, not in every round, and told again when there is new damage', async (t) => {
  const world = await anchoringWorld(t, { broken: [/^ledger\.log_damaged$/, /^ledger\.database$/] });
  const ledger = await startLedger(world, { settings: { ABORT_ON_BUG: 'no' } });
  const published = (size) => ledger.child.waitUntil(`${size} leaves are published`, async () => await ledger.metric('eldersafe_ledger_published_size') === size);
  const told = () => ledger.log().filter((entry) => entry.event === 'ledger.log_damaged').map((entry) => entry.size);
  await putLeaves(world, 10);
  await published(10);
  await world.sql.query(FLIP);
  const before = await rollbacks(world);
  await putLeaves(world, 5);
  await world.eventuallySql('many rounds have met the damage', `SELECT (${ROLLBACKS}) >= $1`, [before + 10]);
  assert.deepEqual(told(), [10]);
  await world.sql.query(FLIP);
  await published(15);
  await world.sql.query(FLIP);
  await putLeaves(world, 5);
  await ledger.child.waitUntil('the new damage is told', () => told().length === 2);
  assert.deepEqual(told(), [10, 15]);
  await world.sql.query(FLIP);
  await published(20);
});
