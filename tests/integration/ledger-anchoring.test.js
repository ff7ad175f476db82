// The ledger's main job: waiting leaves become checkpoints, checkpoints become transactions, those
// become final, and the leaves are rewarded. With every broadcaster.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import test from 'node:test';
import { MerklePath, Transaction, TransactionSignature, Utils } from '@bsv/sdk';
import { LOG_ORIGIN } from '../../deploy/local/site.js';
import { anchoringWorld, passTime, putLeaves, rewardBalance, startLedger, transactions, transitions, untilAll, untilFinal, way, WAYS } from './support/ledger.js';

for (const name of Object.keys(WAYS)) {
  test(`E99 E101 E104 E105 J2.7: from leaf to final by ${name}`, async (t) => {
    const world = await anchoringWorld(t);
    await startLedger(world, { settings: way(world, name) });
    await putLeaves(world, 7, { rewarded: true });
    await untilAll(world, 'seen');
    await world.eventuallySql('rewards', `SELECT sum(balance) = 7 FROM pay.accounts WHERE kind = 'member_reward'`);
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

test('J3.2: a reward that cannot be made is told and holds up the end of its own checkpoint only', async (t) => {
  const world = await anchoringWorld(t, { broken: [/^ledger\.reward_refused$/] });
  world.invariants = false;
  await putLeaves(world, 2, { rewarded: true });
  const { rows: [{ leaf }] } = await world.sql.query('SELECT max(leaf_id)::int AS leaf FROM anchor.leaves');
  await world.sql.query(
    `SELECT pay.post_transfer('reward/' || $1::int, 'reward', p.account_id, m.account_id, 1, 'SAT')
     FROM (SELECT account_id FROM pay.accounts WHERE kind = 'reward_pool' AND currency = 'SAT') p,
          (SELECT min(account_id) AS account_id FROM pay.accounts WHERE kind = 'member_reward') m`, [leaf]);
  const ledger = await startLedger(world);
  await world.eventuallySql('the first is sealed', 'SELECT size = 2 FROM anchor.log');
  await putLeaves(world, 3, { rewarded: true });
  const { level } = await ledger.waitForLog('ledger.reward_refused');
  assert.equal(level, 'broken');
  await world.eventuallySql('both are seen', `SELECT count(*) = 2 FROM anchor.transactions WHERE state = 'seen'`);
  await world.chain.mine(3);
  await world.eventuallySql('one is final, the other in a block', `SELECT array_agg(state ORDER BY checkpoint_id) = '{mined,final}' FROM anchor.transactions WHERE kind = 'anchor'`);
  await passTime(world);
  await world.eventuallySql('and is tried again', `SELECT failures > 1 FROM anchor.transactions WHERE state = 'mined'`);
  assert.equal(await rewardBalance(world), 4, 'three of the second, and the one that was paid by hand');
  assert.equal(ledger.log().filter(({ event }) => event === 'ledger.reward_refused').length, 1);
});

test('E99 J2.2 FE19: the transaction and its proof, read by an independent library', async (t) => {
  const world = await anchoringWorld(t);
  await startLedger(world);
  await putLeaves(world, 5);
  await untilAll(world, 'seen');
  await fetch(`${world.chain.url}/_control/mine`, { method: 'POST', body: JSON.stringify({ blocks: 1, fillers: 5 }) });
  await untilFinal(world);
  const [{ raw, fee, bump, txid, block }] = await transactions(world);
  const { rows: [{ root }] } = await world.sql.query('SELECT root FROM anchor.checkpoints');
  const tx = Transaction.fromHex(raw.toString('hex'));

  assert.equal(tx.version, 1);
  assert.equal(tx.lockTime, 0);
  const size = Buffer.alloc(8);
  size.writeBigUInt64BE(5n);
  const commitment = Buffer.concat([Buffer.from('ESAFE\x01'), createHash('sha256').update(LOG_ORIGIN).digest(), size, root]);
  const [data, change] = tx.outputs;
  assert.equal(data.satoshis, 0);
  assert.equal(data.lockingScript.toHex(), Buffer.concat([Buffer.from([0x00, 0x6a, 0x4c, commitment.length]), commitment]).toString('hex'));
  assert.equal(Utils.toBase58Check(change.lockingScript.chunks[2].data, [0x6f]), world.address);

  for (const input of tx.inputs) {
    assert.equal(input.sequence, 0xffffffff);
    const signature = TransactionSignature.fromChecksigFormat(input.unlockingScript.chunks[0].data);
    assert.equal(signature.scope, 0x41);
    assert.ok(signature.hasLowS());
  }
  assert.ok(fee >= Math.ceil(raw.length / 10) && fee <= Math.ceil(raw.length / 10) + 1, 'the policy\'s 100 satoshis for 1000 bytes');

  const path = MerklePath.fromBinary([...bump]);
  const { rows: [header] } = await world.sql.query('SELECT block_height::int AS height, block_header AS bytes FROM anchor.transactions');
  assert.equal(path.blockHeight, header.height);
  assert.equal(path.computeRoot(txid), Buffer.from(header.bytes.subarray(36, 68)).reverse().toString('hex'));
  const twice = createHash('sha256').update(createHash('sha256').update(header.bytes).digest()).digest();
  assert.equal(twice.toString('hex'), block);
});
