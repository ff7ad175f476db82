// The harness's own tests: names, logs, mails, Merkle roots, raw HTTP and the fault proxy.

import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { parseMail } from '../../../deploy/local/eml.js';
import { publicKeyOf, verifierKey } from '../../../deploy/local/keys.js';
import { eventually } from '../../../deploy/local/wait.js';
import { cookieValue, raw, request } from '../http.js';
import { JsonLog, leaked, readLog, sanitizerReport } from '../logs.js';
import { merkleRoot, sha256, Tree } from '../merkle.js';
import { databaseName, slug } from '../names.js';
import { FaultProxy } from '../proxy.js';

async function listen(t, server) {
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return server.address().port;
}

/** An echo server behind a fault proxy, and a client connected through it. */
async function echoThroughProxy(t) {
  const echo = net.createServer((socket) => socket.on('error', () => {}).pipe(socket));
  const proxy = new FaultProxy(await listen(t, echo));
  await proxy.start();
  t.after(() => proxy.stop());
  return proxy;
}

function connect(proxy) {
  const socket = net.connect(proxy.port, '127.0.0.1');
  const client = { socket, received: '', error: null, closed: false };
  socket.on('data', (data) => {
    client.received += data;
  });
  socket.on('error', (error) => {
    client.error = error.code;
  });
  socket.on('close', () => {
    client.closed = true;
  });
  return client;
}

test('name truncation: a long title is cut, its suffix never', () => {
  const long = 'E58: a title that goes on and on '.repeat(10);
  const [one, other] = [databaseName(long), databaseName(long)];
  assert.equal(one.length, 63);
  assert.notEqual(one, other);
  assert.equal(one.slice(0, 54), other.slice(0, 54));
  assert.equal(databaseName('J4.1 x', 'abcd'), 't_j4_1_x_abcd');
});

test('a slug holds only what a database and a folder name may hold', () => {
  assert.match(slug('Æ "quoted"; DROP TABLE – x'), /^[a-z0-9_]+$/);
});

test('E122: a log line that is not JSON, or lacks a field, is a problem', (t) => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'eldersafe-logs-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, 'x.log');
  const good = { time: 'T', level: 'info', process: 'core', event: 'a.b' };
  writeFileSync(file, `${JSON.stringify(good)}\nplain\n{"time":"T"}\n[]\nnull\n`);
  const { entries, problems } = readLog(file);
  assert.deepEqual(entries, [good]);
  assert.equal(problems.length, 4);
  assert.deepEqual(readLog(path.join(folder, 'missing.log')).entries, []);
});

test('a log is read as it grows: half a line waits for its other half, in the middle of a character too', (t) => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'eldersafe-logs-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, 'x.log');
  const line = Buffer.from(`${JSON.stringify({ time: 'T', level: 'info', process: 'core', event: 'æ' })}\n`);
  const log = new JsonLog(file);
  assert.equal(log.read().entries.length, 0);
  const cut = line.indexOf(Buffer.from('æ')) + 1;
  appendFileSync(file, Buffer.concat([line, line.subarray(0, cut)]));
  assert.equal(log.read().entries.length, 1);
  appendFileSync(file, line.subarray(cut));
  assert.deepEqual(
    log.read().entries.map(({ event }) => event),
    ['æ', 'æ'],
  );
  assert.deepEqual(log.problems, []);
});

test('sanitizer reports are seen, ordinary text is not', () => {
  for (const text of [
    '==7==ERROR: AddressSanitizer: heap-use-after-free',
    'x.c:3:5: runtime error: signed integer overflow',
    '==7==ERROR: LeakSanitizer: detected memory leaks',
    'WARNING: ThreadSanitizer: data race',
  ])
    assert.ok(sanitizerReport(text), text);
  assert.equal(sanitizerReport('{"level":"warn","event":"db.down"}'), null);
});

test('a secret inside a longer text is found', () => {
  assert.deepEqual(leaked('x=tok-123;', { token: 'tok-123', other: 'tok-124' }), ['token']);
});

test('a mail in parts, quoted-printable, yields link and code', () => {
  const mail = [
    'From: Eldersafe <no-reply@eldersafe.test>',
    'To: Anna <anna@example.test>',
    'Subject: Sign in',
    'MIME-Version: 1.0',
    'Content-Type: multipart/alternative;',
    ' boundary="b1"',
    '',
    '--b1',
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: quoted-printable',
    '',
    'Hej: http://app.localhost/api/auth/verify?token=3Dabc=',
    'DEF_-9',
    'Kode: 123 456 =C3=A6',
    '',
    '--b1',
    'Content-Type: text/html',
    '',
    '<p>999 999</p>',
    '--b1--',
    '',
  ].join('\r\n');
  const { to, subject, link, code, text } = parseMail(mail);
  assert.deepEqual({ to, subject, code }, { to: 'anna@example.test', subject: 'Sign in', code: '123456' });
  assert.equal(link, 'http://app.localhost/api/auth/verify?token=abcDEF_-9');
  assert.ok(text.includes('æ'));
});

