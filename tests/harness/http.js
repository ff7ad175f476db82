// HTTP as a test needs it: every header settable, cookies by hand, nothing followed or retried, and
// raw bytes for requests no library would send.

import http from 'node:http';
import net from 'node:net';

const TIMEOUT_MS = 15_000;

/**
 * One request. Options: method, headers, body (an object is sent as JSON, text and bytes as they
 * are), token (bearer), cookie, timeout. Yields { status, headers, text, json } (json: undefined
 * when the body is not JSON). `setCookie` is the list of Set-Cookie fields.
 */
export function request(url, { method = 'GET', headers = {}, body, token, cookie, timeout = TIMEOUT_MS, agent } = {}) {
  const content = encode(body);
  const all = { ...content.headers, ...headers };
  if (token) all.authorization = `Bearer ${token}`;
  if (cookie) all.cookie = cookie;
  return new Promise((resolve, reject) => {
    const outgoing = http.request(url, { method, headers: all, timeout, agent: agent ?? false }, (incoming) => {
      const chunks = [];
      incoming.on('data', (chunk) => chunks.push(chunk));
      incoming.on('error', reject);
      incoming.on('end', () => resolve(answerOf(incoming, Buffer.concat(chunks))));
    });
    outgoing.on('error', reject);
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer within ${timeout} ms: ${method} ${url}`)));
    outgoing.end(content.bytes);
  });
}

/**
 * Sends BYTES (a text, or a list of texts with pauses: [text, { pauseMs }, text …]) to
 * 127.0.0.1:PORT and yields everything that comes back until the peer closes or TIMEOUT passes:
 * { raw, answers: [{ status, headers, body }], closed }.
 */
export async function raw(port, bytes, { timeout = 2_000, half = false } = {}) {
  const socket = net.connect(port, '127.0.0.1');
  const received = collect(socket, timeout);
  for (const part of Array.isArray(bytes) ? bytes : [bytes]) {
    if (part.pauseMs) await new Promise((resolve) => setTimeout(resolve, part.pauseMs));
    else if (socket.writable) socket.write(part);
  }
  if (half) socket.end();
  const { data, closed } = await received;
  return { raw: data.toString('latin1'), answers: parseAnswers(data), closed };
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

function parseJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function collect(socket, timeout) {
  return new Promise((resolve) => {
    const chunks = [];
    const finish = (closed) => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ data: Buffer.concat(chunks), closed });
    };
    const timer = setTimeout(() => finish(false), timeout);
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('error', () => finish(true));
    socket.on('close', () => finish(true));
  });
}

function parseAnswers(data) {
  const answers = [];
  let rest = data;
  while (rest.length > 0) {
    const end = rest.indexOf('\r\n\r\n');
    if (end < 0) break;
    const [statusLine, ...fields] = rest.subarray(0, end).toString('latin1').split('\r\n');
    const headers = Object.fromEntries(fields.map((field) => {
      const colon = field.indexOf(':');
      return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()];
    }));
    const length = Number(headers['content-length'] ?? 0);
    const body = rest.subarray(end + 4, end + 4 + length).toString('utf8');
    answers.push({ status: Number(statusLine.split(' ')[1]), headers, body, json: parseJson(body) });
    rest = rest.subarray(end + 4 + length);
  }
  return answers;
}
