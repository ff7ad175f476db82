// Whatever arrives, the answer is the exact 4xx as problem+json, and the process goes on.

import assert from 'node:assert/strict';
import test from 'node:test';
import { raw } from '../harness/http.js';
import { createWorld } from '../harness/world.js';
import { forgeToken, newMember, signal } from './support/core.js';

const SETTINGS = { SIGNAL_QUOTA: 1_000 };
const LOGIN = '/api/auth/login';

async function stage(t, settings = {}) {
  const world = await createWorld(t);
  const core = await world.start('core', { settings: { ...SETTINGS, ...settings } });
  const token = await forgeToken(world, await newMember(world));
  return { world, core, token };
}

function isProblem(answer, status, code, what) {
  assert.equal(answer.status, status, what);
  assert.match(answer.headers['content-type'], /^application\/problem\+json/, what);
  const problem = JSON.parse(answer.text ?? answer.body);
  if (code) assert.equal(problem.error, code, what);
  assert.equal(problem.status, status, what);
  for (const member of ['type', 'title', 'timestamp', 'request_id']) assert.equal(typeof problem[member], 'string', `${what}: ${member}`);
  assert.equal(problem.request_id, answer.headers['x-request-id'], what);
  for (const [name, value] of [['x-content-type-options', 'nosniff'], ['x-frame-options', 'DENY'], ['referrer-policy', 'no-referrer']]) {
    assert.equal(answer.headers[name], value, `${what}: ${name}`);
  }
  assert.ok(answer.headers['content-security-policy'], what);
  assert.equal(answer.headers.server, undefined, what);
}

