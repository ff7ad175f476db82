// eldersafe-notify: letters leave the house once, sealed until then (rows E54, E85/FE12, J4.3, J4.7,
// C13, C16, C28, N12, E131). How each channel hands them over: notify-channels.test.js.

import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { parseMail } from '../../deploy/local/eml.js';
import { eventually } from '../../deploy/local/wait.js';
import { beginSignIn, newMember, readMail } from './support/core.js';
import { onceGood } from './support/load.js';
import {
  askForLetter,
  createNotifyWorld,
  dumpOf,
  FAILING,
  formsOf,
  messageIs,
  newAddressee,
  secret,
  smtpServer,
  startWithSmtp,
} from './support/notify.js';

// --- the letter ---------------------------------------------------------------------------------
test('E54: who asked to sign in gets one mail with link and code, in Danish and English', async (t) => {
  const world = await createNotifyWorld(t);
  await world.start('notify');
  const member = await newAddressee(world);
  const letter = await askForLetter(world, member);
  const mail = await world.mailbox.waitFor(member.email);
  assert.equal(mail.link, letter.link);
  assert.equal(mail.code, letter.code);
  assert.match(mail.text, /Hej/);
  assert.match(mail.text, /Hello/);
  assert.match(mail.text, /dansk tid/);
  assert.equal(mail.headers['auto-submitted'], 'auto-generated');
  const raw = readFileSync(mail.file, 'latin1');
  assert.doesNotMatch(raw, /[^\r]\n/, 'CRLF only');
  assert.equal(statSync(mail.file).mode & 0o777, 0o600);
  const message = await messageIs(world, letter, 'sent');
  assert.equal(message.provider_ref, path.basename(mail.file));
  assert.equal(message.sealed_bytes, 0, 'what was sealed is forgotten');
  assert.equal(world.mailbox.all().length, 1);
});

test('E54, J4.3: through eldersafe-core a true pair gets one mail, a wrong one gets none, the answers are alike', async (t) => {
  const world = await createNotifyWorld(t, { redis: true });
  const [core] = await Promise.all([world.start('core'), world.start('notify')]);
  const member = await newMember(world);
  const wrong = await beginSignIn(core, {
    number: member.number,
    email: 'nobody-at-all@example.org',
  });
  const right = await beginSignIn(core, member);
  assert.equal(wrong.answer.status, 202);
  assert.deepEqual(
    [wrong.answer.status, wrong.answer.text.length],
    [right.answer.status, right.answer.text.length],
  );
  const { code } = await readMail(world, member);
  world.canary('code', code);
  await world.eventuallySql(
    'nothing is queued',
    "SELECT count(*) = 1 AND bool_and(state = 'sent') FROM vault.messages",
  );
  assert.equal(world.mailbox.all().length, 1);
});

test('J4.3: an event for an unknown pair (mail.none) makes no message', async (t) => {
  const world = await createNotifyWorld(t);
  await world.start('notify');
  const member = await newAddressee(world);
  await askForLetter(world, member, { topic: 'mail.none' });
  const letter = await askForLetter(world, member);
  await messageIs(world, letter, 'sent');
  const { rows } = await world.sql.query('SELECT count(*)::integer AS n FROM vault.messages');
  assert.equal(rows[0].n, 1);
});

// --- what is kept -------------------------------------------------------------------------------
test('J4.7, E85/FE12: neither a queued nor a sent message leaves address, link or code in the database', async (t) => {
  const world = await createNotifyWorld(t, { warnings: FAILING });
  const smtp = await smtpServer(t);
  smtp.next('rcpt', '450 4.2.1 later', 1_000);
  await startWithSmtp(world, smtp);
  const member = await newAddressee(world);
  const letter = await askForLetter(world, member);
  const secrets = [member.email, letter.token, letter.code, letter.link].flatMap(formsOf);
  const clean = (dump) =>
    assert.deepEqual(
      secrets.filter((form) => dump.includes(form)),
      [],
    );
  await messageIs(world, letter, 'queued', { error: 'smtp_450' });
  clean(await dumpOf(world));
  smtp.behave();
  await messageIs(world, letter, 'sent');
  const dump = await dumpOf(world);
  clean(dump);
  assert.ok(dump.includes('mail.login'), 'the dump does hold what is there');
});

