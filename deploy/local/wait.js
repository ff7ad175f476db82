// Waiting for something to become true, with a limit and a reason. There are no other sleeps.

const PAUSE_MS = 20;

/** Resolves after MS; used only to space the tries of a condition. */
export function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * Calls PROBE (it may be async) until it yields something true, and returns that. A probe that
 * throws counts as "not yet"; its last error is quoted when TIMEOUT milliseconds are over.
 */
export async function eventually(what, probe, { timeout = 30_000, every = PAUSE_MS } = {}) {
  const end = performance.now() + timeout;
  let lastError = null;
  for (;;) {
    try {
      const value = await probe();
      if (value) return value;
      lastError = null;
    } catch (error) {
      if (error.final) throw error;
      lastError = error;
    }
    if (performance.now() >= end) break;
    await pause(every);
  }
  const reason = lastError ? ` (last error: ${lastError.message})` : '';
  throw new Error(`not within ${timeout} ms: ${what}${reason}`);
}

/** An error that ends eventually() at once: what is waited for can no longer happen. */
export function finalError(message) {
  return Object.assign(new Error(message), { final: true });
}
