// eldersafectl as operators use it: members, keys, tokens, coins, events, and what there is to see.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { P2PKH, PrivateKey, Transaction } from '@bsv/sdk';
import sodium from 'libsodium-wrappers';
import { createWorld, SANITIZER_ENVIRONMENT } from '../harness/world.js';
import { ctlEnvironment } from '../../deploy/local/ctl.js';
import { ISSUER, programPath } from '../../deploy/local/site.js';
import { newKey, publicKeyOf, verifierKey } from '../../deploy/local/keys.js';
import { signal } from './support/core.js';
import { anchoringWorld, putLeaves, startLedger, untilFinal } from './support/ledger.js';

const OK = 0;
const FAILED = 1;
const USAGE = 64;
const CONFIG = 78;
const NOBODY = 65534;

/** Runs a command that is expected to end with STATUS; yields all it printed. */
function fails(world, argv, status, options) {
  try {
    world.ctl(argv, options);
  } catch (error) {
    assert.equal(error.status, status, error.message);
    return `${error.stdout}${error.stderr}`;
  }
  assert.fail(`eldersafectl ${argv.join(' ')} went well, expected ${status}`);
}

const count = async (world, table) => Number((await world.sql.query(`SELECT count(*) AS n FROM ${table}`)).rows[0].n);

function writeFile(world, name, text) {
  const file = path.join(world.folder, name);
  writeFileSync(file, text, { mode: 0o600 });
  return file;
}

test('help lists every command, tells about each, and unknown words are a usage error', async (t) => {
  const world = await createWorld(t);
  const list = world.ctl(['help']);
  const names = [...list.matchAll(/^ {2}(\S+(?: \S+)?) {2,}/gm)].map(([, name]) => name);
  assert.ok(names.length >= 14, list);
  for (const name of names) {
    assert.match(world.ctl(['help', ...name.split(' ')]), new RegExp(`^usage: eldersafectl ${name}`));
  }
  for (const argv of [[], ['frobnicate'], ['help', 'frobnicate'], ['member'], ['member', 'add', '--frob'], ['member', 'import'],
    ['key', 'generate', '--type', 'token'], ['token', 'mint'], ['bus', 'replay', 'x']]) {
    fails(world, argv, USAGE);
  }
  fails(world, ['status'], FAILED, { settings: { DATABASE: 'host=127.0.0.1 port=1' } });
});

/** The one sealed address, opened as eldersafe-notify would, by an independent library. */
async function openAddress(world) {
  await sodium.ready;
  const { rows: [{ sealed }] } = await world.sql.query('SELECT sealed FROM vault.contacts');
  const { notifyPublic, vault } = world.site.keys;
  const opened = sodium.crypto_box_seal_open(sealed, Buffer.from(notifyPublic.text, 'hex'), Buffer.from(vault.text, 'hex'));
  return Buffer.from(opened).toString();
}

test('FE12: a member is kept as keyed hashes and a sealed address; the same again changes nothing', async (t) => {
  const world = await createWorld(t);
  assert.match(world.addMember({ number: 'M-70 01', email: 'Ctl.Anna@Example.org' }), /^member \d+ added\n$/);
  assert.match(world.addMember({ number: 'm7001', email: 'ctl.anna@example.org ' }), /^member \d+ was there already\n$/);
  const said = fails(world, ['member', 'add', '--number', 'M7001', '--email', 'other-ctl@example.org'], FAILED);
  assert.match(said, /belongs to another member/);
  for (const [number, email, zone, why] of [
    ['', 'x@example.org', 'Europe/Oslo', /number/], ['12', 'nobody', 'Europe/Oslo', /mail address/],
    ['12', 'x@example.org', 'Europe/Atlantis', /time zone/], ['12', 'x@example.org', '../etc/passwd', /time zone/],
  ]) {
    assert.match(fails(world, ['member', 'add', '--number', number, '--email', email, '--zone', zone], FAILED), why);
  }
  assert.equal(await count(world, 'core.members'), 1);
  const { rows: [entry] } = await world.sql.query('SELECT actor, event_type FROM core.audit_log');
  assert.match(entry.actor, /^operator:./);
  assert.equal(await openAddress(world), 'ctl.anna@example.org');
  const dump = JSON.stringify((await world.sql.query('SELECT m.*, l.*, v.*, a.* FROM core.members m, core.liveness l, vault.contacts v, core.audit_log a')).rows);
  assert.doesNotMatch(dump, /anna|M7001/i);
});

