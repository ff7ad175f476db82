// WhatsOnChain: /woc/v1/bsv/test/...
//
// Errors are plain text. The traps of the real service are kept: the broadcast answer is a quoted
// txid, a proof is an array whose copies are spelled out, an unmined transaction has no proof but
// `null`, and a coin stays listed as confirmed while only the mempool spends it.

import { codeOfRule, hexToBytes } from './broadcast.js';
import { MalformedBytes, isHex } from './bytes.js';
import { describeChain, describeHeader, describeTransaction } from './blocks.js';
import { json, parseJson, raw, text } from './http.js';
import { spoiledTree, tscNodes } from './merkle.js';
import { nodeError, refusal } from './reasons.js';
import { scriptHash, scriptOfAddress } from './scripts.js';
import { staleEntry } from './status.js';
import { parseTransaction } from './wire.js';

const MAX_TXIDS = 20;
const LATEST_HEADERS = 10;
const WINDOW_MS = 1000;
const NOT_FOUND = text(404, 'Not Found');

export function wocApi({ network, limits }) {
  const get = (path, operation, handler) => ({
    method: 'GET',
    path,
    operations: [operation],
    prepare: (_, params) => call([params.txid], (lie) => handler(network.chain, params, lie)),
  });
  return {
    name: 'woc',
    prefix: '/woc/v1/bsv/test',
    notFound: () => NOT_FOUND,
    authorize: rateLimiter(limits),
    routes: [
      { method: 'POST', path: '/tx/raw', operations: ['submit'], prepare: (request) => submission(network, request) },
      { method: 'POST', path: '/txs/status', operations: ['status'], prepare: (request) => statuses(network, request) },
      get('/tx/hash/{txid}', 'status', transaction),
      get('/tx/{txid}/hex', 'status', rawHex),
      get('/tx/{txid}/bin', 'status', rawBytes),
      get('/tx/{txid}/proof/tsc', 'proof', proof),
      get('/tx/{txid}/{vout}/spent', 'utxo', spent),
      get(
        '/address/{address}/unspent/all',
        'utxo',
        coins(() => true),
      ),
      get('/address/{address}/confirmed/unspent', 'utxo', coins(isConfirmed)),
      get(
        '/address/{address}/unconfirmed/unspent',
        'utxo',
        coins((coin) => !isConfirmed(coin)),
      ),
      get('/block/headers', 'header', latestHeaders),
      get('/block/{id}/header', 'header', blockHeader),
      get('/chain/info', 'header', (chain) => json(200, describeChain(chain, 'test'))),
    ],
  };
}

/** At most so many requests in any second; 0 is no limit. */
function rateLimiter(limits) {
  let recent = [];
  return () => {
    const now = Date.now();
    recent = recent.filter((at) => at > now - WINDOW_MS);
    if (limits.perSecond > 0 && recent.length >= limits.perSecond) return text(429, 'Too Many Requests');
    recent.push(now);
    return null;
  };
}

function call(txids, run) {
  return { txids, run, refuse: (rule) => text(rule.reason ? 400 : codeOfRule(rule), rule.message ?? 'rejected') };
}

function submission(network, { body }) {
  const tx = readTransaction(body);
  if (!tx) return call([], () => refused({ message: 'TX decode failed' }));
  const run = (lie) => submit(network, tx, lie);
  const refuse = (rule) =>
    rule.reason ? run({ verdict: refusal(rule.reason, rule.message) }) : text(rule.code, rule.message ?? 'rejected');
  return { txids: [tx.txid], run, refuse };
}

function readTransaction(body) {
  const bytes = hexToBytes(parseJson(body)?.txhex);
  if (!bytes) return null;
  try {
    return parseTransaction(bytes);
  } catch (error) {
    if (error instanceof MalformedBytes) return null;
    throw error;
  }
}

function submit(network, tx, { verdict, forget, doubleSpend }) {
  const waits = network.chain.entry(tx.txid)?.block === null;
  const { outcome, refusal: why } = network.submit(tx, {
    api: 'woc',
    bytes: tx.raw.length,
    refuseAbsurdFee: true,
    verdict,
    forget,
    doubleSpend,
  });
  if (outcome === 'refused') return refused(nodeError(why));
  if (outcome === 'known') {
    return refused({ message: waits ? 'Transaction already in the mempool' : '257: txn-already-known' });
  }
  return json(200, tx.txid);
}

