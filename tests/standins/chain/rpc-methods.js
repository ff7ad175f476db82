// The JSON-RPC methods, one table: what each is about, its parameters, what it does.
//
//   operation  what the fault rules call it
//   params     "name:type", in order; a question mark follows the name of an optional one
//   run        ({ network, params, lie }) answers the result or throws RpcError
//   txids      which transactions a request concerns, if any

import { Amount, DIFFICULTY, describeChain, describeHeader, describeTransaction } from './blocks.js';
import { hexToBytes } from './broadcast.js';
import { MalformedBytes, isHex } from './bytes.js';
import { spoiledTree, tscNodes } from './merkle.js';
import { nodeError, reason } from './reasons.js';
import { addressOf, describeScript, scriptOfAddress } from './scripts.js';
import { staleEntry } from './status.js';
import { COINBASE_MATURITY } from './validate.js';
import { OWN_SCRIPT } from './wallet.js';
import { parseTransaction } from './wire.js';

const NODE_VERSION = 101020200;
const MAX_BLOCKS = 10_000;
const MAX_CONFIRMATIONS = 9_999_999;

export class RpcError extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

const METHODS = {
  sendrawtransaction: method(
    'submit',
    'hexstring:string allowhighfees?:boolean dontcheckfee?:boolean',
    sendRawTransaction,
    txidsOfHex,
  ),
  sendrawtransactions: method('submit', 'inputs:array policy?:object', sendRawTransactions, txidsOfInputs),
  getrawtransaction: method('status', 'txid:string verbose?:flag', getRawTransaction, firstParameter),
  getrawmempool: method('status', 'verbose?:flag', ({ network }) => network.chain.mempool),
  gettxout: method('utxo', 'txid:string n:number include_mempool?:boolean', getTxOut, firstParameter),
  getmerkleproof2: method(
    'proof',
    'blockhash:string txid:string includeFullTx?:boolean targetType?:string format?:string',
    getMerkleProof2,
    secondParameter,
  ),
  getblockchaininfo: method('header', '', getBlockchainInfo),
  getblockcount: method('header', '', ({ network }) => network.chain.height),
  getbestblockhash: method('header', '', ({ network }) => network.chain.tip.hash),
  getblockhash: method('header', 'height:number', getBlockHash),
  getblockheader: method('header', 'blockhash:string verbose?:flag', getBlockHeader),
  getnetworkinfo: method('policy', '', getNetworkInfo),
  getinfo: method('policy', '', getInfo),
  importaddress: method('utxo', 'address:string label?:string rescan?:boolean p2sh?:boolean', importAddress),
  listunspent: method('utxo', 'minconf?:number maxconf?:number addresses?:array include_unsafe?:boolean', listUnspent),
  generate: method('mine', 'nblocks:number maxtries?:number', generate),
  generatetoaddress: method('mine', 'nblocks:number address:string maxtries?:number', generateToAddress),
};

/** The method of that name, or undefined. */
export function methodNamed(name) {
  return typeof name === 'string' && Object.hasOwn(METHODS, name) ? METHODS[name] : undefined;
}

/** Adds the check of number and types of the parameters that every method has. A null is left out. */
function method(operation, usage, run, txids = () => []) {
  const params = usage.split(' ').filter(Boolean).map(parameter);
  const checked = (call) => {
    const given = call.params.map((value) => value ?? undefined);
    checkParameters(params, given, usage);
    return run({ ...call, params: given });
  };
  return { operation, names: params.map(({ name }) => name), txids, run: checked };
}

function parameter(text) {
  const [, name, optional, type] = /^(\w+)(\??):(\w+)$/.exec(text);
  return { name, optional: optional === '?', type };
}

function checkParameters(params, given, usage) {
  const missing = params.some(({ optional }, index) => !optional && given[index] === undefined);
  if (missing || given.length > params.length) throw new RpcError(-1, `usage: ${usage}`);
  for (const [index, { type }] of params.entries()) {
    if (given[index] !== undefined && !isOfType(given[index], type)) {
      throw new RpcError(-3, `Expected type ${type}, got ${typeOf(given[index])}`);
    }
  }
}

