// The stand-in answers as the API's documentation says.

import assert from 'node:assert/strict';
import test from 'node:test';
import { SendGridStandIn } from '../sendgrid.js';

const MAIL = {
  personalizations: [{ to: [{ email: 'a@example.dk' }] }],
  from: { email: 'b@example.dk' },
  subject: 's',
  content: [
    { type: 'text/plain', value: 'x' },
    { type: 'text/html', value: '<p>x</p>' },
  ],
};

async function started(t) {
  const server = await new SendGridStandIn({ key: 'good' }).start();
  t.after(() => server.stop());
  const send = (body, { key = 'good', path = '/v3/mail/send' } = {}) =>
    fetch(server.url + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  return { server, send };
}

test('a mail is taken with 202, an empty body and an id', async (t) => {
  const { server, send } = await started(t);
  const answer = await send(MAIL);
  assert.equal(answer.status, 202);
  assert.equal(await answer.text(), '');
  assert.equal(answer.headers.get('x-message-id'), 'stand-in-1');
  assert.deepEqual(server.mails, [MAIL]);
});

test('what is wrong is refused', async (t) => {
  const { server, send } = await started(t);
  const statuses = [];
  for (const [body, options] of [
    [MAIL, { key: 'bad' }],
    [MAIL, { path: '/v3/other' }],
    ['{', {}],
    [{ ...MAIL, personalizations: [{ to: [{ email: 'nobody' }] }] }, {}],
    [{ ...MAIL, subject: '' }, {}],
    [{ ...MAIL, content: [...MAIL.content].reverse() }, {}],
  ])
    statuses.push((await send(body, options)).status);
  assert.deepEqual(statuses, [401, 404, 400, 400, 400, 400]);
  assert.equal(server.mails.length, 0);
});

test('what is planned happens in order', async (t) => {
  const { server, send } = await started(t);
  server.next({ status: 429, headers: { 'Retry-After': '7' } });
  server.next('drop');
  server.next('accept-drop');
  const busy = await send(MAIL);
  assert.equal(busy.status, 429);
  assert.equal(busy.headers.get('retry-after'), '7');
  await assert.rejects(send(MAIL), TypeError);
  await assert.rejects(send(MAIL), TypeError);
  assert.equal(server.mails.length, 1);
});
