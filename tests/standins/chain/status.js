// What ARC and Arcade say about a transaction.
//
// Both know only what was submitted to them. A view is derived from chain and registry each time:
//   { txStatus, code, blockHash, blockHeight, merklePath, extraInfo, competingTxs, orphanedProofs }
// `code` is the 46x number behind a REJECTED, where one is known. ARC remembers its last word: a
// transaction that every node forgot is SEEN_ON_NETWORK there until somebody looks elsewhere.

import { bump, spoiledTree } from './merkle.js';
import { explain, reason } from './reasons.js';

/** Confirmations after which Arcade calls a block's transactions IMMUTABLE. */
const IMMUTABLE_AFTER = 100;

export const ARC_STATUSES = new Map([
  ['UNKNOWN', 0],
  ['QUEUED', 10],
  ['RECEIVED', 20],
  ['STORED', 30],
  ['ANNOUNCED_TO_NETWORK', 40],
  ['REQUESTED_BY_NETWORK', 50],
  ['SENT_TO_NETWORK', 60],
  ['ACCEPTED_BY_NETWORK', 70],
  ['SEEN_IN_ORPHAN_MEMPOOL', 80],
  ['SEEN_ON_NETWORK', 90],
  ['DOUBLE_SPEND_ATTEMPTED', 100],
  ['REJECTED', 110],
  ['MINED_IN_STALE_BLOCK', 115],
  ['MINED', 120],
]);

/** The view of one broadcaster, 'arc' or 'arcade'; null if it never heard of the transaction. */
export function statusOf(network, api, txid) {
  const record = network.registry.get(txid);
  if (!record?.knownTo.has(api)) return null;
  return api === 'arc' ? arcStatus(network, record) : arcadeStatus(network, record);
}

/** What a node would have said of a live transaction earlier: unmined, or UNKNOWN even nothing. */
export function staleEntry(entry, status) {
  if (!status || !entry) return entry;
  return status === 'UNKNOWN' ? undefined : { ...entry, block: null, position: null };
}

/** The proof of a mined transaction, or one that only looks like it. */
export function bumpOf({ block, position }, { spoiled = false } = {}) {
  return bump(block.height, spoiled ? spoiledTree(block.tree, position) : block.tree, position);
}

function arcStatus(network, record) {
  const entry = network.chain.entry(record.tx.txid);
  const competingTxs = [...record.competing];
  if (entry?.block) {
    return {
      ...mined('MINED', entry),
      competingTxs,
      extraInfo: competingTxs.length > 0 ? 'previously double spend attempted' : '',
    };
  }
  if (record.refusal && !entry) return refused(record);
  if (competingTxs.length > 0) return unmined('DOUBLE_SPEND_ATTEMPTED', { competingTxs });
  if (record.orphanedFrom.length > 0) return stale(record);
  return unmined('SEEN_ON_NETWORK');
}

function arcadeStatus(network, record) {
  const entry = network.chain.entry(record.tx.txid);
  const competingTxs = [...record.competing];
  const orphanedProofs = record.orphanedFrom;
  if (entry?.block) {
    return {
      ...mined(depthStatus(network, entry), entry),
      competingTxs,
      orphanedProofs,
      extraInfo: orphanedProofs.length > 0 ? 'reorg_reanchor' : '',
    };
  }
  if (record.refusal && !entry) return { ...refused(record), orphanedProofs };
  if (competingTxs.length > 0) return unmined('DOUBLE_SPEND_ATTEMPTED', { competingTxs, orphanedProofs });
  if (orphanedProofs.length > 0) return unmined('SEEN_ON_NETWORK', { extraInfo: 'reorg_unmined', orphanedProofs });
  return unmined('SEEN_MULTIPLE_NODES');
}

function depthStatus(network, { block }) {
  return network.chain.confirmations(block) >= IMMUTABLE_AFTER ? 'IMMUTABLE' : 'MINED';
}

function mined(txStatus, entry) {
  return unmined(txStatus, { blockHash: entry.block.hash, blockHeight: entry.block.height, merklePath: bumpOf(entry) });
}

/** ARC keeps naming the stale block until another one takes the transaction. */
function stale({ orphanedFrom }) {
  const { hash, height, bump: merklePath } = orphanedFrom.at(-1);
  return unmined('MINED_IN_STALE_BLOCK', { blockHash: hash, blockHeight: height, merklePath });
}

function refused({ refusal, competing }) {
  const competingTxs = [...competing];
  if (refusal.key === 'conflict' && !refusal.lost) return unmined('DOUBLE_SPEND_ATTEMPTED', { competingTxs });
  if (refusal.key === 'missing-parent' && refusal.unchecked) return unmined('SEEN_IN_ORPHAN_MEMPOOL');
  const extraInfo = refusal.lost ? refusal.detail : explain(refusal);
  return unmined('REJECTED', { code: reason(refusal.key).arc, extraInfo, competingTxs });
}

/** A status without a block. */
export function unmined(txStatus, more = {}) {
  return {
    txStatus,
    code: 0,
    blockHash: '',
    blockHeight: 0,
    merklePath: '',
    extraInfo: '',
    competingTxs: [],
    orphanedProofs: [],
    ...more,
  };
}