/** Runs a command with INPUT on standard input. */
function typed(world, argv, input) {
  const env = { PATH: process.env.PATH, ...ctlEnvironment(world.site), ...SANITIZER_ENVIRONMENT };
  return spawnSync(programPath('eldersafectl'), argv, { encoding: 'utf8', input, env });
}

test('FE12: what is personal can be typed instead of standing on the command line, where ps shows it', async (t) => {
  const world = await createWorld(t);
  const asked = typed(world, ['member', 'add', '--zone', 'Europe/Oslo'], 'M7101\ntyped1@example.org\n');
  assert.deepEqual([asked.status, asked.stderr], [OK, '']);
  assert.match(asked.stdout, /^member \d+ added\n$/);
  assert.match(typed(world, ['member', 'add', '--number', 'M7101'], 'typed1@example.org').stdout, /was there already/);
  for (const input of ['', 'M7102\n', '\n']) {
    const { status, stderr } = typed(world, ['member', 'add'], input);
    assert.equal(status, USAGE, input);
    assert.match(stderr, /--(number|email) is needed/);
  }
  assert.match(typed(world, ['member', 'import', '-'], 'number,email\nM7103,typed3@example.org\n').stdout, /^1 added/);
  assert.equal(await count(world, 'core.members'), 2);
});

test('member import reads what spreadsheets write, and importing again changes nothing', async (t) => {
  const world = await createWorld(t);
  const rows = ['2001,imp1@example.org,', '"20-02","imp2@example.org","Europe/Oslo"', '', '2003,"imp3@example.org",America/St_Johns'];
  const file = writeFile(world, 'members.csv', `\uFEFFNumber,EMAIL,zone\r\n${rows.join('\r\n')}\r\n`);
  assert.match(world.ctl(['member', 'import', file]), /^3 added, 0 there already, 0 in conflict with others, 0 bad lines/);
  assert.match(world.ctl(['member', 'import', file]), /^0 added, 3 there already, 0 in conflict with others, 0 bad lines/);
  const semicolons = writeFile(world, 'semicolons.csv', 'email;number\nimp2@example.org;2002\nimp4@example.org;2004');
  assert.match(world.ctl(['member', 'import', semicolons]), /^1 added, 1 there already/);
  const { rows: zones } = await world.sql.query('SELECT zone FROM core.members ORDER BY member_id');
  assert.deepEqual(zones.map(({ zone }) => zone), ['Europe/Copenhagen', 'Europe/Oslo', 'America/St_Johns', 'Europe/Copenhagen']);
  assert.equal(await count(world, 'vault.contacts'), 4);
});

