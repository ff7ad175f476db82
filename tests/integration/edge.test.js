// The edge with its production Caddyfile, in front of a tier that tells what reached it.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { CADDYFILE, Edge } from '../../deploy/local/caddy.js';
import { freePort } from '../../deploy/local/ports.js';
import { eventually } from '../../deploy/local/wait.js';
import { raw, request } from '../harness/http.js';
import { testFolder } from '../harness/servers.js';
import { onceGood } from './support/load.js';

const HEADERS_EVERYWHERE = {
  'x-frame-options': 'DENY',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'strict-transport-security': 'max-age=31536000; includeSubDomains',
};

/** A tier that answers with what it was asked, on a port of its own. */
class EchoTier {
  ready = true;
  requests = 0;

  constructor(port) {
    this.port = port;
  }

  start() {
    this.server = http.createServer((incoming, response) => {
      this.#answer(incoming, response).catch(() => response.destroy()); // the edge gave up on the body
    });
    return new Promise((resolve) => this.server.listen(this.port, '127.0.0.1', resolve));
  }

  stop() {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(resolve));
  }

  async #answer(incoming, response) {
    if (incoming.url === '/health/ready') {
      response.writeHead(this.ready ? 200 : 503).end();
      return;
    }
    this.requests += 1;
    let size = 0;
    for await (const chunk of incoming) size += chunk.length;
    response.setHeader('Server', 'echo');
    response.setHeader('X-Frame-Options', 'DENY');
    response.setHeader('Content-Security-Policy', "default-src 'self'");
    response.end(JSON.stringify({ url: incoming.url, headers: incoming.headers, size }));
  }
}

let tier;
let edge;

before(async () => {
  tier = new EchoTier(await freePort());
  await tier.start();
  const folder = path.join(testFolder(), 'edge');
  const tiles = path.join(testFolder(), 'tiles');
  mkdirSync(path.join(tiles, 'tile/0/x001'), { recursive: true });
  writeFileSync(path.join(tiles, 'tile/0/x001/067'), 'full');
  writeFileSync(path.join(tiles, 'checkpoint'), 'note');
  edge = new Edge({ folder, port: await freePort(), core: `127.0.0.1:${tier.port}`, tiles });
  await edge.start();
});

after(async () => {
  await edge.stop();
  await tier.stop();
});

/** A request to the edge for HOST (a name without ".localhost"). */
function ask(host, target, options = {}) {
  const name = host === '' ? 'localhost' : `${host}.localhost`;
  return request(`${edge.url}${target}`, {
    ...options,
    headers: { host: `${name}:${edge.port}`, ...options.headers },
  });
}

function assertHeaders(answer, where) {
  for (const [name, value] of Object.entries(HEADERS_EVERYWHERE))
    assert.equal(answer.headers[name], value, `${name} of ${where}`);
  assert.equal(answer.headers.server, undefined, `Server of ${where}`);
}

test('E10: app. and api. reach tier 1, with the path and query as they were', async () => {
  for (const host of ['app', 'api']) {
    const answer = await ask(host, '/api/x%20y?a=1&b=%2F');
    assert.equal(answer.status, 200);
    assert.equal(answer.json.url, '/api/x%20y?a=1&b=%2F');
    assert.equal(answer.json.headers.host, `${host}.localhost:${edge.port}`);
  }
});

test('E28: the root and www redirect with 301 to app, keeping path and query', async () => {
  for (const host of ['', 'www']) {
    const answer = await ask(host, '/x/%C3%A6?y=1&z=%20');
    assert.equal(answer.status, 301);
    assert.equal(answer.headers.location, `${edge.appUrl}/x/%C3%A6?y=1&z=%20`);
    assertHeaders(answer, host);
  }
});

test('E36: a body of 10,240 bytes passes, one of 10,241 is 413 and reaches nobody', async () => {
  const fits = await ask('api', '/api/signal', { method: 'POST', body: Buffer.alloc(10_240, 'x') });
  assert.equal(fits.status, 200);
  assert.equal(fits.json.size, 10_240);
  const before = tier.requests;
  const large = await ask('api', '/api/signal', { method: 'POST', body: Buffer.alloc(10_241, 'x') });
  assert.equal(large.status, 413);
  assert.equal(large.headers['content-type'], 'application/problem+json');
  assert.equal(large.json.error, 'edge_413');
  assert.equal(tier.requests, before);
});

