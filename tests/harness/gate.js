// The teardown gate: what must be true at the end of every test, whatever the test itself checked.
// All problems are collected and raised together, last.

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { eventually } from '../../deploy/local/wait.js';
import { describeEnd } from '../../deploy/local/process.js';
import { brokenInvariants } from './invariants.js';
import { leaked, readLog, sanitizerReport } from './logs.js';
import { contentsOfRedis } from './redis.js';

const FAULT_EXIT = 86;
const SETTLE_MS = 8_000; // less than the 10 s after which PostgreSQL itself ends such a session
const NEVER_ENDS = -1; // Redis' TTL of a key without one; -2: it has ended meanwhile

/** Before the daemons are stopped: nobody sits in a transaction. */
export async function openTransactions(world) {
  const query = `SELECT usename, application_name, state, left(query, 80) AS query FROM pg_stat_activity
    WHERE datname = current_database() AND state LIKE 'idle in transaction%'`;
  let rows = [];
  try {
    await eventually(
      'no idle transaction',
      async () => {
        ({ rows } = await world.sql.query(query));
        return rows.length === 0;
      },
      { timeout: SETTLE_MS },
    );
    return [];
  } catch {
    return rows.map((row) => `idle in transaction: ${JSON.stringify(row)}`);
  }
}

/** After the daemons were stopped. */
export async function problemsOf(world) {
  return [
    ...world.runs.flatMap(exitProblems),
    ...world.runs.flatMap(({ child }) => sanitizerProblems(child.name, child.printed())),
    ...world.runs.flatMap((run) => outputProblems(run)),
    ...logProblems(world),
    ...leakProblems(world),
    ...(world.invariants ? await brokenInvariants(world.sql, world.acknowledged) : []),
    ...(await keysWithoutTtl(world)),
    ...(await redisLeakProblems(world)),
    ...(world.invariants ? world.auditorFindings() : []),
  ];
}

function exitProblems({ child, expected }) {
  const { ended } = child;
  if (!ended) return [`${child.name} is still running`];
  if (expected === 'killed' && ended.signal === 'SIGKILL') return [];
  if (expected === 'fault' && ended.code === FAULT_EXIT) return [];
  if (expected === ended.code && !ended.forced) return [];
  return [
    `${child.name} ended with ${describeEnd(ended)}${ended.forced ? ` after ${ended.forced}` : ''}, expected ${expected}\n${child.tail()}`,
  ];
}

function sanitizerProblems(name, text) {
  const report = sanitizerReport(text);
  return report ? [`${name}: sanitizer report:\n${report}`] : [];
}

// A daemon logs to its file; on its standard output and error there is nothing to say unless it
// could not start, and then the test expects that exit code.
function outputProblems({ child, expected }) {
  const printed = child.printed().trim();
  return expected === 0 && printed ? [`${child.name} printed: ${printed.slice(0, 2_000)}`] : [];
}

function logProblems(world) {
  return [...new Set(world.runs.map((run) => run.log))].flatMap((file) => {
    const { entries, problems } = readLog(file);
    const unwanted = entries.filter((entry) => isUnwanted(entry, world));
    return [...problems, ...unwanted.map((entry) => `${path.basename(file)}: ${JSON.stringify(entry)}`)];
  });
}

function isUnwanted(entry, { allowedWarnings, allowedBroken }) {
  const level = entry.level.toLowerCase();
  const allows = (patterns) => patterns.some((pattern) => pattern.test(entry.event));
  if (level === 'broken') return !allows(allowedBroken);
  if (entry.event === 'daemon.test_settings') return false; // the daemon says that it is being tested
  return level === 'warn' && !allows(allowedWarnings);
}

// Canary grep: no key, password, token, number or mail address in anything a daemon wrote.
function leakProblems(world) {
  const files = readdirSync(world.folder)
    .filter((name) => /\.(log|out|ready)$/.test(name))
    .map((name) => path.join(world.folder, name));
  return files
    .filter((file) => existsSync(file) && statSync(file).isFile())
    .flatMap((file) => {
      const names = leaked(readFileSync(file, 'utf8'), world.secrets());
      return names.map((name) => `${path.basename(file)} holds a secret: ${name}`);
    });
}

// The same in Redis (E95: a key is a hash, not the token). A code of few digits stands in many a time of day.
async function redisLeakProblems(world) {
  if (!world.redisClient) return [];
  const secrets = Object.entries(world.secrets()).filter(([, secret]) => !/^\d{1,8}$/.test(secret));
  const contents = Object.values(await contentsOfRedis(world.redisClient)).join('\n');
  return leaked(contents, Object.fromEntries(secrets)).map((name) => `Redis holds a secret: ${name}`);
}

async function keysWithoutTtl(world) {
  if (!world.redisClient || !world.checkTtl) return [];
  const keys = await world.redisClient.keys('*');
  const lasting = [];
  for (const key of keys) {
    const [type, ttl] = await Promise.all([world.redisClient.type(key), world.redisClient.ttl(key)]);
    if (type !== 'stream' && ttl === NEVER_ENDS) lasting.push(`E94: Redis key ${key} has no TTL`);
  }
  return lasting;
}
