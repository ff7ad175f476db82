// The edge, with the Caddyfile of production: only names and addresses differ.

import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { canConnect } from './ports.js';
import { Child } from './process.js';
import { REPOSITORY } from './site.js';

export const CADDYFILE = path.join(REPOSITORY, 'deploy/caddy/Caddyfile');
const START_MS = 15_000;
const STOP_MS = 5_000;

/**
 * Options: folder, port (plain HTTP on loopback), core ('host:port' of eldersafe-core, several
 * separated by blanks), tiles (folder of the log), environment (further EDGE_… settings).
 */
export class Edge {
  #child = null;

  constructor({ folder, port, core, tiles, environment = {} }) {
    Object.assign(this, { folder, port, core, tiles, environment });
    this.url = `http://127.0.0.1:${port}`;
    this.appUrl = `http://app.localhost:${port}`;
    this.apiUrl = `http://api.localhost:${port}`;
    this.logUrl = `http://log.localhost:${port}`;
  }

  get child() {
    return this.#child;
  }

  /** The environment that it runs in, and that `caddy reload` must be given. */
  settings() {
    const on = (...names) => names.map((name) => `http://${name}:${this.port}`).join(', ');
    return {
      HOME: this.folder,
      XDG_DATA_HOME: path.join(this.folder, 'data'),
      XDG_CONFIG_HOME: path.join(this.folder, 'config'),
      EDGE_ADMIN: 'off',
      EDGE_OPTIONS: 'default_bind 127.0.0.1',
      EDGE_APP: on('app.localhost'),
      EDGE_API: on('api.localhost'),
      EDGE_APP_URL: this.appUrl,
      EDGE_LOG_HOST: on('log.localhost'),
      EDGE_REDIRECTED: on('localhost', 'www.localhost'),
      EDGE_CORE: this.core,
      EDGE_TILES: this.tiles,
      EDGE_STATIC: path.join(REPOSITORY, 'deploy/static'),
      EDGE_MORE: path.join(this.folder, 'more', '*.caddy'),
      ...this.environment,
    };
  }

  async start() {
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    this.#child = new Child({
      name: 'caddy',
      command: ['caddy', 'run', '--config', CADDYFILE, '--adapter', 'caddyfile'],
      cwd: this.folder,
      output: path.join(this.folder, 'caddy.log'),
      env: this.settings(),
    });
    await this.#child.waitUntil('it listens', () => canConnect(this.port), { timeout: START_MS });
  }

  async stop() {
    return this.#child?.stop({ termMs: STOP_MS });
  }
}