test('member import names bad lines by number, enters the others, and prints nothing personal', async (t) => {
  const world = await createWorld(t);
  const lines = ['number,email', '3001,bad1@example.org', '3002,no-address', '"3003,bad3@example.org', '3004', '3001,bad5@example.org',
    '3006,bad6@example.org,Europe/Oslo', `3007,${'x'.repeat(5000)}@example.org`, '3008,b\u00e6d8@example.org', '3009"x,bad9@example.org'];
  const file = writeFile(world, 'bad.csv', Buffer.concat([Buffer.from(`${lines.join('\n')}\n`), Buffer.from([0x33, 0xff, 0x2c, 0x0a])]));
  const rejects = path.join(world.folder, 'rejects.txt');
  const said = fails(world, ['member', 'import', file, '--rejects', rejects], FAILED);
  assert.match(said, /^3 added, 0 there already, 1 in conflict with others, 6 bad lines/m);
  const named = readFileSync(rejects, 'utf8').trim().split('\n').map((line) => Number(/^line (\d+): ./.exec(line)[1])).sort((a, b) => a - b);
  assert.deepEqual(named, [3, 4, 5, 6, 8, 10, 11]);
  assert.equal(statSync(rejects).mode & 0o777, 0o600);
  assert.doesNotMatch(said + readFileSync(rejects, 'utf8'), /example|300\d/);
  const toStderr = fails(world, ['member', 'import', file], FAILED);
  assert.match(toStderr, /^line 3: the mail address is none$/m);
  for (const header of ['number,mail\n', 'number,email,number\n', 'email\n', '']) {
    fails(world, ['member', 'import', writeFile(world, 'header.csv', header)], FAILED);
  }
  fails(world, ['member', 'import', '/nonexistent.csv'], FAILED);
});

test('keys are made in files of mode 0600, never replaced, and agree with other implementations', async (t) => {
  const world = await createWorld(t);
  const at = (name) => path.join(world.folder, name);
  const origin = 'log.example.org/x';
  for (const type of ['token', 'lookup', 'vault', 'chain', 'log']) {
    const file = at(`new-${type}.key`);
    const argv = ['key', 'generate', '--type', type, file, ...(type === 'log' ? ['--origin', origin] : [])];
    world.ctl(argv);
    assert.equal(statSync(file).mode & 0o777, 0o600, type);
    assert.match(readFileSync(file, 'utf8'), /^[0-9a-f]{64}\n$/, type);
    const before = readFileSync(file, 'utf8');
    assert.match(fails(world, argv, FAILED), /never replaced|exists/);
    assert.equal(readFileSync(file, 'utf8'), before);
  }
  const secret = (type) => readFileSync(at(`new-${type}.key`), 'utf8').trim();
  const publicKey = (type, ...more) => world.ctl(['key', 'public', at(`new-${type}.key`), '--type', type, ...more]).trim();
  assert.equal(publicKey('token'), publicKeyOf('ed25519', secret('token')));
  assert.equal(publicKey('vault'), publicKeyOf('x25519', secret('vault')));
  assert.equal(readFileSync(at('new-vault.key.pub'), 'utf8').trim(), publicKey('vault'));
  assert.equal(publicKey('log', '--origin', origin), verifierKey(origin, secret('log')));
  const chain = PrivateKey.fromHex(secret('chain'));
  assert.equal(publicKey('chain'), chain.toPublicKey().toString());
  for (const [network, prefix] of [['main', [0x00]], ['test', [0x6f]], ['regtest', [0x6f]]]) {
    assert.equal(world.ctl(['key', 'address', '--file', at('new-chain.key'), '--network', network]), `${chain.toPublicKey().toAddress(prefix)}\n`);
  }
  fails(world, ['key', 'generate', '--type', 'log', at('no-origin.key')], USAGE);
  fails(world, ['key', 'generate', '--type', 'door', at('door.key')], USAGE);
  assert.ok(!existsSync(at('no-origin.key')) && !existsSync(at('door.key')));
  fails(world, ['key', 'public', writeFile(world, 'short.key', 'abcd\n'), '--type', 'token'], CONFIG);
  fails(world, ['key', 'address', '--file', writeFile(world, 'zero.key', '0'.repeat(64)), '--network', 'main'], CONFIG);
});

