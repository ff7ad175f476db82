// Arcade, the broadcaster in front of Teranode: /arcade/tx, /txs, /tx/{txid}, /policy, /health.
//
// Where it is not ARC: no /v1 (only /v1/policy exists too), success is 202 with txStatus RECEIVED, a
// refusal is 400 with the 46x code in the body, /txs takes octet-stream only and is refused whole.
// What only the network refuses is answered 202 and shows up as a status.

import { callbackUrlProblem } from './callbacks.js';
import { codeOfRule, errorOfCode, feeFraction, hexToBytes, rawTxOf, timestamp, wantedCallback } from './broadcast.js';
import { MalformedBytes } from './bytes.js';
import { json } from './http.js';
import { explain, isLeftToNetwork, reason, refusal } from './reasons.js';
import { bumpOf, statusOf } from './status.js';
import { MAX_TX_SIZE } from './validate.js';
import { parseTransactions } from './wire.js';

const MAX_SINGLE_BODY = 32 * 1024 * 1024;
const GENERIC = 467;

export function arcadeApi({ network, callbacks }) {
  const get = (path, operations, run) => ({ method: 'GET', path, operations, prepare: () => plain(run) });
  const showPolicy = () => policy(network);
  return {
    name: 'arcade',
    prefix: '/arcade',
    notFound: () => json(404, { error: 'not found' }),
    authorize: () => null,
    routes: [
      get('/policy', ['policy'], showPolicy),
      get('/v1/policy', ['policy'], showPolicy),
      get('/health', ['health'], () => health(network)),
      get('/ready', ['health'], () => json(200, { status: 'ready' })),
      {
        method: 'GET',
        path: '/tx/{txid}',
        operations: ['status', 'proof'],
        prepare: (request, { txid }) => status(network, callbacks, request, txid),
      },
      {
        method: 'POST',
        path: '/tx',
        operations: ['submit'],
        prepare: (request) => submission(network, request, readOne, answerOne),
      },
      {
        method: 'POST',
        path: '/txs',
        operations: ['submit'],
        prepare: (request) => submission(network, request, readBatch, answerBatch),
      },
    ],
  };
}

function plain(run) {
  return { txids: [], run, refuse: (rule) => failure('', arcadeCode(codeOfRule(rule)), rule.message ?? 'rejected') };
}

function policy(network) {
  const limits = { maxtxsizepolicy: MAX_TX_SIZE, maxscriptsizepolicy: 500_000, maxtxsigopscountspolicy: 4_294_967_295 };
  return json(200, {
    policy: { miningFee: feeFraction(network.feeRate), ...limits, standardFormatSupported: true },
    timestamp: timestamp(),
  });
}

function health(network) {
  return json(200, {
    healthy: true,
    version: 'stand-in',
    status: 'ok',
    blockHeight: network.chain.height,
    datahub_urls: [],
  });
}

function status(network, callbacks, request, txid) {
  const run = (lie) => {
    const view = statusOf(network, 'arcade', txid);
    if (!view) return json(404, { error: 'transaction not found' });
    return json(200, {
      ...body(txid, distort(view, network, txid, lie)),
      ...deliveries(callbacks, network, txid, request.query.get('callbackToken')),
    });
  };
  return { ...plain(run), txids: [txid] };
}

function distort(view, network, txid, { status: stale, badProof }) {
  if (stale) return { txStatus: stale };
  const entry = network.chain.entry(txid);
  return badProof && entry?.block ? { ...view, merklePath: bumpOf(entry, { spoiled: true }) } : view;
}

/** Empty fields are left out. */
function body(
  txid,
  { txStatus, code, blockHash, blockHeight, merklePath, extraInfo, competingTxs = [], orphanedProofs = [] },
) {
  const out = { txid, txStatus, timestamp: timestamp() };
  if (code) out.status = arcadeCode(code);
  if (blockHash) Object.assign(out, { blockHash, blockHeight, merklePath });
  if (extraInfo) out.extraInfo = extraInfo;
  if (competingTxs.length > 0) out.competingTxs = competingTxs;
  if (orphanedProofs.length > 0) out.orphanedProofs = orphanedProofs.map(orphanedProof);
  return out;
}

function orphanedProof({ hash, height, bump, at }) {
  return { blockHash: hash, blockHeight: height, orphanedAt: new Date(at * 1000).toISOString(), merklePath: bump };
}

