// Every reason to refuse a transaction, and how each service words it.
//
//   arc      the 46x code of ARC and Arcade (their HTTP status, or the number in the body)
//   node     the reject code of the node's "CODE: text"; -25 stands for plain "Missing inputs"
//   text     the node's reject text
//   network  true where ARC's own checks let the transaction pass and only the network refuses:
//            ARC then answers 200 with txStatus REJECTED (or DOUBLE_SPEND_ATTEMPTED) and remembers it
//
// The last group never comes from validation: a test asks for it with the fault "reject".

const REASONS = {
  'malformed': { arc: 400, node: -22, text: 'TX decode failed' },
  'beef': { arc: 468, node: -22, text: 'TX decode failed' },
  'no-inputs': { arc: 462, node: 16, text: 'bad-txns-vin-empty' },
  'no-outputs': { arc: 464, node: 16, text: 'bad-txns-vout-empty' },
  'too-small': { arc: 463, node: 16, text: 'bad-txns-undersize' },
  'sixty-four-bytes': { arc: 463, node: 16, text: 'bad-txns-undersize' },
  'too-large': { arc: 474, node: 64, text: 'tx-size' },
  'coinbase': { arc: 462, node: 16, text: 'bad-tx-coinbase' },
  'null-input': { arc: 462, node: 16, text: 'bad-txns-prevout-null' },
  'duplicate-input': { arc: 462, node: 16, text: 'bad-txns-inputs-duplicate' },
  'not-push-only': { arc: 463, node: 64, text: 'scriptsig-not-pushonly' },
  'output-value': { arc: 464, node: 16, text: 'bad-txns-vout-toolarge' },
  'data-value': { arc: 464, node: 64, text: 'nonzero-false-return' },
  'dust': { arc: 464, node: 64, text: 'dust' },
  'p2sh-output': { arc: 464, node: 16, text: 'bad-txns-vout-p2sh' },
  'missing-parent': { arc: 460, node: -25, text: 'Missing inputs' },
  'wrong-extension': { arc: 461, node: 16, text: 'mandatory-script-verify-flag-failed' },
  'value-created': { arc: 465, node: 16, text: 'bad-txns-in-belowout' },
  'fee-too-low': { arc: 465, node: 66, text: 'mempool min fee not met' },
  'script': { arc: 461, node: 16, text: 'mandatory-script-verify-flag-failed' },

  'spent': { arc: 462, node: -25, text: 'Missing inputs', network: true },
  'conflict': { arc: 466, node: 258, text: 'txn-mempool-conflict', network: true },
  'immature-coinbase': { arc: 462, node: 16, text: 'bad-txns-premature-spend-of-coinbase', network: true },
  'not-final': { arc: 476, node: 64, text: 'bad-txns-nonfinal', network: true },
  'absurd-fee': { arc: 409, node: 256, text: 'absurdly-high-fee', network: true },
  'known': { arc: 409, node: 257, text: 'txn-already-known', network: true },

  'generic': { arc: 409, node: 64, text: 'non-standard' },
  'frozen-policy': { arc: 471, node: 16, text: 'bad-txns-inputs-frozen' },
  'frozen-consensus': { arc: 472, node: 19, text: 'bad-txns-inputs-frozen' },
  'cumulative-fees': { arc: 473, node: 66, text: 'mempool min fee not met' },
  'mempool-full': { arc: 409, node: 259, text: 'mempool full', network: true },
  'too-long-chain': { arc: 409, node: 64, text: 'too-long-mempool-chain', network: true },
  'too-slow': { arc: 409, node: 64, text: 'too-long-validation-time', network: true },
};

/** The reasons ARC's own checks can find. */
export const CHECKED_BY_ARC = Object.keys(REASONS).filter((key) => !REASONS[key].network);

/** The codes and text of a reason; an unknown key is a bug of this program. */
export function reason(key) {
  const found = REASONS[key];
  if (!found) throw new Error(`no such reason: ${key}`);
  return found;
}

export function isReason(key) {
  return Object.hasOwn(REASONS, key);
}

/** Whether ARC lets the submission pass and reports the refusal as a status. */
export function isLeftToNetwork({ key, unchecked }) {
  return unchecked === true || reason(key).network === true;
}

/**
 * A verdict of the rules. `competing` lists the transactions that stand in the way. Two marks may be
 * added later: `unchecked` if the sender asked ARC not to check this, `lost` once a rival is mined.
 */
export function refusal(key, detail = '', competing = []) {
  return { key, detail, competing };
}

/** What a node says: { code, message } of its JSON-RPC error. */
export function nodeError({ key, detail }) {
  const { node, text } = reason(key);
  if (node < 0) return { code: node, message: text };
  const script = key === 'script' || key === 'wrong-extension';
  return { code: -26, message: script ? `${node}: ${text} (${detail})` : `${node}: ${text}` };
}

/** One line for people and for extraInfo. */
export function explain({ key, detail }) {
  const { text } = reason(key);
  return detail ? `${text}: ${detail}` : text;
}