test('E36 E37: bodies: malformed, mistyped, over-long, unknown, NUL, bad UTF-8, deep, too large', async (t) => {
  const { core, token } = await stage(t);
  const deep = `${'{"a":'.repeat(20)}1${'}'.repeat(20)}`;
  const padded = (size) => `{"channel":"app"${' '.repeat(size - 17)}}`;
  const cases = [
    ['cut JSON', '{"channel":', 400, 'malformed_json'],
    ['trailing text', '{"channel":"app"}x', 400, 'malformed_json'],
    ['two objects', '{}{}', 400, 'malformed_json'],
    ['duplicate member', '{"channel":"app","channel":"sms"}', 400, 'malformed_json'],
    ['NUL byte', '{"channel":"a\u0000pp"}', 400, 'malformed_json'],
    ['escaped NUL', '{"channel":"a\\u0000pp"}', 400, 'malformed_json'],
    ['bad UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 400, 'malformed_json'],
    ['lone surrogate', '{"channel":"\\ud800"}', 400, 'malformed_json'],
    ['deep nesting', deep, 400, 'malformed_json'],
    ['an array', '[]', 422, 'invalid_request'],
    ['a number', '7', 422, 'invalid_request'],
    ['wrong type', '{"channel":7}', 422, 'invalid_request'],
    ['unknown field', '{"chanel":"app"}', 422, 'invalid_request'],
    ['over-long field', JSON.stringify({ channel: 'a'.repeat(100) }), 422, 'invalid_request'],
    ['10,241 bytes', padded(10_241), 413, 'body_too_large'],
  ];
  for (const [what, body, status, code] of cases) {
    isProblem(await core.request('/api/signal', { method: 'POST', token, body }), status, code, what);
  }
  assert.equal((await core.request('/api/signal', { method: 'POST', token, body: padded(10_240) })).status, 200, '10,240 bytes pass');
  const text = { method: 'POST', token, body: '{}', headers: { 'content-type': 'text/plain' } };
  isProblem(await core.request('/api/signal', text), 415, 'unsupported_media_type', 'content type');
});

test('E37: wrong method, unknown path, and what the sign-in refuses', async (t) => {
  const { core, token } = await stage(t);
  isProblem(await core.request('/api/nothing'), 404, 'not_found', 'unknown path');
  isProblem(await core.request('/api/signal/'), 404, 'not_found', 'trailing slash');
  isProblem(await core.request('/API/signal', { method: 'POST', token }), 404, 'not_found', 'case');
  const wrong = await core.request('/api/signal', { token });
  isProblem(wrong, 405, 'method_not_allowed', 'wrong method');
  assert.match(wrong.headers.allow, /POST/);
  const logins = [{}, { member_number: '1' }, { member_number: 1, email: 'a@b' }, { member_number: '1', email: 'no-at-sign' },
    { member_number: '!!', email: 'a@b.dk' }, { member_number: 'x'.repeat(65), email: 'a@b.dk' }, { member_number: '1', email: 'a@b.dk', admin: true }];
  for (const [i, body] of logins.entries()) { // each from an address of its own: the sixth a minute is 429 whatever it says
    const headers = { 'x-forwarded-for': `192.0.2.${i + 1}` };
    isProblem(await core.request(LOGIN, { method: 'POST', body, headers }), 422, 'invalid_request', JSON.stringify(body));
  }
  for (const id of ['0', '-1', 'abc', '99999999999999999999', '1%00', '%2e%2e']) {
    const answer = await core.request(`/api/signals/${id}/receipt`, { token });
    assert.ok([400, 404].includes(answer.status), id);
  }
  isProblem(await core.request('/api/signals?before=2026-11-21&before=2026-11-20', { token }), 400, 'bad_request', 'repeated argument');
  isProblem(await core.request('/api/auth/verify'), 400, 'bad_request', 'no token');
});

test('framing that one server reads one way and another another way is refused', async (t) => {
  const { core } = await stage(t);
  const head = (lines) => `POST ${LOGIN} HTTP/1.1\r\nHost: a\r\n${lines.join('\r\n')}\r\n\r\n`;
  const chunked = (body) => `${head(['Transfer-Encoding: chunked'])}${body}`;
  const cases = [
    ['TE with CL', `${head(['Transfer-Encoding: chunked', 'Content-Length: 3'])}0\r\n\r\n`],
    ['two Content-Lengths', `${head(['Content-Length: 2', 'Content-Length: 3'])}{}`],
    ['two Hosts', `POST ${LOGIN} HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: 2\r\n\r\n{}`],
    ['no Host', `POST ${LOGIN} HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}`],
    ['blank before the colon', `${head(['Content-Length : 2'])}{}`],
    ['no colon', head(['X-A'])],
    ['Content-Length not a number', `${head(['Content-Length: 2x'])}{}`],
    ['negative Content-Length', `${head(['Content-Length: -2'])}{}`],
    ['Content-Length beyond 64 bits', head(['Content-Length: 18446744073709551617']), 413, 'body_too_large'],
    ['unknown coding', `${head(['Transfer-Encoding: gzip'])}{}`],
    ['unknown coding before chunked', `${head(['Transfer-Encoding: gzip, chunked'])}0\r\n\r\n`, 501, 'not_implemented'],
    ['chunked twice', `${head(['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'])}0\r\n\r\n`],
    ['TE in HTTP/1.0', `POST ${LOGIN} HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['chunk size not a number', chunked('zz\r\n')],
    ['chunk longer than it says', chunked('2\r\nabcd\r\n0\r\n\r\n')],
    ['chunk size beyond 64 bits', chunked('11111111111111111\r\n'), 413, 'body_too_large'],
    ['NUL in a header', head(['X-A: a\0b', 'Content-Length: 0'])],
    ['NUL in the name of a header', head(['X\0A: b', 'Content-Length: 0'])],
    ['an address beyond memory', `GET /${'a'.repeat(20_000)}`, 414, 'uri_too_long'],
    ['a header beyond memory', `GET / HTTP/1.1\r\nHost: a\r\nX-A: ${'a'.repeat(20_000)}`, 431, 'headers_too_large'],
    ['HTTP/2.0', 'GET / HTTP/2.0\r\nHost: a\r\n\r\n', 505, 'http_version_not_supported'],
  ];
  for (const [what, bytes, status = 400, code = 'bad_request'] of cases) {
    const { answers, closed } = await raw(core.port, bytes);
    assert.equal(answers.length, 1, `${what}: one answer`);
    isProblem(answers[0], status, code, what);
    assert.equal(answers[0].headers.connection, 'close', what);
    assert.ok(closed, `${what}: the connection is closed`);
  }
  assert.equal((await core.request('/health/live')).status, 200);
});

test('slow drips end: headers and bodies have a deadline however many bytes they bring', async (t) => {
  const { core } = await stage(t, { HEADER_TIMEOUT: 1_000, BODY_TIMEOUT: 1_000 });
  const drip = (text) => [...text].flatMap((each) => [each, { pauseMs: 100 }]);
  const headers = await raw(core.port, drip('GET /health HTTP/1.1\r\nHost: aaaaaaaaaaaaaa'));
  assert.ok(headers.closed, 'slow headers are cut off');
  isProblem(headers.answers[0], 408, 'request_timeout', 'slow headers');
  const body = await raw(core.port, [`POST ${LOGIN} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 40\r\n\r\n`,
    ...drip('{"member_number":"1234","email"')]);
  assert.ok(body.closed, 'slow bodies are cut off');
  isProblem(body.answers[0], 408, 'request_timeout', 'slow body');
  assert.equal((await core.request('/health/live')).status, 200);
});

test('ten thousand random requests leave the process answering', async (t) => {
  const { core } = await stage(t);
  let seed = 20_261_121;
  const random = (below) => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
    return seed % below;
  };
  const pieces = ['GET', 'POST', ' ', '/', LOGIN, '/api/signal', 'HTTP/1.1', 'HTTP/9.9', '\r\n', '\n', '\0', ':', 'Host', 'Content-Length', 'Transfer-Encoding',
    'chunked', '0', '5', '99999999999999999999', '{', '}', '"', 'Authorization: Bearer ', 'Cookie: __Host-session=', '%', 'é', '\r\n\r\n'];
  const one = () => Array.from({ length: 3 + random(30) }, () => pieces[random(pieces.length)]).join('');
  for (let round = 0; round < 100; round += 1) {
    await Promise.all(Array.from({ length: 20 }, () => raw(core.port, `${one()}${one()}${one()}${one()}${one()}\r\n\r\n`, { timeout: 300, half: true }).catch(() => {})));
  }
  assert.equal((await core.request('/health/live')).status, 200);
});

test('E122: nothing of all this is in a log as a secret, and every line parses', async (t) => {
  const { world, core, token } = await stage(t);
  world.canary('bearer token', token);
  await signal(world, core, token);
  await core.request(`/api/auth/verify?token=${'S'.repeat(22)}`);
  world.canary('token in a query', 'S'.repeat(22));
  for (const entry of core.log()) for (const member of ['time', 'level', 'event']) assert.ok(entry[member], JSON.stringify(entry));
});

test('a page is for those who ask for text/html, in whichever Accept field, and for nobody else', async (t) => {
  const world = await createWorld(t);
  const core = await world.start('core');
  const body = JSON.stringify({ member_number: '4711', email: 'elder@example.org' });
  const typeFor = async (...accept) => {
    const fields = accept.map((value) => `Accept: ${value}\r\n`).join('');
    const { answers: [answer] } = await raw(core.port, `POST /api/auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n${fields}\r\n${body}`);
    return [answer.status, answer.headers['content-type'].split(';')[0]];
  };
  assert.deepEqual(await typeFor('application/json', 'text/html;q=0.9'), [202, 'text/html']);
  assert.deepEqual(await typeFor('text/html', 'application/json'), [202, 'text/html']);
  assert.deepEqual(await typeFor('text/htmlx'), [202, 'application/json']);
});
