// The JSON-RPC interface of a bitcoin-sv node: POST /rpc.
//
// Errors travel as HTTP 500 (-32600 as 400, -32601 as 404) with { result: null, error, id }; amounts
// are decimals with exactly 8 places. The methods themselves are in rpc-methods.js.

import { setTimeout } from 'node:timers/promises';
import { exactJson } from './blocks.js';
import { parseJson, raw, text } from './http.js';
import { nodeError, refusal } from './reasons.js';
import { RpcError, methodNamed } from './rpc-methods.js';

const WRONG_PASSWORD_PAUSE_MS = 250;
const INVALID_REQUEST = -32600;
const METHOD_NOT_FOUND = -32601;
const PARSE_ERROR = -32700;

export function rpcApi({ network, rpcUser, rpcPassword }) {
  return {
    name: 'rpc',
    prefix: '/rpc',
    notFound: ({ method }) =>
      method === 'POST' ? text(404, '') : text(405, 'JSONRPC server handles only POST requests'),
    authorize: (request) => checkPassword(request.headers, rpcUser, rpcPassword),
    routes: [{ method: 'POST', path: '', operations: ['other'], prepare: (request) => prepare(network, request) }],
  };
}

/** A wrong password costs a quarter of a second, a missing one nothing. */
async function checkPassword({ authorization }, user, password) {
  if (!password) return null;
  const wanted = `Basic ${Buffer.from(`${user ?? ''}:${password}`).toString('base64')}`;
  if (authorization === wanted) return null;
  if (authorization) await setTimeout(WRONG_PASSWORD_PAUSE_MS, undefined, { ref: false });
  return text(401, '', { 'WWW-Authenticate': 'Basic realm="jsonrpc"' });
}

function prepare(network, { body }) {
  const request = parseJson(body);
  if (Array.isArray(request)) return prepareBatch(network, request);
  const single = prepareOne(network, request);
  return {
    ...single,
    run: (lie) => asReply(single.run(lie)),
    refuse: (rule) => asReply(single.refuse(rule)),
  };
}

/** A batch is always HTTP 200; a fault that strikes it strikes by its first request. */
function prepareBatch(network, requests) {
  const calls = requests.map((request) => prepareOne(network, request));
  const all = (of) => raw(200, 'application/json', `${exactJson(calls.map((call) => of(call)))}\n`);
  return {
    operations: calls[0]?.operations ?? ['other'],
    txids: calls.flatMap((call) => call.txids),
    run: (lie) => all((call) => call.run(lie)),
    refuse: (rule) => all((call) => call.refuse(rule)),
  };
}

/** A call whose `run` answers the JSON-RPC response object. */
function prepareOne(network, request) {
  const { id = null, method: name, params = [] } = isObject(request) ? request : {};
  const method = methodNamed(name);
  const problem = requestProblem(request, method);
  if (problem) {
    return { operations: ['other'], txids: [], run: () => failed(problem, id), refuse: () => failed(problem, id) };
  }
  const given = positional(method, params);
  const respond = (lie) => attempt(() => method.run({ network, params: given, lie }), id);
  const refuse = (rule) =>
    rule.reason
      ? refuseByReason(method, rule, respond, id)
      : failed({ code: rule.code, message: rule.message ?? 'rejected' }, id);
  return { operations: [method.operation], txids: method.txids(given), run: respond, refuse };
}

function refuseByReason(method, { reason, message }, respond, id) {
  const verdict = refusal(reason, message);
  return method.operation === 'submit' ? respond({ verdict }) : failed(nodeError(verdict), id);
}

function requestProblem(request, method) {
  if (request === undefined) return { code: PARSE_ERROR, message: 'Parse error' };
  if (!isObject(request)) return { code: INVALID_REQUEST, message: 'Invalid Request object' };
  if (request.method === undefined) return { code: INVALID_REQUEST, message: 'Missing method' };
  if (typeof request.method !== 'string') return { code: INVALID_REQUEST, message: 'Method must be a string' };
  const { params = [] } = request;
  if (params !== null && typeof params !== 'object') {
    return { code: INVALID_REQUEST, message: 'Params must be an array or object' };
  }
  return method ? null : { code: METHOD_NOT_FOUND, message: 'Method not found' };
}

/** Parameters may be given by name. */
function positional({ names }, given) {
  if (Array.isArray(given)) return given;
  return names.map((name) => given?.[name] ?? undefined);
}

function attempt(run, id) {
  try {
    return { result: run() ?? null, error: null, id };
  } catch (error) {
    if (error instanceof RpcError) return failed(error, id);
    throw error;
  }
}

function failed({ code, message }, id) {
  return { result: null, error: { code, message }, id };
}

function asReply(response) {
  return raw(httpStatus(response.error), 'application/json', `${exactJson(response)}\n`);
}

function httpStatus(error) {
  if (!error) return 200;
  if (error.code === INVALID_REQUEST) return 400;
  return error.code === METHOD_NOT_FOUND ? 404 : 500;
}

function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
