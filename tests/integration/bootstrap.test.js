// deploy/bootstrap on a machine that is a folder: its own apt-get, package list and policy-rc.d. Whatever happens,
// the machine's own policy is there again afterwards, or services would never start on it any more.

import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { Child } from '../../deploy/local/process.js';
import { REPOSITORY } from '../../deploy/local/site.js';
import { eventually } from '../../deploy/local/wait.js';
import { testFolder } from '../harness/servers.js';

const OWN_POLICY = '#!/bin/sh\n# of this machine\nexit 104\n';
const STAND_INS = {
  sudo: 'shift; exec "$@"',
  'dpkg-query': '[ ! -e "$MACHINE/installed" ] || for name; do echo "ii  $name"; done',
  // Installs when it is let; until then it is at work, under the policy of that moment.
  'apt-get': `
case "$*" in
install*"DPkg::Lock::Timeout=300"*) ;;
update*) [ -e "$MACHINE/lists" ] || { touch "$MACHINE/lists"; echo "E: Could not get lock" >&2; exit 100; }; exit 0 ;;
*) exit 1 ;;
esac
cp "$MACHINE/policy-rc.d" "$MACHINE/at-work.$PPID"
until [ -e "$MACHINE/let" ]; do sleep 0.02; done
touch "$MACHINE/installed"`,
};

/** A machine without any of the packages, and two checkouts of us. */
class Machine {
  constructor({ policy }) {
    this.folder = mkdtempSync(path.join(testFolder(), 'bare-'));
    this.policy = path.join(this.folder, 'policy-rc.d');
    mkdirSync(path.join(this.folder, 'bin'));
    mkdirSync(path.join(this.folder, 'dpkg'));
    for (const [name, text] of Object.entries(STAND_INS)) this.#program(path.join(this.folder, 'bin', name), `#!/bin/sh\n${text}\n`);
    if (policy) this.#program(this.policy, policy);
    const text = readFileSync(path.join(REPOSITORY, 'deploy/bootstrap'), 'utf8');
    for (const checkout of ['one', 'two']) {
      const at = path.join(this.folder, checkout);
      mkdirSync(path.join(at, 'deploy'), { recursive: true });
      mkdirSync(path.join(at, 'tests/node_modules'), { recursive: true });
      for (const name of ['package-lock.json', 'node_modules/.package-lock.json']) writeFileSync(path.join(at, 'tests', name), '{}');
      this.#program(
        path.join(at, 'deploy/bootstrap'),
        text.replace('/usr/sbin/policy-rc.d', this.policy).replace('/var/lib/dpkg', path.join(this.folder, 'dpkg')),
      );
    }
  }

  #program(file, text) {
    writeFileSync(file, text);
    chmodSync(file, 0o755);
  }

  bootstrap(checkout) {
    return new Child({
      name: checkout,
      command: [path.join(this.folder, checkout, 'deploy/bootstrap')],
      output: path.join(this.folder, `${checkout}.out`),
      env: { PATH: `${path.join(this.folder, 'bin')}:${process.env.PATH}`, MACHINE: this.folder },
    });
  }

  /** The policy that the installation which CHILD runs has found. */
  policyDuring(child) {
    const copy = path.join(this.folder, `at-work.${child.pid}`);
    return child.waitUntil('apt-get is at work', () => existsSync(copy) && readFileSync(copy, 'utf8'), { timeout: 20_000 });
  }

  let() {
    writeFileSync(path.join(this.folder, 'let'), '');
  }

  ownPolicy() {
    return existsSync(this.policy) ? readFileSync(this.policy, 'utf8') : null;
  }
}

for (const policy of [OWN_POLICY, null]) {
  const what = policy ? 'a policy of its own' : 'no policy';

  test(`two checkouts at once: afterwards a machine with ${what} has that again`, async (t) => {
    const machine = new Machine({ policy });
    const one = machine.bootstrap('one');
    t.after(() => one.stop());
    assert.match(await machine.policyDuring(one), /^exit 101$/m);
    const two = machine.bootstrap('two');
    t.after(() => two.stop());
    await two.waitForLine(/installing/);
    machine.let();
    for (const child of [one, two]) assert.equal((await child.exited).code, 0, child.printed());
    assert.equal(machine.ownPolicy(), policy);
  });

  test(`killed while it installs: the next start gives a machine with ${what} that back`, async (t) => {
    const machine = new Machine({ policy });
    const killed = machine.bootstrap('one');
    t.after(() => killed.kill());
    await machine.policyDuring(killed);
    await killed.kill();
    assert.match(machine.ownPolicy(), /^exit 101$/m);
    machine.let();
    // Once there is still something to install, once there is nothing any more.
    if (!policy) writeFileSync(path.join(machine.folder, 'installed'), '');
    const next = machine.bootstrap('two');
    t.after(() => next.stop());
    assert.equal((await next.exited).code, 0, next.printed());
    assert.equal(machine.ownPolicy(), policy);
  });
}
