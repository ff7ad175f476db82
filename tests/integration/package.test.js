// What `make install` and `make deb` put on a machine, and whether systemd and our own programs accept it.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { before, test } from 'node:test';
import { request } from '../../deploy/local/http.js';
import { newKey, publicKeyOf } from '../../deploy/local/keys.js';
import { freePort } from '../../deploy/local/ports.js';
import { Child } from '../../deploy/local/process.js';
import { buildFolder, DAEMONS, programPath, REPOSITORY } from '../../deploy/local/site.js';
import { testFolder } from '../harness/servers.js';
import { createWorld } from '../harness/world.js';

const UNITS = 'usr/lib/systemd/system';
const PACKAGE = path.join(REPOSITORY, 'deploy/package');
const MOST_EXPOSED = 1.5; // systemd's own scale, 0 to 10
const HARDENING = [
  'NoNewPrivileges=yes',
  'CapabilityBoundingSet=',
  'ProtectSystem=strict',
  'ProtectHome=yes',
  'PrivateTmp=yes',
  'PrivateDevices=yes',
  'PrivateUsers=yes',
  'ProtectProc=invisible',
  'ProtectKernelTunables=yes',
  'ProtectKernelModules=yes',
  'ProtectKernelLogs=yes',
  'ProtectControlGroups=yes',
  'ProtectClock=yes',
  'ProtectHostname=yes',
  'RestrictNamespaces=yes',
  'RestrictRealtime=yes',
  'RestrictSUIDSGID=yes',
  'LockPersonality=yes',
  'MemoryDenyWriteExecute=yes',
  'SystemCallArchitectures=native',
  'SystemCallFilter=@system-service',
];

let root;

before(() => {
  root = path.join(testFolder(), 'root');
  execFileSync(path.join(PACKAGE, 'install'), [buildFolder(), root]);
});

function unit(name) {
  return readFileSync(path.join(root, UNITS, `eldersafe-${name}.service`), 'utf8');
}

test('E44, E13: each process has a unit of its own that restarts within 3 s, but not where it cannot help', () => {
  for (const name of Object.keys(DAEMONS)) {
    const text = unit(name);
    for (const line of [
      'Type=notify',
      'WatchdogSec=30s',
      'Restart=on-failure',
      'RestartSec=500ms',
      'StartLimitIntervalSec=0',
      'RestartPreventExitStatus=64 78 79',
      `User=eldersafe-${name}`,
      `EnvironmentFile=/etc/eldersafe/${name}.env`,
      `ExecStart=/usr/bin/eldersafe-${name}`,
      'PartOf=eldersafe.target',
    ])
      assert.ok(text.split('\n').includes(line), `${name}: ${line}`);
    const others = Object.keys(DAEMONS).filter((other) => other !== name);
    for (const other of others) assert.ok(!text.includes(`eldersafe-${other}`), `${name} needs ${other}`);
  }
});

test('FE17: each process has its own user, and folders of secrets are closed to all others', () => {
  const users = readFileSync(path.join(root, 'usr/lib/sysusers.d/eldersafe.conf'), 'utf8');
  const folders = readFileSync(path.join(root, 'usr/lib/tmpfiles.d/eldersafe.conf'), 'utf8');
  for (const name of Object.keys(DAEMONS)) {
    assert.match(users, new RegExp(`^u eldersafe-${name} `, 'm'));
    assert.match(folders, new RegExp(`^d /etc/eldersafe/${name} 0700 eldersafe-${name} `, 'm'));
    const sample = readFileSync(path.join(root, `etc/eldersafe/${name}.env`), 'utf8');
    for (const [, file] of sample.matchAll(/_FILE=(\S+)/g))
      assert.ok(file.startsWith(`/etc/eldersafe/${name}/`), `${name} reads ${file}`);
  }
});

test('every unit has the full hardening block', () => {
  for (const name of Object.keys(DAEMONS)) {
    for (const line of HARDENING) assert.ok(unit(name).split('\n').includes(line), `${name}: ${line}`);
  }
});

test('E9: the listening socket is on loopback', () => {
  const listens = readFileSync(path.join(root, UNITS, 'eldersafe-core.socket'), 'utf8').match(
    /^Listen\w+=.*/gm,
  );
  assert.deepEqual(listens, ['ListenStream=127.0.0.1:8001']);
});

