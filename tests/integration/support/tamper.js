// Rows changed behind everybody's back, as a superuser or a restored backup changes them.

/** Runs WORK with a superuser's client in one transaction, with the locks of TABLES off. */
async function unlocked(world, tables, work) {
  const client = await world.sql.connect();
  const setLocks = async (state) => {
    const { rows } = await client.query("SELECT tgrelid::regclass::text AS of FROM pg_trigger WHERE tgrelid = ANY ($1::regclass[]) AND tgname = 'append_only_row'", [tables]);
    for (const { of } of rows) await client.query(`ALTER TABLE ${of} ${state} TRIGGER append_only_row`);
  };
  try {
    await client.query('BEGIN');
    await client.query('SET LOCAL session_replication_role = replica'); // foreign keys
    await setLocks('DISABLE');
    const result = await work(client);
    await setLocks('ENABLE ALWAYS');
    await client.query('COMMIT');
    return result;
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  } finally {
    client.release();
  }
}

/** Runs SQL on TABLE; yields the number of rows. */
export function behindTheBack(world, table, sql, values = []) {
  return unlocked(world, [table], async (client) => (await client.query(sql, values)).rowCount);
}

/** Each table of COPIES, { table: copy }, holds again exactly what its copy holds, all at the same moment. */
export function putBack(world, copies) {
  return unlocked(world, Object.keys(copies), async (client) => {
    for (const [table, copy] of Object.entries(copies)) {
      await client.query(`DELETE FROM ${table}`);
      await client.query(`INSERT INTO ${table} OVERRIDING SYSTEM VALUE SELECT * FROM ${copy}`);
    }
  });
}
