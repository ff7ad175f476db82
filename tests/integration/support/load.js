// Many members at once, and at a pace.

import http from 'node:http';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { pause } from '../../../deploy/local/wait.js';
import { forgeToken, newCrowd } from './core.js';

/** Tokens of COUNT new members, one each. */
export async function tokensOfCrowd(world, count) {
  const members = await newCrowd(world, count);
  const tokens = [];
  for (const each of members) tokens.push(await forgeToken(world, each));
  return tokens;
}

/** Connections that are kept, as many as are needed or at most SOCKETS, closed when the test ends. */
export function connections(t, sockets = Infinity) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: sockets, maxFreeSockets: sockets });
  t.after(() => agent.destroy());
  return agent;
}

/**
 * Calls CALL with each of ITEMS when its time has come, PER_SECOND of them, whether or not those before
 * have been answered. Yields { answers, seconds }.
 */
export async function atPace(items, perSecond, call) {
  const begun = performance.now();
  const calls = [];
  for (const [i, item] of items.entries()) {
    const early = begun + (i * 1_000) / perSecond - performance.now();
    if (early > 0) await pause(early);
    calls.push(call(item, i));
  }
  const answers = await Promise.all(calls);
  return { answers, seconds: (performance.now() - begun) / 1_000 };
}

/** Calls CALL with each of ITEMS, WIDTH at once; yields what they yielded. */
export async function inWaves(items, width, call) {
  const answers = [];
  for (let i = 0; i < items.length; i += width)
    answers.push(...(await Promise.all(items.slice(i, i + width).map(call))));
  return answers;
}

const RESOLUTION_MS = 10;

/**
 * Runs WORK and yields { value, stallMs }: what it yielded, and the longest time that this process, which
 * holds the watch (and often the proxy), stood still meanwhile. Nothing it has timed is more exact than that.
 */
export async function withStall(work) {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();
  const value = await work();
  await pause(3 * RESOLUTION_MS); // a stall at the very end is seen by the next tick
  delays.disable();
  return { value, stallMs: delays.max / 1e6 };
}

/** How long CALL takes, without what this process itself slept through: { answer, ms }. */
export async function timed(call) {
  const { value: { answer, ms }, stallMs } = await withStall(async () => {
    const begun = performance.now();
    const answer = await call();
    return { answer, ms: performance.now() - begun };
  });
  return { answer, ms: ms - stallMs };
}

const TRIES = 3;

/**
 * For bounds on time, which a busy machine may miss once: calls ATTEMPT, which yields what was wrong ('' when
 * nothing was), up to three times, until nothing is. Throws what was wrong each time when there always was.
 * What may never happen, however busy the machine is, ATTEMPT itself asserts.
 */
export async function onceGood(attempt) {
  const wrong = [];
  while (wrong.length < TRIES) {
    const found = await attempt();
    if (!found) return;
    wrong.push(found);
  }
  throw new Error(`each of ${TRIES} times: ${wrong.join('; ')}`);
}

/** Calls LOOK again and again, EVERYMS apart, until stop(), which yields what it yielded. */
export function watch(look, everyMs) {
  const seen = [];
  let going = true;
  const watching = (async () => {
    while (going) {
      seen.push(await look());
      await pause(everyMs);
    }
  })();
  watching.catch(() => {}); // stop() tells
  return {
    stop: () => {
      going = false;
      return watching.then(() => seen);
    },
  };
}
