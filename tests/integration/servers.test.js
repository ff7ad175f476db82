// The settings of the production servers, tried on real servers: PostgreSQL takes its files and tells
// roles apart, Redis lets each process do its own work and nothing else.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { copyFileSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import Redis from 'ioredis';
import { freePort } from '../../deploy/local/ports.js';
import { Postgres } from '../../deploy/local/postgres.js';
import { Child } from '../../deploy/local/process.js';
import { REPOSITORY } from '../../deploy/local/site.js';
import { sharedRedis, testFolder } from '../harness/servers.js';

const DEPLOY = path.join(REPOSITORY, 'deploy');
// Where a private server differs by nature, not by choice.
const PRIVATE = new Set(['unix_socket_directories', 'listen_addresses', 'port']);

/** The settings of eldersafe.conf, [name, value]. */
function productionSettings() {
  const lines = readFileSync(path.join(DEPLOY, 'postgres/eldersafe.conf'), 'utf8').split('\n');
  const settings = lines.filter((line) => /^[a-z_]+ = /.test(line)).map((line) => line.split(/ = (.*)/, 2));
  return settings.map(([name, value]) => [name, value.replace(/^'(.*)'$/, '$1')]);
}

let postgres;

before(async () => {
  const settings = Object.fromEntries(productionSettings().filter(([name]) => !PRIVATE.has(name)));
  postgres = new Postgres({
    folder: path.join(testFolder(), 'production'),
    port: await freePort(),
    settings,
  });
  await postgres.start();
});

after(async () => {
  await postgres.stop();
  postgres.remove();
});

test('PostgreSQL takes every setting of eldersafe.conf as it is written', () => {
  for (const [name, value] of productionSettings().filter(([setting]) => !PRIVATE.has(setting))) {
    const shown = postgres.sql(`SHOW ${name}`);
    assert.equal(normal(shown), normal(value), name);
  }
});

test("E50, FE20: the roles' connection limits and the reserve fit into max_connections", () => {
  const text = readFileSync(path.join(REPOSITORY, 'migrations/roles.sql'), 'utf8');
  const limits = [...text.matchAll(/\('eldersafe_\w+',\s*true,\s*(\d+)\)/g)].map(([, limit]) =>
    Number(limit),
  );
  assert.ok(limits.length >= 6);
  const settings = Object.fromEntries(productionSettings());
  const room =
    Number(settings.max_connections) -
    Number(settings.superuser_reserved_connections) -
    Number(settings.max_wal_senders);
  const sum = limits.reduce((total, limit) => total + limit, 0);
  assert.ok(sum <= room, `${sum} connections for ${room} places`);
  const told = readFileSync(path.join(DEPLOY, 'postgres/eldersafe.conf'), 'utf8').match(/add up to (\d+)/);
  assert.equal(Number(told[1]), sum, 'what eldersafe.conf says of the sum');
});

test('pg_hba.conf: PostgreSQL reads every line of it and of pg_ident.conf', () => {
  const data = postgres.sql('SHOW data_directory');
  for (const file of ['pg_hba.conf', 'pg_ident.conf'])
    copyFileSync(path.join(DEPLOY, 'postgres', file), path.join(data, file));
  assert.equal(postgres.sql('SELECT count(*) FROM pg_hba_file_rules WHERE error IS NOT NULL'), '0');
  assert.equal(postgres.sql('SELECT count(*) FROM pg_ident_file_mappings WHERE error IS NOT NULL'), '0');
  assert.equal(
    postgres.sql("SELECT count(*) FROM pg_hba_file_rules WHERE auth_method IN ('trust', 'password', 'md5')"),
    '0',
  );
  // Every rule for the network asks for scram or says no (E9, FE17).
  assert.equal(
    postgres.sql(
      "SELECT count(*) FROM pg_hba_file_rules WHERE type <> 'local' AND auth_method NOT IN ('scram-sha-256', 'reject')",
    ),
    '0',
  );
});

test('FE17: a process can take its own role only', () => {
  const mapped = postgres
    .sql(
      "SELECT sys_name || '>' || pg_username FROM pg_ident_file_mappings WHERE sys_name <> 'root' ORDER BY 1",
    )
    .split('\n');
  assert.deepEqual(
    mapped,
    ['admin', 'auditor', 'core', 'ledger', 'notify'].map((name) => `eldersafe-${name}>eldersafe_${name}`),
  );
});

test('a password that is stored is stored as scram', () => {
  postgres.sql("CREATE ROLE somebody LOGIN PASSWORD 'x'");
  assert.match(
    postgres.sql("SELECT rolpassword FROM pg_authid WHERE rolname = 'somebody'"),
    /^SCRAM-SHA-256\$/,
  );
});

// --- Redis ---------------------------------------------------------------------------------------

async function as(t, user) {
  const server = await sharedRedis();
  const client = new Redis(server.uri(user), { retryStrategy: null, enableReadyCheck: false });
  client.on('error', () => {});
  t.after(() => client.disconnect());
  return client;
}

const DENIED = /NOPERM/;

