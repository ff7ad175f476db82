// `make bench`: everything side by side, in one run, on one machine; README.md says what and why.

import path from 'node:path';
import { buildFolder } from '../../deploy/local/site.js';
import { canConnect, freePort } from '../../deploy/local/ports.js';
import { Child } from '../../deploy/local/process.js';
import { load, median, plainLoad } from './load.js';
import { receipts, sealAndProve, verifyTime, weights } from './log.js';
import { readOptions } from './options.js';
import { Peers } from './peers.js';
import { narrow, ownStatement } from './pgbench.js';
import { burst, coldAndWarm, medianBound, mixed, steady } from './signals.js';
import { circumstances, histogramText, keep, Table } from './table.js';
import { memoryOf, peakOf } from './usage.js';
import { World } from './world.js';

const NOTHING_LISTENS_MS = 10_000;
const BATCH = 256;
const CROWD = 512; // connections: more wait for each commit, so that each costs less
const DESIGN_MHD_RATE = 220_000; // libmicrohttpd alone on the machine on which the targets were found
// DESIGN: section 12.
const TARGET = { cold: 20_000, warm: 40_000, overGo: 3, overFlask: 30, burstP99: 500, coreMiB: 64, allMiB: 256, sealing: 50_000, proofMs: 1, verifyMs: 10, steadyMs: 20 };

const options = readOptions(process.env);
const begun = performance.now();
const table = new Table();

function say(text) {
  process.stdout.write(`bench: ${Math.round((performance.now() - begun) / 1000)} s: ${text}\n`);
}

const whole = (number) => Math.round(number).toLocaleString('en').replaceAll(',', ' ');
const rateOf = ({ rows, seconds }) => rows / seconds;

/** Runs MEASURE options.runs times. */
async function repeat(what, measure) {
  const results = [];
  for (let i = 1; i <= options.runs; i++) {
    say(`${what}, run ${i} of ${options.runs}`);
    results.push(await measure());
  }
  return results;
}

/**
 * One figure of a load: medians over RUNS. A run in which anything of ours went wrong is no figure;
 * what a yardstick refuses (Flask, now and then) only does not count for it.
 */
function summary(name, runs, { yardstick = false } = {}) {
  for (const run of runs) {
    if (run.answered === 0) throw new Error(`${name}: nothing was answered`);
    if (run.exhausted) throw new Error(`${name}: the tokens ran out; choose fewer BENCH_SECONDS`);
    if (!yardstick && run.refused + run.broken > 0) throw new Error(`${name}: ${run.refused} refused, ${run.broken} broken`);
    if (run.rows < run.answered - run.refused) throw new Error(`${name}: ${run.answered} were accepted, ${run.rows} are in the database`);
  }
  const of = (value) => median(runs.map(value));
  const perRequest = (each) => of(({ cpu, answered }) => (cpu[each] / answered) * 1e6);
  const cpu = { server: perRequest('server'), postgres: perRequest('postgres'), redis: perRequest('redis') };
  const costs = `${cpu.server.toFixed(0)} + ${cpu.postgres.toFixed(0)} + ${cpu.redis.toFixed(0)} µs`;
  const rate = of(rateOf);
  return { rate, text: `${whole(rate)}/s`, times: `p50 ${of(({ p50 }) => p50).toFixed(1)} ms, p99 ${of(({ p99 }) => p99).toFixed(1)} ms`, costs };
}

