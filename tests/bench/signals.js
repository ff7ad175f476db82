// Our own signal path under load: tokens never seen, tokens known, members from all over, a steady
// trickle, and everybody at once.

import { execFile } from 'node:child_process';
import http from 'node:http';
import path from 'node:path';
import { promisify } from 'node:util';
import { Edge } from '../../deploy/local/caddy.js';
import { freePort } from '../../deploy/local/ports.js';
import { buildFolder } from '../../deploy/local/site.js';
import { load } from './load.js';
import { peakOf } from './usage.js';

const run = promisify(execFile);
const STEADY_RATE = 500;
const TICKS_PER_S = 50;
const SPARE_ROOM = 4; // a set of the cache that is full would forget a token
const SPARE = 1.5; // the warming load runs on until every token was certainly sent

function pids(world, core) {
  return { server: core.pid, postgres: world.postgres.child.pid, redis: world.redis.child.pid };
}

async function loadAndCount(world, core, more) {
  await world.reset();
  const before = world.signals();
  const result = await load({ url: core.url, seconds: world.options.seconds, tokenFile: world.tokenFile, pids: pids(world, core), ...more });
  return { ...result, rows: world.signals() - before };
}

/**
 * A fresh process and every token new to it; then the same process, which has seen them all: its
 * cache has room for several times the tokens, as a service would give it whose members signal often.
 * MORE: options of load() for both.
 */
export async function coldAndWarm(world, more = {}) {
  const core = await world.start('core', { TOKEN_CACHE: String(SPARE_ROOM * world.options.tokens) });
  try {
    const cold = await loadAndCount(world, core, more);
    // All of them again: the threads of the load do not keep step, so nobody knows which were sent.
    const seconds = Math.ceil((world.options.tokens / (cold.answered / cold.seconds)) * SPARE);
    await load({ url: core.url, seconds, tokenFile: world.tokenFile });
    const misses = await cacheMisses(core);
    const warm = await loadAndCount(world, core, more);
    return { cold, warm, known: 1 - ((await cacheMisses(core)) - misses) / warm.answered, peak: peakOf(core.pid) };
  } finally {
    await world.stop('core');
  }
}

async function cacheMisses(core) {
  const text = await (await fetch(`${core.metricsUrl}/metrics`)).text();
  return Number(text.match(/^eldersafe_token_cache_total\{result="miss"\} (\d+)$/m)[1]);
}

/** As cold, but members come from all over the tables, as they do in life. */
export async function mixed(world) {
  const core = await world.start('core');
  try {
    return await loadAndCount(world, core, { tokenFile: world.mixedTokenFile });
  } finally {
    await world.stop('core');
  }
}

/** E116: STEADY_RATE signals a second; yields the process's own times and those the clients saw. */
export async function steady(world, tokens) {
  await world.reset();
  const core = await world.start('core');
  const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
  try {
    const wanted = STEADY_RATE * world.options.steadySeconds;
    const times = await send(core.url, agent, tokens.slice(0, wanted));
    const metrics = await (await fetch(`${core.metricsUrl}/metrics`)).text();
    return { sent: wanted, rows: world.signals(), times: times.sort((a, b) => a - b), handler: histogram(metrics, 'eldersafe_signal_seconds') };
  } finally {
    agent.destroy();
    await world.stop('core');
  }
}

/** The smallest bound (ms) below which at least half of a histogram's values lie. */
export function medianBound({ buckets, count }) {
  return buckets.find(({ total }) => total >= count / 2).bound * 1000;
}

/** E2, E3: options.burst connections at once, of the members from FIRST on; directly, or through the edge. */
export async function burst(world, core, throughEdge, first) {
  await world.reset();
  const edge = throughEdge && new Edge({ folder: path.join(world.folder, 'edge'), port: await freePort(), core: core.url.slice('http://'.length), tiles: world.site.tilesFolder });
  try {
    if (edge) await edge.start();
    const { port } = new URL(edge ? edge.url : core.url);
    const host = edge ? new URL(edge.apiUrl).host : '127.0.0.1';
    const program = path.join(buildFolder(), 'tests/bench/burst');
    const { stdout } = await run(program, ['127.0.0.1', port, host, world.mixedTokenFile, String(first), String(world.options.burst)]);
    return { ...JSON.parse(stdout), rows: world.signals() };
  } finally {
    if (edge) await edge.stop();
  }
}

function histogram(text, name) {
  const lines = [...text.matchAll(new RegExp(`^${name}_bucket\\{le="([^"]+)"\\} (\\d+)$`, 'gm'))];
  const buckets = lines.map(([, bound, total]) => ({ bound: bound === '+Inf' ? Infinity : Number(bound), total: Number(total) }));
  return { buckets, count: buckets.at(-1).total };
}

// A few at every tick, whether or not the ones before were answered: the rate does not give way.
function send(url, agent, tokens) {
  const times = [];
  const each = STEADY_RATE / TICKS_PER_S;
  let next = 0;
  return new Promise((resolve, reject) => {
    const timer = setInterval(() => {
      for (const token of tokens.slice(next, next + each)) {
        signal(url, agent, token).then((ms) => {
          times.push(ms);
          if (times.length === tokens.length) resolve(times);
        }, reject);
      }
      next += each;
      if (next >= tokens.length) clearInterval(timer);
    }, 1000 / TICKS_PER_S);
  });
}

function signal(url, agent, token) {
  const begun = performance.now();
  return new Promise((resolve, reject) => {
    const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' };
    const request = http.request(`${url}/api/signal`, { agent, method: 'POST', headers }, (answer) => {
      answer.resume();
      answer.on('end', () => (answer.statusCode === 200 ? resolve(performance.now() - begun) : reject(new Error(`a steady signal was answered ${answer.statusCode}`))));
    });
    request.on('error', reject);
    request.end('{"channel":"app"}');
  });
}