test('N13: minted tokens work within their scope, can be revoked, and are in the audit log', async (t) => {
  const world = await createWorld(t);
  for (const n of [1, 2, 3]) world.addMember({ number: `70000400${n}`, email: `mint${n}@example.org` });
  const core = await world.start('core');
  const settings = { ISSUER };
  const device = world.ctl(['token', 'mint', '--member-number', '700004001'], { settings }).trim();
  const session = world.ctl(['token', 'mint', '--member-number', '700004001', '--scope', 'session', '--lifetime', '600'], { settings }).trim();
  world.canary('minted device token', device);
  world.canary('minted session token', session);
  assert.equal((await signal(world, core, device)).status, 200);
  assert.equal((await core.request('/api/auth/sessions', { token: device })).status, 403);
  const { json: { sessions } } = await core.request('/api/auth/sessions', { token: session });
  assert.deepEqual(sessions.map(({ scope }) => scope).sort(), ['session', 'signal']);
  assert.equal((await core.request('/api/auth/logout', { method: 'POST', token: session })).status, 204);
  assert.equal((await core.request('/api/auth/sessions', { token: session })).status, 401);
  const { rows } = await world.sql.query(`SELECT event_type, actor FROM core.audit_log WHERE data ->> 'change' = 'minted' ORDER BY audit_id`);
  assert.deepEqual(rows.map(({ event_type: type }) => type), ['device', 'verify']);
  assert.match(rows[0].actor, /^operator:./);

  const out = path.join(world.folder, 'tokens.txt');
  assert.match(world.ctl(['token', 'mint', '--count', '2', '--out', out], { settings }), /^2 tokens/);
  assert.equal(statSync(out).mode & 0o777, 0o600);
  const tokens = readFileSync(out, 'utf8').trim().split('\n');
  assert.equal(new Set(tokens).size, 2);
  for (const [i, token] of tokens.entries()) world.canary(`bulk token ${i}`, token);
  assert.equal((await signal(world, core, tokens[1])).status, 200);
  assert.match(fails(world, ['token', 'mint', '--count', '9', '--out', out], FAILED, { settings }), /no more active members than 3/);
  for (const [i, token] of readFileSync(out, 'utf8').trim().split('\n').entries()) world.canary(`last token ${i}`, token);
  fails(world, ['token', 'mint', '--member-number', '4999'], FAILED, { settings });
  fails(world, ['token', 'mint', '--member-number', '700004001', '--scope', 'admin'], USAGE, { settings });
  fails(world, ['token', 'mint', '--member-number', '700004001', '--lifetime', '0'], USAGE, { settings });
});

test('E47, N13: the token key is rotated in one step, which can be repeated and loses no earlier key', async (t) => {
  const world = await createWorld(t);
  const { path: file, text: first } = world.site.keys.token;
  const previous = path.join(path.dirname(file), 'token-previous.pub');
  const settings = { TOKEN_PREVIOUS_KEYS_FILE: previous };
  const rotate = ['key', 'rotate', '--type', 'token'];
  const read = (name) => readFileSync(name, 'utf8').trim().split('\n');
  world.addMember({ number: '700004101', email: 'rotate@example.org' });
  const device = world.ctl(['token', 'mint', '--member-number', '700004101'], { settings: { ISSUER } }).trim();
  world.canary('device token of the first key', device);
  chmodSync(file, 0o400);
  if (process.getuid() === 0) chownSync(file, NOBODY, NOBODY);
  const facts = (name) => [statSync(name).uid, statSync(name).gid, statSync(name).mode & 0o777];
  const before = facts(file);
  for (const count of [1, 2]) assert.match(world.ctl(rotate, { settings }), new RegExp(`^public key +[0-9a-f]{64}\nearlier keys  ${count}\n`));
  assert.deepEqual([facts(file), facts(previous)], [before, before]);
  const [now] = read(file);
  assert.equal(read(previous).length, 2);
  assert.equal(read(previous)[0], publicKeyOf('ed25519', first));
  const core = await world.start('core', { settings });
  assert.equal((await signal(world, core, device)).status, 200);

  // Cut short between its two steps, it is repeated.
  const cut = `${[...read(previous), publicKeyOf('ed25519', now)].join('\n')}\n`;
  writeFileSync(previous, cut);
  assert.match(world.ctl(rotate, { settings }), /^earlier keys  3$/m);
  assert.equal(readFileSync(previous, 'utf8'), cut);
  assert.notEqual(read(file)[0], now);

  const held = [read(file)[0], Array.from({ length: 63 }, () => newKey()).join('\n')];
  writeFileSync(previous, held[1]);
  assert.match(fails(world, rotate, FAILED, { settings }), /token-previous\.pub: holds 63 keys already/);
  writeFileSync(previous, 'damaged');
  fails(world, rotate, CONFIG, { settings });
  assert.match(fails(world, rotate, USAGE), /--previous is needed/);
  fails(world, ['key', 'rotate', '--type', 'vault'], USAGE, { settings });
  assert.equal(read(file)[0], held[0]);
});