/** A flag is a boolean or a number. */
function isOfType(value, type) {
  return typeOf(value) === type || (type === 'flag' && ['boolean', 'number'].includes(typeOf(value)));
}

function typeOf(value) {
  return Array.isArray(value) ? 'array' : typeof value;
}

function secondParameter([, txid]) {
  return [txid];
}

function firstParameter([txid]) {
  return [txid];
}

function txidsOfHex([hex]) {
  return txidsOfInputs([[{ hex }]]);
}

function txidsOfInputs([inputs]) {
  return Array.isArray(inputs) ? inputs.flatMap((input) => hexToTx(input?.hex)?.txid ?? []) : [];
}

function hexToTx(hex) {
  try {
    return parseTransaction(hexToBytes(hex) ?? Buffer.alloc(0));
  } catch (error) {
    if (error instanceof MalformedBytes) return null;
    throw error;
  }
}

function sendRawTransaction({ network, params: [hex, allowHighFees = false, dontCheckFee = false], lie }) {
  const tx = hexToTx(hex);
  if (!tx) throw new RpcError(-22, 'TX decode failed');
  const { outcome, error } = submit(network, tx, { allowHighFees, dontCheckFee }, lie);
  if (outcome === 'refused' || outcome === 'known') throw new RpcError(error.code, error.message);
  return tx.txid;
}

function sendRawTransactions({ network, params: [inputs], lie }) {
  if (inputs.length === 0) throw new RpcError(-8, 'Invalid parameter: An empty json array of objects');
  const batch = inputs.map(readInput);
  const result = {};
  for (const { tx, options } of batch) addResult(result, network, tx, options, lie);
  return result;
}

function readInput(input) {
  if (typeof input?.hex !== 'string') {
    throw new RpcError(-8, 'Invalid parameter: Missing the hex string of the raw transaction');
  }
  const tx = hexToTx(input.hex);
  if (!tx) throw new RpcError(-22, 'TX decode failed');
  const { allowhighfees: allowHighFees, dontcheckfee: dontCheckFee, listunconfirmedancestors: listAncestors } = input;
  return { tx, options: { allowHighFees, dontCheckFee, listAncestors } };
}

/** Accepted transactions leave no trace in the result. */
function addResult(result, network, tx, options, lie) {
  const { outcome, refusal } = submit(network, tx, options, lie);
  if (outcome === 'known') (result.known ??= []).push(tx.txid);
  if (outcome === 'refused') (result.invalid ??= []).push(describeInvalid(network, tx, refusal));
  if (outcome === 'accepted' && options.listAncestors) {
    (result.unconfirmed ??= []).push(describeAncestors(network.chain, tx.txid));
  }
}

function describeInvalid(network, tx, refusal) {
  const missing = nodeError(refusal).code === -25;
  const { node, text } = reason(refusal.key);
  const invalid = { txid: tx.txid, reject_code: missing ? 16 : node, reject_reason: missing ? 'missing-inputs' : text };
  const rivals = refusal.key === 'conflict' ? refusal.competing.map((txid) => network.registry.get(txid).tx) : [];
  if (rivals.length === 0) return invalid;
  return {
    ...invalid,
    collidedWith: rivals.map(({ txid, raw }) => ({ txid, size: raw.length, hex: raw.toString('hex') })),
  };
}

function describeAncestors(chain, txid) {
  const ancestors = chain.withAncestors(txid).filter((each) => each !== txid);
  return {
    txid,
    ancestors: ancestors.map((each) => ({
      txid: each,
      vin: chain.entry(each).tx.inputs.map(({ txid: from, vout }) => ({ txid: from, vout })),
    })),
  };
}

