// The journal: a restart finds everything as it was, even after a kill in the middle of writing.

import assert from 'node:assert/strict';
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ADDRESS, ChainClient, pay } from '../client.js';
import { startReceiver, temporaryFolder } from '../harness.js';
import { startStandIn } from '../stand-in.js';

/** Starts a stand-in on a folder; `restart` closes it and starts another. */
async function startOn(t, data, options = {}) {
  let standIn = await startStandIn({ port: 0, data, ...options });
  t.after(() => standIn.close());
  const restart = async () => {
    await standIn.close();
    standIn = await startStandIn({ port: 0, data, ...options });
    return new ChainClient(standIn.url);
  };
  return { chain: new ChainClient(standIn.url), restart };
}

/** All that can be seen of a chain and the given transactions. */
async function portrait(chain, txids) {
  const state = { ...(await chain.control('state')), requests: 'not kept' };
  const facts = [];
  for (const txid of txids) facts.push(await chain.facts(txid));
  const { headers } = await chain.control('headers?from=0');
  const coins = (await chain.get(`/woc/v1/bsv/test/address/${ADDRESS}/unspent/all`)).json;
  const watched = (await chain.rpc('listunspent', 0)).result;
  return { state, facts, headers, coins, watched };
}

async function send(chain, tx, headers) {
  await chain.post('/arc/v1/tx', { rawTx: tx.toHex() }, headers);
  return tx.id('hex');
}

test('a restart finds blocks, mempool, refusals, conflicts, reorgs, policy and watched addresses', async (t) => {
  const { chain, restart } = await startOn(t, temporaryFolder(t));
  const coins = await chain.coins({ count: 8 });
  await chain.rpc('importaddress', ADDRESS);
  const txids = [];
  txids.push(await send(chain, await pay([coins[0]])));
  txids.push(await send(chain, await pay([coins[0]], { fee: 900 })));
  txids.push(await send(chain, await pay([coins[1]], { fee: 1 })));
  await chain.control('mine', { blocks: 2, fillers: 3 });
  txids.push(await send(chain, await pay([coins[2]])));
  await chain.control('mine', {});
  await chain.control('reorg', { depth: 2, mode: 'return' });
  await chain.control('reorg', { depth: 1, mode: 'remine' });
  txids.push(await send(chain, await pay([coins[3]])));
  await chain.control('mine', {});
  await chain.control('reorg', { depth: 1, mode: 'drop', txids: [txids.at(-1)] });
  await chain.faults({ fault: 'double-spend' });
  txids.push(await send(chain, await pay([coins[4]])));
  await chain.control('mine', {});
  await chain.faults({ fault: 'drop' });
  txids.push(await send(chain, await pay([coins[5]])));
  txids.push(await send(chain, await pay([coins[6]])));
  await chain.control('forget', { txid: txids.at(-1) });
  await chain.control('policy', { satoshisPerKb: 55 });
  txids.push(await send(chain, await pay([coins[7]])));

  const before = await portrait(chain, txids);
  const after = await portrait(await restart(), txids);
  assert.deepEqual(after, before);
  assert.deepEqual(
    before.facts.map(({ state }) => state),
    ['mined', 'refused', 'refused', 'mined', 'orphaned', 'refused', 'forgotten', 'forgotten', 'mempool'],
  );
});

test('after a restart it goes on: the wallet pays, blocks follow, coinbases differ', async (t) => {
  const { chain, restart } = await startOn(t, temporaryFolder(t));
  await chain.coins();
  const again = await restart();
  const [coin] = await again.coins();
  const txid = await send(again, await pay([coin]));
  await again.control('reorg', { depth: 2, mode: 'return' });
  await again.control('mine', {});
  assert.equal((await again.facts(txid)).state, 'mined');
  const third = await restart();
  assert.equal((await third.facts(txid)).state, 'mined');
});

test('subscriptions survive, and are not told again what they know', async (t) => {
  const { chain, restart } = await startOn(t, temporaryFolder(t));
  const receiver = await startReceiver(t);
  const tx = await chain.freshPayment();
  await send(chain, tx, { 'X-CallbackUrl': receiver.url, 'X-FullStatusUpdates': 'true' });
  await receiver.next(1);
  const again = await restart();
  await again.control('mine', {});
  assert.deepEqual(
    (await receiver.next(2)).map(({ body }) => body.txStatus),
    ['SEEN_ON_NETWORK', 'MINED'],
  );
});

test('a torn last line is cut off, and writing goes on behind what is whole', async (t) => {
  const folder = temporaryFolder(t);
  const { chain, restart } = await startOn(t, folder);
  const { height } = await chain.control('mine', { blocks: 3 });
  appendFileSync(join(folder, 'journal.ndjson'), '[{"step":"block","header":"00');
  const again = await restart();
  assert.equal((await again.control('state')).height, height);
  await again.control('mine', {});
  assert.equal((await (await restart()).control('state')).height, height + 1);
});

test('a journal that is not one is an error, not a new chain', async (t) => {
  const folder = temporaryFolder(t);
  appendFileSync(join(folder, 'journal.ndjson'), '[{"step":"nosuch"}]\n');
  await assert.rejects(startStandIn({ port: 0, data: folder }), /no such step: nosuch/);
});

test('reset empties the journal, too', async (t) => {
  const folder = temporaryFolder(t);
  const { chain, restart } = await startOn(t, folder);
  await chain.control('mine', { blocks: 5 });
  const { tip } = await chain.control('reset', {});
  assert.equal((await (await restart()).control('state')).tip, tip);
});

test('one line per change: a reorg is written whole', async (t) => {
  const folder = temporaryFolder(t);
  const { chain } = await startOn(t, folder);
  const lines = () => readFileSync(join(folder, 'journal.ndjson'), 'utf8').trimEnd().split('\n');
  await chain.control('mine', { blocks: 2 });
  const before = lines().length;
  await chain.control('reorg', { depth: 2 });
  const added = lines().slice(before);
  assert.equal(added.length, 1);
  assert.deepEqual(
    JSON.parse(added[0]).map(({ step }) => step),
    ['disconnect', 'disconnect', 'purge', 'block', 'block', 'block'],
  );
});
