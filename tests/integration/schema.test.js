// A release that was started before its migrations ran, or after those of a later one.

import test from 'node:test';
import { createWorld } from '../harness/world.js';

const SCHEMA = 79; // es_exit: not worth restarting

// A column that statements of each process name.
const COLUMNS = {
  core: 'core.members.zone',
  notify: 'vault.messages.last_error',
  ledger: 'anchor.checkpoints.root',
  auditor: 'pay.transfers.amount',
};

test('a statement that does not fit the schema of another version ends every daemon with 79', async (t) => {
  const world = await createWorld(t, { chain: true, warnings: [/^daemon\.start_failed$/] });
  world.invariants = false; // they need the columns
  for (const column of Object.values(COLUMNS)) {
    const [schema, table, name] = column.split('.');
    await world.sql.query(`ALTER TABLE ${schema}.${table} RENAME COLUMN ${name} TO ${name}_of_another_release`);
  }
  await world.sql.query('UPDATE public.eldersafe_migrations SET number = number + 1 WHERE number = (SELECT max(number) FROM public.eldersafe_migrations)');
  for (const process of Object.keys(COLUMNS)) {
    const daemon = await world.start(process, { waitReady: false });
    await daemon.ends(SCHEMA);
  }
});