function submit(network, tx, { allowHighFees, dontCheckFee }, { verdict, forget, doubleSpend }) {
  const known = knownError(network.chain, tx);
  const result = network.submit(tx, {
    api: 'rpc',
    bytes: tx.raw.length,
    refuseAbsurdFee: !allowHighFees,
    skipFees: dontCheckFee,
    verdict,
    forget,
    doubleSpend,
  });
  if (result.outcome === 'known') return { ...result, error: known };
  return { ...result, error: result.refusal && nodeError(result.refusal) };
}

/**
 * A node recognises a waiting transaction, and a mined one while any of its coins is unspent.
 * After that its inputs are simply missing.
 */
function knownError(chain, tx) {
  const entry = chain.entry(tx.txid);
  if (!entry?.block) return { code: -27, message: 'Transaction already in the mempool' };
  return hasCoinLeft(chain, entry) ? { code: -26, message: '257: txn-already-known' } : { code: -25, message: 'Missing inputs' };
}

function isSpentByBlock(chain, txid, vout) {
  const spender = chain.spender(txid, vout);
  return spender !== undefined && chain.entry(spender).block !== null;
}

function getRawTransaction({ network: { chain, txindex }, params: [txid, verbose = false], lie }) {
  const entry = staleEntry(chain.entry(hash(txid, 'parameter 1')), lie.status);
  if (!entry || (entry.block && !txindex && !hasCoinLeft(chain, entry))) {
    const none = txindex
      ? 'No such mempool or blockchain transaction'
      : 'No such mempool transaction. Use -txindex to enable blockchain transaction queries';
    throw new RpcError(-5, `${none}. Use gettransaction for wallet transactions.`);
  }
  return verbose ? describeTransaction(chain, entry) : entry.tx.raw.toString('hex');
}

/** Without an index a node finds a mined transaction by one of its coins only; data outputs are none. */
function hasCoinLeft(chain, { tx }) {
  return tx.outputs.some(({ satoshis }, vout) => satoshis > 0 && !isSpentByBlock(chain, tx.txid, vout));
}

function getTxOut({ network: { chain }, params: [txid, n, includeMempool = true] }) {
  const entry = chain.entry(txid);
  const output = chain.output(txid, n);
  const gone = includeMempool ? chain.spender(txid, n) : isSpentByBlock(chain, txid, n);
  if (!output || gone || (!entry.block && !includeMempool)) return null;
  return {
    bestblock: chain.tip.hash,
    confirmations: entry.block ? chain.confirmations(entry.block) : 0,
    value: new Amount(output.satoshis),
    scriptPubKey: describeScript(output.script),
    coinbase: entry.position === 0,
    confiscation: false,
  };
}

function getMerkleProof2({
  network: { chain },
  params: [blockHash, txid, includeFullTx = false, targetType = 'hash'],
  lie,
}) {
  const entry = staleEntry(chain.entry(hash(txid, 'txid')), lie.status);
  if (blockHash && !chain.blockByHash(blockHash)) throw new RpcError(-5, 'Block not found');
  if (!entry?.block) {
    throw new RpcError(
      -5,
      'Transaction not yet in block, -txindex is not enabled, or the block containing the transaction has been pruned',
    );
  }
  if (blockHash && entry.block.hash !== blockHash) throw new RpcError(-5, 'Transaction(s) not found in provided block');
  const { block, position } = entry;
  const tree = lie.badProof ? spoiledTree(block.tree, position) : block.tree;
  return {
    index: position,
    txOrId: includeFullTx ? entry.tx.raw.toString('hex') : txid,
    targetType: targetType === 'hash' ? undefined : targetType,
    target: proofTarget(block, targetType),
    nodes: tscNodes(tree, position, { star: true }),
  };
}

function proofTarget(block, targetType) {
  if (targetType === 'hash') return block.hash;
  if (targetType === 'header') return block.header.toString('hex');
  if (targetType === 'merkleroot') return Buffer.from(block.header.subarray(36, 68)).reverse().toString('hex');
  throw new RpcError(-32602, `targetType is '${targetType}',  must be 'hash', 'header' or 'merkleroot'`);
}

