// Sign-in that elders can live with: a mail with link and code, scanner-proof, and telling nobody who
// is a member.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import test from 'node:test';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { newKey, publicKeyOf, secretFile } from '../../deploy/local/keys.js';
import { ISSUER } from '../../deploy/local/site.js';
import { cookieValue } from '../harness/http.js';
import { contentsOfRedis } from '../harness/redis.js';
import { createWorld } from '../harness/world.js';
import { AUDIENCE, beginSignIn, forgeToken, importMembers, newMember, readMail, signal, signIn } from './support/core.js';
import { dumpOf } from './support/dump.js';
import { logPlans } from './support/server-log.js';

const html = { accept: 'text/html' };
const form = (fields) => ({ method: 'POST', body: new URLSearchParams(fields).toString(), headers: { ...html, 'content-type': 'application/x-www-form-urlencoded' } });
const withoutIds = (answer) => [answer.status, answer.text, Object.keys(answer.headers).sort()];

async function stage(t, options) {
  const world = await createWorld(t, options);
  const core = await world.start('core');
  await world.start('notify');
  return { world, core, member: await newMember(world) };
}

test('E54 E56 J4.1: the link survives scanners, and the human\'s confirm uses it up, once', async (t) => {
  const { world, core, member } = await stage(t);
  await beginSignIn(core, member);
  const { token, mail } = await readMail(world, member);
  for (let i = 0; i < 3; i += 1) {
    const page = await core.request(`/api/auth/verify?token=${token}`, { headers: html });
    assert.equal(page.status, 200);
    assert.match(page.text, /<form method="post" action="\/api\/auth\/verify">/);
    assert.doesNotMatch(page.text, /<script/i);
    assert.equal(page.headers['referrer-policy'], 'no-referrer');
    assert.equal(page.setCookie.length, 0);
  }
  const first = await core.request('/api/auth/verify', { method: 'POST', body: { token } });
  assert.equal(first.status, 200);
  world.canary('session token', first.json.token);
  const second = await core.request('/api/auth/verify', { method: 'POST', body: { token } });
  assert.equal(second.status, 401);
  assert.equal(second.json.error, 'invalid_code');
  assert.ok(mail.text.includes(token));
});

test('E54 E56: a sign-in whose session cannot be written uses up neither link nor code', async (t) => {
  const { world, core, member } = await stage(t, { warnings: [/^request\./] });
  const { browser } = await beginSignIn(core, member);
  const { token, code } = await readMail(world, member);
  const verify = (body) => core.request('/api/auth/verify', { method: 'POST', body, cookie: `__Host-login=${browser}` });
  await world.sql.query('REVOKE INSERT ON core.audit_log FROM eldersafe_core');
  assert.equal((await verify({ token })).status, 503);
  assert.equal((await verify({ code })).status, 503);
  await world.sql.query('GRANT INSERT ON core.audit_log TO eldersafe_core');
  const answer = await verify({ token });
  assert.equal(answer.status, 200);
  world.canary('session token', answer.json.token);
  assert.equal((await verify({ code })).status, 401, 'one sign-in, one session');
  const { rows } = await world.sql.query('SELECT (SELECT count(*)::int FROM core.sessions) AS sessions, count(used_at)::int AS used FROM core.logins');
  assert.deepEqual(rows[0], { sessions: 1, used: 1 });
});

