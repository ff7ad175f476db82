// Published vectors: transactions, signature digests, the BUMP of BRC-74, the regtest genesis block.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LockingScript, MerklePath, PrivateKey, Transaction, TransactionSignature } from '@bsv/sdk';
import { hash256 } from '../bytes.js';
import { Chain } from '../chain.js';
import { bump, merkleBranch, merkleRoot, merkleTree, rootOfBranch, tscNodes } from '../merkle.js';
import { blockHash, genesisBlock, hasProofOfWork } from '../mining.js';
import { check } from '../validate.js';
import { parseTransaction } from '../wire.js';

const T1 = {
  source: { satoshis: 100_000_000, script: '76a914c0a3c167a28cabb9fbb495affa0761e6e74ac60d88ac' },
  wif: 'cNGwGSc7KRrTmdLUZ54fiSXWbhLNDc2Eg5zNucgQxyQCzuQ5YRDq',
  unsigned:
    '010000000193a35408b6068499e0d5abd799d3e827d9bfe70c9b75ebe209c91d25072326510000000000ffffffff02404b4c00000000001976a91404ff367be719efa79d76e4416ffb072cd53b208888acde94a905000000001976a91404d03f746652cfcb6cb55119ab473a045137d26588ac00000000',
  digest: 'be9a42ef2e2dd7ef02cd631290667292cbbc5018f4e3f6843a8f4c302a2111b1',
  signed:
    '010000000193a35408b6068499e0d5abd799d3e827d9bfe70c9b75ebe209c91d2507232651000000006b483045022100c1d77036dc6cd1f3fa1214b0688391ab7f7a16cd31ea4e5a1f7a415ef167df820220751aced6d24649fa235132f1e6969e163b9400f80043a72879237dab4a1190ad412103b8b40a84123121d260f5c109bc5a46ec819c2e4002e5ba08638783bfb4e01435ffffffff02404b4c00000000001976a91404ff367be719efa79d76e4416ffb072cd53b208888acde94a905000000001976a91404d03f746652cfcb6cb55119ab473a045137d26588ac00000000',
  txid: '19dcf16ecc9286c3734fdae3d45d4fc4eb6b25f841131e06460f4939bba0026e',
};

const T2 = {
  source: { satoshis: 2_000_000_000, script: '76a914eb0bd5edba389198e73f8efabddfc61666969ff788ac' },
  unsigned:
    '01000000027e2705da59f7112c7337d79840b56fff582b8f3a0e9df8eb19e282377bebb1bc0100000000ffffffffdebe6fe5ad8e9220a10fcf6340f7fca660d87aeedf0f74a142fba6de1f68d8490000000000ffffffff0300e1f505000000001976a9142987362cf0d21193ce7e7055824baac1ee245d0d88ac00e1f505000000001976a9143ca26faa390248b7a7ac45be53b0e4004ad7952688ac34657fe2000000001976a914eb0bd5edba389198e73f8efabddfc61666969ff788ac00000000',
  digests: [
    '8b15eecfb6d5e727485e19797b5d1829e0630e8b43c806707685238e28a3194c',
    '7b72c355a2714a5039d97fbd5eee792099b0eab4bf07d2e5bfcfc3309f81badb',
  ],
};

const T3 = {
  source: { satoshis: 26_174, script: '76a9146bfd5c7fbe21529d45803dbcf0c87dd3c71efbc288ac' },
  signed:
    '0100000001ac4e164f5bc16746bb0868404292ac8318bbac3800e4aad13a014da427adce3e000000006a47304402203a61a2e931612b4bda08d541cfb980885173b8dcf64a3471238ae7abcd368d6402204cbf24f04b9aa2256d8901f0ed97866603d2be8324c2bfb7a37bf8fc90edd5b441210263e2dee22b1ddc5e11f6fab8bcd2378bdd19580d640501ea956ec0e786f93e76ffffffff013c660000000000001976a9146bfd5c7fbe21529d45803dbcf0c87dd3c71efbc288ac00000000',
  txid: '157428aee67d11123203735e4c540fa1bdab3b36d5882c6f8c5ff79f07d20d1c',
  digest: 'd5ef710c445ef8470e0a5bf93c8c2e14c026e4b0f0011b923b20c677af977e91',
};

const BUMP =
  'fe636d0c0007021400fe507c0c7aa754cef1f7889d5fd395cf1f785dd7de98eed895dbedfe4e5bc70d1502ac4e164f5bc16746bb0868404292ac8318bbac3800e4aad13a014da427adce3e010b00bc4ff395efd11719b277694cface5aa50d085a0bb81f613f70313acd28cf4557010400574b2d9142b8d28b61d88e3b2c3f44d858411356b49a28a4643b6d1a6a092a5201030051a05fc84d531b5d250c23f4f886f6812f9fe3f402d61607f977b4ecd2701c19010000fd781529d58fc2523cf396a7f25440b409857e7e221766c57214b1d38c7b481f01010062f542f45ea3660f86c013ced80534cb5fd4c19d66c56e7e8c5d4bf2d40acc5e010100b121e91836fd7cd5102b654e9f72f3cf6fdbfd0b161c53a9c54b12c841126331';