test('ended messages are forgotten after their time, queued ones never', async (t) => {
  const world = await createNotifyWorld(t);
  const add = (eventId, state, days) =>
    world.sql.query(
      `INSERT INTO vault.messages (event_id, member_id, channel, template, sealed, state, next_at, expires_at, created_at)
     VALUES ($1, 1, 'email', 'sign-in', '', $2, CASE WHEN $2 = 'queued' THEN now() + interval '1 day' END, now() + interval '1 day', now() - $3 * interval '1 day')`,
      [eventId, state, days],
    );
  await add(1, 'sent', 31);
  await add(2, 'queued', 31);
  await add(3, 'failed', 31);
  await add(4, 'expired', 31);
  await add(5, 'sent', 29);
  await world.start('notify');
  await eventually('the old ones are gone', async () => {
    const { rows } = await world.sql.query('SELECT event_id FROM vault.messages ORDER BY event_id');
    return rows.map((row) => row.event_id).join() === '2,5';
  });
});

// --- crashes ------------------------------------------------------------------------------------
for (const [fault, copies] of [
  ['notify.after_claim', 1],
  ['notify.before_send', 1],
  ['notify.after_send', 2], // documented: handed over, not written down
  ['notify.after_commit', 1],
  ['db.before_commit', 1],
  ['db.after_commit', 1],
]) {
  test(`C13, N12: killed at ${fault}, the mail still goes out ${copies === 1 ? 'once' : 'again, under the same Message-ID'}`, async (t) => {
    const world = await createNotifyWorld(t);
    const smtp = await smtpServer(t);
    const doomed = await startWithSmtp(world, smtp, { fault });
    const letter = await askForLetter(world, await newAddressee(world));
    await doomed.ends('fault');
    await world.sql.query(
      "UPDATE vault.messages SET next_at = clock_timestamp() WHERE state = 'queued'",
    ); // the lease is over
    await startWithSmtp(world, smtp);
    await messageIs(world, letter, 'sent');
    assert.equal(smtp.mails.length, copies);
    assert.ok(smtp.mails.every((mail) => mail.raw === smtp.mails[0].raw));
  });
}

test('C13: the same event again, from whichever side, is still one mail', async (t) => {
  const world = await createNotifyWorld(t);
  await world.start('notify');
  const member = await newAddressee(world);
  const letter = await askForLetter(world, member);
  await messageIs(world, letter, 'sent');
  await world.sql.query('DELETE FROM bus.inbox'); // as if its record were lost
  await world.sql.query("UPDATE bus.consumers SET taken_below = '0'");
  await world.eventuallySql('it was looked at again', 'SELECT count(*) = 1 FROM bus.inbox');
  const second = await askForLetter(world, member);
  await messageIs(world, second, 'sent');
  assert.equal(world.mailbox.all().length, 2);
  const { rows } = await world.sql.query('SELECT attempts FROM vault.messages');
  assert.deepEqual(
    rows.map((row) => row.attempts),
    [1, 1],
  );
});

test('several notifiers at once send each mail once', async (t) => {
  const world = await createNotifyWorld(t);
  const smtp = await smtpServer(t);
  await Promise.all([startWithSmtp(world, smtp), startWithSmtp(world, smtp)]);
  const member = await newAddressee(world);
  const letters = await Promise.all(Array.from({ length: 120 }, () => askForLetter(world, member)));
  await world.eventuallySql(
    'all are sent',
    "SELECT count(*) = 120 AND bool_and(state = 'sent') FROM vault.messages",
    [],
    { timeout: 60_000 },
  );
  assert.equal(smtp.mails.length, 120);
  const codes = new Set(smtp.mails.map((mail) => parseMail(mail.raw).link));
  assert.deepEqual([...codes].sort(), letters.map((letter) => letter.link).sort());
});

