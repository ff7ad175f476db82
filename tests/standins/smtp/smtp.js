// A mail server that takes submissions (RFC 5321, STARTTLS, AUTH PLAIN and LOGIN) and misbehaves on
// demand. See README.md.

import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';

const HOST = '127.0.0.1';

/**
 * Options:
 *   certificate  { key, cert }: offer STARTTLS
 *   implicitTls  speak TLS from the first byte (smtps)
 *   user, password  demand this sign-in
 */
export class SmtpStandIn {
  /** Accepted mails: { from, to, raw, tls, user, greeting }. */
  mails = [];
  /** Every command line as received, in the order of all connections. */
  commands = [];
  connections = 0;
  #options;
  #script = [];
  #sockets = new Set();

  constructor(options = {}) {
    this.#options = options;
  }

  async start() {
    const { implicitTls, certificate } = this.#options;
    const serve = (socket) => this.#serve(socket);
    this.server = implicitTls ? tls.createServer(certificate, serve) : net.createServer(serve);
    this.server.listen(0, HOST).unref(); // a test that fails before it stops us shall end all the same
    await once(this.server, 'listening');
    return this;
  }

  get port() {
    return this.server.address().port;
  }

  get url() {
    return `${this.#options.implicitTls ? 'smtps' : 'smtp'}://${HOST}:${this.port}`;
  }

  /**
   * The next TIMES times the conversation is at STAGE ('connect', 'ehlo', 'auth', 'mail', 'rcpt',
   * 'data', 'text', 'quit') do ACTION instead of what is right: a reply ('550 5.1.1 no such user'), 'hang'
   * (answer nothing), 'drop' (cut the connection), or at 'text' 'accept-drop' (keep the mail, cut
   * the connection without saying so).
   */
  next(stage, action, times = 1) {
    for (let i = 0; i < times; i += 1) this.#script.push({ stage, action });
  }

  /** Forget what next() has planned. */
  behave() {
    this.#script = [];
  }

  async stop() {
    this.server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(this.server, 'close');
  }

  #planned(stage) {
    const at = this.#script.findIndex((step) => step.stage === stage);
    return at < 0 ? null : this.#script.splice(at, 1)[0].action;
  }

  #serve(socket) {
    this.connections += 1;
    this.#track(socket);
    const session = new Session(
      this,
      socket,
      this.#options,
      (stage) => this.#planned(stage),
      (upgraded) => this.#track(upgraded),
    );
    session.reply('connect', '220 stand-in ESMTP');
  }

  #track(socket) {
    this.#sockets.add(socket);
    socket.on('error', () => {}); // a client that goes away is none of our business
    socket.on('close', () => this.#sockets.delete(socket));
  }
}

/** One connection. */
class Session {
  #server;
  #socket;
  #options;
  #planned;
  #track;
  #buffer = '';
  #text = null; // the lines of a mail while they arrive
  #login = null; // { method, answers } while AUTH goes on
  #envelope = { from: null, to: [] };
  #user = null;
  #greeting = null;

  constructor(server, socket, options, planned, track) {
    this.#server = server;
    this.#options = options;
    this.#planned = planned;
    this.#track = track;
    this.#attach(socket);
  }

  reply(stage, text) {
    const action = this.#planned(stage);
    if (action === 'hang') return false;
    if (action === 'drop') {
      this.#socket.destroy();
      return false;
    }
    const said = action ?? text;
    this.#socket.write(`${said}\r\n`);
    return /^[23]/.test(said);
  }

