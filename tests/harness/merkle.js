// RFC 9162 tree hashes, written from the RFC and sharing nothing with the C code it checks.

import { createHash } from 'node:crypto';

const NODE_PREFIX = Buffer.from([1]);

export function sha256(...parts) {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** Root over leaf hashes (Buffers). */
export function merkleRoot(leaves) {
  if (leaves.length === 0) return sha256();
  return new Tree(leaves).root(leaves.length);
}

/** A list of leaf hashes whose prefixes' roots are wanted: complete subtrees are hashed once. */
export class Tree {
  #levels;

  constructor(leaves) {
    this.#levels = [leaves];
    while (this.#levels.at(-1).length > 1) this.#levels.push(pairUp(this.#levels.at(-1)));
  }

  /** Root of the first SIZE leaves. */
  root(size) {
    const peaks = [];
    let begin = 0;
    for (let level = this.#levels.length - 1; level >= 0; level--) {
      const width = 2 ** level;
      if (size - begin >= width) {
        peaks.push(this.#levels[level][begin / width]);
        begin += width;
      }
    }
    return peaks.reduceRight((right, left) => sha256(NODE_PREFIX, left, right));
  }
}

function pairUp(nodes) {
  const parents = [];
  for (let i = 0; i + 1 < nodes.length; i += 2) parents.push(sha256(NODE_PREFIX, nodes[i], nodes[i + 1]));
  return parents;
}