// --- what comes in ------------------------------------------------------------------------------
test('C16: events nobody can read are parked with a reason, and letters behind them go out', async (t) => {
  const world = await createNotifyWorld(t, { warnings: [/^bus\.event_(failed|parked)$/] });
  await world.start('notify', { settings: { EVENT_TRIES: 1 } });
  const member = await newAddressee(world);
  const bad = [
    { payload: { member_id: 'x' }, reason: 'member_id is no number' },
    { payload: { member_id: '-1' }, reason: 'member_id is no number' },
    { payload: { expires_at: 'tomorrow' }, reason: 'expires_at is no time' },
    { payload: { sealed: '*' }, reason: 'sealed is no base64' },
    { payload: { sealed: 'A'.repeat(9_000) }, reason: /sealed/ },
    { payload: { sealed: null }, reason: /sealed/ },
    { payload: { more: 1 }, reason: /more/ },
  ];
  for (const each of bad) each.letter = await askForLetter(world, member, each);
  const letter = await askForLetter(world, member);
  await messageIs(world, letter, 'sent');
  for (const {
    letter: { eventId },
    reason,
  } of bad) {
    const { rows } = await world.sql.query(
      "SELECT last_error, parked_at IS NOT NULL AS parked FROM bus.failures WHERE consumer = 'notify' AND event_id = $1",
      [eventId],
    );
    assert.equal(rows[0]?.parked, true, String(reason));
    assert.match(rows[0].last_error, reason instanceof RegExp ? reason : new RegExp(`^${reason}$`));
  }
  assert.equal(world.mailbox.all().length, 1);
});

test('a contact or a letter that would inject a header, a recipient or markup is not sent at all', async (t) => {
  const world = await createNotifyWorld(t, { warnings: [/^notify\.failed$/] });
  const smtp = await smtpServer(t);
  await startWithSmtp(world, smtp);
  const contacts = [
    'a@example.org\r\nBcc: eve@example.org',
    'a\r\nRCPT TO:<eve@example.org>@example.org',
    'a\r\nBcc:eve@example.org',
    'a@example.org>\r\nRCPT TO:<eve@example.org',
    'a@example.org,eve@example.org',
    '"a b"@example.org',
    'a@exa mple.org',
    'a@example.org\u0000',
    'søren@example.org',
    ' ',
  ];
  for (const contact of contacts) {
    const letter = await askForLetter(world, await newAddressee(world, { contact }));
    assert.equal((await messageIs(world, letter, 'failed')).last_error, 'bad_address');
  }
  const contents = [
    { code: '12\r\n56' },
    { code: '1234567' },
    { link: 'javascript:alert(1)' },
    { link: 'https://x/"><b>' },
    { link: 'https://x/\r\nX: y' },
    { more: 1 },
    { expires_at: 'soon' },
  ];
  for (const content of contents) {
    const message = await messageIs(
      world,
      await askForLetter(world, await newAddressee(world), { content }),
      'failed',
    );
    assert.equal(message.last_error, 'bad_content');
  }
  const unknown = await askForLetter(world, { id: 999_999 });
  assert.equal((await messageIs(world, unknown, 'failed')).last_error, 'no_contact');
  assert.deepEqual([smtp.mails, smtp.commands.filter((line) => line.startsWith('RCPT'))], [[], []]);
});

test('with a wrong vault key nothing is sent and nothing is lost', async (t) => {
  const world = await createNotifyWorld(t, { warnings: [/^notify\.vault_unreadable$/] });
  const wrong = await world.start('notify', {
    settings: { VAULT_KEY_FILE: secret(world, 'wrong.key', 'ab'.repeat(32)) },
  });
  const member = await newAddressee(world);
  const letter = await askForLetter(world, member);
  await messageIs(world, letter, 'queued', { error: 'contact_unreadable' });
  await wrong.waitForLog('notify.vault_unreadable');
  await wrong.stop();
  await world.start('notify');
  await messageIs(world, letter, 'sent');
  assert.equal(world.mailbox.to(member.email).length, 1);
});