async function signalPath(world) {
  const peers = new Peers(world);
  say('building the yardsticks and loading their members');
  peers.prepare();
  const pairs = await repeat('our signal path, tokens new and known', () => coldAndWarm(world));
  const cold = summary('cold', pairs.map((pair) => pair.cold));
  const warm = summary('warm', pairs.map((pair) => pair.warm));
  const crowds = await repeat(`our signal path, ${CROWD} connections`, () => coldAndWarm(world, { connections: CROWD }));
  const scattered = summary('mixed', await repeat('our signal path, members in no order', () => mixed(world)));
  const goRuns = await repeat('yardstick: Go', () => peers.run('go'));
  const flaskRuns = await repeat('yardstick: Flask', () => peers.run('flask'));
  const go = summary('Go', goRuns, { yardstick: true });
  const flask = summary('Flask', flaskRuns, { yardstick: true });
  table.add('signals, every token new', cold.text, { target: `≥ ${whole(TARGET.cold)}/s`, met: cold.rate >= TARGET.cold });
  table.add('… latency', cold.times);
  table.add('… processor: core + PostgreSQL + Redis', cold.costs);
  const known = median(pairs.map((pair) => pair.known)) * 100;
  table.add(`signals, tokens known (${known.toFixed(1)} % of them)`, warm.text, { target: `≥ ${whole(TARGET.warm)}/s`, met: warm.rate >= TARGET.warm });
  table.add('… latency', warm.times);
  table.add('… processor: core + PostgreSQL + Redis', warm.costs);
  const peak = Math.max(...pairs.map((pair) => pair.peak));
  table.add('… memory of core, at most', `${peak.toFixed(1)} MiB`, { target: `< ${TARGET.coreMiB} MiB`, met: peak < TARGET.coreMiB });
  for (const [what, runs] of [['every token new', crowds.map((pair) => pair.cold)], ['tokens known', crowds.map((pair) => pair.warm)]]) {
    const crowd = summary(`${CROWD} connections`, runs);
    table.add(`signals, ${what}, ${CROWD} connections`, crowd.text);
    table.add('… latency', crowd.times);
    table.add('… processor: core + PostgreSQL + Redis', crowd.costs);
  }
  table.add('signals, every token new, members in no order', scattered.text);
  table.add('… processor: core + PostgreSQL + Redis', scattered.costs);
  table.add('cold beside Go (fasthttp, pgx)', cold.text, { beside: go.text, ratio: cold.rate / go.rate, target: `≥ ${TARGET.overGo}×`, met: cold.rate >= TARGET.overGo * go.rate });
  table.add('cold beside Flask (gevent, 8 workers)', cold.text, { beside: flask.text, ratio: cold.rate / flask.rate, target: `≥ ${TARGET.overFlask}×`, met: cold.rate >= TARGET.overFlask * flask.rate });
  table.add('Go: latency', go.times);
  table.add('Go: processor: server + PostgreSQL + Redis', go.costs);
  table.add('Flask: latency', flask.times);
  table.add('Flask: processor: server + PostgreSQL + Redis', flask.costs);
  const heaviest = (runs) => Math.max(...runs.map(({ memory }) => memory.pss));
  table.add('memory (PSS): Go, Flask', `${heaviest(goRuns).toFixed(0)} MiB, ${heaviest(flaskRuns).toFixed(0)} MiB`);
  return { cold, warm };
}

async function limits(world, { cold, warm }) {
  world.sqlFile('narrow.sql', { members: options.members });
  const one = median(await repeat('PostgreSQL alone, a transaction each', () => narrow(world, 'one')));
  const batch = median(await repeat(`PostgreSQL alone, ${BATCH} a statement`, () => narrow(world, 'batch')));
  table.add('PostgreSQL alone: one transaction a signal', `${whole(one)}/s`, { beside: `ours, cold: ${cold.text}`, ratio: cold.rate / one });
  table.add(`PostgreSQL alone: ${BATCH} a statement, narrow`, `${whole(batch)}/s`, { beside: `ours, warm: ${warm.text}`, ratio: warm.rate / batch });
  const own = median(await repeat(`PostgreSQL alone, our statement, ${BATCH} at a time`, () => ownStatement(world, BATCH)));
  table.add(`PostgreSQL alone: our statement, ${BATCH} at a time`, `${whole(own)}/s`, { beside: `ours, warm: ${warm.text}`, ratio: warm.rate / own });
  say('the HTTP server alone');
  const bare = await served('mhd-bench', (port) => [path.join(buildFolder(), 'tests/bench/mhd-bench'), String(port), '2'], '/');
  table.add('libmicrohttpd alone: what this machine allows', `${whole(bare)}/s`, { beside: `the targets’ machine: ${whole(DESIGN_MHD_RATE)}/s`, ratio: bare / DESIGN_MHD_RATE });
  for (const [route, what] of [['/plain', 'answered at once'], ['/lane', 'suspended, answered by another thread']]) {
    const rate = await served('bench-http', (port) => [path.join(buildFolder(), 'common/tests/bench-http'), `127.0.0.1:${port}`, '2'], route);
    table.add(`our HTTP server alone: ${what}`, `${whole(rate)}/s`);
  }

  // Requests a second that a server, started for this, answers on ROUTE.
  async function served(name, commandOn, route) {
    const port = await freePort();
    const server = new Child({ name, command: commandOn(port), output: path.join(world.folder, `${name}.log`) });
    try {
      await server.waitUntil('it listens', () => canConnect(port), { timeout: NOTHING_LISTENS_MS });
      return await plainLoad(`http://127.0.0.1:${port}${route}`, options.seconds);
    } finally {
      await server.stop();
    }
  }
}

