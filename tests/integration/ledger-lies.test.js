// A provider that lies: answers late, twice, never, with an error after accepting, with garbage; that
// refuses, raises its price, loses what it took. Whatever it does, each checkpoint ends final in one
// transaction, and no coin is spent twice.

import assert from 'node:assert/strict';
import test from 'node:test';
import { Transaction } from '@bsv/sdk';
import {
  anchoringWorld, apiOf, FAST, IMPATIENT, passTime, putLeaves, rewardBalance, startLedger, transactions, transitions, untilAll, untilFinal, way, WAYS,
} from './support/ledger.js';
import { onceGood } from './support/load.js';

const SINGLE = ['arc', 'arcade', 'whatsonchain', 'node'];

async function failures(world) {
  const { rows } = await world.sql.query('SELECT provider, reason, count::int FROM anchor.broadcast_failures ORDER BY 1, 2');
  return Object.fromEntries(rows.map(({ provider, reason, count }) => [`${provider} ${reason}`, count]));
}

async function coins(world) {
  const { rows } = await world.sql.query(
    `SELECT encode(txid, 'hex') AS txid, vout::int, satoshis::int, spent_by::int AS spender, made_by::int AS maker, usable FROM anchor.coins ORDER BY coin_id`);
  return rows;
}

/** A ledger by WAY whose only checkpoint is about to be sent when FAULTS are in place. */
async function stage(t, name, faults, options = {}) {
  const world = await anchoringWorld(t, { warnings: options.warnings, ...options.world });
  const ledger = await startLedger(world, { settings: { ...way(world, name), ...options.settings } });
  await world.eventuallySql('the wallet has coins', 'SELECT count(*) >= 5 FROM anchor.coins');
  await world.chain.faults(...faults(apiOf(name)));
  await putLeaves(world, 3, { rewarded: true });
  return { world, ledger };
}

const CERTAINLY_UNCLEAR = {
  'a 503 before anything is done': (api) => ({ fault: 'status5xx', api, operation: 'submit', count: 2 }),
  'a 503 after accepting': (api) => ({ fault: 'status5xx-after-accept', api, operation: 'submit', count: 1 }),
  'no answer before accepting': (api) => ({ fault: 'timeout-before', api, operation: 'submit', count: 1 }),
  'no answer after accepting': (api) => ({ fault: 'timeout-after-accept', api, operation: 'submit', count: 1 }),
  'a torn connection before accepting': (api) => ({ fault: 'connection-reset', api, operation: 'submit', count: 2 }),
  'a torn connection after accepting': (api) => ({ fault: 'connection-reset-after-accept', api, operation: 'submit', count: 1 }),
  'garbage after accepting': (api) => ({ fault: 'wrong-body', body: 'garbage', api, operation: 'submit', count: 1 }),
  'half an answer after accepting': (api) => ({ fault: 'wrong-body', body: 'truncated', api, operation: 'submit', count: 1 }),
  'an empty answer after accepting': (api) => ({ fault: 'wrong-body', body: 'empty', api, operation: 'submit', count: 1 }),
  'an endless answer after accepting': (api) => ({ fault: 'wrong-body', body: 'huge', api, operation: 'submit', count: 1 }),
  'the same answer twice': (api) => ({ fault: 'duplicate-answer', api, operation: 'submit', count: 1 }),
  'a late answer': (api) => ({ fault: 'delay', delayMs: 400, api, operation: 'submit', count: 1 }),
};