test("keys: public keys and the log's verifier key are those of the published examples", () => {
  // RFC 8032 section 7.1 test 1; RFC 7748 section 6.1 (Bob).
  const seed = '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60';
  assert.equal(
    publicKeyOf('ed25519', seed),
    'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
  );
  const bob = '5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb';
  assert.equal(
    publicKeyOf('x25519', bob),
    'de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f',
  );
  const key = Buffer.concat([Buffer.from([1]), Buffer.from(publicKeyOf('ed25519', seed), 'hex')]);
  const id = sha256('log.example\n', key).subarray(0, 4).toString('hex');
  assert.equal(verifierKey('log.example', seed), `log.example+${id}+${key.toString('base64')}`);
});

test('RFC 9162: roots of the Certificate Transparency test tree', () => {
  // Inputs and roots of the reference implementation's merkletree tests.
  const inputs = [
    '',
    '00',
    '10',
    '2021',
    '3031',
    '40414243',
    '5051525354555657',
    '606162636465666768696a6b6c6d6e6f',
  ];
  const leaves = inputs.map((hex) => sha256(Buffer.from([0]), Buffer.from(hex, 'hex')));
  const roots = {
    1: '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
    2: 'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
    3: 'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
    5: '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
    8: '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
  };
  const tree = new Tree(leaves);
  for (const [size, root] of Object.entries(roots)) {
    assert.equal(tree.root(Number(size)).toString('hex'), root);
    assert.equal(merkleRoot(leaves.slice(0, Number(size))).toString('hex'), root);
  }
});

test('HTTP: JSON goes out and comes back, headers and cookies are kept', async (t) => {
  const server = http.createServer(async (incoming, response) => {
    let body = '';
    for await (const chunk of incoming) body += chunk;
    response.setHeader('Set-Cookie', ['__Host-session=abc; Path=/; Secure', 'other=1']);
    response
      .writeHead(201)
      .end(
        JSON.stringify({
          method: incoming.method,
          auth: incoming.headers.authorization,
          body: JSON.parse(body),
        }),
      );
  });
  const port = await listen(t, server);
  const answer = await request(`http://127.0.0.1:${port}/x`, {
    method: 'POST',
    body: { a: 1 },
    token: 'tok',
  });
  assert.equal(answer.status, 201);
  assert.deepEqual(answer.json, { method: 'POST', auth: 'Bearer tok', body: { a: 1 } });
  assert.equal(cookieValue(answer.setCookie, '__Host-session'), 'abc');
  assert.equal(cookieValue(answer.setCookie, 'missing'), null);
});

test('raw HTTP: several answers on one connection are told apart', async (t) => {
  const port = await listen(
    t,
    http.createServer((incoming, response) => response.end(incoming.url)),
  );
  const { answers, closed } = await raw(
    port,
    'GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /bc HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
  );
  assert.deepEqual(
    answers.map(({ status, body }) => [status, body]),
    [
      [200, '/a'],
      [200, '/bc'],
    ],
  );
  assert.equal(closed, true);
});

test('fault proxy: paused traffic waits and then arrives whole', async (t) => {
  const proxy = await echoThroughProxy(t);
  const client = connect(proxy);
  client.socket.write('one');
  await eventually('the echo', () => client.received === 'one');
  proxy.pause();
  client.socket.write('two');
  const quiet = connect(proxy);
  quiet.socket.write('x');
  await eventually('the second connection is accepted', () => proxy.connections === 2);
  assert.equal(client.received + quiet.received, 'one');
  proxy.resume();
  await eventually('the rest', () => client.received === 'onetwo' && quiet.received === 'x');
});

test('fault proxy: reset and refuse end connections with ECONNRESET', async (t) => {
  const proxy = await echoThroughProxy(t);
  const client = connect(proxy);
  client.socket.write('one');
  await eventually('the echo', () => client.received === 'one');
  proxy.reset();
  await eventually('closed', () => client.closed);
  assert.equal(client.error, 'ECONNRESET');
  proxy.refuse();
  const second = connect(proxy);
  await eventually('refused', () => second.closed);
  assert.equal(second.error, 'ECONNRESET');
  proxy.heal();
  const third = connect(proxy);
  third.socket.write('back');
  await eventually('healed', () => third.received === 'back');
});

test('fault proxy: an answer is cut after exactly the bytes asked for', async (t) => {
  const proxy = await echoThroughProxy(t);
  proxy.cutAfter(5);
  const client = connect(proxy);
  client.socket.write('0123456789');
  await eventually('cut', () => client.closed);
  assert.equal(client.received, '01234');
});

test('fault proxy: a delay holds each chunk that long', async (t) => {
  const proxy = await echoThroughProxy(t);
  proxy.delay(100);
  const client = connect(proxy);
  const started = performance.now();
  client.socket.write('late');
  await eventually('the echo', () => client.received === 'late');
  assert.ok(performance.now() - started >= 200, 'delayed in each direction');
});
