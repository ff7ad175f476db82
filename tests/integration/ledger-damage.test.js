// Damage in the database is noticed before it is signed: tiles that changed, a log that went back, a key
// that is another one.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { anchoringWorld, putLeaves, startLedger } from './support/ledger.js';
import { putBack } from './support/tamper.js';

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

const LOG_TABLES = ['entries', 'tiles', 'checkpoints', 'unanchored', 'log'];

async function backUp(world, name) {
  for (const table of LOG_TABLES) await world.sql.query(`CREATE TABLE public.${name}_${table} AS SELECT * FROM anchor.${table}`);
}

function restore(world, name) {
  return putBack(world, Object.fromEntries(LOG_TABLES.map((table) => [`anchor.${table}`, `public.${name}_${table}`])));
}

function publishedSize(world) {
  return Number(readFileSync(path.join(world.site.tilesFolder, 'checkpoint'), 'utf8').split('\n')[1]);
}

/** A world whose checkpoints wait for money, so that the log is all that a backup has to hold. */
function logOnlyWorld(t, options = {}) {
  return anchoringWorld(t, { coins: 0, ...options, warnings: [/^ledger\.(low_balance|no_coins)$/, ...options.warnings ?? []] });
}

test('J2.13: a database that went back behind what was published gets no second history', async (t) => {
  const world = await logOnlyWorld(t, { broken: [/^ledger\.log_rolled_back$/] });
  const first = await startLedger(world);
  await putLeaves(world, 10);
  await first.child.waitUntil('ten leaves are published', async () => await first.metric('eldersafe_ledger_published_size') === 10);
  await backUp(world, 'old');
  await putLeaves(world, 5);
  await first.child.waitUntil('all are published', async () => await first.metric('eldersafe_ledger_published_size') === 15);
  await first.stop();
  await backUp(world, 'new');
  await restore(world, 'old');
  const ledger = await startLedger(world);
  const waiting = (count) => ledger.child.waitUntil(`${count} leaves are counted`, async () => await ledger.metric('eldersafe_ledger_leaves_waiting') === count);
  await putLeaves(world, 7);
  const { level, size } = await ledger.waitForLog('ledger.log_rolled_back');
  assert.deepEqual([level, size], ['broken', 15]);
  await waiting(7);
  await putLeaves(world, 1);
  await waiting(8);
  const { rows: [{ sizes }] } = await world.sql.query('SELECT array_agg(size::int ORDER BY size) AS sizes FROM anchor.checkpoints');
  assert.deepEqual(sizes, [10]);
  assert.equal(publishedSize(world), 15);
  assert.equal(await ledger.metric('eldersafe_ledger_log_rolled_back'), 1);
  await restore(world, 'new');
  await world.eventuallySql('with the newer backup it goes on', 'SELECT size = 23 FROM anchor.log');
  await ledger.child.waitUntil('and is published', () => publishedSize(world) === 23);
  assert.equal(ledger.log().filter(({ event }) => event === 'ledger.log_rolled_back').length, 1);
});

test('J2.13: a database that grew another way than what was published is left alone', async (t) => {
  const world = await logOnlyWorld(t, { broken: [/^ledger\.log_rolled_back$/] });
  const first = await startLedger(world);
  await backUp(world, 'empty');
  await putLeaves(world, 10);
  await first.child.waitUntil('ten leaves are published', async () => await first.metric('eldersafe_ledger_published_size') === 10);
  await first.stop();
  await restore(world, 'empty');
  const elsewhere = path.join(world.folder, 'other-tiles');
  const second = await startLedger(world, { settings: { TILES_DIRECTORY: elsewhere } });
  await putLeaves(world, 10);
  await world.eventuallySql('another tree of the same size is sealed', 'SELECT size = 10 FROM anchor.log');
  await second.stop();
  await startLedger(world).then((ledger) => ledger.waitForLog('ledger.log_rolled_back'));
  rmSync(path.join(world.site.tilesFolder, 'checkpoint'));
});

test('J2.13: another log key than the one that signed is a configuration error, also without any file', async (t) => {
  const world = await logOnlyWorld(t, { warnings: [/^daemon\.start_failed$/] });
  const ledger = await startLedger(world);
  await putLeaves(world, 3);
  await ledger.child.waitUntil('they are published', async () => await ledger.metric('eldersafe_ledger_published_size') === 3);
  await ledger.stop();
  const key = path.join(world.folder, 'another.key');
  writeFileSync(key, `${randomBytes(32).toString('hex')}\n`, { mode: 0o400 });
  const settings = { LOG_KEY_FILE: key, TILES_DIRECTORY: path.join(world.folder, 'empty-tiles') };
  const refused = await startLedger(world, { settings, waitReady: false });
  await refused.ends(78);
  assert.match(JSON.stringify(refused.log()), /LOG_KEY_FILE: .* signed with another key/);
});