test('E49 FE5: the session cookie is HttpOnly, Secure, SameSite and __Host-, and a foreign page cannot use it', async (t) => {
  const { world, core, member } = await stage(t);
  await beginSignIn(core, member);
  const { token } = await readMail(world, member);
  const answer = await core.request('/api/auth/verify', form({ token }));
  assert.equal(answer.status, 200);
  const field = answer.setCookie.find((each) => each.startsWith('__Host-session='));
  for (const attribute of ['HttpOnly', 'Secure', 'SameSite=Lax', 'Path=/']) assert.ok(field.split('; ').includes(attribute), attribute);
  const session = cookieValue(answer.setCookie, '__Host-session');
  world.canary('session cookie', session);
  const cookie = `__Host-session=${session}`;
  const origin = (value) => ({ method: 'POST', cookie, body: {}, headers: { origin: value } });
  assert.equal((await core.request('/api/signal', origin('https://evil.example'))).json.error, 'cross_site');
  assert.equal((await core.request('/api/signal', { method: 'POST', cookie, body: {}, headers: { 'sec-fetch-site': 'cross-site' } })).status, 403);
  for (const [path, method] of [['/api/signal', 'POST'], ['/api/auth/device', 'POST'], ['/api/auth/sessions/1', 'DELETE'], ['/api/auth/logout', 'POST']]) {
    const silent = await core.request(path, { method, cookie });
    assert.equal(silent.status, 403, `${path}: a write that does not say where it comes from`);
    assert.equal(silent.json.error, 'cross_site');
  }
  for (const headers of [{ origin: 'http://app.localhost' }, { 'sec-fetch-site': 'same-origin' }]) {
    const own = await core.request('/api/signal', { method: 'POST', cookie, body: {}, headers });
    assert.equal(own.status, 200, JSON.stringify(headers));
    world.acknowledged.push(own.json.signal_id);
  }
  assert.equal((await core.request('/api/auth/sessions', { cookie })).status, 200, 'reading needs neither');
  assert.equal((await core.request('/api/signal', { method: 'POST', token: session })).status, 200, 'nor does a bearer token');
});

test('J4.2: the code works only in the browser where sign-in began, and five tries end it', async (t) => {
  const { world, core, member } = await stage(t);
  const { browser } = await beginSignIn(core, member);
  const { code } = await readMail(world, member);
  const enter = (value, cookie) => core.request('/api/auth/verify', { method: 'POST', body: { code: value }, cookie });
  assert.equal((await enter(code)).status, 401, 'no browser cookie');
  const stranger = await beginSignIn(core, { number: '999999', email: 'stranger@example.org' });
  assert.equal((await enter(code, `__Host-login=${stranger.browser}`)).status, 401, 'another browser');
  const good = await enter(code, `__Host-login=${browser}`);
  assert.equal(good.status, 200);
  world.canary('session token', good.json.token);
  assert.equal((await enter(code, `__Host-login=${browser}`)).status, 401, 'used');

  const second = await beginSignIn(core, member);
  const { code: rightCode } = await readMail(world, member, 2);
  const wrong = rightCode === '000000' ? '000001' : '000000';
  for (let i = 0; i < 5; i += 1) assert.equal((await enter(wrong, `__Host-login=${second.browser}`)).status, 401);
  assert.equal((await enter(rightCode, `__Host-login=${second.browser}`)).status, 401, 'out of tries');
});

test('E54 J4.3 FE6: a wrong pair gets the same bytes and no mail', async (t) => {
  const { world, core, member } = await stage(t);
  const other = await newMember(world);
  const pairs = [member, { number: member.number, email: other.email }, { number: '31337', email: member.email }];
  const answers = [];
  for (const pair of pairs) answers.push((await beginSignIn(core, pair)).answer);
  for (const answer of answers) assert.deepEqual(withoutIds(answer), withoutIds(answers[0]));
  await readMail(world, member);
  await world.eventuallySql('every login event is taken', "SELECT count(*) = 0 FROM vault.messages WHERE state = 'queued'");
  assert.equal(world.mailbox.all().length, 1);
  const { rows } = await world.sql.query('SELECT count(*)::int AS n FROM core.logins');
  assert.equal(rows[0].n, 3, 'an unknown pair costs the same rows');
});

const ROUNDS = 50;
const IN_ROUND = 20; // of each kind, in any order: what comes and goes on the machine meets all alike
const TOLERANCE = 0.04; // three standard deviations of such a share (1,000 of each kind in fifty rounds)
const TRIES = 3; // noise is not the same three times, a difference is

/** How often a number of A is the larger one in a pair with one of B (Mann-Whitney's U): a half when none can tell. */
function shareLarger(a, b) {
  const wins = a.flatMap((x) => b.map((y) => (x > y ? 1 : x === y ? 0.5 : 0)));
  return wins.reduce((sum, each) => sum + each, 0) / wins.length;
}

function shuffled(list) {
  return list.map((each) => [Math.random(), each]).sort(([a], [b]) => a - b).map(([, each]) => each);
}

let clients = 0;

