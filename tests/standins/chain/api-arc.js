// ARC: /arc/v1/policy, /health, /tx, /txs, /tx/{txid}.
//
// An HTTP 200 does not mean accepted: what only the network can refuse is answered 200 with
// txStatus REJECTED or DOUBLE_SPEND_ATTEMPTED. What ARC itself refuses carries its 46x code, as the
// HTTP status of POST /tx and inside the array of POST /txs, where failures follow the successes.

import { setTimeout } from 'node:timers/promises';
import { callbackUrlProblem } from './callbacks.js';
import { codeOfRule, errorOfCode, feeFraction, hexToBytes, rawTxOf, timestamp, wantedCallback } from './broadcast.js';
import { MalformedBytes } from './bytes.js';
import { json } from './http.js';
import { CHECKED_BY_ARC, explain, isLeftToNetwork, reason, refusal } from './reasons.js';
import { ARC_STATUSES, bumpOf, statusOf, unmined } from './status.js';
import { MAX_TX_SIZE } from './validate.js';
import { BeefNotSupported, parseTransactions } from './wire.js';

const MAX_TIMEOUT = 30;
const DEFAULT_TIMEOUT = 5;
const WAIT_FOR = [...ARC_STATUSES.keys()].slice(1, 10).filter((name) => name !== 'SEEN_IN_ORPHAN_MEMPOOL');

/** What each header tells ARC not to check itself; the network checks it all the same. */
const SKIPS = {
  'x-skipfeevalidation': ['fee-too-low', 'value-created'],
  'x-skipscriptvalidation': ['script', 'wrong-extension'],
  'x-skiptxvalidation': CHECKED_BY_ARC,
};

export function arcApi({ network, apiKey }) {
  const submit = (collect, answer) => (request) => submission(network, request, collect, answer);
  return {
    name: 'arc',
    prefix: '/arc',
    notFound: () => json(404, { message: 'Not Found' }),
    authorize: (request) => (mayEnter(request.headers, apiKey) ? null : error(401)),
    routes: [
      { method: 'GET', path: '/v1/policy', operations: ['policy'], prepare: () => plain(() => policy(network)) },
      { method: 'GET', path: '/v1/health', operations: ['health'], prepare: () => plain(health) },
      {
        method: 'GET',
        path: '/v1/tx/{txid}',
        operations: ['status', 'proof'],
        prepare: (_, { txid }) => status(network, txid),
      },
      {
        method: 'POST',
        path: '/v1/tx',
        operations: ['submit'],
        prepare: submit(oneBody, (results) => json(results[0].status, results[0])),
      },
      {
        method: 'POST',
        path: '/v1/txs',
        operations: ['submit'],
        prepare: submit(manyBodies, (results) => json(200, successesFirst(results))),
      },
    ],
  };
}

function mayEnter(headers, apiKey) {
  if (!apiKey) return true;
  const { authorization, 'api-key': key } = headers;
  return authorization === `Bearer ${apiKey}` || authorization === apiKey || key === apiKey;
}

function plain(run) {
  return { txids: [], run, refuse: (rule) => error(codeOfRule(rule), rule.message) };
}

function error(code, extraInfo = null, txid = null) {
  return json(code, errorBody(code, extraInfo, txid));
}

function errorBody(code, extraInfo = null, txid = null) {
  return { ...errorOfCode(code), instance: null, txid, extraInfo };
}

function policy(network) {
  const limits = {
    maxscriptsizepolicy: 100_000_000,
    maxtxsigopscountspolicy: 4_294_967_295,
    maxtxsizepolicy: MAX_TX_SIZE,
  };
  return json(200, {
    policy: { ...limits, miningFee: feeFraction(network.feeRate), standardFormatSupported: true },
    timestamp: timestamp(),
  });
}

function health() {
  return json(200, { healthy: true, reason: null, version: 'stand-in' });
}

function status(network, txid) {
  const run = (lie) => {
    const view = statusOf(network, 'arc', txid);
    return view ? json(200, body(txid, distort(view, network, txid, lie))) : error(404, 'transaction not found');
  };
  return { ...plain(run), txids: [txid] };
}

/** What a status answer becomes under the faults stale-status and bad-proof. */
function distort(view, network, txid, { status: stale, badProof }) {
  if (stale) return unmined(stale);
  const entry = network.chain.entry(txid);
  return badProof && entry?.block ? { ...view, merklePath: bumpOf(entry, { spoiled: true }) } : view;
}

function body(txid, { txStatus, blockHash, blockHeight, merklePath, extraInfo, competingTxs }) {
  const competing = competingTxs.length > 0 ? competingTxs : null;
  return {
    blockHash,
    blockHeight,
    competingTxs: competing,
    extraInfo,
    merklePath,
    timestamp: timestamp(),
    txStatus,
    txid,
  };
}

/** A call that submits what the body holds. Everything wrong with the request itself is a 400. */
function submission(network, request, collect, answer) {
  const read = readRequest(request, collect);
  if (read.problem) return plain(() => error(read.code ?? 400, read.problem));
  const { txs, options } = read;
  const work = async (lie) => answer(await Promise.all(txs.map((tx) => submitOne(network, tx, options, lie))));
  const refuse = (rule) =>
    rule.reason
      ? work({ verdict: refusal(rule.reason, rule.message) })
      : answer(txs.map((tx) => errorBody(rule.code, rule.message ?? null, tx.txid)));
  return { txids: txs.map((tx) => tx.txid), run: work, refuse };
}

