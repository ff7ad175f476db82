// The harness's own tests: the teardown gate finds each thing a test must not leave behind. The daemon is
// a fake that misbehaves on demand; server, schema and eldersafectl are real.

import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { before, test } from 'node:test';
import pg from 'pg';
import { buildFolder } from '../../../deploy/local/site.js';
import { eventually } from '../../../deploy/local/wait.js';
import { keepFolder, sharedPostgres, testFolder } from '../servers.js';
import { World } from '../world.js';

const FAKE = new URL('../fakes/daemon.js', import.meta.url).pathname;

before(() => {
  const fakes = path.join(testFolder(), 'fake-build');
  mkdirSync(fakes);
  symlinkSync(path.join(buildFolder(), 'eldersafectl'), path.join(fakes, 'eldersafectl'));
  const program = path.join(fakes, 'eldersafe-core');
  writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${FAKE}'\n`);
  chmodSync(program, 0o755);
  process.env.ELDERSAFE_BUILD = fakes;
});

/** Opens a world, lets STORY happen in it, closes it; yields what the gate said ('' for nothing). */
async function gateAfter(title, story, options = {}) {
  const world = new World(title, options);
  await world.open();
  try {
    await story(world);
  } catch (error) {
    await world.close({ name: title }).catch(() => {});
    throw error;
  }
  const said = await world.close({ name: title }).then(
    () => '',
    (error) => error.message,
  );
  keepFolder(false); // that failure was the point
  return said;
}

const inMode =
  (MODE, more = {}) =>
  async (world) =>
    world.start('core', { settings: { MODE, ...more } });

test('a daemon that behaves passes the gate, and leaves no database behind', async () => {
  let database;
  const said = await gateAfter('behaves', async (world) => {
    database = world.database;
    const core = await world.start('core');
    assert.equal((await core.request('/')).text, 'fake');
    assert.equal((await core.waitForLog('fake.started')).process, 'fake');
  });
  assert.equal(said, '');
  assert.equal((await sharedPostgres()).hasDatabase(database), false);
});

const FOUND = [
  ['a BROKEN line', 'broken', /fake\.bug/],
  ['a warning nobody allowed', 'warns', /fake\.unusual/],
  ['E122: a line that is not JSON', 'not-json', /E122.*plain text/],
  ['output where there should be none', 'chatty', /printed: hello/],
  ['a sanitizer report', 'sanitizer', /sanitizer report[\s\S]*heap-use-after-free/],
  ['a wrong exit code', 'bad-exit', /ended with exit code 3, expected 0/],
];

for (const [what, mode, expected] of FOUND) {
  test(`the gate finds ${what}`, async () => {
    assert.match(await gateAfter(mode, inMode(mode)), expected);
  });
}

test('the gate finds a secret in a log, by its name and without repeating it', async () => {
  const said = await gateAfter('leaks', async (world) => {
    world.canary('session token', 'canary-4711');
    await world.start('core', { settings: { MODE: 'leaks', CANARY: 'x=canary-4711;' } });
  });
  assert.match(said, /core-1\.log holds a secret: session token/);
  assert.doesNotMatch(said, /canary-4711/);
});

test('a warning that the test allows is no problem', async () => {
  assert.equal(await gateAfter('allowed', inMode('warns'), { warnings: [/^fake\./] }), '');
});

test('the gate finds a daemon that died by itself, and accepts the kill that a test has ordered', async () => {
  const died = await gateAfter('died', async (world) => {
    const core = await world.start('core');
    core.child.signal('SIGKILL');
    await core.child.exited;
  });
  assert.match(died, /ended with signal SIGKILL, expected 0/);
  assert.equal(await gateAfter('killed', async (world) => (await world.start('core')).kill()), '');
});

test('the gate finds a transaction left open', async () => {
  const said = await gateAfter('open transaction', async (world) => {
    const { host, port, superuser: user, superPassword: password } = world.postgres;
    const client = new pg.Client({ host, port, user, password, database: world.database });
    client.on('error', () => {}); // the world drops the database under it
    await client.connect();
    await client.query('BEGIN');
  });
  assert.match(said, /idle in transaction/);
});

