// What one installation consists of, and the environment each process gets from it: exactly the
// options of its table, no more. Both the local stack and the tests configure daemons through this.

import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { newKey, publicKeyOf, secretFile, verifierKey } from './keys.js';

export const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));
export const LOG_ORIGIN = 'log.eldersafe.test/local';
export const ISSUER = 'eldersafe-local';

/** Every daemon: its program, database role and Redis user (null: it has no use for Redis). */
export const DAEMONS = {
  core: { program: 'eldersafe-core', role: 'eldersafe_core', redisUser: 'eldersafe_core' },
  notify: { program: 'eldersafe-notify', role: 'eldersafe_notify', redisUser: 'eldersafe_notify' },
  ledger: { program: 'eldersafe-ledger', role: 'eldersafe_ledger', redisUser: 'eldersafe_ledger' },
  auditor: { program: 'eldersafe-auditor', role: 'eldersafe_auditor', redisUser: null },
};

/** Roles that have a password: the daemons', and those of eldersafectl. */
export const ROLES = [
  ...Object.values(DAEMONS).map(({ role }) => role),
  'eldersafe_migrate',
  'eldersafe_admin',
];

/** The folder with the programs: ELDERSAFE_BUILD (relative to the repository) or build/release. */
export function buildFolder() {
  return path.resolve(REPOSITORY, process.env.ELDERSAFE_BUILD ?? 'build/release');
}

/** Path of one of our programs, or null when this build has none of that name. */
export function programPath(name) {
  const file = path.join(buildFolder(), name);
  return existsSync(file) ? file : null;
}

/**
 * Options:
 *   folder     where keys, mail and tiles are kept
 *   postgres   a Postgres, started; `database` is the name of ours in it
 *   redis      a Redis, started, or null
 *   chainUrl   base URL of the chain stand-in, or null when no ledger will run
 *   publicUrl  what links in mails begin with
 *   addresses  of fault proxies that stand before the servers: { postgres: port, redis: 'host:port' }
 */
export class Site {
  constructor({ folder, postgres, database, redis, chainUrl = null, publicUrl, addresses = {} }) {
    Object.assign(this, { folder, postgres, database, redis, chainUrl, publicUrl, addresses });
    const keys = path.join(folder, 'keys');
    this.keys = {
      token: secretFile(keys, 'token.key', newKey),
      lookup: secretFile(keys, 'lookup.key', newKey),
      vault: secretFile(keys, 'vault.key', newKey),
      chain: secretFile(keys, 'chain.key', newKey),
      log: secretFile(keys, 'log.key', newKey),
    };
    this.keys.notifyPublic = secretFile(keys, 'notify.pub', () =>
      publicKeyOf('x25519', this.keys.vault.text),
    );
    this.logVerifierKey = secretFile(keys, 'log.vkey', () => verifierKey(LOG_ORIGIN, this.keys.log.text));
    this.mailFolder = path.join(folder, 'mail');
    this.tilesFolder = path.join(folder, 'tiles');
  }

  /** libpq connection string of ROLE, through the proxy when there is one. */
  conninfo(role) {
    return this.postgres.conninfo(role, this.database, this.addresses.postgres);
  }

  /** The same past any proxy: for operators' commands, which run while our own event loop (and with it
   * the proxy) stands still. */
  directConninfo(role) {
    return this.postgres.conninfo(role, this.database);
  }

  /**
   * The settings (names without ELDERSAFE_) of PROCESS. `at` tells where this one listens and
   * writes: { folder, name, listen, metrics }; `overrides` replaces or (undefined) removes settings.
   */
  settings(process, at, overrides = {}) {
    const common = this.#common(process, at);
    const own = OWN_SETTINGS[process](this, at);
    const all = Object.entries({ ...common, ...own, ...overrides });
    return Object.fromEntries(all.filter(([, value]) => value !== undefined && value !== null));
  }

  #common(process, { folder, name, metrics }) {
    const { role, redisUser } = DAEMONS[process];
    const redis =
      this.redis && redisUser
        ? {
            REDIS: this.addresses.redis ?? this.redis.address,
            REDIS_USER: redisUser,
            REDIS_PASSWORD_FILE: this.redis.passwordFile(redisUser),
          }
        : {};
    return {
      READY_FILE: path.join(folder, `${name}.ready`),
      LOG_FILE: path.join(folder, `${name}.log`),
      LOG_LEVEL: 'info',
      METRICS_LISTEN: metrics,
      DATABASE: this.conninfo(role),
      ...redis,
    };
  }
}

const OWN_SETTINGS = {
  core: (site, { listen }) => ({
    LISTEN: listen,
    TOKEN_KEY_FILE: site.keys.token.path,
    LOOKUP_KEY_FILE: site.keys.lookup.path,
    NOTIFY_PUBLIC_KEY_FILE: site.keys.notifyPublic.path,
    PUBLIC_URL: site.publicUrl,
    ISSUER,
    TRUST_PROXY: 'yes',
  }),
  notify: (site) => ({
    VAULT_KEY_FILE: site.keys.vault.path,
    MAIL_CHANNEL: 'file',
    MAIL_DIRECTORY: site.mailFolder,
    MAIL_FROM: 'Eldersafe <no-reply@eldersafe.test>',
  }),
  ledger: (site) => ({
    CHAIN_KEY_FILE: site.keys.chain.path,
    LOG_KEY_FILE: site.keys.log.path,
    LOG_ORIGIN,
    CHAIN_NETWORK: 'regtest',
    BROADCAST: 'arc',
    VERIFY: 'none',
    ARC_URL: `${site.chainUrl}/arc`,
    WOC_URL: `${site.chainUrl}/woc/v1/bsv/test`,
    NODE_URL: `${site.chainUrl}/rpc`,
    ALLOWED_HOSTS: '127.0.0.1=local',
    TILES_DIRECTORY: site.tilesFolder,
  }),
  auditor: (site) => ({
    CHAIN_NETWORK: 'regtest',
    LOG_VKEY_FILE: site.logVerifierKey.path,
  }),
};
