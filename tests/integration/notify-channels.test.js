// How eldersafe-notify hands mails over, through SMTP and SendGrid, to servers that refuse, keep
// silent, ask for patience or lose the answer (rows E7, E102), and the settings it refuses.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { parseMail } from '../../deploy/local/eml.js';
import { SendGridStandIn } from '../standins/sendgrid/sendgrid.js';
import { makeCertificate } from '../standins/smtp/certificate.js';
import { onceGood } from './support/load.js';
import {
  askForLetter,
  createNotifyWorld,
  FAILING,
  messageIs,
  newAddressee,
  seal,
  secret,
  smtpServer,
  startWithSendGrid,
  startWithSmtp,
} from './support/notify.js';

const SENDERS = 6;
const SEND_MS = 10_000;
const SENDGRID_KEY = 'SG.key-of-the-stand-in';

async function sendGridServer(t) {
  const sendgrid = await new SendGridStandIn({ key: SENDGRID_KEY }).start();
  t.after(() => sendgrid.stop());
  return sendgrid;
}

/** Waits until METRIC is VALUE: it counts a moment after the row has changed. */
function isCounted(notify, metric, value) {
  return notify.child.waitUntil(
    `${metric} is ${value}`,
    async () => (await notify.metric(metric)) === value,
  );
}

// --- SMTP ---------------------------------------------------------------------------------------
test("SMTP: a mail goes out over STARTTLS, signed in, and the server's name for it is kept", async (t) => {
  const world = await createNotifyWorld(t);
  const certificate = makeCertificate();
  const smtp = await smtpServer(t, { certificate, user: 'relay', password: 'relay-password' });
  writeFileSync(path.join(world.folder, 'ca.pem'), certificate.cert);
  await startWithSmtp(world, smtp, {
    settings: {
      SMTP_CA_FILE: path.join(world.folder, 'ca.pem'),
      SMTP_USER: 'relay',
      SMTP_PASSWORD_FILE: secret(world, 'smtp.password', 'relay-password'),
    },
  });
  const member = await newAddressee(world);
  const letter = await askForLetter(world, member);
  const message = await messageIs(world, letter, 'sent');
  assert.equal(message.provider_ref, 'Q1');
  const [mail] = smtp.mails;
  assert.deepEqual(
    [mail.from, mail.to, mail.tls, mail.user, mail.greeting],
    ['no-reply@eldersafe.test', [member.email], true, 'relay', 'eldersafe.test'],
  );
  assert.doesNotMatch(mail.raw, /[^\x00-\x7f]/, 'seven bits');
  assert.ok(mail.raw.split('\r\n').every((line) => line.length <= 78));
  const read = parseMail(mail.raw);
  assert.deepEqual([read.to, read.link, read.code], [member.email, letter.link, letter.code]);
});

test('SMTP: smtps speaks TLS from the first byte, and one connection serves several mails', async (t) => {
  const world = await createNotifyWorld(t);
  const certificate = makeCertificate();
  const smtp = await smtpServer(t, { certificate, implicitTls: true });
  writeFileSync(path.join(world.folder, 'ca.pem'), certificate.cert);
  await startWithSmtp(world, smtp, {
    settings: { SMTP_CA_FILE: path.join(world.folder, 'ca.pem'), SENDER_THREADS: 1 },
  });
  const member = await newAddressee(world);
  const letters = [];
  for (let i = 0; i < 5; i += 1) letters.push(await askForLetter(world, member));
  for (const letter of letters) await messageIs(world, letter, 'sent');
  assert.equal(smtp.mails.length, 5);
  assert.ok(smtp.mails.every((mail) => mail.tls));
  assert.equal(smtp.connections, 1);
});

for (const [what, serverOptions, trusted, error] of [
  ['offers no TLS', {}, () => makeCertificate().cert, 'no_tls'],
  [
    'has a certificate nobody vouches for',
    { certificate: makeCertificate() },
    () => makeCertificate().cert,
    'tls_untrusted',
  ],
]) {
  test(`SMTP: a server that ${what} gets neither a password nor a mail`, async (t) => {
    const world = await createNotifyWorld(t, { warnings: FAILING });
    const smtp = await smtpServer(t, {
      user: 'relay',
      password: 'relay-password',
      ...serverOptions,
    });
    writeFileSync(path.join(world.folder, 'ca.pem'), trusted());
    await startWithSmtp(world, smtp, {
      settings: {
        SMTP_CA_FILE: path.join(world.folder, 'ca.pem'),
        SMTP_USER: 'relay',
        SMTP_PASSWORD_FILE: secret(world, 'smtp.password', 'relay-password'),
      },
    });
    const letter = await askForLetter(world, await newAddressee(world));
    await messageIs(world, letter, 'queued', { error });
    assert.deepEqual(
      smtp.commands.filter((line) => /^(AUTH|MAIL|RCPT|DATA)/.test(line)),
      [],
    );
    assert.equal(smtp.mails.length, 0);
  });
}

