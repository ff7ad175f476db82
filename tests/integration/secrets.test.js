// E47: secrets come from files that the environment names, and no process starts without one of its own.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { DAEMONS, programPath } from '../../deploy/local/site.js';
import { createWorld } from '../harness/world.js';

const CONFIG = 78; // the unit files do not restart after it
const SECRETS = {
  core: ['TOKEN_KEY_FILE', 'LOOKUP_KEY_FILE'],
  notify: ['VAULT_KEY_FILE'],
  ledger: ['CHAIN_KEY_FILE', 'LOG_KEY_FILE'],
  auditor: [],
};
const PUBLIC = ['NOTIFY_PUBLIC_KEY_FILE'];

/** The options of PROCESS that are files which must exist: { name: whether it is required }. */
function fileOptions(process) {
  const sample = execFileSync(programPath(DAEMONS[process].program), ['--sample-env'], { encoding: 'utf8' });
  const found = [...sample.matchAll(/^# a file that exists and is readable(; required)?\n#?ELDERSAFE_(\w+)=/gm)];
  return Object.fromEntries(found.map(([, required, name]) => [name, Boolean(required)]));
}

/** PROCESS refuses to start with SETTINGS, for good, and says why. */
async function refuses(world, process, settings, reason) {
  const daemon = await world.start(process, { settings, waitReady: false });
  await daemon.ends(CONFIG);
  const said = daemon.child.printed() + JSON.stringify(daemon.log());
  assert.match(said, reason, `${process} with ${JSON.stringify(settings)}`);
}

for (const process of Object.keys(DAEMONS)) {
  test(`E47: ${process} refuses to start without each of its secrets, and says which`, async (t) => {
    const world = await createWorld(t, { chain: true, warnings: [/^daemon\.start_failed$/] });
    const options = fileOptions(process);
    const required = Object.keys(options).filter((name) => options[name]);
    assert.deepEqual(required.filter((name) => !PUBLIC.includes(name)), SECRETS[process]);
    for (const name of required) await refuses(world, process, { [name]: undefined }, new RegExp(`ELDERSAFE_${name} is not set`));
    for (const name of Object.keys(options)) {
      await refuses(world, process, { [name]: path.join(world.folder, 'nothing') }, new RegExp(`ELDERSAFE_${name}\\b`));
    }
    const good = world.site.settings(process, { folder: world.folder, name: 'good' });
    for (const name of SECRETS[process]) {
      const open = path.join(world.folder, 'open.key');
      copyFileSync(good[name], open);
      chmodSync(open, 0o644);
      await refuses(world, process, { [name]: open }, /open\.key/);
    }
  });
}

test('E47: a setting that does not exist is refused: it may be a secret with a typing error', async (t) => {
  const world = await createWorld(t);
  await refuses(world, 'core', { TOKEN_KEY_FIEL: '/x' }, /ELDERSAFE_TOKEN_KEY_FIEL/);
});
