// LOCAL_DIR/env: what a shell sources to talk to the stack.

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { ctlEnvironment } from './ctl.js';
import { buildFolder } from './site.js';

/** The variables of a running STACK, by name. Only what exists is named. */
export function stackVariables(stack) {
  const { postgres, redis, chain, edge, site, supervisor, processes } = stack;
  const announced = (name) => supervisor.daemon(name).announced();
  const daemons = processes.flatMap((name) => {
    const { listen, metrics } = announced(name);
    const upper = name.toUpperCase();
    return [
      listen && [`${upper}_URL`, `http://${listen}`],
      metrics && [`${upper}_METRICS_URL`, `http://${metrics}`],
    ].filter(Boolean);
  });
  return {
    ...Object.fromEntries(daemons),
    EDGE_URL: edge.appUrl,
    API_URL: edge.apiUrl,
    LOG_URL: edge.logUrl,
    PG_URL: `postgresql://${postgres.superuser}:${postgres.superPassword}@${postgres.host}:${postgres.port}/${site.database}`,
    REDIS_URL: redis.uri(),
    CHAIN_URL: chain.url,
    MAIL_DIR: site.mailFolder,
    TILES_DIR: site.tilesFolder,
    LOG_VKEY: site.logVerifierKey.text,
    LOG_VKEY_FILE: site.logVerifierKey.path,
    TOKEN_KEY_FILE: site.keys.token.path,
    LOOKUP_KEY_FILE: site.keys.lookup.path,
    VAULT_KEY_FILE: site.keys.vault.path,
    NOTIFY_PUBLIC_KEY_FILE: site.keys.notifyPublic.path,
    CHAIN_KEY_FILE: site.keys.chain.path,
    LOG_KEY_FILE: site.keys.log.path,
    ...ctlEnvironment(site),
    BUILD_DIR: buildFolder(),
    PATH: `${buildFolder()}:$PATH`,
  };
}

/** Writes VARIABLES as a file for a POSIX shell; yields its path. */
export function writeEnvFile(folder, variables) {
  const file = path.join(folder, 'env');
  const lines = Object.entries(variables).map(([name, value]) => `export ${name}=${quote(value)}`);
  writeFileSync(file, `${lines.join('\n')}\n`, { mode: 0o600 });
  return file;
}

// In double quotes, so that $PATH is filled in by the shell; everything else is taken as it is.
function quote(value) {
  const safe = value.replace(/[\\"`$]/g, '\\$&').replace('\\$PATH', '$PATH');
  return `"${safe}"`;
}