test('E102: a server that says "later" is asked again after 1, 2, 4 s, and gets one mail', async (t) => {
  const world = await createNotifyWorld(t, { warnings: FAILING });
  await onceGood(async () => {
    const smtp = await smtpServer(t);
    smtp.next('connect', '421 4.3.2 not now');
    smtp.next('rcpt', '451 4.3.0 later');
    smtp.next('text', '452 4.3.1 full');
    const notify = await startWithSmtp(world, smtp);
    const letter = await askForLetter(world, await newAddressee(world));
    const message = await messageIs(world, letter, 'sent');
    assert.equal(message.attempts, 4);
    assert.equal(smtp.mails.length, 1);
    await isCounted(notify, 'eldersafe_notify_messages_postponed_total', 3);
    await isCounted(notify, 'eldersafe_notify_messages_ended_total{state="sent"}', 1);
    const sent = await notify.waitForLog('notify.sent');
    const postponed = notify.log().filter((entry) => entry.event === 'notify.postponed');
    assert.deepEqual(
      postponed.map((entry) => entry.error),
      ['smtp_421', 'smtp_451', 'smtp_452'],
    );
    await notify.stop();
    const times = [...postponed, sent].map((entry) => Date.parse(entry.time));
    const gaps = times.slice(1).map((time, i) => time - times[i]);
    const isRight = (gap, i) => {
      const whole = 1_000 * 2 ** i; // jittered to [half, whole], then found within half a second
      return gap >= whole / 2 && gap <= whole + 2_000;
    };
    return gaps.every(isRight) ? '' : `pauses of ${gaps} ms`;
  });
});

for (const [stage, reply] of [
  ['rcpt', '550 5.1.1 no such user'],
  ['data', '554 5.7.1 not wanted'],
  ['text', '552 5.3.4 too big'],
]) {
  test(`SMTP: "${reply}" ends the message for good`, async (t) => {
    const world = await createNotifyWorld(t, { warnings: [/^notify\.failed$/] });
    const smtp = await smtpServer(t);
    smtp.next(stage, reply);
    const notify = await startWithSmtp(world, smtp);
    const letter = await askForLetter(world, await newAddressee(world));
    const message = await messageIs(world, letter, 'failed');
    assert.deepEqual(
      [message.last_error, message.attempts, message.sealed_bytes, message.next_at],
      [`smtp_${reply.slice(0, 3)}`, 1, 0, null],
    );
    const next = await askForLetter(world, await newAddressee(world));
    await messageIs(world, next, 'sent'); // the others are served
    assert.equal(smtp.mails.length, 1);
    await isCounted(notify, 'eldersafe_notify_messages_ended_total{state="failed"}', 1);
  });
}

test('SMTP: what is our own fault (password, sender) loses no mail: it goes when it is put right', async (t) => {
  const world = await createNotifyWorld(t, { warnings: FAILING });
  const smtp = await smtpServer(t, { user: 'relay', password: 'relay-password' });
  smtp.next('auth', '535 5.7.8 wrong');
  smtp.next('mail', '553 5.1.8 sender unknown', 1_000);
  await startWithSmtp(world, smtp, {
    settings: {
      SMTP_USER: 'relay',
      SMTP_PASSWORD_FILE: secret(world, 'smtp.password', 'relay-password'),
    },
  });
  const letter = await askForLetter(world, await newAddressee(world));
  await messageIs(world, letter, 'queued', { error: 'smtp_553' });
  smtp.behave();
  await messageIs(world, letter, 'sent');
  assert.equal(smtp.mails.length, 1);
});

test('SMTP: a server that keeps silent is left after the time limit, and the message expires in its time', async (t) => {
  const world = await createNotifyWorld(t, { warnings: [...FAILING, /^notify\.expired$/] });
  const smtp = await smtpServer(t);
  smtp.next('text', 'hang', 100);
  const notify = await startWithSmtp(world, smtp, { settings: { SEND_TIMEOUT: 300 } });
  const letter = await askForLetter(world, await newAddressee(world));
  await messageIs(world, letter, 'queued', { error: 'timeout' });
  await world.sql.query(
    "UPDATE vault.messages SET expires_at = clock_timestamp(), next_at = clock_timestamp() WHERE state = 'queued'",
  ); // its time has passed
  const message = await messageIs(world, letter, 'expired');
  assert.deepEqual(
    [message.last_error, message.sealed_bytes, message.next_at],
    ['timeout', 0, null],
  );
  assert.equal(smtp.mails.length, 0);
  await isCounted(notify, 'eldersafe_notify_messages_ended_total{state="expired"}', 1);
});

