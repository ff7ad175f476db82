// For tests: talks to a running stand-in, builds and signs transactions with the SDK.
//
// It imports nothing of the stand-in, so that what is sent and checked does not come out of the code
// under test. Other test suites may use it, too.

import { webcrypto } from 'node:crypto';
import { P2PKH, PrivateKey, Script, Transaction } from '@bsv/sdk';

// Node 18 has WebCrypto, but not where the SDK looks for it.
globalThis.crypto ??= webcrypto;

const TEST_NETWORK = [0x6f];

export const KEY = PrivateKey.fromHex('11'.repeat(32));
export const ADDRESS = KEY.toAddress(TEST_NETWORK);
const OTHER_KEY = PrivateKey.fromHex('22'.repeat(32));
export const OTHER_ADDRESS = OTHER_KEY.toAddress(TEST_NETWORK);

/** Talks to a running stand-in. */
export class ChainClient {
  constructor(url) {
    this.url = url;
  }

  /** Answers { status, headers, text, json }; `json` is undefined if the body is none. */
  async request(method, path, { body, headers = {}, signal } = {}) {
    const response = await fetch(this.url + path, { method, headers, body, signal });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, json: parse(text) };
  }

  get(path, headers) {
    return this.request('GET', path, { headers });
  }

  post(path, value, headers = {}) {
    return this.request('POST', path, {
      body: JSON.stringify(value),
      headers: { 'Content-Type': 'application/json', ...headers },
    });
  }

  /** A control request that must succeed. */
  async control(path, value) {
    const answer =
      value === undefined ? await this.get(`/_control/${path}`) : await this.post(`/_control/${path}`, value);
    if (answer.status !== 200) throw new Error(`/_control/${path}: ${answer.status} ${answer.text}`);
    return answer.json;
  }

  /** A JSON-RPC request: { status, result, error, text }. */
  async rpc(method, ...params) {
    const answer = await this.post('/rpc', { method, params, id: 'test' });
    return { status: answer.status, result: answer.json?.result, error: answer.json?.error, text: answer.text };
  }

  /** Mined coins of the test key: [{ tx, vout }]. */
  async coins({ count = 1, satoshis = 100_000, mined = true } = {}) {
    const { raw, vouts } = await this.control('fund', { address: ADDRESS, satoshis, outputs: count, mined });
    const tx = Transaction.fromHex(raw);
    return vouts.map((vout) => ({ tx, vout }));
  }

  /** A mined coin, spent by a good transaction that nobody has seen yet. */
  async freshPayment(options) {
    const [coin] = await this.coins();
    return pay([coin], options);
  }

  faults(...rules) {
    return this.control('faults', { faults: rules });
  }

  wait(condition) {
    return this.control('wait', { timeoutMs: 10_000, ...condition });
  }

  /** Every fact about a transaction. */
  facts(txid) {
    return this.control(`tx/${txid}`);
  }
}

/**
 * A signed transaction as the ledger makes them: a data output, then the change. `outputs` replaces
 * both; `edit` may spoil the transaction before it is signed.
 */
export async function pay(
  coins,
  { fee = 40, data = 'test', outputs, edit, version = 1, lockTime = 0, sequence = 0xffffffff } = {},
) {
  const tx = new Transaction(version, [], [], lockTime);
  for (const { tx: sourceTransaction, vout } of coins) {
    tx.addInput({
      sourceTransaction,
      sourceOutputIndex: vout,
      unlockingScriptTemplate: new P2PKH().unlock(KEY),
      sequence,
    });
  }
  const total = coins.reduce((sum, { tx: source, vout }) => sum + source.outputs[vout].satoshis, 0);
  for (const each of outputs ?? [dataOutput(data), change(total - fee)]) tx.addOutput(each);
  edit?.(tx);
  await tx.sign();
  return tx;
}

export function dataOutput(text, satoshis = 0) {
  const bytes = Buffer.from(text);
  const script = Buffer.concat([Buffer.from([0x00, 0x6a, bytes.length]), bytes]);
  return { lockingScript: Script.fromHex(script.toString('hex')), satoshis };
}

export function change(satoshis, address = ADDRESS) {
  return { lockingScript: new P2PKH().lock(address), satoshis };
}

export function output(scriptHex, satoshis) {
  return { lockingScript: Script.fromHex(scriptHex), satoshis };
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