async function everythingUp(world) {
  const histograms = [];
  let bursts = 0; // each of other members: one who signals again and again is limited
  const nextFirst = () => (bursts++ * options.burst) % (options.mixedTokens - options.burst + 1);
  const started = [];
  for (const name of world.processes) started.push(await world.start(name));
  const core = started.find(({ name }) => name === 'core');
  for (const throughEdge of [false, true]) {
    const way = throughEdge ? 'through Caddy' : 'directly';
    const runs = await repeat(`${options.burst} connections at once, ${way}`, () => burst(world, core, throughEdge, nextFirst()));
    const of = (name) => median(runs.map((run) => run[name]));
    histograms.push({ way, ...runs.at(-1) });
    const wrong = runs.reduce((sum, run) => sum + run.refused + run.broken + Math.abs(run.rows - options.burst), 0);
    table.add(`${whole(options.burst)} connections at once, ${way}: p99`, `${of('p99').toFixed(0)} ms`, throughEdge ? {} : { target: `< ${TARGET.burstP99} ms`, met: of('p99') < TARGET.burstP99 });
    table.add('… p50, p90, p99.9, max', ['p50', 'p90', 'p999', 'max'].map((name) => `${of(name).toFixed(0)} ms`).join(', '));
    table.add('… not answered 200 or not in the database', String(wrong), { target: '0', met: wrong === 0 });
  }
  const sizes = started.map(({ name, pid }) => ({ name, peak: peakOf(pid), ...memoryOf(pid) }));
  for (const { name, rss, pss, peak } of sizes) {
    const aim = name === 'core' ? { target: `< ${TARGET.coreMiB} MiB`, met: peak < TARGET.coreMiB } : {};
    table.add(`memory after that: eldersafe-${name}`, `RSS ${rss.toFixed(1)} MiB, PSS ${pss.toFixed(1)} MiB, at most ${peak.toFixed(1)} MiB`, aim);
  }
  const all = sizes.reduce((sum, each) => sum + each.peak, 0);
  table.add(`memory after that: all ${sizes.length} of ours, each at its most`, `${all.toFixed(1)} MiB`, { target: `< ${TARGET.allMiB} MiB`, met: all < TARGET.allMiB });
  for (const { name } of started) await world.stop(name);
  return histograms;
}

async function trickle(world) {
  say('a steady 500 signals a second');
  const { sent, rows, times, handler } = await steady(world, world.readTokens());
  if (rows !== sent) throw new Error(`steady: ${sent} were accepted, ${rows} are in the database`);
  const bound = medianBound(handler);
  table.add('500 signals a second: median handler time (E116)', `≤ ${bound} ms`, { target: `≤ ${TARGET.steadyMs} ms`, met: bound <= TARGET.steadyMs });
  table.add('… as clients saw it', `p50 ${times[times.length >> 1].toFixed(1)} ms, p99 ${times[Math.floor(times.length * 0.99)].toFixed(1)} ms`);
}

async function theLog(world) {
  await world.reset();
  const core = await world.start('core');
  say('filling the log');
  await load({ url: core.url, seconds: options.seconds * 2, tokenFile: world.tokenFile });
  say('sealing, proofs, receipts');
  const sealed = await sealAndProve(world);
  const rate = sealed.leaves / sealed.seconds;
  table.add(`sealing ${whole(sealed.leaves)} leaves`, `${whole(rate)}/s`, { target: `≥ ${whole(TARGET.sealing)}/s`, met: rate >= TARGET.sealing });
  const proofMs = sealed.proof_median_us / 1000;
  table.add('inclusion proof, its tiles read from PostgreSQL', `${proofMs.toFixed(2)} ms`, { target: `< ${TARGET.proofMs} ms`, met: proofMs < TARGET.proofMs });
  const fetched = await receipts(world, core);
  table.add('receipts over HTTP, 16 at once', `${whole(fetched.rate)}/s`, { beside: `p50 ${median(fetched.times).toFixed(1)} ms` });
  const verifyMs = verifyTime(world, fetched.sample);
  table.add('eldersafe-verify, process start included', `${verifyMs.toFixed(1)} ms`, { target: `< ${TARGET.verifyMs} ms`, met: verifyMs < TARGET.verifyMs });
  const { row, index, log, whole: bytes, yearGiB } = weights(world);
  table.add('bytes a signal: row + index + log (E125)', `${row.toFixed(0)} + ${index.toFixed(0)} + ${log.toFixed(0)} = ${bytes.toFixed(0)}`);
  table.add('… a year of 365 million', `${yearGiB.toFixed(0)} GiB`, { target: '< 500 GB', met: yearGiB * 1.073741824 < 500 });
  await world.stop('core');
}

async function measure() {
  const world = new World(options);
  let histograms;
  let done = false;
  try {
    await world.open(say);
    const figures = await signalPath(world);
    await limits(world, figures);
    await trickle(world);
    histograms = await everythingUp(world);
    await theLog(world);
    done = true;
  } finally {
    await world.close({ keep: !done });
    if (!done) say(`logs are kept in ${world.folder}`);
  }
  const text = `${circumstances(options, (performance.now() - begun) / 1000)}\n\n${table.text()}\n\n${histogramText(histograms)}`;
  process.stdout.write(`\n${text}\n\n`);
  if (!options.quick) keep(text);
  if (table.missed.length > 0) process.stdout.write(`bench: missed: ${table.missed.join('; ')}\n`);
}

await measure();
