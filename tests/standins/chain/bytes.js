// Bytes, hashes and the numbers inside serialized transactions and headers.
//
// Everything that reads outside bytes goes through ByteReader, which refuses to read past the end
// and refuses a length written in more bytes than needed. Both are ways to give one transaction
// two serializations, and a second serialization is a second txid.

import { createHash } from 'node:crypto';

/** Thrown for bytes that are not what they claim to be. */
export class MalformedBytes extends Error {}

/** @param {Uint8Array} bytes */
export function sha256(bytes) {
  return createHash('sha256').update(bytes).digest();
}

/** Bitcoin's hash of transactions, headers and Merkle nodes. */
export function hash256(bytes) {
  return sha256(sha256(bytes));
}

/** Hashes are shown byte-reversed: internal bytes to display text. */
export function toDisplay(hash) {
  return Buffer.from(hash).reverse().toString('hex');
}

/** Display text to internal bytes. */
export function fromDisplay(text) {
  return Buffer.from(text, 'hex').reverse();
}

/** Whether `text` is hexadecimal, of exactly `byteLength` bytes if that is given. */
export function isHex(text, byteLength) {
  if (typeof text !== 'string' || text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) return false;
  return byteLength === undefined || text.length === byteLength * 2;
}

/** The shortest serialization of a length or count. */
export function varint(value) {
  if (value < 0xfd) return Buffer.from([value]);
  if (value <= 0xffff) return tagged(0xfd, 3, (out) => out.writeUInt16LE(value, 1));
  if (value <= 0xffffffff) return tagged(0xfe, 5, (out) => out.writeUInt32LE(value, 1));
  return tagged(0xff, 9, (out) => out.writeBigUInt64LE(BigInt(value), 1));
}

function tagged(tag, size, write) {
  const out = Buffer.alloc(size);
  out[0] = tag;
  write(out);
  return out;
}

export function uint32(value) {
  const out = Buffer.alloc(4);
  out.writeUInt32LE(value >>> 0);
  return out;
}

export function uint64(value) {
  const out = Buffer.alloc(8);
  out.writeBigUInt64LE(BigInt(value));
  return out;
}

/** Reads a buffer from front to back; every method throws MalformedBytes rather than guess. */
export class ByteReader {
  constructor(bytes, position = 0) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.position = position;
  }

  get atEnd() {
    return this.position >= this.bytes.length;
  }

  take(count) {
    const end = this.position + count;
    if (!Number.isSafeInteger(end) || end > this.bytes.length) throw new MalformedBytes('unexpected end of data');
    const taken = this.bytes.subarray(this.position, end);
    this.position = end;
    return taken;
  }

  uint8() {
    return this.take(1)[0];
  }

  uint32() {
    return this.take(4).readUInt32LE();
  }

  int32() {
    return this.take(4).readInt32LE();
  }

  /** Exact or refused: four times all the money there can be still fits a JavaScript number. */
  uint64() {
    const value = Number(this.take(8).readBigUInt64LE());
    if (!Number.isSafeInteger(value)) throw new MalformedBytes('number out of range');
    return value;
  }

  varint() {
    const tag = this.uint8();
    if (tag < 0xfd) return tag;
    if (tag === 0xfd) return this.#minimal(this.take(2).readUInt16LE(), 0xfd);
    if (tag === 0xfe) return this.#minimal(this.uint32(), 0x10000);
    return this.#minimal(this.uint64(), 0x100000000);
  }

  #minimal(value, least) {
    if (value < least) throw new MalformedBytes('length is not written in its shortest form');
    return value;
  }
}
