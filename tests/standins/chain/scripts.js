// Facts about scripts: which address one pays, whether it can ever be spent, how it reads.
//
// Addresses are the test network's (version byte 0x6f), as on testnet, STN and regtest.

import { P2PKH, Script, Utils } from '@bsv/sdk';
import { sha256, toDisplay } from './bytes.js';

const ADDRESS_VERSION = 0x6f;

/** `OP_DUP OP_HASH160 <20 bytes> OP_EQUALVERIFY OP_CHECKSIG` */
function isP2pkh(script) {
  return (
    script.length === 25 &&
    script.subarray(0, 3).toString('hex') === '76a914' &&
    script.subarray(23).toString('hex') === '88ac'
  );
}

/** `OP_HASH160 <20 bytes> OP_EQUAL`, refused in outputs since the Genesis upgrade. */
export function isP2sh(script) {
  return script.length === 23 && script[0] === 0xa9 && script[1] === 0x14 && script[22] === 0x87;
}

/** `OP_FALSE OP_RETURN ...`: the only outputs that can never be spent and so may carry nothing. */
export function isDataOutput(script) {
  return script.length >= 2 && script[0] === 0x00 && script[1] === 0x6a;
}

/** The address a script pays, or null if it pays none. */
export function addressOf(script) {
  if (!isP2pkh(script)) return null;
  return Utils.toBase58Check([...script.subarray(3, 23)], [ADDRESS_VERSION]);
}

/** The script that pays an address, or null if the text is no address of this network. */
export function scriptOfAddress(address) {
  try {
    const { prefix, data } = Utils.fromBase58Check(address);
    if (prefix[0] !== ADDRESS_VERSION || data.length !== 20) return null;
    return Buffer.from(new P2PKH().lock([...data]).toBinary());
  } catch {
    return null;
  }
}

/** WhatsOnChain's name for a script: its SHA-256, shown reversed. */
export function scriptHash(script) {
  return toDisplay(sha256(script));
}

/** What nodes print beside the hex of a locking script. */
export function describeScript(script) {
  const address = addressOf(script);
  const description = { asm: asm(script), hex: script.toString('hex') };
  if (address) return { ...description, reqSigs: 1, type: 'pubkeyhash', addresses: [address] };
  return { ...description, type: isDataOutput(script) ? 'nulldata' : 'nonstandard' };
}

/** Readable opcodes; nodes write the empty push as 0, and go on reading after OP_RETURN. */
export function asm(script) {
  if (isDataOutput(script)) return `0 OP_RETURN ${asm(script.subarray(2))}`.trimEnd();
  const text = Script.fromHex(script.toString('hex')).toASM();
  return text
    .split(' ')
    .map((word) => (word === 'OP_0' ? '0' : word))
    .join(' ');
}
