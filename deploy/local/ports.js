// TCP ports that nobody else takes: a block of numbers locked for the life of this process, each
// number tested by binding it. Below the kernel's ephemeral range, so that an outgoing connection
// cannot sit on a number between the test and its use.

import { chmodSync, existsSync, mkdirSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { holdLock } from './lock.js';

const FIRST = 20_000;
const BLOCK_SIZE = 50;
const BLOCKS = 240;
const HOST = '127.0.0.1';

let ownBlock = null;

/** A port number that is free now and reserved for this process. */
export async function freePort() {
  ownBlock ??= lockBlock();
  const block = await ownBlock;
  for (let tries = 0; tries < BLOCK_SIZE; tries++) {
    const port = block.first + block.next;
    block.next = (block.next + 1) % BLOCK_SIZE;
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port among ${block.first}..${block.first + BLOCK_SIZE - 1}`);
}

/** The first of 50 port numbers in a row, all free and reserved for this process: a PORT_BASE. */
export async function freeBase() {
  for (let tries = 0; tries < BLOCKS; tries++) {
    const { first } = await lockBlock();
    const ports = Array.from({ length: BLOCK_SIZE }, (_, offset) => first + offset);
    const free = await Promise.all(ports.map(isFree));
    if (free.every(Boolean)) return first;
  }
  throw new Error('somebody listens in every block of ports');
}

/** True when nothing listens on 127.0.0.1:PORT and we could. */
export function isFree(port) {
  return new Promise((resolve) => {
    const probe = net.createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ port, host: HOST, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}

/** True when somebody accepts connections on 127.0.0.1:PORT. */
export function canConnect(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, HOST);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

async function lockBlock() {
  const folder = lockFolder();
  const start = Math.floor(Math.random() * BLOCKS);
  for (let step = 0; step < BLOCKS; step++) {
    const number = (start + step) % BLOCKS;
    const lock = await holdLock(path.join(folder, String(number)));
    if (lock) return { first: FIRST + number * BLOCK_SIZE, next: 0, lock };
  }
  throw new Error('every block of ports is taken: are old test runs still alive?');
}

// One folder for all users of the machine: a port is taken whoever took it.
function lockFolder() {
  const folder = path.join(os.tmpdir(), 'eldersafe-ports');
  if (!existsSync(folder)) {
    mkdirSync(folder, { recursive: true });
    chmodSync(folder, 0o777);
  }
  return folder;
}
