// What members and their devices do with eldersafe-core, as verbs for the stories.

import { createHash, createPrivateKey, createPublicKey, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { SignJWT } from 'jose';
import { ISSUER } from '../../../deploy/local/site.js';
import { cookieValue } from '../../harness/http.js';

export const AUDIENCE = 'eldersafe-core';
const DAY_S = 86_400;
/** The deadlines of production, for tests that are about them; all others are patient (world.js). */
export const PROMPT = { STATEMENT_TIMEOUT: 1_500, REDIS_TIMEOUT: 100 };
let members = 0;

/** A time zone in which it is about noon: no test's two requests are of two days there. */
export function noonZone() {
  const ahead = 12 - new Date().getUTCHours();
  return ahead === 0 ? 'Etc/GMT' : `Etc/GMT${ahead > 0 ? '-' : '+'}${Math.abs(ahead)}`; // signs as in tzdata: reversed
}

/** The day as the people of ZONE have it, AGO milliseconds ago. */
export function dayIn(zone, ago = 0) {
  return new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short' }).format(new Date(Date.now() - ago));
}

/** Enters a new member as an operator does, in a ZONE of noon; yields { number, email, id, subject }. */
export async function newMember(world, { zone = noonZone() } = {}) {
  members += 1;
  const number = `7${String(process.pid).padStart(7, '0')}${String(members).padStart(4, '0')}`;
  const email = `member-${process.pid}-${members}@example.org`;
  world.addMember({ number, email, zone });
  const { rows } = await world.sql.query(
    "SELECT member_id, encode(public_id, 'hex') AS subject FROM core.members ORDER BY member_id DESC LIMIT 1");
  return { number, email, id: rows[0].member_id, subject: rows[0].subject };
}

/** Enters COUNT new members as an operator does with a file of them: [{ number, email }]. */
export function importMembers(world, count) {
  const people = Array.from({ length: count }, (_, i) => ({ number: `8${members + i}`, email: `many-${members + i}@example.org` }));
  members += count;
  const file = path.join(world.folder, 'members.csv');
  writeFileSync(file, `number,email\n${people.map(({ number, email }) => `${number},${email}\n`).join('')}`);
  world.ctl(['member', 'import', file]);
  return people;
}

/** Begins a sign-in; yields { answer, browser } (browser: the cookie the code is bound to). */
export async function beginSignIn(core, { number, email }, options = {}) {
  const answer = await core.request('/api/auth/login', {
    method: 'POST', body: { member_number: number, email }, ...options,
  });
  return { answer, browser: cookieValue(answer.setCookie, '__Host-login') };
}

/** The link token and code that mail number COUNT to MEMBER carries. */
export async function readMail(world, member, count = 1) {
  const mail = await world.mailbox.waitFor(member.email, { count });
  const token = new URL(mail.link).searchParams.get('token');
  world.canary('link token', token);
  return { token, code: mail.code.replace(/\D/g, ''), mail };
}

/** Signs MEMBER in by the mail's link (needs a notifier); yields the session's bearer token. */
export async function signIn(world, core, member, count = 1) {
  await beginSignIn(core, member);
  const { token } = await readMail(world, member, count);
  const answer = await core.request('/api/auth/verify', { method: 'POST', body: { token } });
  if (answer.status !== 200) throw new Error(`sign-in: ${answer.status} ${answer.text}`);
  world.canary('session token', answer.json.token);
  return answer.json.token;
}

const signers = new Map(); // what is made of a key, made once

/** The key that signs tokens in this world, for node:crypto. */
export function signingKey(world) {
  return signerOf(world).key;
}

function signerOf(world) {
  const seed = world.site.keys.token.text.trim();
  if (!signers.has(seed)) {
    const prefix = Buffer.from('302e020100300506032b657004220420', 'hex'); // PKCS#8 of an Ed25519 seed
    const key = createPrivateKey({ key: Buffer.concat([prefix, Buffer.from(seed, 'hex')]), format: 'der', type: 'pkcs8' });
    const raw = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32);
    signers.set(seed, { key, kid: createHash('sha256').update(raw).digest('hex').slice(0, 8) });
  }
  return signers.get(seed);
}

/**
 * A token made by an independent library with the world's own key. CLAIMS replace the good ones;
 * undefined removes one. HEADER likewise.
 */
export async function forgeToken(world, member, { claims = {}, header = {}, key } = {}) {
  const now = Math.floor(Date.now() / 1000);
  const good = {
    iss: ISSUER, aud: [AUDIENCE], sub: member.subject, mid: String(member.id), scope: 'session',
    jti: randomBytes(16).toString('hex'), iat: now, exp: now + DAY_S,
  };
  const all = Object.fromEntries(Object.entries({ ...good, ...claims }).filter(([, value]) => value !== undefined));
  const signer = signerOf(world);
  return new SignJWT(all).setProtectedHeader({ alg: 'EdDSA', kid: signer.kid, typ: 'JWT', ...header }).sign(key ?? signer.key);
}

/** "I'm here"; an accepted one is remembered for the gate. */
export async function signal(world, core, token, options = {}) {
  const answer = await core.request('/api/signal', { method: 'POST', token, body: { channel: 'app' }, ...options });
  if (answer.status === 200) world.acknowledged.push(answer.json.signal_id);
  return answer;
}

const CROWD_AT_ONCE = 1_000; // core.add_members looks its arrays through again and again
let crowd = 0;

/** COUNT members entered by the owner's function, without eldersafectl: [{ id, subject }]. */
export async function newCrowd(world, count, { zone = noonZone() } = {}) {
  const members = [];
  while (members.length < count) {
    const size = Math.min(CROWD_AT_ONCE, count - members.length);
    const { rows } = await world.sql.query(
      `SELECT added.member_id FROM core.add_members(
         ARRAY(SELECT decode(md5('public' || i), 'hex') FROM generate_series($1 + 1, $1 + $2) i),
         ARRAY(SELECT sha256(('number' || i)::bytea) FROM generate_series($1 + 1, $1 + $2) i),
         ARRAY(SELECT sha256(('email' || i)::bytea) FROM generate_series($1 + 1, $1 + $2) i),
         array_fill($3::text, ARRAY[$2::int]),
         array_fill(decode(repeat('5a', 64), 'hex'), ARRAY[$2::int]), 'test', gen_random_uuid()) added`, [crowd, size, zone]);
    crowd += size;
    const { rows: added } = await world.sql.query(
      "SELECT member_id AS id, encode(public_id, 'hex') AS subject FROM core.members WHERE member_id = ANY ($1)", [rows.map((each) => each.member_id)]);
    members.push(...added);
  }
  return members;
}
