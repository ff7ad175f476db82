// The control interface: /_control/... For tests only, JSON both ways, loopback only.
//
// What it does is described in README.md. A wrong request is answered 400 with { error }.

import { hexToBytes } from './broadcast.js';
import { isHex } from './bytes.js';
import { InvalidFault, isFeeRate } from './faults.js';
import { json, parseJson } from './http.js';
import { BadRequest } from './network.js';
import { explain } from './reasons.js';
import { newRecord } from './registry.js';
import { scriptOfAddress } from './scripts.js';
import { bumpOf, statusOf } from './status.js';
import { NotEnoughMoney } from './wallet.js';

const CLIENT_ERRORS = [BadRequest, InvalidFault, NotEnoughMoney];
const LOOPBACK = /^(127\.|::1$|::ffff:127\.)/;
const REORG_MODES = ['return', 'remine', 'drop'];
const MAX_OUTPUTS = 100_000;
const MAX_BLOCKS = 10_000;
const MAX_WAIT_MS = 120_000;
const DEFAULT_WAIT_MS = 30_000;

export function controlApi(standIn) {
  const post = (path, handler) => route('POST', path, (request) => handler(standIn, jsonBody(request)));
  const get = (path, handler) => route('GET', path, (request, params) => handler(standIn, request.query, params));
  return {
    name: 'control',
    prefix: '/_control',
    notFound: () => json(404, { error: 'no such control operation' }),
    authorize: ({ peer }) => (LOOPBACK.test(peer) ? null : json(403, { error: 'loopback only' })),
    routes: [
      post('/fund', fund),
      post('/mine', mine),
      post('/reorg', reorg),
      post('/forget', forget),
      post('/policy', policy),
      post('/faults', addFaults),
      post('/faults/clear', clearFaults),
      post('/wait', wait),
      post('/reset', reset),
      get('/faults', ({ faults }) => json(200, { faults: faults.left })),
      get('/callbacks', ({ callbacks }, query) => json(200, { callbacks: callbacks.log(query.get('txid')) })),
      get('/state', state),
      get('/headers', headers),
      get('/tx/{txid}', transaction),
    ],
  };
}

function route(method, path, handler) {
  const prepare = (request, params) => ({ txids: [], run: () => guard(() => handler(request, params)) });
  return { method, path, operations: ['control'], prepare };
}

async function guard(handler) {
  try {
    return await handler();
  } catch (error) {
    if (CLIENT_ERRORS.some((type) => error instanceof type)) return json(400, { error: error.message });
    throw error;
  }
}

function jsonBody({ body }) {
  const value = body.length === 0 ? {} : parseJson(body);
  if (typeof value !== 'object' || value === null) throw new BadRequest('the body must be JSON');
  return value;
}

function fund({ network }, { address, scriptHex, satoshis, outputs = 1, mined = true }) {
  const script = address ? scriptOfAddress(address) : hexToBytes(scriptHex);
  if (!script) throw new BadRequest('needs an address of the test network, or scriptHex');
  requireInteger('satoshis', satoshis, 1, Number.MAX_SAFE_INTEGER);
  requireInteger('outputs', outputs, 1, MAX_OUTPUTS);
  const tx = network.fund({ script, satoshis, outputs, mined });
  const block = network.chain.entry(tx.txid).block;
  return json(200, {
    txid: tx.txid,
    vout: 0,
    vouts: Array.from({ length: outputs }, (_, vout) => vout),
    satoshis,
    scriptHex: script.toString('hex'),
    raw: tx.raw.toString('hex'),
    mined,
    blockHash: block?.hash ?? null,
    blockHeight: block?.height ?? null,
  });
}

function mine({ network }, { blocks = 1, empty = false, fillers = 0 }) {
  requireInteger('blocks', blocks, 1, MAX_BLOCKS);
  requireInteger('fillers', fillers, 0, MAX_BLOCKS);
  const hashes = network.mine({ blocks, empty, fillers });
  return json(200, { hashes, ...tip(network) });
}

function reorg({ network }, { depth = 1, mode = 'return', txids }) {
  requireInteger('depth', depth, 1, Number.MAX_SAFE_INTEGER);
  if (!REORG_MODES.includes(mode)) throw new BadRequest(`mode must be one of: ${REORG_MODES.join(', ')}`);
  if (txids !== undefined && !Array.isArray(txids)) throw new BadRequest('txids must be an array');
  if (txids && mode !== 'drop') throw new BadRequest('txids only goes with mode drop');
  const orphaned = network.reorg({ depth, mode, txids });
  return json(200, { orphaned, ...tip(network) });
}

function forget({ network }, { txid }) {
  network.forget(txid);
  return json(200, { txid });
}

function policy({ network, limits }, { satoshisPerKb, wocRequestsPerSecond, txindex }) {
  if (satoshisPerKb !== undefined) {
    if (!isFeeRate(satoshisPerKb)) throw new BadRequest('satoshisPerKb must be a number');
    network.setFeeRate(satoshisPerKb);
  }
  if (wocRequestsPerSecond !== undefined) {
    requireInteger('wocRequestsPerSecond', wocRequestsPerSecond, 0, Number.MAX_SAFE_INTEGER);
    limits.perSecond = wocRequestsPerSecond;
  }
  if (txindex !== undefined) {
    if (typeof txindex !== 'boolean') throw new BadRequest('txindex must be true or false');
    network.txindex = txindex;
  }
  return json(200, {
    satoshisPerKb: network.feeRate,
    wocRequestsPerSecond: limits.perSecond,
    txindex: network.txindex,
  });
}

