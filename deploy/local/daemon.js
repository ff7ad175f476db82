// One of our daemons as a child process: started with its own environment, ready when its ready
// file says so.

import { existsSync, readFileSync, rmSync } from 'node:fs';
import { Child } from './process.js';

const READY_MS = 30_000;
const PREFIX = 'ELDERSAFE_';

/**
 * Options: name, command, output, cwd as for Child, and
 *   settings    { NAME: value } without the ELDERSAFE_ prefix; must hold READY_FILE
 *   environment further variables, as they are (ASAN_OPTIONS …)
 */
export class Daemon {
  constructor({ name, command, settings, environment = {}, output, cwd }) {
    this.name = name;
    this.readyFile = settings.READY_FILE;
    rmSync(this.readyFile, { force: true }); // one left by a killed predecessor says nothing
    const prefixed = Object.entries(settings).map(([option, value]) => [PREFIX + option, String(value)]);
    this.child = new Child({
      name,
      command,
      cwd,
      output,
      env: { ...Object.fromEntries(prefixed), ...environment },
    });
  }

  /** Waits for the ready file and yields its content: { pid, listen?, metrics? }. */
  ready({ timeout = READY_MS } = {}) {
    return this.child.waitUntil('ready', () => this.announced(), { timeout });
  }

  /** What the ready file says, or null while there is none. */
  announced() {
    if (!existsSync(this.readyFile)) return null;
    return JSON.parse(readFileSync(this.readyFile, 'utf8'));
  }
}
