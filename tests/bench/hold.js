// The world of the bench without the measuring: servers, members, tokens and eldersafe-core, to be
// looked at with perf, psql and wrk. Ends on Ctrl-C.
//
//     node tests/bench/hold.js          prints a few shell variables once it is up
//     kill -USR1 PID                    back to the morning (sql/reset.sql, Redis emptied)

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { readOptions } from './options.js';
import { World } from './world.js';

const world = new World(readOptions(process.env));
try {
  await world.open((text) => process.stdout.write(`bench: ${text}\n`));
  const core = await world.start('core');
  const variables = {
    BENCH_PID: process.pid,
    CORE_PID: core.pid,
    CORE_URL: core.url,
    METRICS_URL: core.metricsUrl,
    TOKENS: world.tokenFile,
    PGPASSFILE: path.join(world.folder, 'postgres/passwords/eldersafe_super.pgpass'),
    PG: `"host=127.0.0.1 port=${world.postgres.port} user=eldersafe_super dbname=${world.database}"`,
    REDIS_URL: world.redis.uri(),
  };
  const lines = Object.entries(variables).map(([name, value]) => `export ${name}=${value}\n`).join('');
  writeFileSync(path.join(world.folder, 'env'), lines, { mode: 0o600 });
  process.stdout.write(`${lines}bench: up; these lines are in ${path.join(world.folder, 'env')}\n`);
  process.on('SIGUSR1', () => {
    world.reset().then(() => process.stdout.write('bench: reset\n'));
  });
  const keepAlive = setInterval(() => {}, 1_000);
  await new Promise((resolve) => ['SIGINT', 'SIGTERM'].forEach((name) => process.once(name, resolve)));
  clearInterval(keepAlive);
} finally {
  await world.close();
}