for (const name of SINGLE) {
  test(`J2.11 E103 E104 E105: unclear answers of ${name} never free a coin; the same bytes are sent again`, async (t) => {
    const world = await anchoringWorld(t);
    await startLedger(world, { settings: { ...way(world, name), ...IMPATIENT } });
    await world.eventuallySql('the wallet has coins', 'SELECT count(*) >= 5 FROM anchor.coins');
    for (const [what, fault] of Object.entries(CERTAINLY_UNCLEAR)) {
      await t.test(what, async () => {
        const before = await transactions(world);
        await world.chain.faults(fault(apiOf(name)));
        await putLeaves(world, 3, { rewarded: true });
        await untilFinal(world);
        const [only, ...more] = (await transactions(world)).slice(before.length);
        assert.equal(more.length, 0, 'one transaction');
        assert.deepEqual(await transitions(world, only.id), ['new>signed', 'signed>sent', 'sent>seen', 'seen>mined', 'mined>final']);
        const facts = await world.chain.transaction(only.txid);
        assert.ok(facts.submissions.every(({ bytes }) => bytes === only.raw.length), 'always the stored bytes');
        assert.deepEqual((await world.chain.state()).faults, [], 'the provider did lie');
      });
    }
  });

  test(`J2.8: what ${name} took and lost is announced again when its deadline is over`, async (t) => {
    const { world, ledger } = await stage(t, name, (api) => [{ fault: 'drop', api }]);
    await world.eventuallySql('it is sent', "SELECT bool_or(state = 'sent') FROM anchor.transactions WHERE kind = 'anchor'");
    const [{ txid }] = await transactions(world);
    assert.equal((await world.chain.transaction(txid)).state, 'forgotten');
    assert.equal((await ledger.metric('eldersafe_ledger_announced_again_total')), 0, 'not before');
    await passTime(world);
    await untilAll(world, 'seen');
    assert.equal((await world.chain.transaction(txid)).submissions.length, 2);
    await ledger.child.waitUntil('it is counted', async () => await ledger.metric('eldersafe_ledger_announced_again_total') >= 1);
    await untilFinal(world);
  });

  test(`J2.11 J2.10: a definite refusal by ${name} frees the coin, and the checkpoint gets another transaction`, async (t) => {
    const { world } = await stage(t, name, (api) => [{ fault: 'reject', reason: 'script', api }]);
    await untilFinal(world);
    const [refused, accepted, ...more] = await transactions(world);
    assert.equal(more.length, 0);
    assert.equal(refused.state, 'rejected');
    assert.equal(accepted.checkpoint, refused.checkpoint);
    assert.notEqual(accepted.txid, refused.txid);
    const held = (await coins(world)).filter(({ spender }) => spender === refused.id);
    assert.deepEqual(held, [], 'it holds no coin any more');
    assert.ok((await coins(world)).filter(({ maker }) => maker === refused.id).every(({ usable }) => !usable), 'its change is none');
  });

  test(`J2.10: ${name} wants more, and the next transaction pays it`, async (t) => {
    const { world, ledger } = await stage(t, name, (api) => [{ fault: 'fee-rise', satoshisPerKb: 450, api }]);
    await untilFinal(world);
    const all = await transactions(world);
    const [last] = all.slice(-1);
    assert.equal(last.state, 'final');
    assert.ok(all.length >= 2 && all.slice(0, -1).every(({ state }) => state === 'rejected'));
    assert.ok(last.fee * 1000 >= 450 * last.raw.length && last.fee <= last.raw.length, `${last.fee} for ${last.raw.length} bytes`);
    assert.ok(await ledger.metric('eldersafe_ledger_broadcast_failures_total{kind="refused_fee"}') >= 1);
  });

  test(`J2.8: somebody else takes the coin; ${name} says so, and another coin pays`, async (t) => {
    const { world } = await stage(t, name, (api) => [{ fault: 'double-spend', api }], { warnings: [/^ledger\.contested$/] });
    await world.eventuallySql('it was tried', 'SELECT bool_or(sends > 0) FROM anchor.transactions');
    await world.chain.mine(1); // the rival wins
    await untilFinal(world);
    const [lost, won] = await transactions(world);
    assert.deepEqual([lost.state, won.state], ['rejected', 'final']);
    const input = Transaction.fromHex(lost.raw.toString('hex')).inputs[0];
    const coin = (await coins(world)).find(({ txid, vout }) => Buffer.from(txid, 'hex').reverse().toString('hex') === input.sourceTXID && vout === input.sourceOutputIndex);
    assert.deepEqual([coin.usable, coin.spender], [false, null], 'the coin is set aside');
  });
}

