// The log: sealing, proofs, receipts over HTTP, the offline verifier, and what a signal weighs.

import { execFile, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { buildFolder, LOG_ORIGIN, programPath } from '../../deploy/local/site.js';
import { median } from './load.js';

const run = promisify(execFile);
const RECEIPTS = 2_000; // each of another member: the limit is per member
const AT_ONCE = 16;
const VERIFICATIONS = 50;
const SEAL_MAX = 65_536;
const NOT_IN_A_BLOCK_YET = 3; // all of a sealed receipt's links hold
const SIGNALS_A_YEAR = 365_000_000;

/** Seals what waits; { leaves, seconds, proofs, proof_median_us, proof_slowest_us }. */
export async function sealAndProve(world) {
  const program = path.join(buildFolder(), 'tests/bench/log-bench');
  const { stdout } = await run(program, [world.site.conninfo('eldersafe_ledger'), LOG_ORIGIN, String(SEAL_MAX)]);
  return JSON.parse(stdout);
}

/** Fetches receipts of sealed signals; { rate, times (ms), sample: the last receipt }. */
export async function receipts(world, core) {
  const rows = world.writeTokens(
    path.join(world.folder, 'tokens-session'),
    `SELECT s.member_id, encode(m.public_id, 'hex'), s.signal_id FROM core.signals s JOIN core.members m USING (member_id)
       JOIN anchor.entries e ON e.leaf_id = s.signal_id ORDER BY md5(s.member_id::text) LIMIT ${RECEIPTS}`,
    'session',
  );
  const tokens = world.readTokens(path.join(world.folder, 'tokens-session'));
  const times = [];
  let next = 0;
  let sample = null;
  const worker = async () => {
    while (next < rows.length) {
      const number = next++;
      const begun = performance.now();
      const answer = await fetch(`${core.url}/api/signals/${rows[number][2]}/receipt`, { headers: { Authorization: `Bearer ${tokens[number]}` } });
      const text = await answer.text();
      if (answer.status !== 200) throw new Error(`a receipt was answered ${answer.status}: ${text}`);
      times.push(performance.now() - begun);
      sample = text;
    }
  };
  const begun = performance.now();
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return { rate: rows.length / ((performance.now() - begun) / 1000), times, sample };
}

/** Milliseconds that one run of eldersafe-verify takes for RECEIPT, process start included. */
export function verifyTime(world, receipt) {
  const file = path.join(world.folder, 'receipt.json');
  writeFileSync(file, receipt);
  const program = programPath('eldersafe-verify');
  const times = [];
  for (let i = 0; i < VERIFICATIONS; i++) {
    const begun = performance.now();
    const { status, stderr } = spawnSync(program, ['--no-log-key', '--quiet', file], { encoding: 'utf8' });
    if (status !== NOT_IN_A_BLOCK_YET) throw new Error(`eldersafe-verify ended with ${status}: ${stderr}`);
    times.push(performance.now() - begun);
  }
  return median(times);
}

/** E125: bytes in each table per signal, indexes included, after `signals` sealed signals. */
export function weights(world) {
  const size = (name) => Number(world.sql(`SELECT coalesce(sum(pg_total_relation_size(relid)), 0) FROM pg_partition_tree('${name}')`));
  const plain = (name) => Number(world.sql(`SELECT pg_total_relation_size('${name}')`));
  const signals = world.signals();
  const entries = Number(world.sql('SELECT count(*) FROM anchor.entries'));
  const heap = Number(world.sql("SELECT coalesce(sum(pg_relation_size(relid)), 0) FROM pg_partition_tree('core.signals')"));
  const row = heap / signals;
  const index = size('core.signals') / signals - row;
  const log = (plain('anchor.entries') + plain('anchor.tiles')) / entries;
  const whole = row + index + log;
  return { row, index, log, whole, yearGiB: (whole * SIGNALS_A_YEAR) / 2 ** 30 };
}
