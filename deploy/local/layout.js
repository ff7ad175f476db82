// Where a local stack keeps things and on which ports: LOCAL_DIR and PORT_BASE, nothing else.

import path from 'node:path';
import { REPOSITORY } from './site.js';
import { isFree } from './ports.js';
import { eventually } from './wait.js';

const DEFAULT_FOLDER = '.local';
const DEFAULT_BASE = 8000;
const HIGHEST_BASE = 65_000;
const AFTER_KILL_MS = 45_000;
const AFTER_KILL_PAUSE_MS = 200;

// Added to PORT_BASE; all below 50. 1 to 3 are the tiers, from 11 the metrics of each process.
const OFFSETS = {
  edge: 0,
  core: 1,
  coreMetrics: 11,
  notifyMetrics: 12,
  ledgerMetrics: 13,
  auditorMetrics: 14,
  postgres: 32,
  chain: 33,
  redis: 34,
};

/** { folder, base, ports: { edge, core, … } } from ENVIRONMENT. */
export function readLayout(environment) {
  const folder = path.resolve(REPOSITORY, environment.LOCAL_DIR || DEFAULT_FOLDER);
  const base = Number(environment.PORT_BASE || DEFAULT_BASE);
  if (!Number.isInteger(base) || base < 1024 || base > HIGHEST_BASE) {
    throw new Error(`PORT_BASE must be a whole number from 1024 to ${HIGHEST_BASE}`);
  }
  const ports = Object.fromEntries(Object.entries(OFFSETS).map(([name, offset]) => [name, base + offset]));
  return { folder, base, ports };
}

/** Throws when somebody else listens on one of PORTS, naming it. */
export async function checkPorts({ base, ports }) {
  for (const [name, port] of Object.entries(ports)) {
    if (!(await isFree(port))) {
      throw new Error(
        `port ${port} (${name}) is taken: stop what uses it, or choose another PORT_BASE than ${base}`,
      );
    }
  }
}

/** The same, but gives the processes of a stack that was killed the time they need to stop. */
export function checkPortsAfterKill(layout) {
  return eventually(
    'the ports are free',
    async () => {
      await checkPorts(layout);
      return true;
    },
    { timeout: AFTER_KILL_MS, every: AFTER_KILL_PAUSE_MS },
  );
}