for (const name of Object.keys(WAYS)) {
  for (const mode of ['return', 'remine', 'drop']) {
    test(`J2.6 FE19: a reorganisation of two blocks (${mode}) by ${name}: the proof is replaced, nothing is lost`, async (t) => {
      const world = await anchoringWorld(t);
      const ledger = await startLedger(world, { settings: { ...way(world, name), CONFIRMATIONS: 4 } });
      await putLeaves(world, 3, { rewarded: true });
      await untilAll(world, 'seen');
      await world.chain.mine(2);
      await untilAll(world, 'mined');
      const { height } = await world.chain.state();
      await ledger.child.waitUntil('the ledger holds the whole chain', async () => await ledger.metric('eldersafe_ledger_tip_height') === height);
      const [before] = await transactions(world);
      await world.chain.reorg({ depth: 2, mode });
      await world.eventuallySql('it is not where it was', 'SELECT bool_and(block_hash IS DISTINCT FROM $1) FROM anchor.transactions', [Buffer.from(before.block, 'hex')]);
      await passTime(world, { seconds: 3 * 3600 });
      await untilFinal(world, { blocks: 4 });
      const [after] = await transactions(world);
      assert.equal(after.txid, before.txid, 'the same transaction');
      assert.notEqual(after.block, before.block);
      assert.notDeepEqual(after.bump, before.bump);
      assert.ok((await transitions(world, after.id)).includes('mined>seen'));
      assert.ok(await ledger.metric('eldersafe_ledger_reorgs_total') >= 1);
    });
  }
}

/** Waits until COUNT broadcasts are logged; yields when each was, in milliseconds. */
function broadcasts(ledger, count) {
  return ledger.child.waitUntil(`${count} broadcasts`, () => {
    const found = ledger.log().filter(({ event }) => event === 'ledger.broadcast');
    assert.ok(found.length <= count, `${found.length} broadcasts`);
    return found.length === count && found.map(({ time }) => Date.parse(time));
  });
}

test('E102 E119: attempts are spaced 1, 2, 4 … times the first pause, and each failure is counted with its reason', async (t) => {
  const base = 100;
  const times = 7;
  const fault = { fault: 'status5xx', api: 'arc', operation: 'submit', count: times };
  const { world, ledger } = await stage(t, 'arc', () => [fault], { settings: { RETRY_BASE: base } });
  let rounds = 0;
  await onceGood(async () => {
    if (rounds > 0) {
      await world.chain.faults(fault);
      await putLeaves(world, 3, { rewarded: true });
    }
    rounds += 1;
    await untilAll(world, 'seen');
    const at = await broadcasts(ledger, rounds * (times + 1));
    const gaps = at.slice(-times - 1, -1).map((time, i, all) => time - all[i - 1]).slice(1);
    assert.deepEqual(await failures(world), { 'arc http_503': rounds * times });
    const isRight = (gap, i) => gap >= (base * 2 ** i) / 2 - 5 && gap <= base * 2 ** i + 1_000;
    return gaps.every(isRight) ? '' : `pauses of ${gaps} ms`;
  });
  assert.equal(await ledger.metric('eldersafe_ledger_broadcast_failures_total{kind="unclear"}'), rounds * times);
  await untilFinal(world);
});

test('E102: in an outage failures only grow, whether the provider was asked or its circuit was open', async (t) => {
  const { world } = await stage(t, 'arc', () => [{ fault: 'status5xx', api: 'arc', count: 'until-cleared' }], { settings: { SEAL_MAX: 1, RETRY_BASE: 60_000 } });
  await world.sql.query(`
    CREATE TABLE public.falls_for_test (transaction_id bigint);
    CREATE FUNCTION public.watch_for_test() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
      'BEGIN IF NEW.failures < OLD.failures THEN INSERT INTO public.falls_for_test VALUES (NEW.transaction_id); END IF; RETURN NEW; END';
    CREATE TRIGGER watch_for_test BEFORE UPDATE ON anchor.transactions FOR EACH ROW EXECUTE FUNCTION public.watch_for_test()`);
  await world.eventuallySql('they fail', "SELECT count(*) FILTER (WHERE failures >= 1) = 3 FROM anchor.transactions WHERE kind = 'anchor'");
  for (let round = 0; round < 6; round++) {
    await passTime(world);
    await world.eventuallySql('each was looked at', "SELECT bool_and(next_at > clock_timestamp()) FROM anchor.transactions WHERE kind = 'anchor'");
  }
  const { rows: [{ falls }] } = await world.sql.query('SELECT count(*)::int AS falls FROM public.falls_for_test');
  assert.equal(falls, 0);
  await world.sql.query('DROP TRIGGER watch_for_test ON anchor.transactions; DROP FUNCTION public.watch_for_test; DROP TABLE public.falls_for_test');
  await world.chain.clearFaults();
  await untilFinal(world, { timeout: 60_000 });
});

