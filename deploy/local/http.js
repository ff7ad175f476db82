// HTTP without surprises: every header settable, nothing followed or retried. Names below .localhost
// go to the loopback address whatever the resolver thinks of them.

import http from 'node:http';

const TIMEOUT_MS = 15_000;
const LOOPBACK = '127.0.0.1';

/**
 * One request. Options: method, headers, body (an object is sent as JSON, text and bytes as they
 * are), token (bearer), cookie, timeout. Yields { status, headers, text, json } (json: undefined
 * when the body is not JSON). `setCookie` is the list of Set-Cookie fields.
 */
export function request(
  url,
  { method = 'GET', headers = {}, body, token, cookie, timeout = TIMEOUT_MS, agent } = {},
) {
  const content = encode(body);
  const all = { ...content.headers, ...headers };
  if (token) all.authorization = `Bearer ${token}`;
  if (cookie) all.cookie = cookie;
  return new Promise((resolve, reject) => {
    const target = new URL(url);
    const host = target.hostname.endsWith('.localhost') ? LOOPBACK : target.hostname;
    const options = {
      host,
      port: target.port,
      path: target.pathname + target.search,
      method,
      headers: { host: target.host, ...all },
      timeout,
      agent: agent ?? false,
    };
    const outgoing = http.request(options, (incoming) => {
      const chunks = [];
      incoming.on('data', (chunk) => chunks.push(chunk));
      incoming.on('error', reject);
      incoming.on('end', () => resolve(answerOf(incoming, Buffer.concat(chunks))));
    });
    outgoing.on('error', reject);
    outgoing.on('timeout', () =>
      outgoing.destroy(new Error(`no answer within ${timeout} ms: ${method} ${url}`)),
    );
    outgoing.end(content.bytes);
  });
}

/** Value of cookie NAME among Set-Cookie fields; null when it is not there. */
export function cookieValue(setCookie, name) {
  const field = setCookie.find((each) => each.startsWith(`${name}=`));
  return field ? field.slice(name.length + 1).split(';')[0] : null;
}

function encode(body) {
  if (body === undefined) return { headers: {}, bytes: undefined };
  if (typeof body === 'string' || Buffer.isBuffer(body)) {
    const bytes = Buffer.from(body);
    return { headers: { 'content-length': bytes.length, 'content-type': 'application/json' }, bytes };
  }
  const bytes = Buffer.from(JSON.stringify(body));
  return { headers: { 'content-type': 'application/json', 'content-length': bytes.length }, bytes };
}

function answerOf(incoming, bytes) {
  const text = bytes.toString('utf8');
  return {
    status: incoming.statusCode,
    headers: incoming.headers,
    setCookie: incoming.headers['set-cookie'] ?? [],
    bytes,
    text,
    json: parseJson(text),
  };
}

/** TEXT as JSON, or undefined when it is none. */
export function parseJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
