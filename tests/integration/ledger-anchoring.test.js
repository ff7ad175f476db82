// The ledger's main job: waiting leaves become checkpoints, checkpoints become transactions, those
// become final, and the leaves are rewarded. With every broadcaster.

import assert from 'node:assert/strict';
import test from 'node:test';
import { anchoringWorld, putLeaves, rewardBalance, startLedger, transactions, transitions, untilAll, untilFinal, way, WAYS } from './support/ledger.js';

for (const name of Object.keys(WAYS)) {
  test(`E99 E101 E104 E105 J2.7: from leaf to final by ${name}`, async (t) => {
    const world = await anchoringWorld(t);
    await startLedger(world, { settings: way(world, name) });
    await putLeaves(world, 7, { rewarded: true });
    await untilAll(world, 'seen');
    await world.eventuallySql('rewards', 'SELECT balance = 7 FROM pay.accounts WHERE account_id = $1', [world.account]);
    await world.chain.mine(1);
    await untilAll(world, 'mined');
    await world.chain.mine(2);
    await untilAll(world, 'final');
    const [only, ...more] = await transactions(world);
    assert.equal(more.length, 0, 'one checkpoint, one transaction');
    assert.deepEqual(await transitions(world, only.id), ['new>signed', 'signed>sent', 'sent>seen', 'seen>mined', 'mined>final']);
    assert.equal(await rewardBalance(world), 7);
    await untilFinal(world);
  });
}