test('redis.conf: Redis starts with it, keeps nothing and evicts nothing', async () => {
  const port = await freePort();
  const folder = testFolder();
  const overrides = [
    '--port',
    String(port),
    '--supervised',
    'no',
    '--dir',
    folder,
    '--aclfile',
    path.join((await sharedRedis()).folder, 'users.acl'),
  ];
  const child = new Child({
    name: 'redis',
    command: ['redis-server', path.join(DEPLOY, 'redis/redis.conf'), ...overrides],
    output: path.join(folder, 'redis-production.log'),
  });
  await child.waitForLine(/Ready to accept connections/);
  const admin = new Redis({
    port,
    username: 'eldersafe_admin',
    password: (await sharedRedis()).password('eldersafe_admin'),
  });
  const value = async (name) => (await admin.config('GET', name))[1];
  assert.deepEqual(
    [await value('save'), await value('appendonly'), await value('maxmemory-policy')],
    ['', 'no', 'noeviction'],
  );
  admin.disconnect();
  assert.equal((await child.stop()).code, 0);
});

test('nobody gets in without a name and a password', async () => {
  const { port } = await sharedRedis();
  const client = new Redis({ port, retryStrategy: null, enableReadyCheck: false });
  client.on('error', () => {});
  await assert.rejects(client.get('x'), /NOAUTH/);
  client.disconnect();
});

test('core: limits, revocations and the bus; no other key, no administration', async (t) => {
  const core = await as(t, 'eldersafe_core');
  await core.eval(
    "return redis.call('SET', KEYS[1], ARGV[1], 'PX', 1000, 'NX', 'GET') or redis.call('TIME')[1]",
    1,
    'eldersafe:rate:x:1',
    '5',
  );
  await core.xadd('eldersafe:revoked', 'MAXLEN', '~', '1000', '*', 'h', 'x');
  await core.xread('COUNT', 1, 'STREAMS', 'eldersafe:revoked', '0');
  await core.xadd('eldersafe:bus', '*', 'event_id', '1');
  await core.eval(
    "redis.call('XTRIM', KEYS[1], 'MAXLEN', '~', 10) return redis.pcall('XINFO', 'GROUPS', KEYS[1])",
    1,
    'eldersafe:bus',
  );
  await assert.rejects(core.set('other', '1'), DENIED);
  for (const command of [
    ['flushall'],
    ['config', 'get', '*'],
    ['keys', '*'],
    ['acl', 'list'],
    ['shutdown'],
    ['get', 'eldersafe:rate:x:1'],
    ['del', 'eldersafe:bus'],
  ]) {
    await assert.rejects(core.call(...command), DENIED, command.join(' '));
  }
});

test('notify: its consumer group of the bus and nothing else', async (t) => {
  const notify = await as(t, 'eldersafe_notify');
  await notify.xgroup('CREATE', 'eldersafe:bus', 'notify', '0', 'MKSTREAM');
  await notify.call('XREADGROUP', 'GROUP', 'notify', 'me', 'COUNT', '1', 'STREAMS', 'eldersafe:bus', '>');
  await notify.xack('eldersafe:bus', 'notify', '1-1');
  await notify.call('XAUTOCLAIM', 'eldersafe:bus', 'notify', 'me', '0', '0-0');
  for (const command of [
    ['xadd', 'eldersafe:bus', '*', 'a', 'b'],
    ['set', 'eldersafe:x', '1'],
    ['xread', 'STREAMS', 'eldersafe:revoked', '0'],
    ['eval', 'return 1', '0'],
    ['flushdb'],
    ['xgroup', 'DESTROY', 'eldersafe:bus', 'notify'],
    ['subscribe', 'eldersafe:leaves'],
  ]) {
    await assert.rejects(notify.call(...command), DENIED, command.join(' '));
  }
});

test('ledger: hears when leaves wait, which the core says, and touches no key', async (t) => {
  const ledger = await as(t, 'eldersafe_ledger');
  const core = await as(t, 'eldersafe_core');
  for (const command of [
    ['publish', 'eldersafe:leaves', 'x'],
    ['subscribe', 'eldersafe:other'],
    ['get', 'eldersafe:bus'],
    ['xadd', 'eldersafe:bus', '*', 'a', 'b'],
    ['xread', 'STREAMS', 'eldersafe:bus', '0'],
    ['flushdb'],
  ]) {
    await assert.rejects(ledger.call(...command), DENIED, command.join(' '));
  }
  const heard = once(ledger, 'message');
  await ledger.subscribe('eldersafe:leaves');
  await core.publish('eldersafe:leaves', 'wake');
  assert.deepEqual(await heard, ['eldersafe:leaves', 'wake']);
  await assert.rejects(core.publish('eldersafe:other', 'x'), DENIED);
});

test('E9: both servers listen on loopback only', async () => {
  for (const { port } of [postgres, await sharedRedis()]) {
    const addresses = listenersOn(port);
    assert.ok(addresses.length > 0);
    assert.ok(
      addresses.every((address) => LOOPBACK.includes(address)),
      addresses.join(),
    );
  }
});

// As the kernel writes 127.0.0.1 and ::1 in /proc/net/tcp and tcp6.
const LOOPBACK = ['0100007F', '00000000000000000000000001000000'];
const LISTENING = '0A';

function listenersOn(port) {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0');
  return ['tcp', 'tcp6']
    .flatMap((family) => readFileSync(`/proc/net/${family}`, 'utf8').split('\n').slice(1))
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state]) => state === LISTENING && local?.endsWith(`:${wanted}`))
    .map(([, local]) => local.split(':')[0]);
}

/** "15min" and "900s" in one form: PostgreSQL shows values in units of its own choice. */
function normal(value) {
  const units = { kB: 1024, MB: 1024 ** 2, GB: 1024 ** 3, ms: 1, s: 1000, min: 60_000, h: 3_600_000 };
  const match = value.match(/^(\d+)(kB|MB|GB|ms|s|min|h)$/);
  return match ? String(Number(match[1]) * units[match[2]]) : value.trim();
}