test('SMTP: an answer that is lost means sending again, under the same Message-ID', async (t) => {
  const world = await createNotifyWorld(t, { warnings: FAILING });
  const smtp = await smtpServer(t);
  smtp.next('text', 'accept-drop');
  await startWithSmtp(world, smtp);
  const letter = await askForLetter(world, await newAddressee(world));
  await messageIs(world, letter, 'sent');
  assert.equal(smtp.mails.length, 2);
  assert.equal(smtp.mails[0].raw, smtp.mails[1].raw);
});

/** How many messages a sender has ever claimed, and how many there are. */
async function messages(world) {
  const { rows } = await world.sql.query('SELECT count(*) FILTER (WHERE attempts > 0)::int AS begun, count(*)::int AS all FROM vault.messages');
  return rows[0];
}

test('stopping takes as long as the mails at hand, and no other is begun', async (t) => {
  const world = await createNotifyWorld(t, { warnings: FAILING });
  const smtp = await smtpServer(t);
  smtp.next('connect', 'hang', 1000);
  const settings = { SENDER_THREADS: SENDERS, SEND_TIMEOUT: SEND_MS };
  const notify = await startWithSmtp(world, smtp, { settings });
  const member = await newAddressee(world);
  for (let busy = 1; busy <= SENDERS; busy += 1) {
    await askForLetter(world, member);
    await notify.child.waitUntil(`${busy} senders are at it`, () => smtp.connections === busy);
  }
  for (let i = 0; i < 4 * SENDERS; i += 1) await askForLetter(world, member);
  await notify.child.waitUntil('more are queued', async () => (await messages(world)).all === 5 * SENDERS);
  assert.equal((await messages(world)).begun, SENDERS);
  const asked = performance.now();
  await notify.stop();
  assert.equal((await messages(world)).begun, SENDERS);
  assert.ok(performance.now() - asked < 2 * SEND_MS, 'not one after another');
});

test('no mail is begun while the consumer still ends', async (t) => {
  const world = await createNotifyWorld(t, { warnings: [/^bus\.database_lost$/] });
  const smtp = await smtpServer(t);
  const notify = await startWithSmtp(world, smtp);
  const member = await newAddressee(world);
  const letter = await askForLetter(world, member);
  await messageIs(world, letter, 'sent');
  const lock = await world.sql.connect();
  try {
    await lock.query('BEGIN');
    await lock.query('LOCK TABLE bus.inbox');
    await askForLetter(world, member);
    await world.eventuallySql('the consumer waits for the lock', "SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'bus.inbox'::regclass AND NOT granted)");
    notify.child.signal('SIGTERM');
    await notify.waitForLog('daemon.stopping');
    await world.sql.query("UPDATE vault.messages SET state = 'queued', attempts = 0, next_at = now(), sealed = $2, expires_at = now() + interval '1 h' WHERE event_id = $1", [letter.eventId, seal(world, '{}')]);
    await notify.ends(0);
  } finally {
    await lock.query('ROLLBACK');
    lock.release();
  }
  assert.equal((await messages(world)).begun, 0);
});

test('SMTP: a server that does not say goodbye holds up neither the next mail nor a stop', async (t) => {
  const world = await createNotifyWorld(t, { warnings: FAILING });
  const smtp = await smtpServer(t);
  smtp.next('quit', 'hang', 100);
  smtp.next('rcpt', '450 4.2.0 later', 1);
  smtp.next('ehlo', '421 4.2.0 later', 1);
  const notify = await startWithSmtp(world, smtp, { settings: { SENDER_THREADS: 1 } });
  await messageIs(world, await askForLetter(world, await newAddressee(world)), 'sent');
  await notify.stop();
});

// --- SendGrid -----------------------------------------------------------------------------------
test('SendGrid: a mail is handed over with key, both texts, no tracking, and our reference', async (t) => {
  const world = await createNotifyWorld(t);
  const sendgrid = await sendGridServer(t);
  await startWithSendGrid(world, sendgrid, { key: SENDGRID_KEY });
  const member = await newAddressee(world);
  const letter = await askForLetter(world, member);
  const message = await messageIs(world, letter, 'sent');
  const [mail] = sendgrid.mails;
  assert.equal(mail.personalizations[0].to[0].email, member.email);
  assert.equal(mail.personalizations[0].custom_args.eldersafe_reference, message.provider_ref);
  assert.deepEqual(mail.from, { email: 'no-reply@eldersafe.test', name: 'Eldersafe' });
  assert.ok(mail.content[0].value.includes(letter.link));
  assert.ok(Object.values(mail.tracking_settings).every(({ enable }) => enable === false));
});

