// HTTP as a test needs it: requests as deploy/local/http.js makes them, and raw bytes for those that no
// library would send.

import net from 'node:net';
import { parseJson } from '../../deploy/local/http.js';

export { cookieValue, request } from '../../deploy/local/http.js';

/**
 * Sends BYTES (a text, or a list of texts with pauses: [text, { pauseMs }, text …]) to
 * 127.0.0.1:PORT and yields everything that comes back until the peer closes, ENOUGH answers have come
 * or TIMEOUT passes:
 * { raw, answers: [{ status, headers, body }], closed }.
 */
export async function raw(port, bytes, { timeout = 15_000, half = false, enough = Infinity } = {}) {
  const socket = net.connect(port, '127.0.0.1');
  const received = collect(socket, timeout, enough);
  for (const part of Array.isArray(bytes) ? bytes : [bytes]) {
    if (part.pauseMs) await new Promise((resolve) => setTimeout(resolve, part.pauseMs));
    else if (socket.writable) socket.write(part);
  }
  if (half) socket.end();
  const { data, closed } = await received;
  return { raw: data.toString('latin1'), answers: parseAnswers(data), closed };
}

function collect(socket, timeout, enough) {
  return new Promise((resolve) => {
    const chunks = [];
    const finish = (closed) => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ data: Buffer.concat(chunks), closed });
    };
    const timer = setTimeout(() => finish(false), timeout);
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      if (enough < Infinity && parseAnswers(Buffer.concat(chunks)).length >= enough) finish(false);
    });
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
    const headers = Object.fromEntries(
      fields.map((field) => {
        const colon = field.indexOf(':');
        return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()];
      }),
    );
    const length = Number(headers['content-length'] ?? 0);
    const body = rest.subarray(end + 4, end + 4 + length).toString('utf8');
    answers.push({ status: Number(statusLine.split(' ')[1]), headers, body, json: parseJson(body) });
    rest = rest.subarray(end + 4 + length);
  }
  return answers;
}
