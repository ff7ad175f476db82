// What members and their devices do with eldersafe-core, as verbs for the stories.

import { createPrivateKey, randomBytes } from 'node:crypto';
import { SignJWT } from 'jose';
import { ISSUER } from '../../../deploy/local/site.js';
import { cookieValue } from '../../harness/http.js';

export const AUDIENCE = 'eldersafe-core';
const DAY_S = 86_400;
let members = 0;

/** Enters a new member as an operator does; yields { number, email, id, subject }. */
export async function newMember(world, { zone } = {}) {
  members += 1;
  const number = `7${String(process.pid).padStart(7, '0')}${String(members).padStart(4, '0')}`;
  const email = `member-${process.pid}-${members}@example.org`;
  world.addMember({ number, email, zone });
  const { rows } = await world.sql.query(
    "SELECT member_id, encode(public_id, 'hex') AS subject FROM core.members ORDER BY member_id DESC LIMIT 1");
  return { number, email, id: rows[0].member_id, subject: rows[0].subject };
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

/** The key that signs tokens in this world, for node:crypto. */
export function signingKey(world) {
  const prefix = Buffer.from('302e020100300506032b657004220420', 'hex'); // PKCS#8 of an Ed25519 seed
  const der = Buffer.concat([prefix, Buffer.from(world.site.keys.token.text.trim(), 'hex')]);
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
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
  const kid = await keyId(world);
  return new SignJWT(all).setProtectedHeader({ alg: 'EdDSA', kid, typ: 'JWT', ...header }).sign(key ?? signingKey(world));
}

async function keyId(world) {
  const { createHash, createPublicKey } = await import('node:crypto');
  const raw = createPublicKey(signingKey(world)).export({ format: 'der', type: 'spki' }).subarray(-32);
  return createHash('sha256').update(raw).digest('hex').slice(0, 8);
}

/** "I'm here"; an accepted one is remembered for the gate. */
export async function signal(world, core, token, options = {}) {
  const answer = await core.request('/api/signal', { method: 'POST', token, body: { channel: 'app' }, ...options });
  if (answer.status === 200) world.acknowledged.push(answer.json.signal_id);
  return answer;
}

/** COUNT members entered at once by the owner's function, without eldersafectl: [{ id, subject }]. */
export async function newCrowd(world, count) {
  const { rows } = await world.sql.query(
    `WITH made AS (
       SELECT added.member_id FROM core.add_members(
         ARRAY(SELECT decode(md5('public' || i), 'hex') FROM generate_series(1, $1) i),
         ARRAY(SELECT sha256(('number' || i)::bytea) FROM generate_series(1, $1) i),
         ARRAY(SELECT sha256(('email' || i)::bytea) FROM generate_series(1, $1) i),
         array_fill('Europe/Copenhagen'::text, ARRAY[$1::int]),
         array_fill(decode(repeat('5a', 64), 'hex'), ARRAY[$1::int]), 'test', gen_random_uuid()) added)
     SELECT member_id FROM made`, [count]);
  const ids = rows.map((each) => each.member_id);
  const { rows: members } = await world.sql.query(
    "SELECT member_id AS id, encode(public_id, 'hex') AS subject FROM core.members WHERE member_id = ANY ($1)", [ids]);
  return members;
}
