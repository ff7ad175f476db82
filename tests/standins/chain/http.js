// The HTTP side: reading requests whole, writing replies, and the ways not to reply properly.
//
// A reply is plain data, made by the functions below; handlers never touch the socket. Two replies
// are none: HANG leaves the client waiting until it gives up, RESET tears the connection down.

import { createServer } from 'node:http';

/** The largest body read: the cap of Arcade's batch endpoint. */
const MAX_BODY = 256 * 1024 * 1024;
const KEEP_ALIVE_MS = 65_000;
const CHUNK = Buffer.alloc(64 * 1024, 'x');

export const HANG = Object.freeze({ hang: true });
export const RESET = Object.freeze({ reset: true });

class BodyTooLarge extends Error {}

export function json(status, value, headers = {}) {
  return raw(status, 'application/json', JSON.stringify(value), headers);
}

export function text(status, value, headers = {}) {
  return raw(status, 'text/plain; charset=utf-8', value, headers);
}

export function raw(status, type, body, headers = {}) {
  return { status, headers: { 'Content-Type': type, ...headers }, body };
}

/** The same reply with a body of `bytes` meaningless bytes. */
export function huge(reply, bytes) {
  return { ...reply, body: '', hugeBytes: bytes };
}

/**
 * A server that hands each request to `answer` as { method, path, query, headers, body, peer } and
 * writes the reply. An exception is a bug of this program: it is logged as BROKEN and answered 500.
 */
export function createHttpServer(answer) {
  const server = createServer((incoming, outgoing) => {
    handle(incoming, outgoing, answer).catch((error) => {
      process.stderr.write(`chain: BROKEN ${incoming.method} ${incoming.url}: ${error.stack}\n`);
      write(outgoing, json(500, { error: 'internal error of the chain stand-in' }));
    });
  });
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  return server;
}

/** The body as JSON; undefined if it is none. */
export function parseJson(body) {
  try {
    return JSON.parse(body.toString());
  } catch {
    return undefined;
  }
}

async function handle(incoming, outgoing, answer) {
  const [path, query = ''] = incoming.url.split('?', 2);
  let body;
  try {
    body = await readBody(incoming);
  } catch (error) {
    return error instanceof BodyTooLarge ? write(outgoing, text(413, 'body too large')) : incoming.destroy();
  }
  const { method, headers, socket } = incoming;
  write(
    outgoing,
    await answer({ method, path, query: new URLSearchParams(query), headers, body, peer: socket.remoteAddress }),
  );
}

async function readBody(incoming) {
  const chunks = [];
  let size = 0;
  for await (const chunk of incoming) {
    size += chunk.length;
    if (size > MAX_BODY) throw new BodyTooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function write(outgoing, reply) {
  if (reply.hang || outgoing.destroyed) return;
  if (reply.reset) return outgoing.socket.resetAndDestroy();
  if (reply.hugeBytes) return writeHuge(outgoing, reply);
  const body = Buffer.from(reply.body ?? '');
  outgoing.writeHead(reply.status, { ...reply.headers, 'Content-Length': body.length });
  outgoing.end(body);
}

/** Streams as fast as the client reads, and stops when it goes away. */
function writeHuge(outgoing, { status, headers, hugeBytes }) {
  let left = hugeBytes;
  const more = () => {
    while (left > 0 && !outgoing.destroyed) {
      const chunk = CHUNK.subarray(0, Math.min(left, CHUNK.length));
      left -= chunk.length;
      if (!outgoing.write(chunk)) return outgoing.once('drain', more);
    }
    return outgoing.end();
  };
  outgoing.writeHead(status, { ...headers, 'Content-Length': hugeBytes });
  more();
}