/** Begins a sign-in for each pair from an address of its own, in any order; yields { kind: [ns] }. */
async function timesOf(core, pairs) {
  const times = {};
  for (const [kind, pair] of shuffled(Object.entries(pairs).flatMap(([name, some]) => some.map((each) => [name, each])))) {
    clients += 1;
    const from = { headers: { 'x-forwarded-for': `10.${clients >> 16}.${(clients >> 8) & 255}.${clients & 255}` } };
    const begun = process.hrtime.bigint();
    const { answer } = await beginSignIn(core, pair, from);
    (times[kind] ??= []).push(Number(process.hrtime.bigint() - begun));
    assert.equal(answer.status, 202);
  }
  return times;
}

/** For each two kinds how often the first is slower, in pairs of the same round. */
async function sharesSlower(world, core) {
  const [known, mistaken] = [importMembers(world, 100), importMembers(world, 100)];
  const unknown = known.map((_, i) => ({ number: `5${clients + i}`, email: `nobody-${clients + i}@example.org` }));
  const kinds = { known, unknown, mistaken: mistaken.map(({ email }, i) => ({ number: unknown[i].number, email })) };
  const shares = {};
  for (let round = 0; round < ROUNDS; round += 1) {
    const turn = (people) => Array.from({ length: IN_ROUND }, (_, i) => people[(round * IN_ROUND + i) % people.length]);
    const times = await timesOf(core, Object.fromEntries(Object.entries(kinds).map(([kind, people]) => [kind, turn(people)])));
    for (const [a, b] of [['known', 'unknown'], ['known', 'mistaken'], ['mistaken', 'unknown']])
      shares[`${a} than ${b}`] = (shares[`${a} than ${b}`] ?? 0) + shareLarger(times[a], times[b]) / ROUNDS;
  }
  return shares;
}

test('J4.3: a known pair, an unknown one and a known address with a wrong number cannot be told apart by time', async (t) => {
  const world = await createWorld(t);
  const core = await world.start('core', { settings: { TRUST_PROXY: 'yes' } });
  let shares;
  for (let i = 0; i < TRIES; i += 1) {
    shares = await sharesSlower(world, core);
    t.diagnostic(`slower: ${JSON.stringify(shares)}`);
    if (Object.values(shares).every((share) => Math.abs(share - 0.5) < TOLERANCE)) return;
  }
  assert.fail(`how often one kind is slower: ${JSON.stringify(shares)}`);
});

test('E55 E57: five sign-ins and ten confirmations a minute per address, with RateLimit fields', async (t) => {
  const world = await createWorld(t);
  const core = await world.start('core');
  for (let i = 0; i < 5; i += 1) assert.equal((await beginSignIn(core, { number: `1${i}`, email: `a${i}@example.org` })).answer.status, 202);
  const sixth = (await beginSignIn(core, { number: '16', email: 'a6@example.org' })).answer;
  assert.equal(sixth.status, 429);
  assert.ok(Number(sixth.headers['retry-after']) >= 1);
  assert.match(sixth.headers['ratelimit-policy'], /^"login";q=5;w=60$/);
  const token = 'A'.repeat(22);
  const ways = { // each from an address of its own
    '192.0.2.1': [401, '/api/auth/verify', { method: 'POST', body: { token } }],
    '192.0.2.2': [200, `/api/auth/verify?token=${token}`, {}],
  };
  for (const [address, [status, target, options]] of Object.entries(ways)) {
    const verify = () => core.request(target, { ...options, headers: { ...html, 'x-forwarded-for': address } });
    for (let i = 0; i < 10; i += 1) assert.equal((await verify()).status, status, address);
    const eleventh = await verify();
    assert.equal(eleventh.status, 429, address);
    assert.match(eleventh.headers['ratelimit-policy'], /^"verify";q=10;w=60$/);
  }
});

test('J4.4 FE6: one address gets at most ten mails an hour from however many places, even without Redis\' memory', async (t) => {
  const world = await createWorld(t);
  const core = await world.start('core', { settings: { TRUST_PROXY: 'yes' } });
  const member = await newMember(world);
  const from = (i) => ({ headers: { 'x-forwarded-for': `192.0.2.${i}` } });
  const statuses = [];
  for (let i = 0; i < 15; i += 1) statuses.push((await beginSignIn(core, member, from(i))).answer.status);
  assert.deepEqual(statuses, [...Array(10).fill(202), ...Array(5).fill(429)]);
  await core.stop();
  await world.redisClient.flushall();
  const anew = await core.again({ settings: { TRUST_PROXY: 'yes' } });
  for (let i = 20; i < 25; i += 1) assert.equal((await beginSignIn(anew, member, from(i))).answer.status, 202, 'the answer tells nothing');
  const { rows } = await world.sql.query("SELECT count(*)::int AS n FROM bus.outbox WHERE topic = 'mail.login'");
  assert.equal(rows[0].n, 10, 'the database counts too');
});

