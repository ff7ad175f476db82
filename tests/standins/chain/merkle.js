// Bitcoin's Merkle tree and the two forms of proof: BUMP (BRC-74) and TSC.
//
// A tree is an array of levels, leaves first, each an array of hashes in internal byte order. An odd
// last node is paired with itself. The root of a single transaction is its txid.

import { fromDisplay, hash256, toDisplay, uint32, varint } from './bytes.js';

const FLAG_DUPLICATE = 0x01;
const FLAG_TXID = 0x02;

/** @param {string[]} txids in block order, as displayed */
export function merkleTree(txids) {
  const levels = [txids.map(fromDisplay)];
  while (levels.at(-1).length > 1) levels.push(levelAbove(levels.at(-1)));
  return levels;
}

export function merkleRoot(levels) {
  return levels.at(-1)[0];
}

/** The sibling on each level from the leaf up; `duplicate` where the node is its own sibling. */
export function merkleBranch(levels, index) {
  return levels.slice(0, -1).map((nodes, level) => {
    const own = index >> level;
    const offset = own ^ 1;
    const duplicate = offset >= nodes.length;
    return { offset, duplicate, hash: nodes[duplicate ? own : offset] };
  });
}

/** The root a branch leads to. */
export function rootOfBranch(leaf, index, branch) {
  return branch.reduce((hash, sibling, level) => {
    const right = (index >> level) & 1;
    return hash256(right ? Buffer.concat([sibling.hash, hash]) : Buffer.concat([hash, sibling.hash]));
  }, leaf);
}

/** BRC-74: height, number of levels, then each level's nodes with offset, flags and hash. */
export function bump(height, levels, index) {
  const branch = merkleBranch(levels, index);
  const leaf = { offset: index, hash: levels[0][index], txid: true };
  const first = branch.length > 0 ? [leaf, branch[0]].sort((a, b) => a.offset - b.offset) : [leaf];
  const path = [first, ...branch.slice(1).map((sibling) => [sibling])];
  return Buffer.concat([varint(height), Buffer.from([path.length]), ...path.map(bumpLevel)]).toString('hex');
}

/** A tree in which every node but one leaf is wrong: proofs from it look well and prove nothing. */
export function spoiledTree(levels, index) {
  const spoil = (hash) => Buffer.from(hash.map((byte) => byte ^ 0xff));
  return levels.map((nodes, level) => nodes.map((hash, at) => (level === 0 && at === index ? hash : spoil(hash))));
}

/** TSC nodes, shown reversed. The node writes `*` for a copy; WhatsOnChain spells the copy out. */
export function tscNodes(levels, index, { star }) {
  return merkleBranch(levels, index).map((sibling) => (star && sibling.duplicate ? '*' : toDisplay(sibling.hash)));
}

/** An 80-byte block header. */
export function header({ version, prev, root, time, bits, nonce }) {
  return Buffer.concat([uint32(version), fromDisplay(prev), root, uint32(time), uint32(bits), uint32(nonce)]);
}

function levelAbove(nodes) {
  const above = [];
  for (let i = 0; i < nodes.length; i += 2) {
    above.push(hash256(Buffer.concat([nodes[i], nodes[i + 1] ?? nodes[i]])));
  }
  return above;
}

function bumpLevel(nodes) {
  return Buffer.concat([varint(nodes.length), ...nodes.map(bumpNode)]);
}

function bumpNode({ offset, duplicate, txid, hash }) {
  const flags = (duplicate ? FLAG_DUPLICATE : 0) | (txid ? FLAG_TXID : 0);
  return Buffer.concat([varint(offset), Buffer.from([flags]), duplicate ? Buffer.alloc(0) : hash]);
}
