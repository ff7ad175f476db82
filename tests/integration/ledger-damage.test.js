// Damage in the database is noticed before it is signed.

import assert from 'node:assert/strict';
import test from 'node:test';
import { anchoringWorld, putLeaves, startLedger } from './support/ledger.js';

test('J2.13: a tile that was changed is never signed into a checkpoint; repaired, sealing goes on', async (t) => {
  const world = await anchoringWorld(t, { broken: [/^ledger\.log_damaged$/, /^ledger\.database$/] });
  const ledger = await startLedger(world, { settings: { ABORT_ON_BUG: 'no' } });
  await putLeaves(world, 10);
  await world.eventuallySql('ten leaves are sealed', 'SELECT size = 10 FROM anchor.log');
  const flip = "UPDATE anchor.tiles SET hashes = set_byte(hashes, 5, get_byte(hashes, 5) # 1) WHERE level = 0 AND tile_index = 0";
  await world.sql.query(flip);
  await putLeaves(world, 5);
  await ledger.waitForLog('ledger.log_damaged');
  const { rows: [{ sizes }] } = await world.sql.query('SELECT array_agg(size::int ORDER BY size) AS sizes FROM anchor.checkpoints');
  assert.ok(!sizes.includes(15) && Math.max(...sizes) === 10, `checkpoints of ${sizes}`);
  await world.sql.query(flip);
  await world.eventuallySql('the other five are sealed', 'SELECT size = 15 FROM anchor.log');
});
