// What processes cost: processor time and memory, from /proc.

import { readdirSync, readFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';

const TICKS_PER_S = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
const KIB_PER_MIB = 1024;

/** Processor seconds that PID and its living children have used so far. */
export function cpuSeconds(pid) {
  return family(pid).reduce((sum, each) => sum + ticksOf(each), 0) / TICKS_PER_S;
}

/** { rss, pss } of PID and its children in MiB. PSS shares common pages out among their users. */
export function memoryOf(pid) {
  const each = family(pid).map(rollup);
  const sum = (name) => each.reduce((total, one) => total + one[name], 0) / KIB_PER_MIB;
  return { rss: sum('Rss'), pss: sum('Pss') };
}

/** The most that PID alone has ever had resident, in MiB. */
export function peakOf(pid) {
  return Number(readFileSync(`/proc/${pid}/status`, 'utf8').match(/^VmHWM:\s+(\d+) kB$/m)[1]) / KIB_PER_MIB;
}

/** Share of the machine that was busy between two calls: pass the first call's result to the second. */
export function machineBusy(since) {
  const [, ...numbers] = readFileSync('/proc/stat', 'utf8').split('\n')[0].trim().split(/\s+/).map(Number);
  const idle = numbers[3] + numbers[4];
  const total = numbers.reduce((sum, value) => sum + value, 0);
  if (!since) return { idle, total };
  return 1 - (idle - since.idle) / (total - since.total);
}

function family(pid) {
  const children = new Map();
  for (const name of readdirSync('/proc')) {
    const fields = /^\d+$/.test(name) && statOf(name);
    if (!fields) continue;
    const parent = Number(fields[1]);
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const all = [];
  const walk = (each) => {
    all.push(each);
    (children.get(each) ?? []).forEach(walk);
  };
  walk(pid);
  return all;
}

// utime, stime, and those of children that have ended.
function ticksOf(pid) {
  const fields = statOf(pid);
  return fields ? fields.slice(11, 15).reduce((sum, value) => sum + Number(value), 0) : 0;
}

// The fields after the name: [0] is the state, [1] the parent. Null when the process has gone.
function statOf(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return null;
  }
}

function rollup(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
    const value = (name) => Number(text.match(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm'))?.[1] ?? 0);
    return { Rss: value('Rss'), Pss: value('Pss') };
  } catch {
    return { Rss: 0, Pss: 0 };
  }
}
