// For the stand-in's own tests: one stand-in per test, closed when the test ends.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from 'node:http';
import { ChainClient } from './client.js';
import { startStandIn } from './stand-in.js';

/** A client of a stand-in of its own, in this process. */
export async function startChain(t, options = {}) {
  const standIn = await startStandIn({ port: 0, ...options });
  t.after(() => standIn.close());
  return new ChainClient(standIn.url);
}

/** A folder that goes away with the test. */
export function temporaryFolder(t) {
  const folder = mkdtempSync(join(tmpdir(), 'chain-stand-in-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/**
 * A server for callbacks: { url, received, next }. `received` lists { headers, body }; `answer`
 * chooses the HTTP status of each; `next(n)` waits until n have come.
 */
export async function startReceiver(t, { answer = () => 200 } = {}) {
  const received = [];
  const waiting = [];
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    received.push({ headers: request.headers, body: JSON.parse(text) });
    response.writeHead(answer(received.length)).end();
    for (const check of [...waiting]) check();
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(
    () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  );
  const next = (count) =>
    new Promise((resolve) => {
      const check = () => received.length >= count && resolve(received);
      waiting.push(check);
      check();
    });
  return { url: `http://127.0.0.1:${server.address().port}/callback`, received, next };
}