/** A transaction with outputs of SATOSHIS to ADDRESS each, as an independent library makes it. */
function payment(address, satoshis) {
  const tx = new Transaction();
  tx.addInput({ sourceTXID: '11'.repeat(32), sourceOutputIndex: 0, unlockingScript: new P2PKH().lock(address), sequence: 0xffffffff });
  for (const value of satoshis) tx.addOutput({ satoshis: value, lockingScript: new P2PKH().lock(address) });
  return tx;
}

test('coins that pay our address are learned once, others are refused', async (t) => {
  const world = await createWorld(t);
  const settings = { CHAIN_KEY_FILE: world.site.keys.chain.path };
  const address = world.ctl(['key', 'address', '--network', 'regtest'], { settings }).trim();
  const tx = payment(address, [1000, 2500]);
  tx.addOutput({ satoshis: 77, lockingScript: new P2PKH().lock(PrivateKey.fromHex('07'.repeat(32)).toPublicKey().toHash()) });
  assert.match(world.ctl(['coin', 'add', tx.toHex()], { settings }), new RegExp(`^transaction ${tx.id('hex')} pays us 3500 satoshis in 2 outputs: 2 new coins`));
  const again = typed(world, ['coin', 'add', '--key', settings.CHAIN_KEY_FILE, '-'], tx.toHex());
  assert.match(again.stdout, /0 new coins, 2 there already/, again.stderr);
  const file = writeFile(world, 'payment.hex', `${tx.toHex()}\n`);
  assert.match(world.ctl(['coin', 'add', file], { settings }), /0 new coins, 2 there already/);
  const list = world.ctl(['coin', 'list']);
  assert.match(list, new RegExp(`2500  free +outside  ${tx.id('hex')}:1`));
  const stranger = payment(PrivateKey.fromHex('07'.repeat(32)).toPublicKey().toHash(), [5]);
  assert.match(fails(world, ['coin', 'add', stranger.toHex()], FAILED, { settings }), /no output of this transaction pays our address/);
  assert.match(fails(world, ['coin', 'add', 'abcdef'], FAILED, { settings }), /no transaction/);
  assert.equal(await count(world, 'anchor.coins'), 2);
});

test('status shows in one table, and as JSON, how the installation is doing', async (t) => {
  const world = await createWorld(t);
  world.addMember({ number: '700005001', email: 'status1@example.org' });
  const core = await world.start('core');
  const token = world.ctl(['token', 'mint', '--member-number', '700005001'], { settings: { ISSUER } }).trim();
  world.canary('status token', token);
  await signal(world, core, token);
  const state = JSON.parse(world.ctl(['status', '--json']));
  assert.equal(state.members, 1);
  assert.equal(state.heard_today, 1);
  assert.equal(state.waiting, 3); // the signal, and what was done before it: a member added, a token minted
  assert.equal(state.last_anchor, null);
  assert.ok(state.connections.eldersafe_core >= 1 && state.schema >= 6);
  const table = world.ctl(['status']);
  assert.match(table, /^members +1 active, 1 heard from today/m);
  assert.match(table, /^log +0 leaves, 3 wait to be sealed/m);
  assert.match(table, /^connections .*eldersafe_core \d+\/40/m);
});