test('E104: WhatsOnChain says 429: busy is no refusal', async (t) => {
  const { world, ledger } = await stage(t, 'whatsonchain', () => [{ fault: 'reject', code: 429, message: 'Too Many Requests', api: 'woc' }]);
  await untilFinal(world);
  assert.deepEqual(await failures(world), { 'whatsonchain http_429': 1 });
  assert.equal(await ledger.metric('eldersafe_ledger_broadcast_failures_total{kind="busy"}'), 1);
  assert.equal((await transactions(world)).length, 1, 'busy is no refusal');
});

test('E102: a provider that says when to come back is left alone until then', async (t) => {
  const seconds = 2;
  const fault = { fault: 'status5xx', retryAfter: seconds, api: 'arc', operation: 'submit' };
  const { world, ledger } = await stage(t, 'arc', () => [fault]);
  let rounds = 0;
  await onceGood(async () => { // a line that is logged late is followed too soon
    if (rounds > 0) {
      await world.chain.faults(fault);
      await putLeaves(world, 3);
    }
    rounds += 1;
    await untilAll(world, 'seen');
    const [first, second] = (await broadcasts(ledger, rounds * 2)).slice(-2);
    return second - first >= seconds * 1000 - 10 ? '' : `${second - first} ms`;
  });
  await untilFinal(world);
});

const YEAR_S = 365 * 86_400;
for (const [what, retryAfter] of [['in a year', YEAR_S], ['never', '9223372036854775807'], ['at the end of milliseconds', '9223372036854775']]) {
  test(`E102: a provider that says to come back ${what} is asked again after the longest pause of ours`, async (t) => {
    const { world } = await stage(t, 'arc', () => [{ fault: 'status5xx', retryAfter, api: 'arc', operation: 'submit' }]);
    await world.eventuallySql('it was told', "SELECT bool_or(failures > 0) FROM anchor.transactions WHERE kind = 'anchor'");
    const { rows: [{ wait }] } = await world.sql.query(
      "SELECT extract(epoch FROM max(next_at) - clock_timestamp())::int AS wait FROM anchor.transactions WHERE kind = 'anchor'");
    assert.ok(wait > 200 && wait <= 300, `${wait} s`);
    await passTime(world);
    await untilFinal(world);
  });
}

test('J2.10: above FEE_CAP nothing is signed and a warning is given; when it is cheaper again all goes on', async (t) => {
  const { world, ledger } = await stage(t, 'arc', () => [{ fault: 'fee-rise', satoshisPerKb: 5_000, api: 'arc' }], { warnings: [/^ledger\.fee_above_cap$/] });
  await ledger.waitForLog('ledger.fee_above_cap');
  await ledger.child.waitUntil('it is told', async () => await ledger.metric('eldersafe_ledger_fee_above_cap') === 1);
  await putLeaves(world, 3);
  await world.eventuallySql('another checkpoint waits', 'SELECT count(*) >= 2 FROM anchor.unanchored');
  await world.chain.policy({ satoshisPerKb: 50 });
  await untilAll(world, 'seen');
  await ledger.waitForLog('ledger.signing_again');
  assert.ok((await transactions(world)).every(({ fee, raw }) => fee * 1000 <= 1_001 * raw.length + 1000), 'never above the cap');
  await untilFinal(world);
});

test('E104: a node that says "no such transaction" again and again, by HTTP 500 as it does, is not taken for broken', async (t) => {
  const { world } = await stage(t, 'node', () => [{ fault: 'stale-status', status: 'UNKNOWN', api: 'rpc', count: 'until-cleared' }]);
  await world.eventuallySql('it is sent', "SELECT bool_or(state = 'sent') FROM anchor.transactions WHERE kind = 'anchor'");
  const { requests } = (await world.chain.state()).requests.rpc.status ?? { requests: 0 };
  await world.chain.wait({ for: 'requests', api: 'rpc', operation: 'status', count: requests + 20, timeoutMs: 8_000 });
  await world.chain.clearFaults();
  await untilFinal(world);
});