test('E36: a chunked body is cut off at the limit as well', async () => {
  const chunk = `1000\r\n${'x'.repeat(4096)}\r\n`;
  const text = `POST /api/signal HTTP/1.1\r\nHost: api.localhost:${edge.port}\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.repeat(3)}0\r\n\r\n`;
  const { answers } = await raw(edge.port, text, { enough: 1 });
  assert.equal(answers[0].status, 413);
});

test('E37: every host sets the security headers, on errors too, and none names a server', async () => {
  assertHeaders(await ask('app', '/'), 'app');
  assertHeaders(await ask('api', '/static/missing.css'), 'a missing static file');
  assertHeaders(await ask('log', '/nothing'), 'a missing tile');
  assertHeaders(await ask('api', '/x', { method: 'POST', body: Buffer.alloc(20_000) }), 'a refused body');
});

test('FE27: what a tier says in its own Content-Security-Policy stays, else the edge says none', async () => {
  assert.equal((await ask('app', '/')).headers['content-security-policy'], "default-src 'self'");
  assert.equal(
    (await ask('', '/')).headers['content-security-policy'],
    "default-src 'none'; frame-ancestors 'none'",
  );
});

test('J12.3: a client cannot choose its address or request id', async () => {
  const answer = await ask('api', '/', {
    headers: { 'x-forwarded-for': '203.0.113.9', 'x-request-id': 'mine' },
  });
  assert.equal(answer.json.headers['x-forwarded-for'], '127.0.0.1');
  assert.match(
    answer.json.headers['x-request-id'],
    /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  );
});

test('E9: metrics stay inside', async () => {
  for (const target of ['/metrics', '/metrics/x']) assert.equal((await ask('api', target)).status, 404);
});

test('J2.15: the log is served as static files, full tiles for ever, the checkpoint fresh', async () => {
  const tile = await ask('log', '/tile/0/x001/067');
  assert.deepEqual(
    [tile.text, tile.headers['cache-control']],
    ['full', 'public, max-age=31536000, immutable'],
  );
  const checkpoint = await ask('log', '/checkpoint');
  assert.deepEqual([checkpoint.text, checkpoint.headers['cache-control']], ['note', 'no-cache']);
});

test("FE3: no query, cookie or token gets into the edge's log", async () => {
  const marker = `/logged-${process.pid}`;
  await ask('app', `${marker}?token=canary-query`, {
    cookie: '__Host-session=canary-cookie',
    token: 'canary-token',
  });
  await eventually('the request is logged', () => edge.child.printed().includes(marker));
  assert.doesNotMatch(edge.child.printed(), /canary/);
});

test('E35, E12: with the tier stopped, static files still answer', async (t) => {
  await tier.stop();
  t.after(async () => {
    await tier.start();
    await eventually('the tier is back in rotation', async () => (await ask('api', '/')).status === 200);
  });
  const asset = await ask('app', '/static/robots.txt');
  assert.equal(asset.status, 200);
  assert.match(asset.text, /^User-agent/);
});

test('E13, J12.5: reading waits for a tier that restarts instead of failing', async () => {
  await tier.stop();
  const waiting = [1, 2, 3].map((number) => ask('api', `/waited-${number}`));
  await eventually('the edge has noticed', () => edge.child.printed().includes('connection refused'));
  await tier.start();
  const answers = await Promise.all(waiting);
  assert.deepEqual(
    answers.map(({ json }) => json.url),
    ['/waited-1', '/waited-2', '/waited-3'],
  );
});

test('E13, E133: a write during a restart is done, or refused with Retry-After so that the client repeats it', async () => {
  await tier.stop();
  const first = ask('api', '/api/signal', { method: 'POST' });
  await tier.start();
  const answers = [await first];
  const done = await eventually(
    'the write is done',
    async () => {
      if (answers.at(-1).status === 200) return answers.at(-1);
      answers.push(await ask('api', '/api/signal', { method: 'POST' }));
      return null;
    },
    { every: 100 },
  );
  assert.equal(done.json.url, '/api/signal');
  for (const answer of answers.slice(0, -1)) {
    assert.ok([502, 503].includes(answer.status), String(answer.status));
    assert.equal(answer.headers['retry-after'], '2');
  }
});

