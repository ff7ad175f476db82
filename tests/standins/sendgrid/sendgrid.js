// SendGrid's v3 mail/send as a client sees it, and misbehaving on demand. See README.md.

import { once } from 'node:events';
import http from 'node:http';

const HOST = '127.0.0.1';
const PATH = '/v3/mail/send';

export class SendGridStandIn {
  /** Accepted mails: the request bodies, parsed. */
  mails = [];
  /** Every request: { method, path, headers, body, at } (at: when it came, of performance.now()). */
  requests = [];
  #key;
  #script = [];

  /** KEY is the one API key that is good. */
  constructor({ key }) {
    this.#key = key;
  }

  async start() {
    this.server = http.createServer((request, response) => this.#serve(request, response));
    this.server.listen(0, HOST).unref(); // a test that fails before it stops us shall end all the same
    await once(this.server, 'listening');
    return this;
  }

  get url() {
    return `http://${HOST}:${this.server.address().port}`;
  }

  /**
   * Answer the next TIMES requests with ACTION: { status, headers, body }, 'drop' (cut before an
   * answer), or 'accept-drop' (take the mail, cut before the answer).
   */
  next(action, times = 1) {
    for (let i = 0; i < times; i += 1) this.#script.push(action);
  }

  async stop() {
    this.server.close();
    this.server.closeAllConnections();
    await once(this.server, 'close');
  }

  async #serve(request, response) {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString('utf8');
    this.requests.push({
      method: request.method,
      path: request.url,
      headers: request.headers,
      body,
      at: performance.now(),
    });
    const planned = this.#script.shift();
    if (planned === 'drop') {
      request.socket.destroy();
      return;
    }
    const answer = typeof planned === 'object' ? planned : this.#judge(request, body);
    if (answer.status === 202) this.mails.push(JSON.parse(body));
    if (planned === 'accept-drop') {
      request.socket.destroy();
      return;
    }
    response.writeHead(answer.status, answer.headers);
    response.end(answer.body ? JSON.stringify(answer.body) : '');
  }

  #judge(request, body) {
    if (request.method !== 'POST' || request.url !== PATH) return problem(404, 'not found');
    if (request.headers.authorization !== `Bearer ${this.#key}`)
      return problem(401, 'the provided authorization grant is invalid');
    if (request.headers['content-type'] !== 'application/json')
      return problem(415, 'content type must be application/json');
    const wrong = whatIsWrong(body);
    return wrong
      ? problem(400, wrong)
      : { status: 202, headers: { 'X-Message-Id': `stand-in-${this.mails.length + 1}` } };
  }
}

function problem(status, message) {
  return {
    status,
    headers: { 'content-type': 'application/json' },
    body: { errors: [{ message, field: null, help: null }] },
  };
}

function whatIsWrong(body) {
  let mail;
  try {
    mail = JSON.parse(body);
  } catch {
    return 'bad JSON';
  }
  const to = mail.personalizations?.[0]?.to?.[0]?.email;
  if (!/^[^@\s]+@[^@\s]+$/.test(to ?? '')) return 'does not contain a valid address';
  if (!mail.from?.email) return 'the from object must be provided';
  if (!mail.subject) return 'the subject is required';
  const types = mail.content?.map(({ type }) => type).join();
  if (types !== 'text/plain,text/html') return 'content types must be text/plain, text/html';
  return mail.content.every(({ value }) => value)
    ? null
    : 'the content value must be a string at least one character in length';
}
