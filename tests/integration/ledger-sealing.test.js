// Sealing and publishing: when a checkpoint is made, how large it is, and what anybody can check with
// nothing but the static files and the log's public key.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import { cpSync, existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { programPath } from '../../deploy/local/site.js';
import { sanitizerReport } from '../harness/logs.js';
import { Tree, sha256 } from '../harness/merkle.js';
import { forgeToken, newCrowd, signal } from './support/core.js';
import { anchoringWorld, passTime, putLeaves, startLedger, transactions, untilAll, untilFinal } from './support/ledger.js';

const NODE_PREFIX = Buffer.from([1]);
const HASH = 32;
const WIDTH = 256;
const START_REFUSED = [/^daemon\.start_failed$/];

async function checkpoints(world) {
  const { rows } = await world.sql.query('SELECT size::int, first_index::int AS first, root, note FROM anchor.checkpoints ORDER BY size');
  return rows;
}

function untilSealed(world, leaves, options) {
  return world.eventuallySql(`${leaves} leaves are sealed`, 'SELECT size >= $1 FROM anchor.log', [leaves], options);
}

/** The published file, or null. */
function file(world, name) {
  const at = path.join(world.site.tilesFolder, name);
  return existsSync(at) ? readFileSync(at) : null;
}

function untilPublished(world, daemon, size) {
  return daemon.child.waitUntil(`checkpoint ${size} is published`, () => file(world, 'checkpoint')?.toString().split('\n')[1] === String(size));
}

/** Reads a C2SP checkpoint and checks its signature with Node's own Ed25519. */
function openCheckpoint(world, text) {
  const vkey = world.site.logVerifierKey.text.trim();
  const keyBytes = Buffer.from(vkey.split('+').slice(2).join('+'), 'base64').subarray(1);
  const key = createPublicKey({ format: 'der', type: 'spki', key: Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), keyBytes]) });
  const [body, signatures] = text.split('\n\n');
  const signature = Buffer.from(/^— \S+ (\S+)\n$/.exec(signatures)[1], 'base64').subarray(4);
  assert.ok(verify(null, Buffer.from(`${body}\n`), key, signature), 'the signature holds');
  const [origin, size, root] = body.split('\n');
  return { origin, size: Number(size), root: Buffer.from(root, 'base64') };
}

function tilePath(level, index, width) {
  const digits = String(index).padStart(Math.ceil(String(index).length / 3) * 3, '0').match(/.{3}/g);
  const name = digits.map((group, i) => (i < digits.length - 1 ? `x${group}` : group)).join('/');
  return `tile/${level}/${name}${width < WIDTH ? `.p/${width}` : ''}`;
}

/** All leaf hashes of the tree of SIZE leaves, from tiles alone; every tile above is recomputed. */
function leavesFromTiles(world, size) {
  let hashes = readLevel(world, 0, size);
  const leaves = hashes;
  for (let level = 1; Math.floor(size / WIDTH ** level) > 0; level++) {
    const above = readLevel(world, level, Math.floor(size / WIDTH ** level));
    above.forEach((hash, i) => assert.deepEqual(hash, subtree(hashes.slice(i * WIDTH, (i + 1) * WIDTH)), `level ${level}, hash ${i}`));
    hashes = above;
  }
  return leaves;
}

function readLevel(world, level, count) {
  const hashes = [];
  for (let index = 0; index * WIDTH < count; index++) {
    const width = Math.min(WIDTH, count - index * WIDTH);
    const bytes = file(world, tilePath(level, index, width)) ?? file(world, tilePath(level, index, WIDTH));
    assert.ok(bytes, `tile ${tilePath(level, index, width)} is there`);
    for (let i = 0; i < width; i++) hashes.push(bytes.subarray(i * HASH, (i + 1) * HASH));
  }
  return hashes;
}

function subtree(hashes) {
  if (hashes.length === 1) return hashes[0];
  const half = hashes.length / 2;
  return sha256(NODE_PREFIX, subtree(hashes.slice(0, half)), subtree(hashes.slice(half)));
}

