// The OpenAPI file is the contract: every operation in it is called on a running daemon, every answer is
// held against it, and the daemon serves nothing that it does not list.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import Ajv from 'ajv/dist/2020.js';
import { createWorld } from '../harness/world.js';
import { beginSignIn, forgeToken, newMember, readMail, signal } from './support/core.js';
import { document, operations, resolve } from './support/openapi.js';

const ajv = new Ajv({ strict: false, validateFormats: false });
ajv.addSchema({ $id: 'openapi', ...document });

function checkAnswer(operation, answer) {
  const listed = resolve(operation.responses[answer.status] ?? operation.responses.default);
  const what = `${operation.operationId} ${answer.status}`;
  assert.ok(listed, `${what} is not listed`);
  const type = (answer.headers['content-type'] ?? '').split(';')[0];
  if (answer.text === '') return assert.ok(!listed.content || answer.status === 204, `${what}: empty`);
  const content = listed.content?.[type];
  assert.ok(content, `${what}: ${type} is not listed`);
  if (!type.includes('json')) return undefined;
  const validate = ajv.compile({ $ref: `openapi#${pointerOf(content.schema)}` });
  assert.ok(validate(answer.json), `${what}: ${ajv.errorsText(validate.errors)}\n${answer.text}`);
  return undefined;
}

/** JSON pointer of a schema object inside the document, so that its references resolve. */
function pointerOf(schema) {
  if (schema.$ref) return schema.$ref.slice(1);
  const walk = (node, path) => {
    if (node === schema) return path;
    if (typeof node !== 'object' || node === null) return null;
    for (const [key, child] of Object.entries(node)) {
      const found = walk(child, `${path}/${key.replace(/~/g, '~0').replace(/\//g, '~1')}`);
      if (found) return found;
    }
    return null;
  };
  return encodeURI(walk(document, ''));
}

test('every operation of openapi.yaml answers as it says, good and bad', async (t) => {
  const world = await createWorld(t);
  const core = await world.start('core', { settings: { SIGNAL_QUOTA: 1000 } });
  await world.start('notify');
  const member = await newMember(world);
  const called = new Set();
  const call = async (operationId, path, options) => {
    const operation = operations.find((each) => each.operationId === operationId);
    const answer = await core.request(path, { method: operation.method, ...options });
    checkAnswer(operation, answer);
    called.add(operationId);
    return answer;
  };
  const html = { accept: 'text/html' };
  await call('getHealth', '/health');
  await call('getHealthLive', '/health/live');
  await call('getHealthReady', '/health/ready');
  await call('getJwks', '/.well-known/jwks.json');
  await call('getSignIn', '/sign-in', { headers: html });
  await call('postAuthLogin', '/api/auth/login', { body: { member_number: 1 } });
  await beginSignIn(core, member);
  await call('postAuthLogin', '/api/auth/login', { body: { member_number: member.number, email: member.email } });
  const { token: link } = await readMail(world, member);
  await call('getAuthVerify', `/api/auth/verify?token=${link}`, { headers: html });
  await call('getAuthVerify', '/api/auth/verify');
  await call('postAuthVerify', '/api/auth/verify', { body: { token: 'A'.repeat(22) } });
  const { json: { token } } = await call('postAuthVerify', '/api/auth/verify', { body: { token: link } });
  world.canary('session token', token);
  const askForDevice = { token, body: { device: 'phone' }, headers: { 'idempotency-key': '"device"' } };
  const { json: device } = await call('postAuthDevice', '/api/auth/device', askForDevice);
  await call('postAuthDevice', '/api/auth/device', askForDevice);
  const { json: kept } = await call('postSignal', '/api/signal', { token, body: {} });
  world.acknowledged.push(kept.signal_id);
  await call('postSignal', '/api/signal', { body: {} });
  await call('getSignals', '/api/signals', { token });
  await call('getSignalReceipt', kept.receipt, { token });
  await call('getSignalReceipt', '/api/signals/1/receipt', { token: await forgeToken(world, await newMember(world)) });
  await call('getMemberStatus', '/api/member/status', { token: device.token });
  await call('getAuthSessions', '/api/auth/sessions', { token: device.token });
  await call('getAuthSessions', '/api/auth/sessions', { token });
  await call('deleteAuthSession', `/api/auth/sessions/${device.session_id}`, { token });
  await call('postAuthLogout', '/api/auth/logout', { token });
  const never = operations.map((each) => each.operationId).filter((each) => !called.has(each));
  assert.deepEqual(never, [], 'operations never called');
});

test('openapi.yaml lists every route of the daemon, and no other', () => {
  const source = readFileSync(new URL('../../tier1-core/routes.c', import.meta.url), 'utf8');
  const routes = [...source.matchAll(/^ {4}\{"([A-Z]+)",\s*"([^"]+)"/gm)].map(([, method, path]) => `${method} ${path}`);
  assert.deepEqual(operations.map((each) => `${each.method} ${each.path}`).sort(), routes.sort());
});

test('J3.2: every write of the contract takes an Idempotency-Key, as its route does, or says why it needs none', () => {
  const source = readFileSync(new URL('../../tier1-core/routes.c', import.meta.url), 'utf8');
  const keyed = [...source.matchAll(/^ {4}\{"([A-Z]+)",\s*"([^"]+)".*ES_ROUTE_IDEMPOTENCY_KEY/gm)].map(([, method, path]) => `${method} ${path}`);
  const takesKey = (operation) => (operation.parameters ?? []).some((each) => resolve(each).name === 'Idempotency-Key');
  assert.deepEqual(operations.filter(takesKey).map((each) => `${each.method} ${each.path}`).sort(), keyed.sort());
  for (const operation of operations.filter((each) => each.method !== 'GET'))
    assert.equal(/Needs no Idempotency-Key: /.test(operation.description), !takesKey(operation), operation.operationId);
});

test('every error code of the server is in the contract, and no other', () => {
  const source = readFileSync(new URL('../../common/answer/problems.h', import.meta.url), 'utf8');
  const codes = [...source.matchAll(/^ {4}X\([A-Z_]+, "([a-z_]+)", /gm)].map(([, code]) => code);
  assert.ok(codes.includes('headers_too_large'));
  assert.deepEqual(document.components.schemas.Problem.properties.error.enum, codes);
});

test('header fields that are too large are answered 431 as the contract says, whatever the operation', async (t) => {
  const world = await createWorld(t);
  const core = await world.start('core');
  const headers = Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`x-${i}`, 'a']));
  for (const operation of operations) {
    const answer = await core.request(operation.path.replace('{id}', '1'), { method: operation.method, headers });
    assert.equal(answer.status, 431, operation.operationId);
    assert.equal(answer.json.error, 'headers_too_large');
    checkAnswer(operation, answer);
  }
});

test('E58 E60c: the signal example in the contract is what a member gets', async (t) => {
  const world = await createWorld(t);
  const core = await world.start('core');
  const answer = await signal(world, core, await forgeToken(world, await newMember(world)));
  const operation = operations.find((each) => each.operationId === 'postSignal');
  checkAnswer(operation, answer);
});
