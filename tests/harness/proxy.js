// A TCP proxy that misbehaves on demand: between a daemon and PostgreSQL, Redis or a provider. It
// stands in for a bad network, without root.

import net from 'node:net';

const HOST = '127.0.0.1';

/** What the proxy does with traffic; see FaultProxy. */
const HEALTHY = { paused: false, delayMs: 0, cutAfter: Infinity, refuse: false };

export class FaultProxy {
  #target;
  #server;
  #pairs = new Set();
  #behaviour = { ...HEALTHY };

  /** Forwards to 127.0.0.1:TARGETPORT once start() is done; `port` is where it listens. */
  constructor(targetPort) {
    this.#target = targetPort;
  }

  get port() {
    return this.#server.address().port;
  }

  get address() {
    return `${HOST}:${this.port}`;
  }

  /** Connections open now. */
  get connections() {
    return this.#pairs.size;
  }

  start() {
    this.#server = net.createServer((client) => this.#accept(client));
    return new Promise((resolve) => this.#server.listen(0, HOST, resolve));
  }

  /** Nothing moves any more in either direction, nothing is closed: a dead network. */
  pause() {
    this.#behaviour.paused = true;
    for (const pair of this.#pairs) pair.pause();
  }

  /** Bytes held since pause() flow on. */
  resume() {
    this.#behaviour.paused = false;
    for (const pair of this.#pairs) pair.resume();
  }

  /** Every open connection ends with a reset, as when a machine vanishes and comes back. */
  reset() {
    for (const pair of this.#pairs) pair.reset();
  }

  /** New connections are reset at once; open ones live on. */
  refuse() {
    this.#behaviour.refuse = true;
  }

  /** Each chunk is forwarded MS milliseconds late. */
  delay(ms) {
    this.#behaviour.delayMs = ms;
  }

  /** Each connection is reset once BYTES bytes of answers have passed. */
  cutAfter(bytes) {
    this.#behaviour.cutAfter = bytes;
  }

  /** Back to forwarding. */
  heal() {
    Object.assign(this.#behaviour, HEALTHY);
    for (const pair of this.#pairs) pair.resume();
  }

  async stop() {
    this.reset();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(client) {
    if (this.#behaviour.refuse) {
      client.resetAndDestroy();
      return;
    }
    const pair = new Pair(client, this.#target, this.#behaviour);
    this.#pairs.add(pair);
    pair.closed.then(() => this.#pairs.delete(pair));
  }
}

/** A client's connection and ours to the server behind. */
class Pair {
  #client;
  #server;
  #behaviour;
  #answered = 0;

  constructor(client, targetPort, behaviour) {
    this.#client = client;
    this.#behaviour = behaviour;
    this.#server = net.connect(targetPort, HOST);
    this.closed = new Promise((resolve) => this.#server.once('close', resolve));
    for (const socket of [client, this.#server]) {
      socket.setNoDelay(true);
      socket.on('error', () => this.reset());
    }
    client.on('data', (chunk) => this.#forward(this.#server, chunk));
    this.#server.on('data', (chunk) => this.#answer(chunk));
    client.on('close', () => this.#server.destroy());
    this.#server.on('close', () => client.destroy());
    client.on('end', () => this.#later(() => this.#server.end()));
    this.#server.on('end', () => this.#later(() => client.end()));
    if (behaviour.paused) this.pause();
  }

  pause() {
    this.#client.pause();
    this.#server.pause();
  }

  resume() {
    this.#client.resume();
    this.#server.resume();
  }

  reset() {
    if (!this.#client.destroyed) this.#client.resetAndDestroy();
    if (!this.#server.destroyed) this.#server.resetAndDestroy();
  }

  #answer(chunk) {
    const room = this.#behaviour.cutAfter - this.#answered;
    this.#answered += chunk.length;
    if (chunk.length < room) {
      this.#forward(this.#client, chunk);
      return;
    }
    // The bytes before the cut arrive, then the reset: write, and reset when they have left.
    this.#client.write(chunk.subarray(0, room), () => this.reset());
  }

  #forward(socket, chunk) {
    this.#later(() => socket.writable && socket.write(chunk));
  }

  #later(action) {
    if (this.#behaviour.delayMs > 0) setTimeout(action, this.#behaviour.delayMs);
    else action();
  }
}