test('E98: 250 leaves at 100 a checkpoint make three: 100, 100 and 50, one transaction each', async (t) => {
  const world = await anchoringWorld(t);
  await putLeaves(world, 250);
  await startLedger(world, { settings: { SEAL_MAX: 100, SEAL_INTERVAL: 500 } });
  await untilSealed(world, 250);
  assert.deepEqual((await checkpoints(world)).map(({ size, first }) => size - first), [100, 100, 50]);
  await untilFinal(world);
  assert.equal((await transactions(world)).length, 3);
});

test('E97: without leaves there is no checkpoint and no transaction, however many rounds go by', async (t) => {
  const world = await anchoringWorld(t);
  const ledger = await startLedger(world, { settings: { SEAL_INTERVAL: 20 } });
  await world.chain.wait({ for: 'requests', api: 'woc', operation: 'header', count: 40, timeoutMs: 20_000 });
  assert.equal((await checkpoints(world)).length, 0);
  assert.equal((await transactions(world)).length, 0);
  assert.equal(await ledger.metric('eldersafe_ledger_checkpoints_sealed_total'), 0);
});

test('J2.2 E5: ten thousand leaves in one checkpoint are one transaction of the size of any other', async (t) => {
  const world = await anchoringWorld(t);
  await putLeaves(world, 1);
  await startLedger(world);
  await untilAll(world, 'seen');
  await putLeaves(world, 10_000);
  await untilAll(world, 'seen');
  const [one, many] = await transactions(world);
  assert.ok(Math.abs(one.raw.length - many.raw.length) <= 3, 'signatures differ by a byte or two');
  await untilFinal(world);
});

test('leaves are sealed in the order of their ids, whoever commits first', async (t) => {
  const world = await anchoringWorld(t);
  await world.sql.query(`INSERT INTO anchor.leaves (leaf_id, hash) SELECT id, sha256(int8send(id)) FROM unnest('{9,3,7,1,5}'::bigint[]) AS id`);
  await startLedger(world);
  await untilSealed(world, 5);
  const { rows } = await world.sql.query('SELECT array_agg(leaf_id::int ORDER BY leaf_index) AS ids FROM anchor.entries');
  assert.deepEqual(rows[0].ids, [1, 3, 5, 7, 9]);
});

test('a leaf under an id that the log has already is left out, told, and holds up nobody', async (t) => {
  const world = await anchoringWorld(t, { broken: [/^ledger\.leaf_repeated$/] });
  const ledger = await startLedger(world);
  await putLeaves(world, 3);
  await untilSealed(world, 3);
  const { rows: [{ id }] } = await world.sql.query(
    `INSERT INTO anchor.leaves (leaf_id, hash) SELECT min(leaf_id), sha256('again') FROM anchor.entries RETURNING leaf_id::int AS id`);
  await putLeaves(world, 2);
  await untilSealed(world, 5);
  const told = ledger.log().filter(({ event }) => event === 'ledger.leaf_repeated');
  assert.deepEqual(told.map(({ leaf, hash }) => [leaf, hash]), [[id, sha256(Buffer.from('again')).toString('hex')]]);
  await putLeaves(world, 1);
  await untilFinal(world);
});

test('J2.13 J2.15: tiles and checkpoints alone prove every root, and that the log only grew', async (t) => {
  const world = await anchoringWorld(t);
  const ledger = await startLedger(world, { settings: { SEAL_INTERVAL: 20 } });
  let total = 0;
  for (const count of [1, 3, 252, 1, 300, 66_000]) { // over the edges of tiles of level 0 and 1
    await putLeaves(world, count);
    total += count;
    await untilPublished(world, ledger, total);
  }
  const latest = openCheckpoint(world, file(world, 'checkpoint').toString());
  assert.equal(latest.size, total);
  const tree = new Tree(leavesFromTiles(world, total));
  assert.deepEqual(tree.root(total), latest.root);
  const archived = readdirSync(path.join(world.site.tilesFolder, 'checkpoints')).map(Number).sort((a, b) => a - b);
  assert.deepEqual(archived, (await checkpoints(world)).map(({ size }) => size));
  for (const size of archived) {
    const { root } = openCheckpoint(world, file(world, `checkpoints/${size}`).toString());
    assert.deepEqual(tree.root(size), root, `the tree of ${size} leaves is the beginning of the tree of ${total}`);
  }
  assert.equal(existsSync(path.join(world.site.tilesFolder, 'tile/0/000.p')), false, 'partial tiles go when the tile is full');
});

