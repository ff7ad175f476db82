// What ARC and Arcade have in common: bodies, callback registration, the fee as a fraction.

import { isHex } from './bytes.js';
import { parseJson } from './http.js';
import { reason } from './reasons.js';

const ERRORS_PAGE = 'https://bitcoin-sv.github.io/arc/#/errors?id=_';

/** Title and detail of each error code; Arcade words a few details differently. */
const ERRORS = {
  400: ['Bad request', 'The request seems to be malformed and cannot be processed'],
  401: ['Unauthorized', 'The request is not authorized'],
  404: ['Not found', 'The requested resource could not be found'],
  409: ['Generic error', 'Transaction could not be processed'],
  460: ['Not extended format', 'Missing input scripts: Transaction could not be transformed to extended format'],
  461: [
    'Malformed transaction',
    'Transaction is malformed and cannot be processed',
    'Transaction unlocking scripts are invalid',
  ],
  462: ['Invalid inputs', 'Transaction is invalid because the inputs are non-existent or spent'],
  463: ['Malformed transaction', 'Transaction is malformed and cannot be processed'],
  464: ['Invalid outputs', 'Transaction is invalid because the outputs are non-existent or invalid'],
  465: ['Fee too low', 'Fees are insufficient', 'Transaction fee is too low'],
  466: ['Conflicting tx found', 'Transaction is valid, but there is a conflicting tx in the block template'],
  467: ['Generic error', 'Transaction could not be processed'],
  468: ['Invalid BUMPs', 'BEEF validation failed: BEEF invalid'],
  469: ['Merkle Roots validation failed', "BEEF validation failed: couldn't verify Merkle Roots"],
  471: ['Input Frozen', 'Input Frozen (blacklist manager policy blacklisted)'],
  472: ['Input Frozen', 'Input Frozen (blacklist manager consensus blacklisted)'],
  473: ['Cumulative fee validation failed', 'Cumulative fee validation failed'],
  474: ['Transaction size validation failed', 'Transaction size validation failed'],
  475: [
    'Mined ancestors not found in BUMPs',
    "BEEF validation failed: couldn't find mined ancestor of the transaction in provided BUMPs",
  ],
  476: [
    'Transaction not final',
    'Transaction nLockTime is in the future and input sequence numbers are not final; resubmit once the locktime expires',
  ],
};

/** The parts of an error body that follow from its code. */
export function errorOfCode(code, { arcade = false } = {}) {
  const known = ERRORS[code] ? code : 409;
  const [title, detail, arcadeDetail] = ERRORS[known];
  return { type: `${ERRORS_PAGE}${known}`, title, status: code, detail: arcade ? (arcadeDetail ?? detail) : detail };
}

/** The code a rejection on order carries: the one it names, or that of its reason. */
export function codeOfRule({ code, reason: key }) {
  return key ? reason(key).arc : code;
}

/** Hexadecimal text to bytes; undefined if it is none or empty. */
export function hexToBytes(text) {
  return isHex(text) && text.length > 0 ? Buffer.from(text, 'hex') : undefined;
}

/** The `rawTx` of a JSON body, or of each member of a JSON array; undefined if there is none. */
export function rawTxOf(body) {
  const value = parseJson(body);
  if (!Array.isArray(value)) return hexToBytes(value?.rawTx);
  const parts = value.map((each) => hexToBytes(each?.rawTx));
  return parts.length > 0 && parts.every(Boolean) ? Buffer.concat(parts) : undefined;
}

/** The callback a request asks for, or null. */
export function wantedCallback(headers) {
  const url = headers['x-callbackurl'];
  if (!url) return null;
  return { url, token: headers['x-callbacktoken'] ?? '', full: headers['x-fullstatusupdates'] === 'true' };
}

/** { satoshis, bytes }, both whole numbers. */
export function feeFraction(satoshisPerKb) {
  let [satoshis, bytes] = [satoshisPerKb, 1000];
  while (!Number.isInteger(satoshis)) [satoshis, bytes] = [satoshis * 10, bytes * 10];
  return { satoshis, bytes };
}

/** Time as these services print it. */
export function timestamp() {
  return new Date().toISOString();
}
