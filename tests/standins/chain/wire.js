// Transactions on the wire: the plain format and the Extended Format of BRC-30.
//
// This reader is deliberately not the SDK's, which accepts truncated data and padded lengths. What
// passes here serializes back to the very bytes that were read; the SDK then judges the scripts.
//
// A parsed transaction is plain data: { txid, raw, version, inputs, outputs, lockTime, extended }.
// `raw` is always the plain format, and so is what `txid` hashes. An input of an extended
// transaction also carries `claimed`, the previous output as its sender describes it.

import { ByteReader, MalformedBytes, hash256, toDisplay, fromDisplay, varint, uint32, uint64 } from './bytes.js';

const EXTENDED_MARKER = Buffer.from('0000000000ef', 'hex');
const BEEF_PREFIXES = ['0100beef', '0200beef', '01010101'];

/** BEEF is recognised so that it can be refused by name. */
export class BeefNotSupported extends MalformedBytes {}

/** Reads one transaction that must fill `bytes` exactly. */
export function parseTransaction(bytes) {
  const reader = new ByteReader(bytes);
  const tx = readTransaction(reader);
  if (!reader.atEnd) throw new MalformedBytes('data after the transaction');
  return tx;
}

/** Reads transactions laid end to end; at least one. */
export function parseTransactions(bytes) {
  const reader = new ByteReader(bytes);
  const found = [];
  do found.push(readTransaction(reader));
  while (!reader.atEnd);
  return found;
}

/** An outpoint as text, the key of every table of coins. */
export function outpoint(txid, vout) {
  return `${txid}:${vout}`;
}

export function isCoinbase(tx) {
  return tx.inputs.length === 1 && isNullInput(tx.inputs[0]);
}

export function isNullInput(input) {
  return /^0{64}$/.test(input.txid);
}

/** Builds a parsed transaction from its parts. */
export function makeTransaction({ version = 1, inputs, outputs, lockTime = 0 }) {
  return parseTransaction(serialize({ version, inputs, outputs, lockTime }));
}

function readTransaction(reader) {
  refuseBeef(reader);
  const version = reader.int32();
  const extended = skipExtendedMarker(reader);
  const inputs = readList(reader, () => readInput(reader, extended));
  const outputs = readList(reader, () => readOutput(reader));
  const lockTime = reader.uint32();
  const raw = serialize({ version, inputs, outputs, lockTime });
  return { txid: toDisplay(hash256(raw)), raw, version, inputs, outputs, lockTime, extended };
}

function refuseBeef(reader) {
  const head = reader.bytes.subarray(reader.position, reader.position + 4).toString('hex');
  if (BEEF_PREFIXES.includes(head)) throw new BeefNotSupported('BEEF is not supported');
}

function skipExtendedMarker(reader) {
  const next = reader.bytes.subarray(reader.position, reader.position + EXTENDED_MARKER.length);
  if (!next.equals(EXTENDED_MARKER)) return false;
  reader.take(EXTENDED_MARKER.length);
  return true;
}

function readList(reader, readOne) {
  const items = [];
  for (let left = reader.varint(); left > 0; left--) items.push(readOne());
  return items;
}

function readInput(reader, extended) {
  const input = {
    txid: toDisplay(reader.take(32)),
    vout: reader.uint32(),
    script: reader.take(reader.varint()),
    sequence: reader.uint32(),
  };
  if (extended) input.claimed = readOutput(reader);
  return input;
}

function readOutput(reader) {
  return { satoshis: reader.uint64(), script: reader.take(reader.varint()) };
}

function serialize({ version, inputs, outputs, lockTime }) {
  const parts = [uint32(version), varint(inputs.length)];
  for (const input of inputs) {
    parts.push(
      fromDisplay(input.txid),
      uint32(input.vout),
      varint(input.script.length),
      input.script,
      uint32(input.sequence),
    );
  }
  parts.push(varint(outputs.length));
  for (const output of outputs) {
    parts.push(uint64(output.satoshis), varint(output.script.length), output.script);
  }
  parts.push(uint32(lockTime));
  return Buffer.concat(parts);
}