/** NOTE with SIZE leaves and ROOT instead, signed by the log's own key: what a log that lies can make. */
function resign(world, note, { size, root }) {
  const [body, signatures] = note.split('\n\n');
  const [origin] = body.split('\n');
  const text = `${origin}\n${size}\n${root.toString('base64')}\n`;
  const seed = Buffer.from(`302e020100300506032b657004220420${world.site.keys.log.text.trim()}`, 'hex');
  const signature = sign(null, Buffer.from(text), createPrivateKey({ format: 'der', type: 'pkcs8', key: seed }));
  const [, name, encoded] = /^— (\S+) (\S+)\n$/.exec(signatures);
  return `${text}\n— ${name} ${Buffer.concat([Buffer.from(encoded, 'base64').subarray(0, 4), signature]).toString('base64')}\n`;
}

/** Runs eldersafe-verify --consistency; { status, result: the last line }. */
function verifyGrowth(world, older, newer, { tiles = world.site.tilesFolder, key = world.site.logVerifierKey.path } = {}) {
  const [old, recent] = [older, newer].map((note, i) => {
    const at = path.join(world.folder, `note-${i}`);
    writeFileSync(at, note);
    return at;
  });
  const run = spawnSync(programPath('eldersafe-verify'), ['--log-key', key, '--consistency', old, recent, tiles], { encoding: 'utf8' });
  assert.equal(sanitizerReport(run.stderr), null);
  return { status: run.status, result: run.stdout.trim().split('\n').at(-1).replace(/^RESULT +/, '') };
}