test('the kernel lets the socket have the backlog that it asks for', () => {
  const [, backlog] = readFileSync(path.join(root, UNITS, 'eldersafe-core.socket'), 'utf8').match(/^Backlog=(\d+)$/m);
  const settings = readFileSync(path.join(root, 'usr/lib/sysctl.d/eldersafe.conf'), 'utf8');
  assert.match(settings, new RegExp(`^net\\.core\\.somaxconn = ${backlog}$`, 'm'));
});

test('E44: caddy.service gets the folder of the socket that the Caddyfile names, and comes back by itself', () => {
  const [, socket] = readFileSync(path.join(root, 'usr/share/eldersafe/caddy/Caddyfile'), 'utf8').match(
    /\{\$EDGE_ADMIN:unix\/(\/run\/\S+)\}/,
  );
  const lines = readFileSync(path.join(root, UNITS, 'caddy.service.d/eldersafe.conf'), 'utf8').split('\n');
  const wanted = [`RuntimeDirectory=${path.basename(path.dirname(socket))}`, 'RuntimeDirectoryMode=0750', 'Restart=on-failure'];
  for (const line of wanted) assert.ok(lines.includes(line), line);
});

test('systemd accepts the units, and finds little to reach through them', { skip: noSystemd() }, () => {
  const folder = path.join(testFolder(), 'units');
  mkdirSync(folder);
  for (const name of readdirSync(path.join(root, UNITS)).filter((entry) => !entry.endsWith('.d'))) {
    const text = readFileSync(path.join(root, UNITS, name), 'utf8');
    writeFileSync(path.join(folder, name), text.replace(/^ExecStart=\S+/m, 'ExecStart=/bin/true'));
  }
  const files = readdirSync(folder).map((name) => path.join(folder, name));
  const verified = spawnSync('systemd-analyze', ['verify', '--man=no', ...files], { encoding: 'utf8' });
  assert.equal(
    verified.stderr
      .split('\n')
      .filter((line) => line.includes('eldersafe'))
      .join('\n'),
    '',
  );
  for (const name of Object.keys(DAEMONS)) {
    const { stdout } = spawnSync(
      'systemd-analyze',
      ['security', '--offline=true', path.join(folder, `eldersafe-${name}.service`)],
      { encoding: 'utf8' },
    );
    const exposure = Number(stdout.match(/Overall exposure level for \S+ ([\d.]+)/)[1]);
    assert.ok(exposure <= MOST_EXPOSED, `${name}: ${exposure}`);
  }
});

for (const [name, { program }] of Object.entries(DAEMONS)) {
  test(`the sample settings of ${name} are accepted by the program`, () => {
    const environment = sampleEnvironment(name);
    const checked = spawnSync(path.join(root, 'usr/bin', program), ['--check-config'], {
      encoding: 'utf8',
      env: environment,
    });
    assert.deepEqual([checked.status, checked.stderr], [0, '']);
  });
}

test('settings that are there already are not replaced', () => {
  const file = path.join(root, 'etc/eldersafe/core.env');
  const own = `${readFileSync(file, 'utf8')}# mine\n`;
  writeFileSync(file, own);
  execFileSync(path.join(PACKAGE, 'install'), [buildFolder(), root]);
  assert.equal(readFileSync(file, 'utf8'), own);
});

test('E47: what is installed holds no secret', () => {
  const found = (...argv) => spawnSync('grep', ['-raohE', ...argv, root], { encoding: 'utf8' }).stdout.split('\n').slice(0, -1);
  assert.deepEqual(found('-e', '-----BEGIN [A-Z ]*PRIVATE KEY'), []);
  const versions = execFileSync('common/db/make-schema-version', ['migrations'], { cwd: REPOSITORY, encoding: 'utf8' });
  const keys = found('-e', '[0-9a-fA-F]{64,}').filter((text) => text.length === 64); // as our own are written
  assert.deepEqual(keys.filter((text) => !versions.includes(text)), []);
  assert.ok(keys.length > 0, 'the version of the schema would be found if it were a key');
});

