// Lies on order: a list of rules, each saying where, how often and how the stand-in misbehaves.
//
//   { fault, api, operation, txid, count, skip, delayMs, ... }
//
//   api        arc | arcade | woc | rpc | any (default)
//   operation  submit | status | policy | proof | header | utxo | health | mine | callback | any;
//              the default is what the fault is about
//   txid       only requests that concern this transaction
//   count      how often it strikes (default 1), or "until-cleared"
//   skip       matching requests to let pass first (default 0)
//   delayMs    wait this long before anything else; any fault may have it, callback faults too
//
// Each request, and each callback, meets at most one rule: the oldest that matches. What the faults
// do to a request is in misbehave.js, what they do to callbacks in callbacks.js.

import { isReason } from './reasons.js';

const APIS = ['arc', 'arcade', 'woc', 'rpc', 'any'];
const OPERATIONS = ['submit', 'status', 'policy', 'proof', 'header', 'utxo', 'health', 'mine', 'callback', 'any'];
const REQUESTS = OPERATIONS.filter((operation) => operation !== 'callback');
const WRONG_BODIES = ['garbage', 'truncated', 'empty', 'huge'];
const UNTIL_CLEARED = 'until-cleared';

/**
 * For each fault its natural operation, the operations it can strike (without `only`, every request)
 * and what its parameters must be.
 */
const FAULTS = {
  'delay': {
    operation: 'any',
    only: OPERATIONS,
    problem: ({ delayMs }) => delayMs === undefined && 'delay needs delayMs',
  },
  'status5xx': { operation: 'any', problem: badStatus },
  'status5xx-after-accept': { operation: 'any', problem: badStatus },
  'timeout-before': { operation: 'any' },
  'timeout-after-accept': { operation: 'any' },
  'connection-reset': { operation: 'any' },
  'connection-reset-after-accept': { operation: 'any' },
  'wrong-body': {
    operation: 'any',
    problem: ({ body }) => !WRONG_BODIES.includes(body) && `wrong-body needs body: ${WRONG_BODIES.join(', ')}`,
  },
  'reject': { operation: 'submit', problem: badRejection },
  'double-spend': { operation: 'submit', only: ['submit'] },
  'drop': { operation: 'submit', only: ['submit'] },
  'duplicate-answer': { operation: 'submit', only: ['submit'] },
  'fee-rise': {
    operation: 'submit',
    problem: ({ satoshisPerKb }) => !isFeeRate(satoshisPerKb) && 'fee-rise needs satoshisPerKb',
  },
  'stale-status': {
    operation: 'status',
    only: ['status', 'proof', 'submit'],
    problem: ({ status }) => typeof status !== 'string' && 'stale-status needs status',
  },
  'bad-proof': { operation: 'proof', only: ['proof', 'status'] },
  'lose-callbacks': { operation: 'callback', only: ['callback'] },
  'callback-twice': { operation: 'callback', only: ['callback'] },
  'callback-out-of-order': { operation: 'callback', only: ['callback'] },
};

/** A rule that makes no sense. */
export class InvalidFault extends Error {}

export class Faults {
  #rules = [];
  #nextId = 1;

  /** Adds rules, all or none. Answers their ids, or throws InvalidFault with what is wrong. */
  addAll(wishes) {
    const rules = wishes.map((wish) => this.#complete(wish));
    this.#rules.push(...rules);
    return rules.map((rule) => rule.id);
  }

  /** The rule that strikes here, now spent once; undefined if there is none. */
  take(context) {
    const rule = this.#rules.find((each) => matches(each, context) && !passes(each));
    if (rule) this.#spend(rule);
    return rule;
  }

  clear() {
    this.#rules = [];
  }

  /** What is still to come. */
  get left() {
    return this.#rules.map((rule) => ({ ...rule }));
  }

  #complete(wish) {
    const kind = Object.hasOwn(FAULTS, wish?.fault ?? '') ? FAULTS[wish.fault] : null;
    if (!kind) throw new InvalidFault(`fault must be one of: ${Object.keys(FAULTS).join(', ')}`);
    const rule = { api: 'any', operation: kind.operation, count: 1, skip: 0, ...wish, struck: 0 };
    const problem = generalProblem(rule, kind) || kind.problem?.(rule);
    if (problem) throw new InvalidFault(problem);
    return { id: this.#nextId++, ...rule };
  }

  #spend(rule) {
    rule.struck++;
    if (rule.count === UNTIL_CLEARED) return;
    rule.count--;
    if (rule.count === 0) this.#rules = this.#rules.filter((each) => each !== rule);
  }
}

export function isFeeRate(value) {
  return Number.isFinite(value) && value >= 0;
}

function matches(rule, { api, operations, txids }) {
  if (operations.includes('control')) return false;
  if (rule.api !== 'any' && rule.api !== api) return false;
  if (rule.txid && !txids.includes(rule.txid)) return false;
  const isCallback = operations.includes('callback');
  if (rule.operation === 'any') return !isCallback;
  return operations.includes(rule.operation);
}

/** Lets a request pass while the rule still has some to skip. */
function passes(rule) {
  if (rule.skip === 0) return false;
  rule.skip--;
  return true;
}

function generalProblem({ api, operation, count, skip, delayMs }, { only = REQUESTS }) {
  if (!APIS.includes(api)) return `api must be one of: ${APIS.join(', ')}`;
  if (!OPERATIONS.includes(operation)) return `operation must be one of: ${OPERATIONS.join(', ')}`;
  if (!only.includes(operation)) return `this fault applies to: ${only.join(', ')}`;
  if (count !== UNTIL_CLEARED && !isCount(count)) return `count must be a positive number or "${UNTIL_CLEARED}"`;
  if (skip !== 0 && !isCount(skip)) return 'skip must be a number';
  return delayMs !== undefined && !isCount(delayMs) && 'delayMs must be a positive number';
}

function isCount(value) {
  return Number.isInteger(value) && value > 0;
}

function badStatus({ status = 503 }) {
  return !(Number.isInteger(status) && status >= 500 && status <= 599) && 'status must be 5xx';
}

function badRejection({ reason, code }) {
  if (reason !== undefined) return !isReason(reason) && `no such reason: ${reason}`;
  return !Number.isInteger(code) && 'reject needs a reason of reasons.js, or a code';
}
