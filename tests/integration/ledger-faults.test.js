// kill -9 at each named point, and on with the same data: nothing is lost, paid twice or spent twice,
// and everything ends final (E103, N12).

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import test from 'node:test';
import { programPath } from '../../deploy/local/site.js';
import { brokenInvariants } from '../harness/invariants.js';
import { eventually } from '../../deploy/local/wait.js';
import { anchoringWorld, passTime, putLeaves, rewardBalance, startLedger, transactions, untilFinal, way } from './support/ledger.js';

const LEAVES = 4;
/** Passages of the points that every transaction of ours in the database goes through. */
const COMMITS = [1, 2, 3, 4, 5, 6, 7, 8];

/** Every point that the program itself names, and the commits one by one. The splitter's comes first:
 * it is reached while there is one large coin. */
function faultPoints() {
  const text = execFileSync(programPath('eldersafe-ledger'), ['--fault-points'], { encoding: 'utf8' });
  const names = [...text.matchAll(/^\s*([a-z]+\.[a-z_]+)/gm)].map(([, name]) => name);
  const own = names.filter((name) => name.startsWith('ledger.') && name !== 'ledger.split_after_sign');
  const commits = COMMITS.flatMap((n) => [`db.before_commit:${n}`, `db.after_commit:${n}`]);
  return ['ledger.split_after_sign', ...own, ...commits];
}

/** Lets the chain grow until the daemon has died of its fault. */
async function untilDead(world, ledger, fault) {
  await eventually(`it dies at ${fault}`, async () => {
    if (ledger.child.ended) return true;
    await world.chain.mine(1);
    await passTime(world, { seconds: 60 });
    return false;
  }, { timeout: 30_000, every: 50 });
  assert.equal(ledger.child.ended.code, 86, ledger.child.tail());
}

for (const name of ['arc', 'whatsonchain, verified by a node']) {
  test(`E103 N12 E114: killed at each fault point, by ${name}`, async (t) => {
    const world = await anchoringWorld(t, { coins: 1, satoshis: 500_000 });
    const points = faultPoints();
    assert.ok(points.filter((point) => point.startsWith('ledger.')).length >= 12, 'at least 12 points');
    let leaves = 0;
    for (const fault of points) {
      await t.test(fault, async () => {
        const ledger = await startLedger(world, { settings: way(world, name), fault, waitReady: false });
        await putLeaves(world, LEAVES, { rewarded: true });
        leaves += LEAVES;
        await untilDead(world, ledger, fault);
        assert.deepEqual(await brokenInvariants(world.sql), []);
      });
    }
    await startLedger(world, { settings: way(world, name) });
    await passTime(world);
    await untilFinal(world, { timeout: 60_000 });
    assert.equal(await rewardBalance(world), leaves, 'one reward for each leaf, ever');
    const { rows: [{ sealed }] } = await world.sql.query('SELECT size::int AS sealed FROM anchor.log');
    assert.equal(sealed, leaves);
    const { spends } = await world.chain.state();
    for (const { txid, state } of await transactions(world)) {
      if (state !== 'final') continue;
      const others = Object.values(spends).filter((txids) => txids.includes(txid)).flat().filter((other) => other !== txid);
      assert.deepEqual(others, [], `nobody else tried to spend a coin of ${txid}`);
    }
  });
}