test('SendGrid: 429 is obeyed for as long as it asks, 5xx and lost answers are tried again', async (t) => {
  const world = await createNotifyWorld(t, { warnings: FAILING });
  const sendgrid = await sendGridServer(t);
  sendgrid.next({ status: 429, headers: { 'Retry-After': '3' } });
  sendgrid.next({ status: 503 });
  sendgrid.next('drop');
  const notify = await startWithSendGrid(world, sendgrid, { key: SENDGRID_KEY });
  const letter = await askForLetter(world, await newAddressee(world));
  await messageIs(world, letter, 'sent');
  assert.equal(sendgrid.mails.length, 1);
  await isCounted(notify, 'eldersafe_notify_messages_postponed_total', 3);
  const postponed = notify.log().filter((entry) => entry.event === 'notify.postponed');
  assert.deepEqual(
    postponed.slice(0, 2).map((entry) => entry.error),
    ['http_429', 'http_503'],
  );
  const pause = sendgrid.requests[1].at - sendgrid.requests[0].at;
  assert.ok(pause >= 3_000, `asked again after ${pause} ms`);
});

test('SendGrid: 400 ends the message, 401 and 403 (our key) do not', async (t) => {
  const world = await createNotifyWorld(t, { warnings: [...FAILING, /^notify\.failed$/] });
  const sendgrid = await sendGridServer(t);
  sendgrid.next({ status: 401 });
  sendgrid.next({ status: 403 });
  await startWithSendGrid(world, sendgrid, { key: SENDGRID_KEY });
  const letter = await askForLetter(world, await newAddressee(world));
  await messageIs(world, letter, 'sent');
  sendgrid.next({ status: 400, body: { errors: [{ message: 'bad' }] } });
  const refused = await askForLetter(world, await newAddressee(world));
  const message = await messageIs(world, refused, 'failed');
  assert.equal(message.last_error, 'http_400');
  assert.equal(sendgrid.mails.length, 1);
});

// --- configuration ------------------------------------------------------------------------------
for (const [what, settings, complaint] of [
  [
    'E7: a SendGrid host that is not allowed',
    {
      MAIL_CHANNEL: 'sendgrid',
      SENDGRID_URL: 'https://api.sendgrid.com',
      ALLOWED_HOSTS: 'api.eu.sendgrid.com=EU',
      SENDGRID_KEY_FILE: 'KEY',
    },
    /ALLOWED_HOSTS/,
  ],
  [
    'E7: an SMTP host that is not allowed',
    {
      MAIL_CHANNEL: 'smtp',
      SMTP_URL: 'smtp://mail.example.com:587',
      ALLOWED_HOSTS: 'mail.example.dk=EU',
    },
    /ALLOWED_HOSTS/,
  ],
  [
    'an SMTP address of another kind',
    { MAIL_CHANNEL: 'smtp', SMTP_URL: 'http://127.0.0.1:25', ALLOWED_HOSTS: '127.0.0.1=local' },
    /SMTP_URL/,
  ],
  [
    'an SMTP user without a password',
    {
      MAIL_CHANNEL: 'smtp',
      SMTP_URL: 'smtp://127.0.0.1:25',
      SMTP_USER: 'x',
      ALLOWED_HOSTS: '127.0.0.1=local',
    },
    /SMTP_PASSWORD_FILE/,
  ],
  ['a sender that is no address', { MAIL_FROM: 'Eldersafe' }, /MAIL_FROM/],
  ['a sender with a line end', { MAIL_FROM: 'Eldersafe\r\nBcc: eve <a@b.dk>' }, /MAIL_FROM/],
  ['the file channel without a folder', { MAIL_DIRECTORY: undefined }, /MAIL_DIRECTORY/],
  ['a folder that is not there', { MAIL_DIRECTORY: '/nonexistent' }, /MAIL_DIRECTORY/],
]) {
  test(`refused before anything is sent: ${what}`, async (t) => {
    const world = await createNotifyWorld(t, { warnings: [/^daemon\.start_failed$/] });
    const file = secret(world, 'key', 'some-provider-key');
    const given = Object.fromEntries(
      Object.entries(settings).map(([name, value]) => [name, value === 'KEY' ? file : value]),
    );
    const notify = await world.start('notify', { settings: given, waitReady: false });
    await notify.ends(78);
    assert.match(notify.child.printed(), complaint);
  });
}
