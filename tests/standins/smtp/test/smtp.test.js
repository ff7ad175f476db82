// The stand-in answers as a mail server does, and misbehaves as it is told.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import test from 'node:test';
import tls from 'node:tls';
import { makeCertificate } from '../certificate.js';
import { SmtpStandIn } from '../smtp.js';

async function started(t, options) {
  const server = await new SmtpStandIn(options).start();
  t.after(() => server.stop());
  return server;
}

/** Says LINES one after the other, each after the reply to the one before; yields the replies. */
async function talk(socket, lines) {
  const replies = [];
  for (const line of [null, ...lines]) {
    if (line !== null) socket.write(`${line}\r\n`);
    const [reply] = await once(socket, 'data');
    replies.push(String(reply).trimEnd());
  }
  return replies;
}

test('a mail is taken, dots and all', async (t) => {
  const server = await started(t);
  const replies = await talk(net.connect(server.port), [
    'EHLO client',
    'MAIL FROM:<a@x>',
    'RCPT TO:<b@y>',
    'DATA',
    'Subject: x\r\n\r\n..hidden dot\r\n.',
    'QUIT',
  ]);
  assert.deepEqual(
    replies.map((reply) => reply.slice(0, 3)),
    ['220', '250', '250', '250', '354', '250', '221'],
  );
  assert.deepEqual(server.mails, [
    {
      from: 'a@x',
      to: ['b@y'],
      raw: 'Subject: x\r\n\r\n.hidden dot\r\n',
      tls: false,
      user: null,
      greeting: 'client',
    },
  ]);
});

test('who has not signed in is refused', async (t) => {
  const server = await started(t, { user: 'u', password: 'p' });
  const plain = (text) => Buffer.from(text).toString('base64');
  const replies = await talk(net.connect(server.port), [
    'MAIL FROM:<a@x>',
    `AUTH PLAIN ${plain('\0u\0wrong')}`,
    `AUTH PLAIN ${plain('\0u\0p')}`,
    'MAIL FROM:<a@x>',
  ]);
  assert.deepEqual(
    replies.map((reply) => reply.slice(0, 3)),
    ['220', '530', '535', '235', '250'],
  );
  const asked = await talk(net.connect(server.port), [
    'AUTH PLAIN',
    plain('\0u\0p'),
    'AUTH LOGIN',
    plain('u'),
    plain('no'),
  ]);
  assert.deepEqual(
    asked.map((reply) => reply.slice(0, 3)),
    ['220', '334', '235', '334', '334', '535'],
  );
});

test('STARTTLS is offered and spoken, with the certificate that was made', async (t) => {
  const certificate = makeCertificate();
  const server = await started(t, { certificate });
  const plain = net.connect(server.port);
  const [, offers] = await talk(plain, ['EHLO client', 'STARTTLS']);
  assert.match(offers, /STARTTLS/);
  const secure = tls.connect({
    socket: plain,
    ca: certificate.cert,
    host: '127.0.0.1',
    servername: 'localhost',
  });
  await once(secure, 'secureConnect');
  assert.ok(secure.authorized);
  secure.write('EHLO client\r\n');
  const [reply] = await once(secure, 'data');
  assert.doesNotMatch(String(reply), /STARTTLS/);
  secure.destroy();
});

test('what is planned happens once, at its stage', async (t) => {
  const server = await started(t);
  server.next('rcpt', '550 5.1.1 no such user');
  server.next('text', 'accept-drop');
  const first = net.connect(server.port);
  const replies = await talk(first, ['MAIL FROM:<a@x>', 'RCPT TO:<b@y>', 'RCPT TO:<b@y>', 'DATA']);
  assert.deepEqual(
    replies.map((reply) => reply.slice(0, 3)),
    ['220', '250', '550', '250', '354'],
  );
  first.write('x\r\n.\r\n');
  await once(first, 'close');
  assert.equal(server.mails.length, 1);
});
