// What is always true (DESIGN section 11), checked from outside with SQL of its own after every
// test: whatever was killed, cut or flushed in between.
//
// Each check yields the rows that break the rule; none is right.

import { Transaction } from '@bsv/sdk';
import { Tree } from './merkle.js';

const SQL_CHECKS = [
  [
    'one row per member, day and slot',
    `
    SELECT member_id, signal_day, slot, count(*) FROM core.signals GROUP BY 1, 2, 3 HAVING count(*) > 1`,
  ],
  [
    'signal ids are unique',
    `
    SELECT signal_id, count(*) FROM core.signals GROUP BY 1 HAVING count(*) > 1`,
  ],
  [
    'one leaf per signal, waiting or in the log',
    `
    SELECT s.signal_id, count(l.leaf_id) FROM core.signals s
    LEFT JOIN (SELECT leaf_id FROM anchor.leaves UNION ALL SELECT leaf_id FROM anchor.entries) l ON l.leaf_id = s.signal_id
    GROUP BY 1 HAVING count(l.leaf_id) <> 1`,
  ],
  [
    "the leaf commits to the signal's event and salt",
    `
    SELECT s.signal_id FROM core.signals s
    JOIN (SELECT leaf_id, hash FROM anchor.leaves UNION ALL SELECT leaf_id, hash FROM anchor.entries) l ON l.leaf_id = s.signal_id
    WHERE l.hash <> sha256('\\x00'::bytea || s.salt || convert_to(s.event, 'UTF8'))`,
  ],
  [
    'liveness agrees with the signals',
    `
    SELECT l.member_id, l.last_day, max(s.signal_day) FROM core.liveness l LEFT JOIN core.signals s USING (member_id)
    GROUP BY 1, 2 HAVING l.last_day IS DISTINCT FROM max(s.signal_day)`,
  ],
  [
    'the log has no gaps',
    `
    SELECT count(*), min(leaf_index), max(leaf_index) FROM anchor.entries
    HAVING count(*) > 0 AND (min(leaf_index) <> 0 OR max(leaf_index) <> count(*) - 1)`,
  ],
  [
    'the log is as long as its row says',
    `
    SELECT size FROM anchor.log WHERE size <> (SELECT count(*) FROM anchor.entries)`,
  ],
  [
    'each checkpoint begins where the one before ended',
    `
    SELECT * FROM (SELECT checkpoint_id, first_index, lag(size, 1, 0::bigint) OVER (ORDER BY size) AS before FROM anchor.checkpoints) c
    WHERE first_index <> before`,
  ],
  [
    'at most one live transaction carries a checkpoint',
    `
    SELECT checkpoint_id, count(*) FROM anchor.transactions
    WHERE checkpoint_id IS NOT NULL AND state NOT IN ('rejected', 'stale') GROUP BY 1 HAVING count(*) > 1`,
  ],
  [
    'no state without a deadline',
    `
    SELECT transaction_id, state FROM anchor.transactions
    WHERE state NOT IN ('final', 'rejected', 'stale') AND next_at IS NULL`,
  ],
  [
    'one reward per leaf',
    `
    SELECT transfer_key, count(*) FROM pay.transfers WHERE kind = 'reward' GROUP BY 1 HAVING count(*) > 1`,
  ],
  [
    'each leaf of a rewarded checkpoint has its reward, and no other leaf has one',
    `
    WITH due AS (
        SELECT 'reward/' || e.leaf_id AS key FROM anchor.rewarded r
        JOIN anchor.checkpoints c USING (checkpoint_id)
        JOIN anchor.entries e ON e.leaf_index >= c.first_index AND e.leaf_index < c.size
        WHERE e.reward_account IS NOT NULL)
    SELECT due.key, t.transfer_key FROM due
    FULL JOIN (SELECT transfer_key FROM pay.transfers WHERE kind = 'reward') t ON t.transfer_key = due.key
    WHERE due.key IS NULL OR t.transfer_key IS NULL`,
  ],
  [
    'all accounts add up to zero',
    `
    SELECT currency, sum(balance) FROM pay.accounts GROUP BY 1 HAVING sum(balance) <> 0`,
  ],
  [
    'a balance is the sum of its transfers',
    `
    SELECT a.account_id, a.balance FROM pay.accounts a
    LEFT JOIN (SELECT credit_account AS account_id, sum(amount) AS amount FROM pay.transfers GROUP BY 1) received USING (account_id)
    LEFT JOIN (SELECT debit_account AS account_id, sum(amount) AS amount FROM pay.transfers GROUP BY 1) given USING (account_id)
    WHERE a.balance <> coalesce(received.amount, 0) - coalesce(given.amount, 0)`,
  ],
  [
    'a coin is reserved by a live transaction or by none',
    `
    SELECT c.coin_id, t.state FROM anchor.coins c JOIN anchor.transactions t ON t.transaction_id = c.spent_by
    WHERE t.state IN ('rejected', 'stale')`,
  ],
];

/**
 * Runs every check against CLIENT (a pg client as superuser). ACKNOWLEDGED lists the signal ids that
 * a daemon has answered 200 for. Yields one text for each broken rule.
 */
export async function brokenInvariants(client, acknowledged = []) {
  const problems = [];
  for (const [rule, sql] of SQL_CHECKS) {
    const { rows } = await client.query(sql);
    if (rows.length > 0) problems.push(`invariant broken: ${rule}: ${JSON.stringify(rows.slice(0, 5))}`);
  }
  const special = [lostSignals(client, acknowledged), wrongRoots(client), doubleSpends(client)];
  return problems.concat(...(await Promise.all(special)));
}

async function lostSignals(client, acknowledged) {
  const ids = [...new Set(acknowledged.map(String))];
  const { rows } = await client.query(
    'SELECT id FROM unnest($1::bigint[]) AS id WHERE NOT EXISTS (SELECT FROM core.signals WHERE signal_id = id)',
    [ids],
  );
  return rows.map(({ id }) => `invariant broken: acknowledged signal ${id} is not in the table`);
}

async function wrongRoots(client) {
  const { rows: checkpoints } = await client.query(
    'SELECT checkpoint_id, size, root FROM anchor.checkpoints',
  );
  if (checkpoints.length === 0) return [];
  // After them: while a ledger runs there are more entries by then, and never too few.
  const { rows: entries } = await client.query('SELECT hash FROM anchor.entries ORDER BY leaf_index');
  const tree = new Tree(entries.map(({ hash }) => hash));
  const wrong = checkpoints.filter(
    ({ size, root }) => Number(size) > entries.length || !tree.root(Number(size)).equals(root),
  );
  return wrong.map(
    ({ checkpoint_id: id }) => `invariant broken: the root of checkpoint ${id} does not recompute`,
  );
}

// From the raw bytes, not from what the coin table says.
async function doubleSpends(client) {
  const { rows } = await client.query(
    `SELECT transaction_id, raw FROM anchor.transactions WHERE state NOT IN ('rejected', 'stale') ORDER BY 1`,
  );
  const spenders = new Map();
  const problems = [];
  for (const { transaction_id: id, raw } of rows) {
    for (const input of Transaction.fromHex(raw.toString('hex')).inputs) {
      const coin = `${input.sourceTXID}:${input.sourceOutputIndex}`;
      if (spenders.has(coin))
        problems.push(
          `invariant broken: coin ${coin} is spent by transactions ${spenders.get(coin)} and ${id}`,
        );
      spenders.set(coin, id);
    }
  }
  return problems;
}
