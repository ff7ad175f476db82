// What deploy/README.md tells an operator to type, typed: its commands run as they are written, only that
// /etc and the installed files are in a folder, and that nobody is made owner of anything.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { before, test } from 'node:test';
import Redis from 'ioredis';
import { freePort } from '../../deploy/local/ports.js';
import { Child } from '../../deploy/local/process.js';
import { buildFolder, DAEMONS, REPOSITORY } from '../../deploy/local/site.js';
import { testFolder } from '../harness/servers.js';

const GUIDE = readFileSync(path.join(REPOSITORY, 'deploy/README.md'), 'utf8');
const USERS = ['core', 'notify', 'ledger', 'admin'];
// What a test cannot or must not do; what is asked for is answered.
const STAND_INS = { chown: 'exit 0', systemctl: 'exit 0', 'systemd-ask-password': 'echo "secret of a provider"' };

let root;

before(() => {
  root = path.join(testFolder(), 'machine');
  execFileSync(path.join(REPOSITORY, 'deploy/package/install'), [buildFolder(), root]);
  for (const name of [...USERS, 'auditor']) mkdirSync(path.join(root, 'etc/eldersafe', name), { mode: 0o700 });
  mkdirSync(path.join(root, 'etc/redis'));
  mkdirSync(path.join(root, 'stand-ins'));
  for (const [name, text] of Object.entries(STAND_INS)) {
    writeFileSync(path.join(root, 'stand-ins', name), `#!/bin/sh\n${text}\n`);
    chmodSync(path.join(root, 'stand-ins', name), 0o755);
  }
});

/** Paths of the machine in TEXT, moved to our folder. */
const moved = (text) => text.replace(/(?<=^|[\s="<>"])\/(?=etc\/|usr\/share\/eldersafe)/gm, `${root}/`);

/** Types the commands of step NUMBER of the section "Install"; yields what they print. */
function type(number) {
  const [step] = GUIDE.match(new RegExp(`^${number}\\. \\*\\*.*\\n(?:(?: .*)?\\n)*`, 'm'));
  const commands = [...step.matchAll(/^ {7}(.*)$/gm)].map(([, line]) => line).join('\n');
  assert.notEqual(commands, '', `step ${number}`);
  return execFileSync('sh', ['-eu', '-c', moved(commands).replaceAll(/-o redis -g redis /g, '')], {
    encoding: 'utf8',
    env: { PATH: `${root}/stand-ins:${root}/usr/bin:${process.env.PATH}` },
  });
}

function environmentOf(name) {
  const text = readFileSync(path.join(REPOSITORY, `deploy/systemd/${name}.env`), 'utf8');
  return Object.fromEntries(
    [...text.matchAll(/^(ELDERSAFE_\w+)=(.*)$/gm)].map(([, option, value]) => [
      option,
      moved(value.replace(/^"(.*)"$/, '$1')),
    ]),
  );
}

test('FE17: Redis starts with the files and passwords of step 2, which keeps them when it is done again', async () => {
  type(2);
  const password = (name) => readFileSync(path.join(root, `etc/eldersafe/${name}/redis.password`), 'utf8');
  const [acl, passwords] = [readFileSync(path.join(root, 'etc/redis/users.acl'), 'utf8'), USERS.map(password)];
  type(2);
  assert.deepEqual([readFileSync(path.join(root, 'etc/redis/users.acl'), 'utf8'), USERS.map(password)], [acl, passwords]);
  assert.equal(new Set(passwords).size, USERS.length);
  const port = await freePort();
  const overrides = ['--port', String(port), '--supervised', 'no', '--dir', root, '--aclfile', path.join(root, 'etc/redis/users.acl')];
  const child = new Child({
    name: 'redis',
    command: ['redis-server', path.join(root, 'etc/redis/redis.conf'), ...overrides],
    output: path.join(root, 'redis.log'),
  });
  await child.waitForLine(/Ready to accept connections/);
  for (const name of USERS) {
    const client = new Redis({ port, username: `eldersafe_${name}`, password: password(name), enableReadyCheck: false });
    assert.equal(await client.ping(), 'PONG', name);
    client.disconnect();
  }
  assert.equal((await child.stop()).code, 0);
});

test('E47: step 3 makes every file that the settings name, for its owner alone, and the processes take them', () => {
  type(3);
  for (const name of [...Object.keys(DAEMONS), 'admin']) {
    const environment = environmentOf(name);
    for (const [option, file] of Object.entries(environment).filter(([option]) => option.endsWith('_FILE'))) {
      assert.ok(existsSync(file), `${name}: ${option}=${file}`);
      assert.equal(statSync(file).mode & 0o777, 0o400, file);
    }
    if (!(name in DAEMONS)) continue;
    const program = path.join(root, 'usr/bin', DAEMONS[name].program);
    const { status, stderr } = spawnSync(program, ['--check-config'], { encoding: 'utf8', env: environment });
    assert.deepEqual([status, stderr], [0, ''], name);
  }
});

test('every file of the package that the guide names is in it', () => {
  const names = [...GUIDE.matchAll(/\/usr\/share\/eldersafe\/[\w./-]*\w/g)].map(([name]) => name);
  assert.ok(names.length >= 4);
  for (const name of names) assert.ok(existsSync(path.join(root, name)), name);
});

test("N13: eldersafe-admin has the operator's settings, which agree with those of the processes", () => {
  const script = path.join(root, 'usr/sbin/eldersafe-admin');
  const own = path.join(root, 'eldersafe-admin');
  writeFileSync(own, moved(readFileSync(script, 'utf8')), { mode: 0o755 });
  const stub = path.join(root, 'stand-ins/eldersafectl');
  writeFileSync(stub, '#!/bin/sh\nprintf "%s\\n" "$@" "$ELDERSAFE_ISSUER" "$ELDERSAFE_DATABASE"\n', { mode: 0o755 });
  const said = execFileSync(own, ['token', 'a b'], { encoding: 'utf8', env: { PATH: `${root}/stand-ins:${process.env.PATH}` } });
  const database = 'host=/run/postgresql dbname=eldersafe user=eldersafe_admin';
  assert.deepEqual(said.trim().split('\n'), ['token', 'a b', environmentOf('core').ELDERSAFE_ISSUER, database]);
  const admin = environmentOf('admin');
  for (const [name, option] of [['core', 'TOKEN_KEY_FILE'], ['ledger', 'CHAIN_KEY_FILE']])
    assert.equal(admin[`ELDERSAFE_${option}`], environmentOf(name)[`ELDERSAFE_${option}`]);
  assert.ok('ELDERSAFE_LOG_VKEY_FILE' in admin);
});