test('J2.11: a node without -txindex cannot tell what is mined from what it never had, so nothing is refused on its word', async (t) => {
  const satoshis = 29 + 27; // for a transaction with change and one without: the node holds no coin of either once they are mined
  const world = await anchoringWorld(t, { coins: 1, satoshis, warnings: [/^ledger\.(no_txindex|low_balance)$/] });
  const ledger = await startLedger(world, { settings: { BROADCAST: 'node', COINS_READY: 1, SEAL_MAX: 1, RETRY_BASE: 10 } });
  await world.eventuallySql('the wallet has a coin', 'SELECT count(*) = 1 FROM anchor.coins');
  await world.chain.policy({ txindex: false });
  await putLeaves(world, 2);
  await untilAll(world, 'seen');
  const [{ txid }] = await transactions(world);
  await world.chain.mine(1);
  await ledger.waitForLog('ledger.no_txindex');
  await passTime(world, { seconds: 3 * 3600 });
  await world.chain.wait({ for: 'submissions', txid, count: 2 }); // which is answered "Missing inputs"
  await world.eventuallySql('asked again and again', 'SELECT bool_and(failures >= 6) FROM anchor.transactions');
  assert.deepEqual((await transactions(world)).map(({ state }) => state), ['seen', 'seen']);
  assert.equal(ledger.log().filter(({ event }) => event === 'ledger.no_txindex').length, 1, 'said once');
  await world.chain.policy({ txindex: true });
  await passTime(world);
  await untilFinal(world);
  assert.equal((await transactions(world)).length, 2);
});

test('E106: what one provider took and the other does not know is not seen, and that is told', async (t) => {
  const { world, ledger } = await stage(t, 'whatsonchain, verified by a node',
    () => [{ fault: 'stale-status', status: 'UNKNOWN', api: 'rpc', count: 'until-cleared' }], { warnings: [/^ledger\.unverified$/] });
  await world.eventuallySql('it is sent', "SELECT bool_or(state = 'sent') FROM anchor.transactions WHERE kind = 'anchor'");
  await passTime(world);
  const { verifier, says } = await ledger.waitForLog('ledger.unverified');
  assert.deepEqual([verifier, says], ['node', 'unknown']);
  await ledger.child.waitUntil('it is counted', async () => await ledger.metric('eldersafe_ledger_verify_unknown_total') >= 1);
  assert.equal((await transactions(world)).some(({ state }) => state === 'seen'), false);
  await world.chain.clearFaults();
  await untilFinal(world);
});

test('J2.8: ARC keeps saying "seen" of what every node forgot; when time is up it is announced again', async (t) => {
  const world = await anchoringWorld(t);
  await startLedger(world);
  await putLeaves(world, 1);
  await untilAll(world, 'seen');
  const [{ txid }] = await transactions(world);
  await world.chain.forget(txid);
  await passTime(world, { seconds: 3 * 3600 });
  await world.chain.wait({ for: 'tx-seen', txid });
  await untilFinal(world);
});

for (const status of ['SENT_TO_NETWORK', 'DOUBLE_SPEND_ATTEMPTED']) {
  test(`J2.8: ARC never gets beyond ${status}; the reader is asked and knows that it is mined`, async (t) => {
    const { world } = await stage(t, 'arc', () => [{ fault: 'stale-status', status, api: 'arc', count: 'until-cleared' }], { warnings: [/^ledger\.contested$/] });
    await world.eventuallySql('it is sent', "SELECT bool_or(state = 'sent') FROM anchor.transactions WHERE kind = 'anchor'");
    await world.chain.mine(1);
    await passTime(world);
    await world.eventuallySql('the reader is believed', "SELECT bool_or(state IN ('seen', 'mined')) FROM anchor.transactions WHERE kind = 'anchor'");
    await passTime(world, { seconds: 3 * 3600 });
    await untilAll(world, 'mined');
    await untilFinal(world);
    assert.equal((await transactions(world)).length, 1);
  });
}

test('J2.11: Arcade calls REJECTED what it has just taken, and takes that back', async (t) => {
  const { world } = await stage(t, 'arcade', () => [
    { fault: 'stale-status', status: 'REJECTED', api: 'arcade', count: 'until-cleared' },
    { fault: 'stale-status', status: 'UNKNOWN', api: 'woc', count: 'until-cleared' }]);
  await world.eventuallySql('it was taken', "SELECT bool_or(sends > 0 AND state <> 'signed') FROM anchor.transactions WHERE kind = 'anchor'");
  await world.chain.wait({ for: 'requests', api: 'arcade', operation: 'status', count: 4 });
  await world.chain.clearFaults();
  await untilFinal(world);
  assert.deepEqual((await transactions(world)).map(({ state }) => state), ['final']);
});

