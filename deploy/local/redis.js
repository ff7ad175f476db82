// A private Redis server: no persistence (it may always be lost), one ACL user per process.

import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { newPassword, secretFile } from './keys.js';
import { canConnect } from './ports.js';
import { Child } from './process.js';

const HOST = '127.0.0.1';
const START_MS = 10_000;
const STOP_MS = 5_000;
const ADMIN = 'eldersafe_admin';
const PASSWORD_MARK = /^user (\S+) on #PASSWORD_SHA256/gm;

/**
 * Options:
 *   folder   configuration, log and passwords
 *   port     on 127.0.0.1
 *   aclFile  taken as it is, but for the passwords: #PASSWORD_SHA256 stands for the hash of each user's
 */
export class Redis {
  #child = null;

  constructor({ folder, port, aclFile }) {
    this.folder = folder;
    this.port = port;
    this.host = HOST;
    this.address = `${HOST}:${port}`;
    this.admin = ADMIN;
    this.aclFile = aclFile;
  }

  get child() {
    return this.#child;
  }

  async start() {
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    this.#writeAcl();
    const configuration = this.#writeConfiguration();
    this.#child = new Child({
      name: 'redis',
      command: ['redis-server', configuration],
      cwd: this.folder,
      output: path.join(this.folder, 'server.log'),
    });
    await this.#child.waitUntil('it answers', () => canConnect(this.port), { timeout: START_MS });
  }

  async stop() {
    return this.#child?.stop({ termMs: STOP_MS });
  }

  /** As a crash: every key is gone, connections are cut. */
  async kill() {
    return this.#child.kill();
  }

  async restart() {
    await this.stop();
    await this.start();
  }

  /** Stops answering without closing anything, as a hung machine would; thaw() undoes it. */
  freeze() {
    this.#child.signal('SIGSTOP');
  }

  thaw() {
    this.#child.signal('SIGCONT');
  }

  /** Path of the file that holds USER's password. */
  passwordFile(user) {
    return secretFile(path.join(this.folder, 'passwords'), user, newPassword).path;
  }

  password(user) {
    return secretFile(path.join(this.folder, 'passwords'), user, newPassword).text;
  }

  uri(user = ADMIN) {
    return `redis://${user}:${this.password(user)}@${this.address}`;
  }

  #writeAcl() {
    const filled = readFileSync(this.aclFile, 'utf8').replace(
      PASSWORD_MARK,
      (_, user) => `user ${user} on #${sha256(this.password(user))}`,
    );
    writeFileSync(path.join(this.folder, 'users.acl'), filled, { mode: 0o600 });
  }

  #writeConfiguration() {
    const file = path.join(this.folder, 'redis.conf');
    const lines = [
      `bind ${HOST}`,
      `port ${this.port}`,
      `dir "${this.folder}"`,
      `aclfile "${path.join(this.folder, 'users.acl')}"`,
      'save ""',
      'appendonly no',
      'daemonize no',
      'maxmemory 256mb',
      'maxmemory-policy noeviction',
    ];
    writeFileSync(file, `${lines.join('\n')}\n`, { mode: 0o600 });
    return file;
  }
}

function sha256(text) {
  return createHash('sha256').update(text).digest('hex');
}
