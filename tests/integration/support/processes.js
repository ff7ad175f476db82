// What the kernel says about a process that runs.

import { readFileSync } from 'node:fs';
import { programPath } from '../../../deploy/local/site.js';

const KIB = 1024;
const TICKS_PER_S = 100; // USER_HZ: the same on every Linux, whatever the kernel's own clock does
// Fields of /proc/PID/stat behind the name, which may hold blanks and brackets itself.
const USER_TIME = 11;
const SYSTEM_TIME = 12;

/** Memory of PID in bytes, with pages that it shares counted in shares (PSS). */
export function proportionalBytes(pid) {
  return kibOf(`/proc/${pid}/smaps_rollup`, 'Pss');
}

/** The most memory that PID ever had resident, in bytes. */
export function peakBytes(pid) {
  return kibOf(`/proc/${pid}/status`, 'VmHWM');
}

/** Processor seconds that PID has used since it started. */
export function processorSeconds(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ');
  return (Number(fields[USER_TIME]) + Number(fields[SYSTEM_TIME])) / TICKS_PER_S;
}

/** Whether this build carries a sanitizer: its shadow memory and its pace say nothing about ours. */
export function isInstrumented() {
  return /__[at]san_init/.test(readFileSync(programPath('eldersafe-core'), 'latin1'));
}

function kibOf(file, name) {
  const [, kib] = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(file, 'utf8'));
  return Number(kib) * KIB;
}