function readRequest({ headers, body: bytes }, collect) {
  const options = readOptions(headers);
  if (options.problem) return options;
  const found = collect(headers['content-type'] ?? '', bytes);
  if (found.problem) return { problem: `error parsing transactions from request: ${found.problem}` };
  try {
    return { txs: parseTransactions(found.bytes), options };
  } catch (failure) {
    if (failure instanceof BeefNotSupported) return { code: 468, problem: failure.message };
    if (failure instanceof MalformedBytes) return { problem: failure.message };
    throw failure;
  }
}

function readOptions(headers) {
  const timeout = headers['x-maxtimeout'] === undefined ? DEFAULT_TIMEOUT : Number(headers['x-maxtimeout']);
  if (!Number.isInteger(timeout)) return { problem: 'X-MaxTimeout must be a number' };
  if (timeout > MAX_TIMEOUT) return { problem: `max timeout can not be higher than ${MAX_TIMEOUT}` };
  const waitFor = headers['x-waitfor'];
  if (waitFor && !WAIT_FOR.includes(waitFor)) return { problem: `status not supported: ${waitFor}` };
  const callback = wantedCallback(headers);
  const problem = callback && callbackUrlProblem(callback.url);
  if (problem) return { problem };
  const unchecked = Object.keys(SKIPS)
    .filter((name) => headers[name] === 'true')
    .flatMap((name) => SKIPS[name]);
  return { timeout, waitFor, callback, unchecked, force: headers['x-forcevalidation'] === 'true' };
}

/** The bytes of POST /tx in any of the three content types. */
function oneBody(type, bytes) {
  if (type.includes('text/plain')) return bytesOr(hexToBytes(bytes.toString()), 'invalid hex');
  return commonBody(type, bytes);
}

/** The bytes of POST /txs: one hex transaction per line, a JSON array, or all laid end to end. */
function manyBodies(type, bytes) {
  if (!type.includes('text/plain')) return commonBody(type, bytes);
  const lines = bytes.toString().split(/\r?\n/).filter(Boolean).map(hexToBytes);
  return bytesOr(lines.length > 0 && lines.every(Boolean) ? Buffer.concat(lines) : undefined, 'invalid hex');
}

function commonBody(type, bytes) {
  if (type.includes('application/json')) return bytesOr(rawTxOf(bytes), 'invalid JSON or rawTx');
  if (type.includes('application/octet-stream')) return bytesOr(nonEmpty(bytes), 'empty request body');
  return { problem: `given content-type ${type} does not match any of the allowed content-types` };
}

function nonEmpty(bytes) {
  return bytes.length > 0 ? bytes : undefined;
}

function bytesOr(bytes, problem) {
  return bytes ? { bytes } : { problem };
}

/** Submits one transaction. Answers the body of a success (status 200) or of an error (its code). */
async function submitOne(network, tx, options, lie) {
  const wasKnown = network.registry.get(tx.txid)?.knownTo.has('arc') === true;
  const verdict = lie.verdict ?? lastWord(network, tx, options);
  const { outcome, refusal: refused } = network.submit(tx, {
    api: 'arc',
    bytes: tx.raw.length,
    unchecked: options.unchecked,
    verdict,
    forget: lie.forget,
    doubleSpend: lie.doubleSpend,
  });
  if (refused && !isLeftToNetwork(refused)) return errorBody(reason(refused.key).arc, explain(refused), tx.txid);
  if (outcome === 'forgotten') return success(tx.txid, unmined('SEEN_ON_NETWORK'));
  if (options.callback) {
    network.subscribe({ api: 'arc', txid: tx.txid, quiet: wasKnown, ...options.callback }, { again: lie.again });
  }
  const view = statusOf(network, 'arc', tx.txid);
  return success(tx.txid, await whenWaitedFor(view, options, wasKnown, lie));
}

/** A refused transaction stays refused, unless it is forced or only lacked a parent. */
function lastWord(network, tx, { force }) {
  const record = network.registry.get(tx.txid);
  const settled = record?.knownTo.has('arc') && record.refusal && record.refusal.key !== 'missing-parent';
  return settled && !force ? record.refusal : undefined;
}

function success(txid, view) {
  return { ...body(txid, view), status: 200, title: 'OK' };
}

/** ARC answers as soon as the status waited for is reached, and with what there is when time is up. */
async function whenWaitedFor(view, { waitFor = 'SEEN_ON_NETWORK', timeout }, wasKnown, { status: stale }) {
  if (!stale) return wasKnown || view.txStatus !== 'SEEN_ON_NETWORK' ? view : { ...view, txStatus: waitFor };
  const tooEarly = ARC_STATUSES.get(stale) < ARC_STATUSES.get(waitFor);
  if (tooEarly) await setTimeout(timeout * 1000, undefined, { ref: false });
  return unmined(stale);
}

function successesFirst(results) {
  return [...results.filter((each) => each.status === 200), ...results.filter((each) => each.status !== 200)];
}