test('J2.8: the rival is mined and ARC never notices; the reader does, and another coin pays', async (t) => {
  const { world } = await stage(t, 'arc', () => [{ fault: 'double-spend', api: 'arc' }], { warnings: [/^ledger\.contested$/] });
  await world.eventuallySql('it is sent', "SELECT bool_or(state = 'sent') FROM anchor.transactions WHERE kind = 'anchor'");
  const [{ txid }] = await transactions(world);
  await world.chain.faults({ fault: 'stale-status', status: 'DOUBLE_SPEND_ATTEMPTED', api: 'arc', txid, count: 'until-cleared' });
  await passTime(world);
  await world.chain.wait({ for: 'submissions', txid, count: 2 });
  assert.equal((await transactions(world)).length, 1, 'undecided');
  await world.chain.mine(1);
  await passTime(world, { seconds: 3 * 3600 });
  await untilFinal(world);
  const [lost, won] = await transactions(world);
  assert.deepEqual([lost.state, won.state], ['rejected', 'final']);
  assert.ok((await coins(world)).some(({ usable, spender }) => !usable && spender === null), 'its coin is set aside');
});

test('J2.6: ARC says MINED_IN_STALE_BLOCK, and it is mined again elsewhere', async (t) => {
  const world = await anchoringWorld(t);
  await startLedger(world);
  await putLeaves(world, 1);
  await untilAll(world, 'seen');
  const [{ txid }] = await transactions(world);
  const asked = (await world.chain.state()).requests.arc.status.requests;
  await world.chain.faults({ fault: 'stale-status', status: 'MINED_IN_STALE_BLOCK', api: 'arc', count: 'until-cleared' });
  await passTime(world, { seconds: 60 });
  await world.chain.wait({ for: 'requests', api: 'arc', operation: 'status', count: asked + 2 });
  assert.equal((await transactions(world))[0].state, 'seen');
  await world.chain.clearFaults();
  await untilFinal(world);
  assert.equal((await transactions(world))[0].txid, txid);
});

for (const name of SINGLE) {
  test(`FE19 J2.9: a false Merkle path of ${name} is seen through`, async (t) => {
    const { world, ledger } = await stage(t, name, (api) => [{ fault: 'bad-proof', api, count: 'until-cleared' }, { fault: 'bad-proof', api: 'woc', count: 'until-cleared' }], { warnings: [/^ledger\.bad_proof$/] });
    await untilAll(world, 'seen');
    await world.chain.mine(1);
    await ledger.waitForLog('ledger.bad_proof');
    assert.equal((await transactions(world)).some(({ state }) => state === 'mined'), false);
    await world.chain.clearFaults();
    await untilFinal(world);
  });
}

test('J2.6: a reorganisation below a final transaction is told as what it is, and nothing is changed behind anybody\'s back', async (t) => {
  const world = await anchoringWorld(t, { broken: [/^ledger\.finals_contradicted$/] });
  const ledger = await startLedger(world, { settings: { CONFIRMATIONS: 1 } });
  await putLeaves(world, 3, { rewarded: true });
  await untilAll(world, 'seen');
  await world.chain.mine(2);
  await untilAll(world, 'final');
  const { height } = await world.chain.state();
  await ledger.child.waitUntil('the ledger holds the whole chain', async () => await ledger.metric('eldersafe_ledger_tip_height') === height);
  const before = await transactions(world);
  await world.chain.reorg({ depth: 2, mode: 'return' });
  const { transactions: contradicted } = await ledger.waitForLog('ledger.finals_contradicted');
  assert.equal(contradicted, 1);
  await ledger.child.waitUntil('it is told', async () => await ledger.metric('eldersafe_ledger_finals_contradicted') === 1);
  assert.deepEqual(await transactions(world), before);
  await ledger.stop();
  assert.match(world.auditorFindings().join(), /block of final transaction 1 .* expected a block of the best chain/, 'the auditor tells as well');
  world.invariants = false; // what it found is what this test has done
});