function getBlockchainInfo({ network: { chain } }) {
  return { ...describeChain(chain, 'regtest'), softforks: [] };
}

function getBlockHash({ network: { chain }, params: [height] }) {
  const block = Number.isInteger(height) ? chain.blockAt(height) : undefined;
  if (!block) throw new RpcError(-8, 'Block height out of range');
  return block.hash;
}

function getBlockHeader({ network: { chain }, params: [blockHash, verbose = true] }) {
  const block = chain.blockByHash(blockHash);
  if (!block) throw new RpcError(-5, 'Block not found');
  return verbose ? describeHeader(chain, block) : block.header.toString('hex');
}

function getNetworkInfo({ network }) {
  return {
    version: NODE_VERSION,
    subversion: '/eldersafe chain stand-in/',
    protocolversion: 70016,
    localservices: '0000000000000025',
    localrelay: true,
    timeoffset: 0,
    networkactive: true,
    connections: 1,
    networks: [],
    relayfee: new Amount(Math.round(network.feeRate)),
    localaddresses: [],
    warnings: '',
  };
}

function getInfo({ network }) {
  const { chain } = network;
  return {
    version: NODE_VERSION,
    protocolversion: 70016,
    blocks: chain.height,
    timeoffset: 0,
    connections: 1,
    difficulty: DIFFICULTY,
    testnet: false,
    stn: false,
    relayfee: new Amount(Math.round(network.feeRate)),
    errors: '',
  };
}

function importAddress({ network, params: [address] }) {
  const script = scriptOfAddress(address) ?? hexToBytes(address);
  if (!script) throw new RpcError(-5, 'Invalid Bitcoin address or script');
  network.watch(script);
  return null;
}

function listUnspent({ network, params: [least = 1, most = MAX_CONFIRMATIONS, addresses = []] }) {
  const wanted = addresses.map((address) => scriptOfAddress(address) ?? invalidAddress(address));
  const scripts = network.watchedScripts.filter(
    (script) => wanted.length === 0 || wanted.some((each) => each.equals(script)),
  );
  const coins = scripts
    .flatMap((script) => network.chain.coins(script))
    .filter((coin) => isUsable(network.chain, coin));
  return coins
    .map((coin) => describeUnspent(network.chain, coin))
    .filter(({ confirmations }) => confirmations >= least && confirmations <= most);
}

function isUsable(chain, { spentInMempool, coinbase, height }) {
  return !spentInMempool && (!coinbase || chain.height + 1 - height >= COINBASE_MATURITY);
}

function invalidAddress(address) {
  throw new RpcError(-5, `Invalid Bitcoin address: ${address}`);
}

function describeUnspent(chain, { txid, vout, satoshis, script, height }) {
  const confirmations = height === null ? 0 : chain.height - height + 1;
  return {
    txid,
    vout,
    address: addressOf(script) ?? undefined,
    scriptPubKey: script.toString('hex'),
    amount: new Amount(satoshis),
    confirmations,
    spendable: false,
    solvable: false,
    safe: confirmations > 0,
  };
}

function generate({ network, params: [blocks] }) {
  return network.mine({ blocks: count(blocks), script: OWN_SCRIPT });
}

function generateToAddress({ network, params: [blocks, address] }) {
  const script = scriptOfAddress(address);
  if (!script) throw new RpcError(-5, 'Error: Invalid address');
  return network.mine({ blocks: count(blocks), script });
}

function count(value) {
  if (!Number.isInteger(value)) throw new RpcError(-1, 'JSON value is not an integer as expected');
  if (value < 0 || value > MAX_BLOCKS) throw new RpcError(-8, `at most ${MAX_BLOCKS} blocks`);
  return value;
}

function hash(value, name) {
  if (!isHex(value) || value === '') {
    throw new RpcError(
      -8,
      `${name} must be hexadecimal string (not '${value}') and length of it must be divisible by 2`,
    );
  }
  if (value.length !== 64) throw new RpcError(-8, `${name} must be of length 64 (not ${value.length})`);
  return value.toLowerCase();
}
