// Answers a request, honestly or as a fault demands.
//
// An API turns a request into a call:
//   { api, operations, txids, run, refuse }
// `run(lie)` does the work and answers a reply; the parts of a lie it has to know about are
// { forget, doubleSpend, again, status, badProof }. `refuse(rule)` words a rejection as that API does.

import { setTimeout } from 'node:timers/promises';
import { HANG, RESET, huge, text } from './http.js';

const HUGE_BODY = 32 * 1024 * 1024;

const EFFECTS = {
  'delay': (call) => call.run({}),
  'status5xx': (call, rule) => serverError(rule),
  'status5xx-after-accept': (call, rule) => runThen(call, serverError(rule)),
  'timeout-before': () => HANG,
  'timeout-after-accept': (call) => runThen(call, HANG),
  'connection-reset': () => RESET,
  'connection-reset-after-accept': (call) => runThen(call, RESET),
  'wrong-body': async (call, rule) => spoil(await call.run({}), rule),
  'reject': (call, rule) => call.refuse(rule),
  'double-spend': (call) => call.run({ doubleSpend: true }),
  'drop': (call) => call.run({ forget: true }),
  'duplicate-answer': runTwice,
  'fee-rise': raiseFee,
  'stale-status': (call, rule) => call.run({ status: rule.status }),
  'bad-proof': (call) => call.run({ badProof: true }),
};

/** Answers a call, spending at most one rule of `faults`. */
export async function answerCall(call, faults, network) {
  const rule = faults.take(call);
  if (!rule) return call.run({});
  if (rule.delayMs) await setTimeout(rule.delayMs, undefined, { ref: false });
  return EFFECTS[rule.fault](call, rule, network);
}

async function runThen(call, reply) {
  await call.run({});
  return reply;
}

/** As when a proxy on the way repeats a request: the client sees the second answer. */
async function runTwice(call) {
  await call.run({});
  return call.run({ again: true });
}

function raiseFee(call, { satoshisPerKb }, network) {
  network.setFeeRate(satoshisPerKb);
  return call.run({});
}

function serverError({ status = 503, retryAfter }) {
  return text(
    status,
    'the service is not available',
    retryAfter === undefined ? {} : { 'Retry-After': String(retryAfter) },
  );
}

function spoil(reply, { body, bytes = HUGE_BODY }) {
  if (body === 'empty') return { ...reply, body: '' };
  if (body === 'garbage') return { ...reply, body: '{"txid": <!DOCTYPE html>\u0000\ufffd' };
  if (body === 'huge') return huge(reply, bytes);
  const whole = Buffer.from(reply.body ?? '');
  return { ...reply, body: whole.subarray(0, Math.floor(whole.length / 2)) };
}