test('E34, FE26: a tier that says it is not ready is out within 10 s and back within 10 s', async () => {
  const until = async (status) => {
    const begun = performance.now();
    const answer = await eventually(`${status}`, async () => {
      const heard = await ask('api', '/');
      return heard.status === status && heard;
    });
    return { answer, ms: performance.now() - begun };
  };
  await onceGood(async () => {
    tier.ready = false;
    const out = await until(503);
    assert.equal(out.answer.headers['retry-after'], '2');
    assert.equal(out.answer.json.error, 'edge_503');
    assertHeaders(out.answer, '503');
    tier.ready = true;
    const back = await until(200);
    return Math.max(out.ms, back.ms) < 10_000 ? '' : `out after ${out.ms} ms, back after ${back.ms} ms`;
  });
});

test('E11: a new host by configuration only, without a restart, through the socket of the edge', async (t) => {
  const folder = path.join(testFolder(), 'edge-more');
  const port = await freePort();
  mkdirSync(path.join(folder, 'more'), { recursive: true });
  const environment = { EDGE_ADMIN: `unix/${path.join(folder, 'admin.sock')}` };
  const other = new Edge({ folder, port, core: `127.0.0.1:${tier.port}`, tiles: folder, environment });
  await other.start();
  t.after(() => other.stop());
  const partner = () => request(`${other.url}/new`, { headers: { host: `partner3.localhost:${port}` } });
  assert.equal((await partner()).json, undefined);
  writeFileSync(
    path.join(folder, 'more', 'partner3.caddy'),
    `http://partner3.localhost:${port} {\n\timport headers\n\timport tier 127.0.0.1:${tier.port}\n}\n`,
  );
  // As caddy.service does on `systemctl reload caddy`.
  execFileSync('caddy', ['reload', '--config', CADDYFILE, '--force'], {
    env: { PATH: process.env.PATH, ...other.settings() },
    stdio: 'ignore',
  });
  assert.equal((await partner()).json.url, '/new');
});

test('E31: over TLS the edge speaks HTTP/2 and offers HTTP/3', async (t) => {
  const folder = path.join(testFolder(), 'edge-tls');
  const port = await freePort();
  const environment = {
    EDGE_APP: `https://app.localhost:${port}`,
    EDGE_API: `https://api.localhost:${port}`,
    EDGE_OPTIONS: `default_bind 127.0.0.1\nlocal_certs\nskip_install_trust\nhttps_port ${port}\nhttp_port ${await freePort()}`,
  };
  const secure = new Edge({
    folder,
    port: await freePort(),
    core: `127.0.0.1:${tier.port}`,
    tiles: folder,
    environment,
  });
  await secure.start();
  t.after(() => secure.stop());
  const root = path.join(folder, 'data/caddy/pki/authorities/local/root.crt');
  const whole = (text) => /-----END CERTIFICATE-----/.test(text) && text;
  const ca = await eventually('a certificate authority', () => whole(readFileSync(root, 'latin1')));
  const answer = await eventually('an answer over HTTP/2', () => overHttp2(port, ca), { timeout: 60_000 });
  assert.equal(answer.headers[':status'], 200);
  assert.equal(JSON.parse(answer.body).url, '/over-h2');
  assert.match(answer.headers['alt-svc'], new RegExp(`h3=":${port}"`));
  assert.equal(answer.headers['strict-transport-security'], HEADERS_EVERYWHERE['strict-transport-security']);
});

/** One request over HTTP/2 with the certificate checked: { headers, body }. */
function overHttp2(port, ca) {
  return new Promise((resolve, reject) => {
    const session = http2.connect(`https://app.localhost:${port}`, {
      ca,
      host: '127.0.0.1',
      lookup: (name, options, done) => done(null, [{ address: '127.0.0.1', family: 4 }]),
    });
    session.once('error', reject);
    const stream = session.request({ ':path': '/over-h2' });
    let headers;
    let body = '';
    stream.once('response', (received) => {
      headers = received;
    });
    stream.on('data', (chunk) => {
      body += chunk;
    });
    stream.once('error', reject);
    stream.once('end', () => {
      session.close();
      resolve({ headers, body });
    });
  });
}
