// The servers of one test file: one PostgreSQL with a migrated template database and one Redis,
// started on first use, stopped when the file is done. Nothing here is shared between files, and
// nothing of the system's own servers is ever touched.

import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after } from 'node:test';
import { freePort } from '../../deploy/local/ports.js';
import { Postgres } from '../../deploy/local/postgres.js';
import { Redis } from '../../deploy/local/redis.js';
import { migrate } from '../../deploy/local/migrate.js';
import { REPOSITORY, ROLES } from '../../deploy/local/site.js';

const TEMPLATE = 'eldersafe_template';

let folder = null;
let postgres = null;
let redis = null;
let template = null;
let keep = false;

/** The folder of this test file; removed at the end unless keepFolder() was called. */
export function testFolder() {
  if (!folder) {
    folder = mkdtempSync(path.join(os.tmpdir(), 'eldersafe-test-'));
    chmodSync(folder, 0o711); // the database server's user passes through
  }
  return folder;
}

/** The gate found something: leave everything where it is, for looking at. */
export function keepFolder(wanted = true) {
  keep = wanted;
}

/** The PostgreSQL of this file, running. */
export function sharedPostgres() {
  postgres ??= startPostgres();
  return postgres;
}

/** The Redis of this file, running. */
export function sharedRedis() {
  redis ??= startRedis();
  return redis;
}

/** The name of a database that was migrated by eldersafectl; every test clones it. */
export function templateDatabase() {
  template ??= makeTemplate();
  return template;
}

async function startPostgres() {
  const server = new Postgres({
    folder: path.join(testFolder(), 'postgres'),
    port: await freePort(),
    durability: 'throwaway',
  });
  await server.start();
  return server;
}

async function startRedis() {
  const server = new Redis({
    folder: path.join(testFolder(), 'redis'),
    port: await freePort(),
    aclFile: path.join(REPOSITORY, 'deploy/redis/users.acl'),
  });
  await server.start();
  return server;
}

async function makeTemplate() {
  const server = await sharedPostgres();
  server.createDatabase(TEMPLATE);
  migrate(server, TEMPLATE);
  for (const role of ROLES) server.passfile(role);
  return TEMPLATE;
}

after(async () => {
  await (await redis)?.stop();
  const server = await postgres;
  await server?.stop();
  if (!folder) return;
  // The test runner has set the exit code by now when any test of this file failed.
  if (keep || process.exitCode) {
    process.stderr.write(`kept for looking at: ${folder}\n`);
    return;
  }
  server?.remove();
  rmSync(folder, { recursive: true, force: true });
});
