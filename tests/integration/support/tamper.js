// Rows changed behind everybody's back, as a superuser or a restored backup changes them.

/** Runs SQL as superuser with the locks of TABLE off. */
export async function behindTheBack(world, table, sql, values = []) {
  const client = await world.sql.connect();
  try {
    const { rows } = await client.query('SELECT tgname FROM pg_trigger WHERE tgrelid = $1::regclass AND tgname = \'append_only_row\'', [table]);
    await client.query('BEGIN');
    await client.query('SET LOCAL session_replication_role = replica'); // foreign keys
    for (const { tgname } of rows) await client.query(`ALTER TABLE ${table} DISABLE TRIGGER ${tgname}`);
    const { rowCount } = await client.query(sql, values);
    for (const { tgname } of rows) await client.query(`ALTER TABLE ${table} ENABLE ALWAYS TRIGGER ${tgname}`);
    await client.query('COMMIT');
    return rowCount;
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  } finally {
    client.release();
  }
}

/** TABLE holds again exactly what its copy holds. */
export async function putBack(world, table, copy) {
  await behindTheBack(world, table, `DELETE FROM ${table}`);
  await behindTheBack(world, table, `INSERT INTO ${table} OVERRIDING SYSTEM VALUE SELECT * FROM ${copy}`);
}