/** With its token a subscriber sees how its own callbacks fared. */
function deliveries(callbacks, network, txid, token) {
  const urls = (network.registry.get(txid)?.subscriptions ?? [])
    .filter((each) => token && each.token === token)
    .map((each) => each.url);
  const items = callbacks.log(txid).filter((item) => item.api === 'arcade' && urls.includes(item.url));
  if (items.length === 0) return {};
  return {
    callbacks: items.map(({ url, status: sent, attempts, result }) => ({
      callbackUrl: url,
      lastDeliveredStatus: sent,
      attempts,
      lastResult: result,
    })),
  };
}

/** A call that submits what the body holds; `read` answers { bytes } or { problem }. */
function submission(network, request, read, answer) {
  const callback = wantedCallback(request.headers);
  const problem = callback && callbackUrlProblem(callback.url);
  if (problem) return plain(() => json(400, { error: `invalid callback url: ${problem}` }));
  const found = readTransactions(request, read);
  if (found.problem) return plain(() => json(400, { error: found.problem }));
  const { txs } = found;
  const run = (lie) => answer(network, txs, callback, lie);
  const refuse = (rule) =>
    rule.reason
      ? run({ verdict: refusal(rule.reason, rule.message) })
      : failure(txs[0].txid, rule.code, rule.message ?? 'rejected');
  return { txids: txs.map((tx) => tx.txid), run, refuse };
}

function readTransactions(request, read) {
  const { bytes, problem } = read(request.headers['content-type'] ?? '', request.body);
  if (problem) return { problem };
  try {
    return { txs: parseTransactions(bytes) };
  } catch (error) {
    if (error instanceof MalformedBytes) return { problem: 'failed to parse transaction' };
    throw error;
  }
}

function readOne(type, bytes) {
  if (bytes.length > MAX_SINGLE_BODY) return { problem: 'failed to read body' };
  if (bytes.length === 0) return { problem: 'empty transaction' };
  if (type.includes('octet-stream')) return { bytes };
  const decoded = type.includes('text/plain') ? hexToBytes(bytes.toString().trim()) : rawTxOf(bytes);
  return decoded ? { bytes: decoded } : { problem: type.includes('text/plain') ? 'invalid hex' : 'invalid request' };
}

function readBatch(type, bytes) {
  if (!type.includes('octet-stream')) return { problem: 'Content-Type must be application/octet-stream' };
  return bytes.length > 0 ? { bytes } : { problem: 'empty body' };
}

function answerOne(network, [tx], callback, lie) {
  const { before, refused } = submitOne(network, tx, callback, lie);
  if (refused) return verdictFailure(tx, refused);
  const txStatus = lie.status ?? (isDuplicate(before) ? before.txStatus : 'RECEIVED');
  return json(202, { txid: tx.txid, status: 202, txStatus });
}

/** A batch is judged before any of it is taken in; the first refusal ends it. */
function answerBatch(network, txs, callback, lie) {
  const bad = lie.verdict ? { tx: txs[0], verdict: lie.verdict } : network.firstRefused(txs, isToldAtOnce);
  const results = (bad ? [bad.tx] : txs).map((tx) => submitOne(network, tx, callback, lie));
  if (bad) return verdictFailure(bad.tx, bad.verdict);
  const duplicates = results.filter(({ before }) => isDuplicate(before)).length;
  return json(202, { submitted: txs.length - duplicates, duplicates, total: txs.length });
}

/** A rejected transaction may be tried again; any other known one is only echoed. */
function isDuplicate(before) {
  return before !== null && before.txStatus !== 'REJECTED';
}

/** Answers the status the transaction had before, and the refusal if it must be told at once. */
function submitOne(network, tx, callback, lie) {
  const before = statusOf(network, 'arcade', tx.txid);
  const { refusal: refused } = network.submit(tx, {
    api: 'arcade',
    bytes: tx.raw.length,
    verdict: lie.verdict,
    forget: lie.forget,
    doubleSpend: lie.doubleSpend,
  });
  if (callback && statusOf(network, 'arcade', tx.txid)) {
    network.subscribe({ api: 'arcade', txid: tx.txid, quiet: Boolean(before), ...callback }, { again: lie.again });
  }
  return { before, refused: refused && isToldAtOnce(refused) ? refused : null };
}

/** Arcade checks what ARC checks, and the lock time. */
function isToldAtOnce(verdict) {
  return !isLeftToNetwork(verdict) || verdict.key === 'not-final';
}

function verdictFailure(tx, verdict) {
  return failure(tx.txid, arcadeCode(reason(verdict.key).arc), explain(verdict));
}

function failure(txid, code, text) {
  return json(400, {
    error: 'transaction failed validation',
    reason: text,
    txid,
    ...errorOfCode(code, { arcade: true }),
  });
}

/** What ARC calls 409 is 467 here. */
function arcadeCode(code) {
  return code === 409 ? GENERIC : code;
}