  #attach(socket) {
    this.#socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (chunk) => this.#take(chunk));
  }

  #take(chunk) {
    this.#buffer += chunk;
    for (let end = this.#buffer.indexOf('\r\n'); end >= 0; end = this.#buffer.indexOf('\r\n')) {
      const line = this.#buffer.slice(0, end);
      this.#buffer = this.#buffer.slice(end + 2);
      if (this.#text) this.#textLine(line);
      else if (this.#login) this.#loginLine(line);
      else this.#command(line);
    }
  }

  #command(line) {
    this.#server.commands.push(line);
    const [verb] = line.split(/[ :]/, 1);
    const handler = COMMANDS[verb.toUpperCase()];
    if (handler) handler.call(this, line);
    else this.#socket.write('502 5.5.1 not implemented\r\n');
  }

  ehlo(line) {
    this.#greeting = line.slice(5);
    const { certificate, implicitTls, user } = this.#options;
    const offers = ['stand-in', 'PIPELINING', '8BITMIME', 'ENHANCEDSTATUSCODES'];
    if (certificate && !implicitTls && !this.#socket.encrypted) offers.push('STARTTLS');
    if (user) offers.push('AUTH PLAIN LOGIN');
    const lines = offers.map((offer, i) => `250${i + 1 < offers.length ? '-' : ' '}${offer}`);
    this.reply('ehlo', lines.join('\r\n'));
  }

  startTls() {
    this.#socket.write('220 2.0.0 go ahead\r\n');
    const plain = this.#socket;
    plain.removeAllListeners('data');
    const secure = new tls.TLSSocket(plain, { isServer: true, ...this.#options.certificate });
    this.#track(secure);
    this.#buffer = ''; // nothing said before counts (RFC 3207, 4.2)
    this.#attach(secure);
  }

  auth(line) {
    const [, method, initial] = line.split(' ');
    this.#login = { method: method.toUpperCase(), answers: [] };
    if (initial) this.#loginLine(initial);
    else this.#socket.write(this.#login.method === 'PLAIN' ? '334 \r\n' : '334 VXNlcm5hbWU6\r\n');
  }

  #loginLine(line) {
    const { method, answers } = this.#login;
    answers.push(Buffer.from(line, 'base64').toString());
    if (method === 'LOGIN' && answers.length < 2) {
      this.#socket.write('334 UGFzc3dvcmQ6\r\n');
      return;
    }
    this.#login = null;
    const [user, password] = method === 'PLAIN' ? answers[0].split('\0').slice(1) : answers;
    this.#checkLogin(user, password);
  }

  #checkLogin(user, password) {
    const known = user === this.#options.user && password === this.#options.password;
    if (this.reply('auth', known ? '235 2.7.0 welcome' : '535 5.7.8 wrong')) this.#user = user;
  }

  mail(line) {
    const allowed = !this.#options.user || this.#user;
    if (this.reply('mail', allowed ? '250 2.1.0 ok' : '530 5.7.0 sign in first'))
      this.#envelope = { from: addressIn(line), to: [] };
  }

  rcpt(line) {
    if (this.reply('rcpt', '250 2.1.5 ok')) this.#envelope.to.push(addressIn(line));
  }

  data() {
    if (this.reply('data', '354 go on')) this.#text = [];
  }

  #textLine(line) {
    if (line !== '.') {
      this.#text.push(line.startsWith('.') ? line.slice(1) : line);
      return;
    }
    const raw = `${this.#text.join('\r\n')}\r\n`;
    this.#text = null;
    const action = this.#planned('text');
    if (action === 'hang') return;
    const said =
      action && action !== 'drop' && action !== 'accept-drop'
        ? action
        : `250 2.0.0 Ok: queued as Q${this.#server.mails.length + 1}`;
    if (said.startsWith('250') && action !== 'drop') this.#keep(raw);
    if (action === 'drop' || action === 'accept-drop') this.#socket.destroy();
    else this.#socket.write(`${said}\r\n`);
  }

  #keep(raw) {
    this.#server.mails.push({
      ...this.#envelope,
      raw,
      tls: Boolean(this.#socket.encrypted),
      user: this.#user,
      greeting: this.#greeting,
    });
  }

  ok() {
    this.#socket.write('250 2.0.0 ok\r\n');
  }

  quit() {
    if (this.reply('quit', '221 2.0.0 bye')) this.#socket.end();
  }
}

const COMMANDS = {
  EHLO: Session.prototype.ehlo,
  STARTTLS: Session.prototype.startTls,
  AUTH: Session.prototype.auth,
  MAIL: Session.prototype.mail,
  RCPT: Session.prototype.rcpt,
  DATA: Session.prototype.data,
  RSET: Session.prototype.ok,
  NOOP: Session.prototype.ok,
  QUIT: Session.prototype.quit,
};

function addressIn(line) {
  return line.match(/<([^>]*)>/)?.[1] ?? null;
}
