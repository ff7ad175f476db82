// The one table: what was measured, beside what, against which target. Printed, and kept in README.md.

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { REPOSITORY } from '../../deploy/local/site.js';

const README = path.join(REPOSITORY, 'tests/bench/README.md');
const BEGIN = '<!-- figures: begin; written by make bench -->';
const END = '<!-- figures: end -->';
const BAR = 24; // width of the longest bar of a histogram
const HEADS = ['What', 'Figure', 'Beside', 'Ratio', 'Target', 'Met'];

/** Rows in order; each target is judged when its row is added. */
export class Table {
  rows = [];

  /**
   * Adds WHAT with its FIGURE as text. Options: `beside` text and `ratio` number (ours to theirs);
   * `target` text with `met` true or false.
   */
  add(what, figure, { beside = '', ratio, target = '', met } = {}) {
    const times = ratio === undefined ? '' : `${ratio.toFixed(1)}×`;
    this.rows.push([what, figure, beside, times, target, met === undefined ? '' : met ? 'yes' : '**missed**']);
  }

  get missed() {
    return this.rows.filter((row) => row[5] === '**missed**').map(([what]) => what);
  }

  /** As Markdown, the columns aligned. */
  text() {
    const all = [HEADS, ...this.rows];
    const widths = HEADS.map((_, column) => Math.max(...all.map((row) => [...row[column]].length)));
    const line = (row) => `| ${row.map((cell, column) => cell + ' '.repeat(widths[column] - [...cell].length)).join(' | ')} |`;
    return [line(HEADS), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...this.rows.map(line)].join('\n');
  }
}

/** How long the last burst of each way took, as text: [{ way, bucket_ms, histogram: [count, …] }]. */
export function histogramText(bursts) {
  const longest = Math.max(...bursts.map(({ histogram }) => histogram.length));
  const most = Math.max(...bursts.flatMap(({ histogram }) => histogram));
  const side = (count = 0) => `${String(count).padStart(5)} ${'#'.repeat(Math.ceil((count / most) * BAR)).padEnd(BAR)}`;
  const line = (i) => `${String((i + 1) * bursts[0].bucket_ms).padStart(6)}  ${bursts.map(({ histogram }) => side(histogram[i])).join('  ')}`.trimEnd();
  const heads = `  < ms  ${bursts.map(({ way }) => way.padEnd(BAR + 6)).join('  ')}`.trimEnd();
  return ['Connections of the last burst by the time until their answer was in:', '', '```', heads, ...Array.from({ length: longest }, (_, i) => line(i)), '```'].join('\n');
}

/** One line that says when, where and how much. */
export function circumstances(options, tookS) {
  const revision = execFileSync('git', ['-C', REPOSITORY, 'describe', '--always', '--dirty'], { encoding: 'utf8' }).trim();
  const memory = Math.round(os.totalmem() / 2 ** 30);
  return [
    `${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC, ${os.cpus().length} × ${os.cpus()[0].model}, ${memory} GiB, Linux ${os.release()}, revision ${revision}.`,
    `${options.members} members, medians of ${options.runs} runs of ${options.seconds} s with wrk -t2 -c128 on the same machine, ${Math.round(tookS)} s in all.`,
  ].join('\n');
}

/** Replaces the figures in README.md. */
export function keep(text) {
  const readme = readFileSync(README, 'utf8');
  const [before, rest] = readme.split(BEGIN);
  const after = rest?.split(END)[1];
  if (after === undefined) throw new Error(`${README} has lost its markers`);
  writeFileSync(README, `${before}${BEGIN}\n${text}\n${END}${after}`);
}
