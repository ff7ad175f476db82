// The main job, done as a member does it: sign in with the link from the mail, say "I'm here", watch
// the signal being sealed, broadcast and mined, and check its receipt offline. Shows a newcomer that
// the stack works, and fails loudly when it does not.
//
//     . .local/env && node deploy/local/main-job.js      again, by hand

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { runProgram } from './ctl.js';
import { parseMail } from './eml.js';
import { request } from './http.js';
import { eventually } from './wait.js';

const MAIL_MS = 30_000;
const MINED_MS = 120_000;
const POLL_MS = 1_100; // a member may ask for 60 receipts a minute
const IN_A_BLOCK = ['mined', 'final'];

/**
 * WHERE: { edgeUrl, mailFolder, verifierKeyFile, receiptFile }; MEMBER: { number, email }; SAY is
 * called with one line for each step. Yields the receipt; throws with the reason when a step fails.
 */
export async function mainJob(where, member, say) {
  const token = await signIn(where, member, say);
  const signal = await expect(
    200,
    'the signal',
    request(`${where.edgeUrl}/api/signal`, { method: 'POST', token, body: { channel: 'app' } }),
  );
  say(`signal ${signal.signal_id} kept for ${signal.day}: streak ${signal.streak}`);
  const receipt = await minedReceipt(where, signal, token, say);
  writeFileSync(where.receiptFile, `${receipt}\n`);
  say(`receipt saved as ${where.receiptFile}; checking it offline:`);
  const argv = ['--log-key', where.verifierKeyFile, '--network', 'regtest', where.receiptFile];
  for (const line of runProgram('eldersafe-verify', argv).trimEnd().split('\n')) say(`  ${line}`);
  return receipt;
}

async function signIn({ edgeUrl, mailFolder }, { number, email }, say) {
  const before = new Set(mailsIn(mailFolder));
  await expect(
    202,
    'the sign-in',
    request(`${edgeUrl}/api/auth/login`, { method: 'POST', body: { member_number: number, email } }),
  );
  const mail = await eventually(`a mail in ${mailFolder}`, () => newMail(mailFolder, before, email), {
    timeout: MAIL_MS,
  });
  say(`the mail with the link is there: ${mail.file}`);
  const body = { token: new URL(mail.link).searchParams.get('token') };
  const { token } = await expect(
    200,
    'the link',
    request(`${edgeUrl}/api/auth/verify`, { method: 'POST', body }),
  );
  say(`signed in as member ${number}`);
  return token;
}

function mailsIn(folder) {
  return readdirSync(folder).filter((name) => name.endsWith('.eml'));
}

function newMail(folder, before, email) {
  const fresh = mailsIn(folder)
    .filter((name) => !before.has(name))
    .map((name) => path.join(folder, name));
  const mails = fresh.map((file) => ({ file, ...parseMail(readFileSync(file, 'utf8')) }));
  return mails.find(({ to, link }) => to === email && link);
}

async function minedReceipt({ edgeUrl }, { signal_id: id }, token, say) {
  let told = null;
  return eventually(
    `signal ${id} in a block`,
    async () => {
      const { status, text, json } = await request(`${edgeUrl}/api/signals/${id}/receipt`, { token });
      if (status !== 200) throw new Error(`${status} ${text}`);
      if (json.status !== told) say(`  ${json.status}`);
      told = json.status;
      return IN_A_BLOCK.includes(json.status) && text;
    },
    { timeout: MINED_MS, every: POLL_MS },
  );
}

async function expect(status, what, answer) {
  const { status: got, text, json } = await answer;
  if (got !== status) throw new Error(`${what}: expected ${status}, got ${got}: ${text}`);
  return json;
}

async function fromShell({ EDGE_URL, MAIL_DIR, LOG_VKEY_FILE, RECEIPT_FILE, BUILD_DIR }) {
  if (!EDGE_URL || !BUILD_DIR)
    throw new Error('EDGE_URL and BUILD_DIR are not set: source LOCAL_DIR/env first');
  process.env.ELDERSAFE_BUILD = BUILD_DIR; // the verifier of the build that the stack runs
  const { DEMO_MEMBERS } = await import('./stack.js');
  const where = {
    edgeUrl: EDGE_URL,
    mailFolder: MAIL_DIR,
    verifierKeyFile: LOG_VKEY_FILE,
    receiptFile: RECEIPT_FILE ?? 'receipt.json',
  };
  await mainJob(where, DEMO_MEMBERS[0], (line) => process.stdout.write(`${line}\n`));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  fromShell(process.env).catch((error) => {
    process.stderr.write(`main job: ${error.message}\n`);
    process.exitCode = 1;
  });
}