test('E95 J4.7 FE18: logout ends the token everywhere at once, and a Redis restart forgives nothing', async (t) => {
  const { world, core, member } = await stage(t, { warnings: [/^bus\.redis_lost$/] });
  const second = await world.start('core');
  const token = await signIn(world, core, member);
  assert.equal((await signal(world, second, token)).status, 200);
  assert.equal((await core.request('/api/auth/logout', { method: 'POST', token })).status, 204);
  assert.equal((await signal(world, core, token)).status, 401, 'here');
  await world.redisClient.flushall();
  await second.child.waitUntil('the other process refuses the token', async () => (await signal(world, second, token)).status === 401);
  const fresh = await world.start('core');
  assert.equal((await signal(world, fresh, token)).status, 401, 'after a restart');
});

test('E95 FE18: revocations are read as they come, late commits too, and not all of them every time', async (t) => {
  const world = await createWorld(t);
  const MANY = 20_000;
  await world.sql.query(
    `INSERT INTO core.revocations (token_hash, expires_at, revoked_at)
     SELECT decode(md5(i::text), 'hex'), now() + interval '1 day', now() - interval '1 hour' FROM generate_series(1, $1::int) i`, [MANY]);
  const server = await logPlans(world, 'eldersafe_core'); // PostgreSQL counts, not the daemon
  const core = await world.start('core', { settings: { SIGNAL_QUOTA: 1000 } });
  assert.equal(await core.metric('eldersafe_revoked_tokens'), MANY);

  const [late, early] = [await forgeToken(world, await newMember(world)), await forgeToken(world, await newMember(world))];
  const revoke = (client, token) => {
    const { jti } = JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
    const hash = createHash('sha256').update(Buffer.from(jti, 'hex')).digest().subarray(0, 16);
    return client.query("INSERT INTO core.revocations (token_hash, expires_at) VALUES ($1, now() + interval '1 day')", [hash]);
  };
  const refused = (token) => async () => (await signal(world, core, token)).status === 401;
  const slow = await world.sql.connect();
  await slow.query('BEGIN');
  await revoke(slow, late); // takes the smaller id
  await revoke(world.sql, early);
  await core.child.waitUntil('the one committed first is known', refused(early));
  assert.equal((await signal(world, core, late)).status, 200, 'not committed yet');
  server.mark();
  await slow.query('COMMIT');
  slow.release();
  await core.child.waitUntil('the one committed late is known', refused(late));
  await server.plansOf(/^SELECT revocation_id, token_hash/);
  const rounds = await server.plansOf(/FROM core\.revocations/);
  const reads = rounds.flatMap(({ nodes }) => nodes).filter((node) => node['Relation Name'] === 'revocations');
  const read = reads.reduce((sum, node) => sum + (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)) * node['Actual Loops'], 0);
  assert.ok(read > 0 && read < MANY / 10, `${read} rows read for one that is new`);
});

test('J4.11: a member sees sessions and devices, and ends any of them but nobody else\'s', async (t) => {
  const { world, core, member } = await stage(t);
  const token = await signIn(world, core, member);
  const device = (await core.request('/api/auth/device', { method: 'POST', token, body: { device: 'phone' } })).json;
  const { json: { sessions } } = await core.request('/api/auth/sessions', { token });
  assert.deepEqual(sessions.map((each) => [each.scope, each.device, each.current]), [['signal', 'phone', false], ['session', '', true]]);
  const stranger = await forgeToken(world, await newMember(world));
  const end = (id, by) => core.request(`/api/auth/sessions/${id}`, { method: 'DELETE', token: by });
  assert.equal((await end(device.session_id, stranger)).status, 404);
  assert.equal((await signal(world, core, device.token)).status, 200);
  assert.equal((await end(device.session_id, token)).status, 204);
  assert.equal((await end(device.session_id, token)).status, 404);
  assert.equal((await core.request('/api/member/status', { token: device.token })).status, 401);
  assert.equal((await end('abc', token)).status, 404);
});

