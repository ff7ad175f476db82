// What is measured and how much of it: the environment of `make bench`.

import path from 'node:path';
import { REPOSITORY } from '../../deploy/local/site.js';

const FULL = { members: 1_000_000, runs: 3, seconds: 4, tokens: 200_000, mixedTokens: 100_000, burst: 5_000, steadySeconds: 10 };
const QUICK = { members: 200_000, runs: 1, seconds: 2, tokens: 100_000, mixedTokens: 40_000, burst: 5_000, steadySeconds: 4 };

function wholeNumber(environment, name, fallback) {
  const value = Number(environment[name] || fallback);
  if (!Number.isInteger(value) || value < 1) throw new Error(`${name} must be a whole number from 1`);
  return value;
}

/**
 * From ENVIRONMENT:
 *   BENCH_QUICK=1     a fifth of the members, one short run of each: under four minutes
 *   BENCH_MEMBERS=n   members in the database
 *   BENCH_RUNS=n      runs of each load; the table shows medians
 *   BENCH_SECONDS=n   length of one load
 *   BENCH_DIR=folder  where servers keep their files (removed at the end)
 */
export function readOptions(environment) {
  const quick = environment.BENCH_QUICK === '1';
  const base = quick ? QUICK : FULL;
  const members = wholeNumber(environment, 'BENCH_MEMBERS', base.members);
  return {
    ...base,
    quick,
    members,
    tokens: Math.min(base.tokens, members),
    mixedTokens: Math.min(base.mixedTokens, members),
    burst: Math.min(base.burst, members),
    runs: wholeNumber(environment, 'BENCH_RUNS', base.runs),
    seconds: wholeNumber(environment, 'BENCH_SECONDS', base.seconds),
    folder: path.resolve(REPOSITORY, environment.BENCH_DIR || '.bench'),
  };
}
