// eldersafe-notify and those who write to it, as verbs for the stories. Contacts and messages are
// sealed here with libsodium's own JavaScript build, not with our code.

import { randomBytes, randomInt } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import sodium from 'libsodium-wrappers';
import { createWorld } from '../../harness/world.js';
import { SmtpStandIn } from '../../standins/smtp/smtp.js';
import { eventually } from '../../../deploy/local/wait.js';

const LIFETIME_S = 900;
const SETTLE_MS = 30_000;
const SECRET_MODE = 0o600;
let members = 0;

/**
 * A world for tests of the notifier. Without Redis (the default here) it looks for events twice a
 * second; options as for createWorld.
 */
export async function createNotifyWorld(t, options = {}) {
  await sodium.ready;
  const warnings = [/^daemon\.test_settings$/, ...(options.warnings ?? [])];
  return createWorld(t, { redis: false, ...options, warnings });
}

/** What the log says once when mails cannot go out for the time being. */
export const FAILING = [/^notify\.channel_failing$/];

/** An SMTP stand-in that lives as long as the test. */
export async function smtpServer(t, options) {
  const smtp = await new SmtpStandIn(options).start();
  t.after(() => smtp.stop());
  return smtp;
}

/** Seals TEXT to the notifier of WORLD. */
export function seal(world, text) {
  return Buffer.from(
    sodium.crypto_box_seal(text, Buffer.from(world.site.keys.notifyPublic.text, 'hex')),
  );
}

/** A member of whom only the vault knows: { id, email }. CONTACT: what is sealed instead of the address. */
export async function newAddressee(world, { contact } = {}) {
  members += 1;
  const member = { id: members, email: `addressee-${process.pid}-${members}@example.org` };
  world.canary(`address ${members}`, member.email);
  await world.sql.query(
    "INSERT INTO vault.contacts (member_id, kind, sealed) VALUES ($1, 'email', $2)",
    [member.id, seal(world, contact ?? member.email)],
  );
  return member;
}

/**
 * Asks for a sign-in letter to MEMBER, as eldersafe-core does, through the outbox. Yields
 * { eventId, token, code, link }. CONTENT replaces parts of what is sealed, PAYLOAD of the event.
 */
export async function askForLetter(
  world,
  member,
  { content = {}, payload = {}, lifetimeS = LIFETIME_S, topic = 'mail.login' } = {},
) {
  const token = randomBytes(16).toString('base64url');
  const code = String(randomInt(1_000_000)).padStart(6, '0');
  const link = `http://app.localhost/api/auth/verify?token=${token}`;
  world.canary(`token ${token}`, token);
  world.canary(`code ${token}`, code);
  const expiresAt = new Date(Date.now() + lifetimeS * 1_000).toISOString();
  const sealed = seal(world, JSON.stringify({ link, code, expires_at: expiresAt, ...content }));
  const event = {
    member_id: String(member.id),
    request_id: null,
    sealed: sealed.toString('base64'),
    expires_at: expiresAt,
    ...payload,
  };
  const { rows } = await world.sql.query(
    'INSERT INTO bus.outbox (topic, payload) VALUES ($1, $2) RETURNING event_id',
    [topic, JSON.stringify(event)],
  );
  return { eventId: rows[0].event_id, token, code, link };
}

/** The message that an event became, or undefined. */
export async function messageOf(world, { eventId }) {
  const { rows } = await world.sql.query(
    'SELECT *, octet_length(sealed) AS sealed_bytes FROM vault.messages WHERE event_id = $1',
    [eventId],
  );
  return rows[0];
}

/** Waits until the message of a letter is in STATE (and, given, its last_error is ERROR). */
export function messageIs(world, letter, state, { error, timeout = SETTLE_MS } = {}) {
  return eventually(
    `the message is ${state}${error ? ` because of ${error}` : ''}`,
    async () => {
      const message = await messageOf(world, letter);
      return (
        message?.state === state && (error === undefined || message.last_error === error) && message
      );
    },
    { timeout },
  );
}

/** Starts a notifier whose mail goes through SMTP stand-in SMTP. */
export function startWithSmtp(world, smtp, { settings = {}, ...options } = {}) {
  return world.start('notify', {
    ...options,
    settings: {
      MAIL_CHANNEL: 'smtp',
      MAIL_DIRECTORY: undefined,
      SMTP_URL: smtp.url,
      ALLOWED_HOSTS: '127.0.0.1=local',
      ...settings,
    },
  });
}

/** Starts a notifier whose mail goes through SendGrid stand-in SENDGRID with KEY. */
export function startWithSendGrid(world, sendgrid, { key, settings = {}, ...options }) {
  return world.start('notify', {
    ...options,
    settings: {
      MAIL_CHANNEL: 'sendgrid',
      MAIL_DIRECTORY: undefined,
      SENDGRID_URL: sendgrid.url,
      ALLOWED_HOSTS: '127.0.0.1=local',
      SENDGRID_KEY_FILE: secret(world, 'sendgrid.key', key),
      ...settings,
    },
  });
}

/** A secret file of WORLD; its content becomes a canary. */
export function secret(world, name, text) {
  const file = path.join(world.folder, name);
  writeFileSync(file, `${text}\n`, { mode: SECRET_MODE });
  world.canary(name, text);
  return file;
}

/** Everything the database holds, as text: every row of every table of ours. */
export async function dumpOf(world) {
  const { rows: tables } = await world.sql.query(
    `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`,
  );
  const parts = [];
  for (const { name } of tables) {
    const { rows } = await world.sql.query(`SELECT t::text AS row FROM ${name} t`);
    parts.push(`-- ${name}`, ...rows.map(({ row }) => row));
  }
  return parts.join('\n');
}

/** The forms in which TEXT would stand in a dump. */
export function formsOf(text) {
  const bytes = Buffer.from(text);
  const base64 = bytes.toString('base64').replace(/=+$/, '');
  return [text, bytes.toString('hex'), base64.slice(0, -1)]; // what follows may change the last character
}