test('E48 J4.9: tokens verify with an independent library through the published key set', async (t) => {
  const { world, core, member } = await stage(t);
  const token = await signIn(world, core, member);
  const keys = createRemoteJWKSet(new URL(`${core.url}/.well-known/jwks.json`));
  const { payload, protectedHeader } = await jwtVerify(token, keys, { issuer: ISSUER, audience: AUDIENCE });
  assert.equal(protectedHeader.alg, 'EdDSA');
  assert.equal(payload.sub, member.subject);
  assert.equal(payload.mid, String(member.id));
  assert.equal(payload.exp - payload.iat, 86_400);
});

test('E48 N13: devices signal through every rotation of the key, 90 days later and when their time is nearly over', async (t) => {
  const world = await createWorld(t);
  await world.sql.query('SELECT core.make_signal_partitions(62)');
  const member = await newMember(world);
  const core = await world.start('core');
  const session = await forgeToken(world, member);
  const { json: device } = await core.request('/api/auth/device', { method: 'POST', token: session, body: { device: 'phone' } });
  const keys = ['second', 'third'].map((name) => secretFile(`${world.folder}/keys`, `${name}.key`, newKey));
  const publicKeys = [world.site.keys.token, ...keys].map((key) => publicKeyOf('ed25519', key.text));
  const previous = secretFile(`${world.folder}/keys`, 'previous.pub', () => publicKeys.join('\n')); // a rotation cut short leaves the present key here, too
  const leaked = secretFile(`${world.folder}/keys`, 'previous-without.pub', () => publicKeys[1]);
  const rotated = (settings) => world.start('core', { settings: { TOKEN_KEY_FILE: keys[1].path, TOKEN_PREVIOUS_KEYS_FILE: previous.path, SIGNAL_QUOTA: 100, ...settings } });
  for (const days of [0, 91, 5 * 365 - 1]) {
    const later = await rotated({ CLOCK_OFFSET_S: days * 86_400 });
    assert.equal((await signal(world, later, device.token)).status, 200, `after ${days} days`);
    const { json } = await later.request('/.well-known/jwks.json');
    assert.equal(json.keys.length, 3);
  }
  const over = await rotated({ CLOCK_OFFSET_S: (5 * 365 + 1) * 86_400 });
  assert.equal((await signal(world, over, device.token)).status, 401, 'its own time ends');
  const without = await rotated({ TOKEN_PREVIOUS_KEYS_FILE: leaked.path });
  assert.equal((await signal(world, without, device.token)).status, 401, 'a key that leaked is left out');
});

test('J4.7 E95 FE18: neither a dump of the database nor what is in Redis holds a usable token, link or code', async (t) => {
  const { world, core, member } = await stage(t);
  const { browser } = await beginSignIn(core, member);
  const { token: link, code } = await readMail(world, member);
  const { json } = await core.request('/api/auth/verify', { method: 'POST', body: { token: link } });
  world.canary('session token', json.token);
  assert.equal((await signal(world, core, json.token)).status, 200);
  assert.equal((await core.request('/api/auth/logout', { method: 'POST', token: json.token })).status, 204);
  const dump = dumpOf(world);
  const inRedis = await contentsOfRedis(world.redisClient);
  const jti = JSON.parse(Buffer.from(json.token.split('.')[1], 'base64url')).jti;
  for (const secret of [json.token, link, browser, jti, member.email, member.number]) {
    const forms = { 'in clear': secret, 'as hex': Buffer.from(secret).toString('hex') };
    for (const [form, text] of Object.entries(forms)) {
      assert.ok(!dump.includes(text), `${form} in the database`);
      for (const [key, content] of Object.entries(inRedis)) assert.ok(!content.includes(text), `${form} in ${key}`);
    }
  }
  assert.ok(!new RegExp(`\\b${code}\\b`).test(dump), 'the code');
  const id = Buffer.from(jti, 'hex');
  const revoked = inRedis['eldersafe:revoked'];
  assert.ok(!revoked.includes(id.toString('latin1')), "the token's id as bytes");
  assert.ok(revoked.includes(createHash('sha256').update(id).digest().subarray(0, 16).toString('latin1')), 'its hash is there');
});