test('the gate finds broken invariants, each by its rule', async () => {
  const tampering = [
    [
      'UPDATE pay.accounts SET balance = 5',
      /all accounts add up to zero[\s\S]*a balance is the sum of its transfers/,
    ],
    [
      "INSERT INTO anchor.entries (leaf_index, leaf_id, hash) VALUES (1, 1, sha256('x'))",
      /the log has no gaps/,
    ],
    ["INSERT INTO anchor.leaves (leaf_id, hash) VALUES (1, sha256('x'))", null],
  ];
  for (const [sql, expected] of tampering) {
    const said = await gateAfter('tampered', (world) => world.sql.query(sql));
    if (expected) assert.match(said, expected);
    else assert.equal(said, '', 'a leaf of another tier is no fault');
  }
});

test('the gate finds a signal that was acknowledged and is not there', async () => {
  const said = await gateAfter('lost', async (world) => {
    world.acknowledged.push('4711');
  });
  assert.match(said, /acknowledged signal 4711 is not in the table/);
});

test('E94: the gate finds a Redis key without a time to live', async () => {
  const said = await gateAfter('ttl', async (world) => {
    await world.redisClient.set('eldersafe:forever', '1');
    await world.redisClient.set('eldersafe:a-while', '1', 'EX', 60);
    await world.redisClient.xadd('eldersafe:bus', '*', 'a', 'b');
  });
  assert.match(said, /E94: Redis key eldersafe:forever has no TTL/);
  assert.doesNotMatch(said, /a-while|bus/);
});

test('E95: the gate finds a secret in Redis, in the name of a key, in a value or in a stream', async () => {
  const said = await gateAfter('redis leaks', async (world) => {
    for (const where of ['name', 'value', 'stream', 'nowhere']) world.canary(`in a ${where}`, `canary-${where}`);
    world.canary('a code', '123456'); // as short as a part of a time: says nothing
    await world.redisClient.set('eldersafe:canary-name', '1', 'EX', 60);
    await world.redisClient.set('eldersafe:rate', 'x canary-value 123456', 'EX', 60);
    await world.redisClient.xadd('eldersafe:bus', '*', 'a', 'canary-stream');
  });
  assert.deepEqual(said.match(/Redis holds a secret: .*/g), ['name', 'value', 'stream'].map((where) => `Redis holds a secret: in a ${where}`));
});

test('a daemon that cannot start fails the test with its own words', async () => {
  const said = await gateAfter('bad config', async (world) => {
    await assert.rejects(inMode('bad-config')(world), /exit code 78[\s\S]*COLOUR is not an option/);
  });
  assert.match(said, /expected 0/);
});

test('worlds do not see each other: each has its database, and Redis begins empty', async () => {
  await gateAfter('first', async (world) => {
    await world.sql.query("INSERT INTO anchor.leaves (leaf_id, hash) VALUES (7, sha256('x'))");
    await world.redisClient.set('left', 'over', 'EX', 600);
  });
  await gateAfter('second', async (world) => {
    assert.equal((await world.sql.query('SELECT count(*) FROM anchor.leaves')).rows[0].count, '0');
    assert.equal(await world.redisClient.exists('left'), 0);
  });
});

test('proxied servers are reached through the proxies', async () => {
  await gateAfter(
    'proxied',
    async (world) => {
      assert.ok(world.site.conninfo('eldersafe_core').includes(`port=${world.proxies.postgres.port} `));
      const settings = world.site.settings('core', { folder: world.folder, name: 'x' });
      assert.equal(settings.REDIS, world.proxies.redis.address);
    },
    { proxied: ['postgres', 'redis'] },
  );
});

test('the chain stand-in of a world pays and mines', async () => {
  await gateAfter(
    'chain',
    async (world) => {
      const before = (await world.chain.state()).height;
      await world.chain.mine(2);
      assert.equal((await world.chain.state()).height, before + 2);
    },
    { chain: true },
  );
});

test('folders of failed worlds are kept, with the log of each daemon', async () => {
  const folders = readdirSync(testFolder());
  const broken = folders.find((name) => name.startsWith('broken-'));
  await eventually('the log', () => readdirSync(path.join(testFolder(), broken)).includes('core-1.log'));
});
