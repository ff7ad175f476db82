// A lock that cannot go stale: the kernel's flock on a file, held by a helper process for as long
// as ours lives. However we end, kill -9 included, the helper reads end-of-file and lets go.

import { spawn } from 'node:child_process';

const CONFLICT = 75;
const HOLD = 'echo held && exec cat >/dev/null';

/**
 * Holds the lock on the file PATH (created when missing); null when somebody else has it, WAIT seconds
 * later still. (Who was killed lets go a moment later: its helper has to notice.)
 */
export function holdLock(path, { wait = 0 } = {}) {
  const patience = wait > 0 ? ['--timeout', String(wait)] : ['--nonblock'];
  const options = [...patience, '--conflict-exit-code', String(CONFLICT)];
  const helper = spawn('flock', [...options, path, 'sh', '-c', HOLD], {
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true, // Ctrl-C is for us to handle, not for the helper
  });
  return new Promise((resolve, reject) => {
    helper.once('error', reject);
    helper.once('exit', (code) => {
      if (code === CONFLICT) resolve(null);
      else reject(new Error(`flock ${path} ended with ${code}`));
    });
    helper.stdout.once('data', () => {
      helper.removeAllListeners('exit');
      resolve(new Lock(helper));
    });
  });
}

class Lock {
  #helper;

  constructor(helper) {
    this.#helper = helper;
    helper.unref();
    helper.stdin.unref();
    helper.stdout.destroy();
  }

  async release() {
    const ended = new Promise((resolve) => this.#helper.once('exit', resolve));
    this.#helper.ref();
    this.#helper.stdin.end();
    await ended;
  }
}