test('J2.6: two blocks at one height: while the other one is on the best chain, being mined in this one is no news', async (t) => {
  const world = await anchoringWorld(t);
  const ledger = await startLedger(world, { settings: { STATEMENT_TIMEOUT: 60_000, RETRY_BASE: 10 } });
  await putLeaves(world, 1);
  await untilAll(world, 'seen');
  const [{ id }] = await transactions(world);
  const { height } = await world.chain.state();
  await ledger.child.waitUntil('the ledger holds the whole chain', async () => await ledger.metric('eldersafe_ledger_tip_height') === height);
  const wallet = await world.sql.connect();
  try {
    await wallet.query("SELECT pg_advisory_lock(x'656c646865616473'::bigint)"); // nobody moves the tip
    const rival = [Buffer.alloc(32, 1), height + 1, Buffer.alloc(80, 1)];
    await wallet.query('INSERT INTO anchor.headers (block_hash, height, header, best) VALUES ($1, $2, $3, true)', rival);
    const asked = (await world.chain.state()).requests.arc.status.requests;
    await world.chain.mine(1); // the block that holds it
    await passTime(world);
    await world.chain.wait({ for: 'requests', api: 'arc', operation: 'status', count: asked + 8 });
    const { length } = await transitions(world, id);
    assert.ok(length <= 4, `${length} transitions`);
    await wallet.query('DELETE FROM anchor.headers WHERE block_hash = $1', [rival[0]]);
  } finally {
    await wallet.query('SELECT pg_advisory_unlock_all()');
    wallet.release();
  }
  await passTime(world);
  await untilFinal(world);
});

test('J2.6: a longer branch that shares nothing with ours but its beginning is followed in one step', async (t) => {
  const world = await anchoringWorld(t);
  const ledger = await startLedger(world, { settings: { CONFIRMATIONS: 12 } });
  await putLeaves(world, 3);
  await untilAll(world, 'seen');
  await world.chain.mine(9);
  await untilAll(world, 'mined');
  const holds = (height) => ledger.child.waitUntil(`the ledger holds block ${height}`, async () => await ledger.metric('eldersafe_ledger_tip_height') === height);
  await holds((await world.chain.state()).height);
  await world.chain.reorg({ depth: 8, mode: 'return' });
  const { height, tip } = await world.chain.state();
  await holds(height);
  const { rows: [best] } = await world.sql.query("SELECT encode(block_hash, 'hex') AS hash FROM anchor.headers WHERE best ORDER BY height DESC LIMIT 1");
  assert.equal(Buffer.from(best.hash, 'hex').reverse().toString('hex'), tip);
  await untilFinal(world, { blocks: 12 });
});

for (const depth of [1, 4]) {
  test(`J2.6: three requests a second are enough to follow a reorganisation of ${depth}, with 200 headers held`, async (t) => {
    const world = await anchoringWorld(t);
    const ledger = await startLedger(world, { settings: { POLL_INTERVAL: 1_100 } }); // a whole window of the limit
    const holds = (height, options) => ledger.child.waitUntil(`the ledger holds block ${height}`, async () => await ledger.metric('eldersafe_ledger_tip_height') === height, options);
    await holds((await world.chain.state()).height);
    await world.chain.mine(200);
    await holds((await world.chain.state()).height);
    await world.chain.policy({ wocRequestsPerSecond: 3 });
    await world.chain.reorg({ depth, mode: 'return' });
    const { height, tip } = await world.chain.state();
    await holds(height, { timeout: 30_000 });
    const { rows: [best] } = await world.sql.query("SELECT encode(block_hash, 'hex') AS hash FROM anchor.headers WHERE best ORDER BY height DESC LIMIT 1");
    assert.equal(Buffer.from(best.hash, 'hex').reverse().toString('hex'), tip);
  });
}