test('E124: the Debian package holds the same files and depends on the libraries it needs', () => {
  const output = path.join(testFolder(), 'deb');
  mkdirSync(output);
  execFileSync(path.join(PACKAGE, 'build-deb'), [buildFolder(), output], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { PATH: '/usr/bin:/bin' }, // an ordinary user's
  });
  const [name] = readdirSync(output);
  assert.match(name, /^eldersafe_[\w.+]+_\w+\.deb$/);
  const file = path.join(output, name);
  const depends = execFileSync('dpkg-deb', ['--field', file, 'Depends'], { encoding: 'utf8' });
  for (const library of ['libc6', 'libmicrohttpd12', 'libpq5', 'libssl3', 'libsodium23'])
    assert.match(depends, new RegExp(`\\b${library}\\b`));
  const listed = execFileSync('dpkg-deb', ['--fsys-tarfile', file], { maxBuffer: 1 << 28 });
  const names = execFileSync('tar', ['-t'], { input: listed, encoding: 'utf8' }).split('\n');
  for (const wanted of [
    './usr/bin/eldersafectl',
    `./${UNITS}/eldersafe-core.service`,
    './usr/share/eldersafe/migrations/roles.sql',
    './etc/eldersafe/core.env',
  ]) {
    assert.ok(names.includes(wanted), wanted);
  }
});

test('J12.5: a later build of the same version is newer to apt', () => {
  const [name] = readdirSync(path.join(testFolder(), 'deb'));
  const [, version] = name.split('_');
  const told = spawnSync('git', ['log', '-1', '--date=format-local:%Y%m%d%H%M%S', '--format=+git%cd.%h'], {
    cwd: REPOSITORY,
    encoding: 'utf8',
    env: { PATH: process.env.PATH, TZ: 'UTC' },
  });
  if (told.status !== 0) return; // sources without their history: the version has to do
  assert.ok(version.endsWith(told.stdout.trim()), version);
  for (const earlier of ['0.1.0', version.replace(/git\d+/, 'git20260101000000')])
    assert.equal(spawnSync('dpkg', ['--compare-versions', version, 'gt', earlier]).status, 0, `${version} after ${earlier}`);
});

test('J12.5: the core serves on the socket of its unit, under the name that the unit gives it', async (t) => {
  const socket = readFileSync(path.join(root, UNITS, 'eldersafe-core.socket'), 'utf8');
  const [, name] = socket.match(/^FileDescriptorName=(.*)$/m);
  const world = await createWorld(t);
  const port = await freePort();
  const at = { folder: world.folder, name: 'activated', listen: '127.0.0.1:1', metrics: '127.0.0.1:0' }; // port 1: nobody may take that
  const settings = Object.entries(world.site.settings('core', at)).map(
    ([option, value]) => `--setenv=ELDERSAFE_${option}=${value}`,
  );
  const child = new Child({
    name: 'socket activation',
    command: [
      'systemd-socket-activate',
      `--listen=127.0.0.1:${port}`,
      `--fdname=${name}`,
      ...settings,
      programPath(DAEMONS.core.program),
    ],
    output: path.join(world.folder, 'activated.out'),
  });
  t.after(() => child.stop());
  await child.waitForLine(/Listening on/);
  const { status } = await request(`http://127.0.0.1:${port}/health/ready`); // starts it, and waits in the backlog
  assert.equal(status, 200);
  assert.equal(
    JSON.parse(readFileSync(path.join(world.folder, 'activated.ready'), 'utf8')).listen,
    `127.0.0.1:${port}`,
  );
  assert.equal((await child.stop()).code, 0);
});

// Decided before anything starts: a machine without systemd's tools cannot ask them.
function noSystemd() {
  return spawnSync('systemd-analyze', ['--version']).error ? 'no systemd-analyze here' : false;
}

/** The sample as an environment, its /etc/eldersafe moved to a folder where each file exists. */
function sampleEnvironment(name) {
  const text = readFileSync(path.join(REPOSITORY, `deploy/systemd/${name}.env`), 'utf8');
  const folder = path.join(testFolder(), 'etc');
  const pairs = [...text.matchAll(/^(ELDERSAFE_\w+)=(.*)$/gm)].map(([, option, value]) => [
    option,
    value.replace(/^"(.*)"$/, '$1'),
  ]);
  return Object.fromEntries(
    pairs.map(([option, value]) => {
      const moved = value.replace('/etc/eldersafe', folder);
      if (option.endsWith('_FILE')) {
        mkdirSync(path.dirname(moved), { recursive: true });
        writeFileSync(
          moved,
          `${option.includes('NOTIFY_PUBLIC') ? publicKeyOf('x25519', newKey()) : newKey()}\n`,
          { mode: 0o600 },
        );
      }
      return [option, moved];
    }),
  );
}