/** The digest an input signs, by the SDK from our own parse of the bytes. */
function digest(hex, index, source) {
  const tx = parse(hex);
  const input = tx.inputs[index];
  return hash256(
    Buffer.from(
      TransactionSignature.format({
        sourceTXID: input.txid,
        sourceOutputIndex: input.vout,
        sourceSatoshis: source.satoshis,
        transactionVersion: tx.version,
        otherInputs: tx.inputs
          .filter((_, other) => other !== index)
          .map(({ txid, vout, sequence }) => ({ sourceTXID: txid, sourceOutputIndex: vout, sequence })),
        outputs: tx.outputs.map(({ satoshis, script }) => ({
          satoshis,
          lockingScript: LockingScript.fromHex(script.toString('hex')),
        })),
        inputIndex: index,
        subscript: LockingScript.fromHex(source.script),
        inputSequence: input.sequence,
        lockTime: tx.lockTime,
        scope: 0x41,
      }),
    ),
  ).toString('hex');
}

/** A chain in which every output looks like `source`, to judge real transactions without their history. */
function chainOf(source) {
  const output = { satoshis: source.satoshis, script: Buffer.from(source.script, 'hex') };
  const parent = { tx: { inputs: [], outputs: [output] }, block: { height: 0 } };
  return { height: 1000, output: () => output, spender: () => undefined, entry: () => parent, medianTimePast: () => 0 };
}

function parse(hex) {
  return parseTransaction(Buffer.from(hex, 'hex'));
}

test('T1: digest, signature and txid', async () => {
  assert.equal(digest(T1.unsigned, 0, T1.source), T1.digest);
  assert.equal(parse(T1.signed).txid, T1.txid);
  assert.equal(check(parse(T1.signed), chainOf(T1.source), { satoshisPerKb: 100 }), null);
  assert.equal(
    PrivateKey.fromWif(T1.wif, 1).toHex(),
    '14b2c42482bbc5c76632f1b216421f6cebf27fd7909dbaefc17a5e3bcc4ad30a',
  );
  assert.equal(Transaction.fromHex(T1.signed).id('hex'), T1.txid);
});

test('T1 with one bit changed fails', () => {
  const spoiled = T1.signed.replace('404b4c', '414b4c');
  assert.equal(check(parse(spoiled), chainOf(T1.source), { satoshisPerKb: 100 }).key, 'script');
});

test('T2: the digests of two inputs', () => {
  assert.deepEqual(
    [0, 1].map((index) => digest(T2.unsigned, index, T2.source)),
    T2.digests,
  );
});

test('T3: a real transaction of 191 bytes that pays 2 satoshis', () => {
  const tx = parse(T3.signed);
  assert.equal(tx.txid, T3.txid);
  assert.equal(tx.raw.length, 191);
  assert.equal(digest(T3.signed, 0, T3.source), T3.digest);
  assert.equal(check(tx, chainOf(T3.source), { satoshisPerKb: 1 }), null);
  assert.deepEqual(check(tx, chainOf(T3.source), { satoshisPerKb: 100 }), {
    key: 'fee-too-low',
    detail: 'minimum expected fee: 20, actual fee: 2',
    competing: [],
  });
});

test('the BUMP of BRC-74 reads as published', () => {
  const path = MerklePath.fromHex(BUMP);
  assert.equal(path.blockHeight, 814435);
  assert.equal(
    path.computeRoot('3ecead27a44d013ad1aae40038acbb1883ac9242406808bb4667c15b4f164eac'),
    'bb6f640cc4ee56bf38eb5a1969ac0c16caa2d3d202b22bf3735d10eec0ca6e00',
  );
});

test('our BUMP is the published one, byte for byte', () => {
  const { path, blockHeight } = MerklePath.fromHex(BUMP);
  const levels = [...path.map((nodes) => sparse(nodes)), [null]];
  assert.equal(bump(blockHeight, levels, 21), BUMP);
});

/** A level of a tree of which only some nodes are known. */
function sparse(nodes) {
  const level = [];
  for (const { offset, hash } of nodes) level[offset] = Buffer.from(hash, 'hex').reverse();
  level.length += 1;
  return level;
}

test('the regtest genesis block has its known hash, root and proof of work', () => {
  const { header, coinbase } = genesisBlock();
  assert.equal(blockHash(header), '0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206');
  assert.equal(coinbase.txid, '4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b');
  assert.ok(hasProofOfWork(header));
  assert.equal(new Chain({ header, coinbase }).entry(coinbase.txid), undefined, 'its coinbase cannot be spent');
});

test('for 1 to 17 transactions every proof leads to the root, in both forms', () => {
  for (let size = 1; size <= 17; size++) {
    const txids = Array.from({ length: size }, (_, index) => hash256(Buffer.from([size, index])).toString('hex'));
    const levels = merkleTree(txids);
    const root = Buffer.from(merkleRoot(levels)).reverse().toString('hex');
    for (const [index, txid] of txids.entries()) {
      const path = MerklePath.fromHex(bump(700, levels, index));
      assert.equal(path.computeRoot(txid), root, `BUMP of ${index} in ${size}`);
      assert.equal(path.blockHeight, 700);
      assert.ok(rootOfBranch(levels[0][index], index, merkleBranch(levels, index)).equals(merkleRoot(levels)));
      assert.equal(rootOfTsc(txid, index, tscNodes(levels, index, { star: true })), root, `TSC of ${index} in ${size}`);
      assert.equal(rootOfTsc(txid, index, tscNodes(levels, index, { star: false })), root);
    }
  }
});

/** The rule of the TSC standard, written out. */
function rootOfTsc(txid, index, nodes) {
  let working = Buffer.from(txid, 'hex').reverse();
  for (const [level, node] of nodes.entries()) {
    const sibling = node === '*' ? working : Buffer.from(node, 'hex').reverse();
    working = hash256(Buffer.concat((index >> level) & 1 ? [sibling, working] : [working, sibling]));
  }
  return working.reverse().toString('hex');
}