/** One rule, an array of rules, or { faults: [...] }; all or none are added. */
function addFaults({ faults }, wish) {
  const rules = Array.isArray(wish) ? wish : (wish.faults ?? [wish]);
  if (!Array.isArray(rules)) throw new BadRequest('faults must be an array');
  return json(200, { ids: faults.addAll(rules) });
}

function clearFaults({ faults, callbacks }) {
  faults.clear();
  callbacks.releaseHeld();
  return json(200, {});
}

function reset(standIn) {
  standIn.reset();
  return json(200, tip(standIn.network));
}

/** What can be waited for: a function that answers whether it has happened yet. */
const CONDITIONS = {
  'tx-seen':
    ({ network }, { txid }) =>
    () =>
      Boolean(network.chain.entry(txid)),
  'mined':
    ({ network }, { txid, confirmations = 1 }) =>
    () =>
      confirmationsOf(network, txid) >= confirmations,
  'height':
    ({ network }, { height }) =>
    () =>
      network.chain.height >= height,
  'submissions':
    ({ network }, { api, txid, count = 1 }) =>
    () =>
      submissions(network, api, txid) >= count,
  'requests':
    ({ counters }, { api, operation, count = 1 }) =>
    () =>
      counters.requests(api, operation) >= count,
  'callbacks':
    ({ callbacks }, { txid, count = 1 }) =>
    () =>
      delivered(callbacks, txid) >= count,
  'callback-attempts':
    ({ callbacks }, { txid, count = 1 }) =>
    () =>
      attempts(callbacks, txid) >= count,
};

async function wait(standIn, wish) {
  const condition = Object.hasOwn(CONDITIONS, wish.for) ? CONDITIONS[wish.for] : null;
  if (!condition) throw new BadRequest(`for must be one of: ${Object.keys(CONDITIONS).join(', ')}`);
  const { timeoutMs = DEFAULT_WAIT_MS } = wish;
  requireInteger('timeoutMs', timeoutMs, 0, MAX_WAIT_MS);
  const happened = await standIn.waiters.wait(condition(standIn, wish), timeoutMs);
  return happened
    ? json(200, { for: wish.for, ...tip(standIn.network) })
    : json(408, { error: `timed out waiting for ${wish.for}` });
}

function confirmationsOf({ chain }, txid) {
  const block = chain.entry(txid)?.block;
  return block ? chain.confirmations(block) : 0;
}

function submissions({ registry }, api, txid) {
  if (!txid) return registry.submissionCount(api);
  return (registry.get(txid)?.submissions ?? []).filter((each) => !api || each.api === api).length;
}

function delivered(callbacks, txid) {
  return callbacks.log(txid).filter(({ result }) => result === 'delivered').length;
}

function attempts(callbacks, txid) {
  return callbacks.log(txid).reduce((sum, item) => sum + item.attempts, 0);
}

function state({ network, counters, faults }) {
  const { chain, registry, feeRate } = network;
  return json(200, {
    ...tip(network),
    satoshisPerKb: feeRate,
    mempool: chain.mempool,
    requests: counters,
    faults: faults.left,
    spends: registry.spends(),
    submissions: Object.fromEntries(['arc', 'arcade', 'woc', 'rpc'].map((api) => [api, registry.submissionCount(api)])),
  });
}

function headers({ network: { chain } }, query) {
  const from = Number(query.get('from') ?? 0);
  requireInteger('from', from, 0, Number.MAX_SAFE_INTEGER);
  const list = [];
  for (let height = from; height <= chain.height; height++) list.push(chain.blockAt(height).header.toString('hex'));
  return json(200, { from, height: chain.height, headers: list });
}

function transaction({ network }, _, { txid }) {
  if (!isHex(txid, 32)) throw new BadRequest('txid must be 64 hex characters');
  const entry = network.chain.entry(txid);
  const record = network.registry.get(txid) ?? (entry && newRecord(entry.tx, entry.seenAt));
  return record ? json(200, describe(network, record, entry)) : json(404, { error: 'never seen' });
}

function describe(network, record, entry) {
  const { tx, fee, submissions: sent, refusal, competing, orphanedFrom } = record;
  return {
    txid: tx.txid,
    raw: tx.raw.toString('hex'),
    size: tx.raw.length,
    fee,
    accepted: Boolean(entry),
    state: stateOf(record, entry),
    ...describePlace(network, entry),
    submissions: sent,
    bytesSubmitted: sent.reduce((sum, { bytes }) => sum + bytes, 0),
    refusal: refusal && { reason: refusal.key, text: explain(refusal) },
    competing: [...competing],
    orphanedFrom: orphanedFrom.map(({ hash, height }) => ({ hash, height })),
    arc: statusOf(network, 'arc', tx.txid)?.txStatus ?? null,
    arcade: statusOf(network, 'arcade', tx.txid)?.txStatus ?? null,
  };
}

function stateOf({ refusal, orphanedFrom }, entry) {
  if (entry) return entry.block ? 'mined' : 'mempool';
  if (refusal) return 'refused';
  return orphanedFrom.length > 0 ? 'orphaned' : 'forgotten';
}

function describePlace(network, entry) {
  if (!entry?.block) return { block: null, confirmations: 0, merklePath: null };
  const { block, position } = entry;
  const { hash, height, header, txids } = block;
  return {
    block: { hash, height, position, header: header.toString('hex'), transactions: txids.length },
    confirmations: network.chain.confirmations(block),
    merklePath: bumpOf(entry),
  };
}

function tip({ chain }) {
  return { height: chain.height, tip: chain.tip.hash };
}

function requireInteger(name, value, least, most) {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new BadRequest(`${name} must be a whole number from ${least} to ${most}`);
  }
}