test('C16: a parked event is listed and given to its consumer again', async (t) => {
  const world = await createWorld(t);
  const { rows: [{ event_id: event }] } = await world.sql.query(`INSERT INTO bus.outbox (topic, payload) VALUES ('mail.test', '{}') RETURNING event_id`);
  await world.sql.query(`INSERT INTO bus.failures (consumer, event_id, failures, last_error, parked_at) VALUES ('notify', $1, 9, 'unreadable', now())`, [event]);
  await world.sql.query(`INSERT INTO bus.inbox (consumer, event_id) VALUES ('notify', $1)`, [event]);
  assert.match(world.ctl(['bus', 'parked']), new RegExp(`^ +${event}  notify +mail\\.test +9 .* unreadable$`, 'm'));
  fails(world, ['bus', 'replay', String(event), '--consumer', 'nobody'], FAILED);
  assert.match(world.ctl(['bus', 'replay', String(event)]), new RegExp(`event ${event} goes to notify again`));
  assert.equal(await count(world, 'bus.failures'), 0);
  assert.equal(await count(world, 'bus.inbox'), 0);
  assert.match(fails(world, ['bus', 'replay', String(event)], FAILED), /is not parked/);
});

test('log verify recomputes the whole log, down to the static files, and names the first difference', async (t) => {
  const world = await anchoringWorld(t, { coins: 3 });
  world.invariants = false; // a row is changed
  await startLedger(world);
  await putLeaves(world, 300);
  await untilFinal(world);
  await putLeaves(world, 2);
  await untilFinal(world);
  const tiles = ['--tiles', world.site.tilesFolder];
  await world.runs.at(-1).child.waitUntil('the last checkpoint is published', () => existsSync(path.join(world.site.tilesFolder, 'checkpoints/302')));
  for (const { child } of world.runs) await child.stop({ termMs: 30_000 });
  const argv = ['log', 'verify', '--vkey-file', world.site.logVerifierKey.path, ...tiles];
  const said = world.ctl(argv);
  assert.match(said, /^302 leaves, 3 tiles, \d+ checkpoints and what their transactions commit to: all as recomputed$/m);
  assert.match(said, /^signatures checked; [\d.]+ s, \d+ leaves\/s$/m);
  assert.match(said, /^\d+ static files: all as in the database$/m);
  assert.match(world.ctl(['log', 'verify']), /signatures not checked/);
  const stranger = writeFile(world, 'other.vkey', `${verifierKey('log.eldersafe.test/local', '07'.repeat(32))}\n`);
  assert.match(fails(world, ['log', 'verify', '--vkey-file', stranger], FAILED), /^note: note of checkpoint \d+: expected the log's signature/m);
  fails(world, ['log', 'verify', '--vkey-file', writeFile(world, 'bad.vkey', 'x\n')], CONFIG);

  const tile = path.join(world.site.tilesFolder, 'tile/0/000');
  const bytes = readFileSync(tile);
  writeFileSync(tile, Buffer.concat([Buffer.from([bytes[0] ^ 1]), bytes.subarray(1)]));
  assert.match(fails(world, argv, FAILED), /^static files: file tile\/0\/000 is not what the database has$/m);
  writeFileSync(tile, bytes);

  await world.sql.query('ALTER TABLE anchor.entries DISABLE TRIGGER append_only_row');
  await world.sql.query(`UPDATE anchor.entries SET hash = set_byte(hash, 0, get_byte(hash, 0) # 1) WHERE leaf_index = 7`);
  await world.sql.query('ALTER TABLE anchor.entries ENABLE ALWAYS TRIGGER append_only_row');
  assert.match(fails(world, argv, FAILED), /^tile: hash 7 of tile 0\/0 /m);
});
