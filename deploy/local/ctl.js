// eldersafectl as a function.

import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { ISSUER, programPath } from './site.js';

const TIMEOUT_MS = 120_000;

/** The environment of eldersafectl at SITE; ROLE is the database role it signs in as. */
export function ctlEnvironment(site, role = 'eldersafe_admin') {
  return {
    ELDERSAFE_DATABASE: site.directConninfo(role),
    ELDERSAFE_LOOKUP_KEY_FILE: site.keys.lookup.path,
    ELDERSAFE_NOTIFY_PUBLIC_KEY_FILE: site.keys.notifyPublic.path,
    ELDERSAFE_TOKEN_KEY_FILE: site.keys.token.path,
    ELDERSAFE_ISSUER: ISSUER,
  };
}

/** Runs eldersafectl ARGV and yields its output; what it said is in what is thrown. */
export function ctl(argv, environment = {}) {
  return runProgram('eldersafectl', argv, environment);
}

/** Runs one of our programs to its end and yields its output. */
export function runProgram(name, argv, environment = {}, timeout = TIMEOUT_MS) {
  const program = programPath(name);
  if (!program) throw new Error(`${name} is not built: run make`);
  const env = { PATH: process.env.PATH, ...environment };
  try {
    return execFileSync(program, argv, { encoding: 'utf8', timeout, stdio: ['ignore', 'pipe', 'pipe'], env });
  } catch (error) {
    const how =
      error.code === 'ETIMEDOUT'
        ? `not done after ${timeout} ms`
        : `exit code ${error.status ?? error.signal}`;
    const failure = new Error(
      `${path.basename(program)} ${argv.slice(0, 2).join(' ')}: ${how}\n${error.stdout ?? ''}${error.stderr ?? ''}`,
    );
    throw Object.assign(failure, { status: error.status, stdout: error.stdout, stderr: error.stderr });
  }
}