test('J2.11: the change of a transaction that was mined after everybody had refused it comes back', async (t) => {
  const world = await anchoringWorld(t, { coins: 1, warnings: [/^ledger\.(contested|no_coins|low_balance)$/] });
  await startLedger(world, { settings: { COINS_READY: 1, ...IMPATIENT } });
  await world.eventuallySql('the wallet has its coin', 'SELECT count(*) = 1 FROM anchor.coins');
  await world.chain.faults(
    { fault: 'reject', reason: 'script', api: 'arc' },
    { fault: 'timeout-before', api: 'arc', operation: 'submit', count: 'until-cleared' });
  await putLeaves(world, 3, { rewarded: true });
  await world.eventuallySql('it is refused', `SELECT bool_or(state = 'rejected') FROM anchor.transactions`);
  const [refused] = await transactions(world);
  const body = JSON.stringify({ method: 'sendrawtransaction', params: [refused.raw.toString('hex')], id: 1 });
  assert.equal((await fetch(`${world.chain.url}/rpc`, { method: 'POST', body })).status, 200);
  await world.chain.mine(1);
  await world.eventuallySql('its change is money again', `SELECT usable FROM anchor.coins WHERE made_by = $1`, [refused.id]);
  await world.chain.clearFaults();
  await untilFinal(world);
  const last = (await transactions(world)).at(-1);
  assert.equal((await coins(world)).find(({ maker }) => maker === refused.id).spender, last.id, 'nothing else could pay');
});

test('E135: the chain is away for an hour; nothing is lost, and the backlog clears', async (t) => {
  const world = await anchoringWorld(t, { coins: 20 });
  const ledger = await startLedger(world);
  await world.eventuallySql('the wallet has coins', 'SELECT count(*) >= 20 FROM anchor.coins');
  await world.chain.faults({ fault: 'status5xx', operation: 'any', count: 'until-cleared' });
  for (let minute = 0; minute < 12; minute++) {
    await putLeaves(world, 5, { rewarded: true });
    await world.eventuallySql('it is sealed in spite of all', 'SELECT NOT EXISTS (SELECT FROM anchor.leaves)');
    await passTime(world, { seconds: 300 });
  }
  assert.equal((await transactions(world)).every(({ state }) => state === 'signed'), true);
  await world.chain.clearFaults();
  await passTime(world);
  await untilFinal(world);
  assert.equal(await rewardBalance(world), 60);
  assert.ok(ledger.child.running);
});

test('a provider that hangs does not delay sealing', async (t) => {
  const world = await anchoringWorld(t);
  await startLedger(world, { settings: { SEAL_INTERVAL: 50 } });
  await world.eventuallySql('the wallet has coins', 'SELECT count(*) >= 5 FROM anchor.coins');
  await world.chain.faults({ fault: 'timeout-before', operation: 'any', count: 'until-cleared' });
  for (let i = 0; i < 5; i++) {
    await putLeaves(world, 2);
    await world.eventuallySql('sealed', 'SELECT size = $1 FROM anchor.log', [2 * (i + 1)], { timeout: FAST.PROVIDER_TIMEOUT / 2 });
  }
  await world.chain.clearFaults();
});

test('a rejected parent takes the transactions that spend its change with it, and all of them are made anew', async (t) => {
  const world = await anchoringWorld(t, { coins: 1, warnings: [/^ledger\.(contested|no_coins|low_balance)$/] });
  await startLedger(world, { settings: { COINS_READY: 1, SEAL_MAX: 1 } });
  await world.eventuallySql('the wallet has a coin', 'SELECT count(*) = 1 FROM anchor.coins');
  await putLeaves(world, 3); // a chain of three
  await untilAll(world, 'seen');
  const chain = await transactions(world);
  const inputs = chain.map(({ raw }) => Transaction.fromHex(raw.toString('hex')).inputs.map(({ sourceTXID }) => sourceTXID)).flat();
  assert.deepEqual(inputs.slice(1), chain.slice(0, 2).map(({ txid }) => txid), 'each spends the change of the one before');
  await world.chain.faults({ fault: 'double-spend', api: 'arc', txid: chain[0].txid });
  await passTime(world, { seconds: 3 * 3600 }); // it is announced again, and finds a rival
  await world.eventuallySql('announced again', 'SELECT sends >= 2 FROM anchor.transactions WHERE transaction_id = $1', [chain[0].id]);
  await world.chain.fund(world.address, 100_000); // the block that pays this holds the rival, too
  await untilFinal(world);
  const all = await transactions(world);
  assert.equal(all[0].state, 'rejected');
  assert.ok(all.slice(1, 3).every(({ state }) => ['rejected', 'stale'].includes(state)));
  assert.ok(all.some(({ state }) => state === 'stale'), 'nobody had to refuse what cannot be mined any more');
  assert.deepEqual(new Set(all.filter(({ state }) => state === 'final').map(({ checkpoint }) => checkpoint)), new Set([1, 2, 3]));
});