test('a vault key that others may read, or that is no key, is refused', async (t) => {
  const world = await createNotifyWorld(t, { warnings: [/^daemon\.start_failed$/] });
  for (const [name, text, mode] of [
    ['open.key', 'ab'.repeat(32), 0o644],
    ['short.key', 'ab', 0o600],
  ]) {
    const file = path.join(world.folder, name);
    writeFileSync(file, `${text}\n`, { mode });
    const notify = await world.start('notify', {
      settings: { VAULT_KEY_FILE: file },
      waitReady: false,
    });
    await notify.ends(78);
    assert.match(notify.child.printed(), new RegExp(name));
    assert.doesNotMatch(notify.child.printed(), /abab/);
  }
});

// --- servers that go away -----------------------------------------------------------------------
test('E131: PostgreSQL away while a mail is being handed over: it is written down afterwards, not sent twice', async (t) => {
  const world = await createNotifyWorld(t, {
    proxied: ['postgres'],
    warnings: [...FAILING, /^(notify|bus)\.database_lost$/],
  });
  const smtp = await smtpServer(t);
  smtp.next('text', 'hang');
  const notify = await startWithSmtp(world, smtp, { settings: { SEND_TIMEOUT: 2_000 } });
  const letter = await askForLetter(world, await newAddressee(world));
  await eventually('the mail is on its way', () => smtp.commands.includes('DATA'));
  world.proxies.postgres.refuse();
  world.proxies.postgres.reset();
  await notify.waitForLog('notify.database_lost');
  world.proxies.postgres.heal();
  await messageIs(world, letter, 'sent');
  assert.equal(smtp.mails.length, 1);
  const events = notify
    .log()
    .map((entry) => entry.event)
    .filter((event) => /^notify\.database/.test(event));
  assert.ok(events.includes('notify.database_back'));
});

test('J7.2: with Redis and a relay a letter is on its way within a second', async (t) => {
  const world = await createNotifyWorld(t, { redis: true });
  const [, notify] = await Promise.all([world.start('core'), world.start('notify')]);
  const member = await newAddressee(world);
  const first = await askForLetter(world, member);
  await messageIs(world, first, 'sent');
  await notify.waitForLog('notify.sent');
  await onceGood(async () => {
    const skip = notify.log().length;
    const letter = await askForLetter(world, member);
    await messageIs(world, letter, 'sent');
    const entry = await notify.waitForLog('notify.sent', { skip });
    const { rows } = await world.sql.query(
      'SELECT o.created_at AS asked FROM bus.outbox o WHERE event_id = $1',
      [letter.eventId],
    );
    const delay = Date.parse(entry.time) - rows[0].asked.getTime();
    return delay < 1_000 ? '' : `${delay} ms`;
  });
});

test('C28: metrics and health tell how it stands', async (t) => {
  const world = await createNotifyWorld(t, { warnings: FAILING });
  const smtp = await smtpServer(t);
  smtp.next('rcpt', '450 4.2.1 later', 100);
  const notify = await startWithSmtp(world, smtp);
  for (let i = 0; i < 3; i += 1) await askForLetter(world, await newAddressee(world));
  await eventually(
    'three are queued',
    async () => (await notify.metric('eldersafe_notify_messages_queued')) === 3,
  );
  const { rows } = await world.sql.query(
    "SELECT count(*)::integer AS n FROM vault.messages WHERE state = 'queued'",
  );
  assert.equal(rows[0].n, 3);
  await eventually(
    'three were taken',
    async () => (await notify.metric('eldersafe_notify_events_taken_total')) === 3,
  );
  const health = await fetch(`${notify.metricsUrl}/health/ready`);
  assert.equal(health.status, 200);
});