test('J2.13: anybody with an old checkpoint can check that the log only grew since', async (t) => {
  const world = await anchoringWorld(t);
  const ledger = await startLedger(world, { settings: { SEAL_INTERVAL: 20 } });
  const notes = {};
  for (const [count, total] of [[3, 3], [300, 303], [700, 1003]]) {
    await putLeaves(world, count);
    await untilPublished(world, ledger, total);
    notes[total] = file(world, 'checkpoint').toString();
  }
  for (const [older, newer] of [[3, 303], [3, 1003], [303, 1003], [1003, 1003]]) {
    assert.deepEqual(verifyGrowth(world, notes[older], notes[newer]), { status: 0, result: 'the log only grew' }, `${older} to ${newer}`);
  }
  const broken = (at) => ({ status: 1, result: `BROKEN at ${at}` });
  assert.deepEqual(verifyGrowth(world, notes[1003], notes[303]), broken('new'), 'a log that shrank');
  const other = resign(world, notes[303], { size: 303, root: sha256(Buffer.from('other')) });
  assert.deepEqual(verifyGrowth(world, other, notes[1003]), broken('consistency'), 'the log signed another history once');
  assert.deepEqual(verifyGrowth(world, notes[3].replace('\n3\n', '\n4\n'), notes[1003]), broken('old'), 'a note that was changed');
  const stranger = path.join(world.folder, 'stranger.vkey');
  writeFileSync(stranger, 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k\n');
  assert.deepEqual(verifyGrowth(world, notes[3], notes[1003], { key: stranger }), broken('old'), 'the key of another log');

  const mirror = path.join(world.folder, 'mirror');
  cpSync(world.site.tilesFolder, mirror, { recursive: true });
  for (const name of ['tile/0/001', 'tile/1/000.p/3', 'tile/0/003.p/235']) {
    const good = readFileSync(path.join(mirror, name));
    const bad = Buffer.from(good);
    bad[40] ^= 1;
    writeFileSync(path.join(mirror, name), bad);
    assert.deepEqual(verifyGrowth(world, notes[303], notes[1003], { tiles: mirror }), broken('tiles'), `${name} was changed`);
    writeFileSync(path.join(mirror, name), good);
  }
  rmSync(path.join(mirror, 'tile/0/001'));
  assert.equal(verifyGrowth(world, notes[303], notes[1003], { tiles: mirror }).status, 3, 'a tile is missing');
  assert.equal(verifyGrowth(world, notes[303], notes[1003], { tiles: path.join(world.folder, 'nowhere') }).status, 3);
  await untilFinal(world);
});

test('J2.15: what is missing in the folder is written at the next start', async (t) => {
  const world = await anchoringWorld(t);
  const ledger = await startLedger(world, { settings: { SEAL_INTERVAL: 20 } });
  await putLeaves(world, 300);
  await untilPublished(world, ledger, 300);
  await putLeaves(world, 300);
  await untilPublished(world, ledger, 600);
  await ledger.stop();
  rmSync(world.site.tilesFolder, { recursive: true });
  const again = await ledger.again({ settings: {} });
  await untilPublished(world, again, 600);
  assert.deepEqual(new Tree(leavesFromTiles(world, 600)).root(600), openCheckpoint(world, file(world, 'checkpoint').toString()).root);
});

test('J2.15: a folder that holds another log is left alone', async (t) => {
  const world = await anchoringWorld(t, { warnings: START_REFUSED });
  const ledger = await startLedger(world);
  await putLeaves(world, 1);
  await untilPublished(world, ledger, 1);
  await ledger.stop();
  const [body, signature] = file(world, 'checkpoint').toString().split('\n\n');
  const at = signature.length - 40; // inside the signature, behind the key's id
  const other = signature[at] === 'A' ? 'B' : 'A';
  const foreign = `${body}\n\n${signature.slice(0, at)}${other}${signature.slice(at + 1)}`;
  writeFileSync(path.join(world.site.tilesFolder, 'checkpoint'), foreign);
  const refused = await startLedger(world, { waitReady: false });
  await refused.ends(78);
  assert.match(JSON.stringify(refused.log()), /not signed by the log's key/);
});

test('another LOG_ORIGIN than the one the log was made with is a configuration error', async (t) => {
  const world = await anchoringWorld(t, { warnings: START_REFUSED });
  const ledger = await startLedger(world);
  await ledger.stop();
  const refused = await startLedger(world, { settings: { LOG_ORIGIN: 'log.example.org/other' }, waitReady: false });
  await refused.ends(78);
  assert.match(JSON.stringify(refused.log()), /another origin/);
});

test('E118 FE24: a leaf that waits too long raises the alarm, a thousand that just came do not', async (t) => {
  const world = await anchoringWorld(t, { warnings: [/^ledger\.leaf_age_alarm$/] });
  const ledger = await startLedger(world, { settings: { SEAL_INTERVAL: 3_600_000, LEAF_AGE_ALARM: 60 } });
  await putLeaves(world, 1_500);
  await ledger.child.waitUntil('they are counted', async () => await ledger.metric('eldersafe_ledger_leaves_waiting') === 1_500);
  assert.equal(await ledger.metric('eldersafe_ledger_leaf_age_alarm'), 0);
  await world.sql.query('DELETE FROM anchor.leaves');
  await putLeaves(world, 1, { agedSeconds: 100 });
  const { oldest_s: oldest } = await ledger.waitForLog('ledger.leaf_age_alarm');
  assert.ok(oldest >= 100 && oldest < 200, `${oldest}`);
  assert.equal(await ledger.metric('eldersafe_ledger_leaf_age_alarm'), 1);
  await world.sql.query('DELETE FROM anchor.leaves');
  await ledger.waitForLog('ledger.leaf_age_normal');
});

test('E118 FE24: signals that are sealed while every provider is away raise the alarm as well, until the network has them', async (t) => {
  const world = await anchoringWorld(t, { warnings: [/^ledger\.anchor_age_alarm$/] });
  const ledger = await startLedger(world);
  await world.eventuallySql('the wallet has coins', 'SELECT count(*) >= 5 FROM anchor.coins');
  await world.chain.faults({ fault: 'status5xx', operation: 'submit', count: 'until-cleared' });
  await putLeaves(world, 3);
  await world.eventuallySql('they are sealed and signed', "SELECT bool_or(state = 'signed') FROM anchor.transactions WHERE kind = 'anchor'");
  assert.equal(await ledger.metric('eldersafe_ledger_anchor_age_alarm'), 0, 'not after a moment');
  await sealedEarlier(world, { seconds: 86_400 });
  const { oldest_s: oldest } = await ledger.waitForLog('ledger.anchor_age_alarm');
  assert.ok(oldest >= 86_400 && oldest < 86_500, `${oldest}`);
  assert.equal(await ledger.metric('eldersafe_ledger_anchor_age_alarm'), 1);
  assert.ok(await ledger.metric('eldersafe_ledger_anchor_oldest_seconds') >= 86_400);
  assert.equal(await ledger.metric('eldersafe_ledger_leaf_oldest_seconds'), 0, 'none waits to be sealed');
  assert.match(world.ctl(['status']), /the oldest for 864\d\d s/);
  await world.chain.clearFaults();
  await passTime(world);
  await ledger.waitForLog('ledger.anchor_age_normal');
  await untilAll(world, 'seen');
  assert.equal(await ledger.metric('eldersafe_ledger_anchor_oldest_seconds'), 0);
  assert.equal(ledger.log().filter(({ event }) => event === 'ledger.anchor_age_alarm').length, 1, 'said once');
});

/** As if the checkpoints there are had been made SECONDS ago. */
async function sealedEarlier(world, { seconds }) {
  const client = await world.sql.connect();
  try {
    await client.query('ALTER TABLE anchor.checkpoints DISABLE TRIGGER append_only_row');
    await client.query("UPDATE anchor.checkpoints SET sealed_at = sealed_at - $1 * interval '1 second'", [seconds]);
    await client.query('ALTER TABLE anchor.checkpoints ENABLE ALWAYS TRIGGER append_only_row');
  } finally {
    client.release();
  }
}

test('E132: a message on eldersafe:leaves wakes the sealer long before its timer would', async (t) => {
  const world = await anchoringWorld(t);
  const ledger = await startLedger(world, { settings: { POLL_INTERVAL: 60_000, SEAL_INTERVAL: 60_000, SEAL_MAX: 10 } });
  await putLeaves(world, 10);
  await ledger.child.waitUntil('somebody listens', async () => await world.redisClient.publish('eldersafe:leaves', '10') > 0);
  await untilSealed(world, 10, { timeout: 20_000 });
});

test('E132: SEAL_MAX signals are sealed long before the timer, because core says that they wait', async (t) => {
  const world = await anchoringWorld(t);
  const members = await newCrowd(world, 10); // each an entry of the audit, and so a leaf
  const core = await world.start('core');
  const ledger = await startLedger(world, { settings: { POLL_INTERVAL: 60_000, SEAL_INTERVAL: 60_000, SEAL_MAX: 10 } });
  const listeners = async () => (await world.redisClient.pubsub('NUMSUB', 'eldersafe:leaves'))[1];
  await ledger.child.waitUntil('the ledger listens', async () => await listeners() > 0);
  await untilSealed(world, 10);
  for (const member of members) {
    assert.equal((await signal(world, core, await forgeToken(world, member))).status, 200);
  }
  await untilSealed(world, 20, { timeout: 20_000 });
});

test('E107: mainnet needs a second word, and the exit code says that a restart does not help', async (t) => {
  const world = await anchoringWorld(t, { coins: 0 });
  const refused = await startLedger(world, { settings: { CHAIN_NETWORK: 'main' }, waitReady: false });
  await refused.ends(78);
  assert.match(refused.child.printed(), /ELDERSAFE_CHAIN_ALLOW_MAINNET=yes/);
});

test('E7 E106: a host that is not allowed, and providers that do not fit together, are refused at the start', async (t) => {
  const world = await anchoringWorld(t, { coins: 0 });
  const mistakes = [
    [{ ALLOWED_HOSTS: 'api.example.org=EU' }, /ALLOWED_HOSTS/],
    [{ BROADCAST: 'arc', VERIFY: 'arc' }, /VERIFY: must be another provider/],
    [{ BROADCAST: 'arc', WOC_URL: undefined, NODE_URL: undefined }, /CHAIN_READER/],
    [{ FEE_FALLBACK: 2000, FEE_CAP: 1000 }, /FEE_FALLBACK/],
  ];
  for (const [settings, message] of mistakes) {
    const refused = await startLedger(world, { settings, waitReady: false });
    await refused.ends(78);
    assert.match(refused.child.printed(), message);
  }
});