/** The service passes on what its node said. */
function refused({ message }) {
  return text(400, `unexpected response code 500: ${message}`);
}

function statuses(network, { body }) {
  const txids = parseJson(body)?.txids;
  if (!Array.isArray(txids) || txids.length > MAX_TXIDS) {
    return call([], () => text(400, `txids must be an array of at most ${MAX_TXIDS}`));
  }
  return call(txids, (lie) =>
    json(
      200,
      txids.map((txid) => statusLine(network.chain, txid, lie)),
    ),
  );
}

function statusLine(chain, txid, { status }) {
  const entry = staleEntry(chain.entry(txid), status);
  if (!entry) return { txid, error: 'unknown' };
  if (!entry.block) return { txid };
  const { hash, height, time } = entry.block;
  return {
    txid,
    blockhash: hash,
    blockheight: height,
    blocktime: time,
    confirmations: chain.confirmations(entry.block),
  };
}

function transaction(chain, { txid }, lie) {
  return ofEntry(chain, txid, lie, (entry) => json(200, describeTransaction(chain, entry)));
}

function rawHex(chain, { txid }, lie) {
  return ofEntry(chain, txid, lie, ({ tx }) => text(200, tx.raw.toString('hex')));
}

function rawBytes(chain, { txid }, lie) {
  return ofEntry(chain, txid, lie, ({ tx }) => raw(200, 'application/octet-stream', tx.raw));
}

function ofEntry(chain, txid, { status }, answer) {
  const problem = txidProblem(txid);
  if (problem) return problem;
  const entry = staleEntry(chain.entry(txid), status);
  return entry ? answer(entry) : NOT_FOUND;
}

function txidProblem(txid) {
  return isHex(txid, 32) ? null : text(400, 'txid must be 64 hex characters in length');
}

function proof(chain, { txid }, { badProof, status }) {
  const problem = txidProblem(txid);
  if (problem) return problem;
  const entry = staleEntry(chain.entry(txid), status);
  if (!entry?.block) return json(200, null);
  const { block, position } = entry;
  const tree = badProof ? spoiledTree(block.tree, position) : block.tree;
  return json(200, [
    { index: position, txOrId: txid, target: block.hash, nodes: tscNodes(tree, position, { star: false }) },
  ]);
}

function spent(chain, { txid, vout }) {
  const spender = chain.spender(txid, Number(vout));
  if (!spender) return NOT_FOUND;
  const vin = chain.entry(spender).tx.inputs.findIndex((input) => input.txid === txid && input.vout === Number(vout));
  return json(200, { txid: spender, vin });
}

function isConfirmed(coin) {
  return coin.height !== null;
}

function coins(wanted) {
  return (chain, { address }) => {
    const script = scriptOfAddress(address);
    if (!script) return text(400, 'Invalid address');
    const result = chain.coins(script).filter(wanted).map(describeCoin);
    return json(200, { address, script: scriptHash(script), result, error: '' });
  };
}

function describeCoin({ txid, vout, satoshis, script, height, spentInMempool }) {
  const place = height === null ? {} : { height };
  const tail = height === null ? { hex: script.toString('hex'), status: 'unconfirmed' } : { status: 'confirmed' };
  return { ...place, tx_pos: vout, tx_hash: txid, value: satoshis, isSpentInMempoolTx: spentInMempool, ...tail };
}

function latestHeaders(chain) {
  const first = Math.max(0, chain.height - LATEST_HEADERS + 1);
  const blocks = Array.from({ length: chain.height - first + 1 }, (_, back) => chain.blockAt(chain.height - back));
  return json(
    200,
    blocks.map((block) => describeHeader(chain, block)),
  );
}

function blockHeader(chain, { id }) {
  const block = isHex(id, 32) ? chain.blockByHash(id) : chain.blockAt(Number(id));
  return block ? json(200, describeHeader(chain, block)) : NOT_FOUND;
}
