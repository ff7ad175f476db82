// Secrets of a local stack: made once, kept in files of mode 0600, never printed.

import { createHash, createPrivateKey, createPublicKey, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const KEY_SIZE = 32;
const PASSWORD_SIZE = 18;
const ED25519_NOTE_ALGORITHM = 0x01; // C2SP signed-note
// PKCS #8 (RFC 8410) up to the 32 key bytes.
const PKCS8_PREFIX = {
  ed25519: Buffer.from('302e020100300506032b657004220420', 'hex'),
  x25519: Buffer.from('302e020100300506032b656e04220420', 'hex'),
};

/** The secret in FOLDER/NAME, made by MAKE on first use. Yields { path, text }. */
export function secretFile(folder, name, make) {
  const file = path.join(folder, name);
  if (!existsSync(file)) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const fresh = `${file}.new`;
    writeFileSync(fresh, `${make()}\n`, { mode: 0o600 });
    renameSync(fresh, file); // a crash leaves no half key
  }
  return { path: file, text: readFileSync(file, 'utf8').trim() };
}

/** A new 32-byte key as hex. */
export function newKey() {
  return randomBytes(KEY_SIZE).toString('hex');
}

/** A new password: letters, digits, '-' and '_' only, so that it needs no quoting anywhere. */
export function newPassword() {
  return randomBytes(PASSWORD_SIZE).toString('base64url');
}

/** The public key (hex) that belongs to a secret key (hex) of TYPE 'ed25519' or 'x25519'. */
export function publicKeyOf(type, secretHex) {
  const der = Buffer.concat([PKCS8_PREFIX[type], Buffer.from(secretHex, 'hex')]);
  const secret = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const { x } = createPublicKey(secret).export({ format: 'jwk' });
  return Buffer.from(x, 'base64url').toString('hex');
}

/** The verifier key of a log, "origin+hash+key" (C2SP signed-note), from its Ed25519 seed. */
export function verifierKey(origin, seedHex) {
  const key = Buffer.concat([
    Buffer.from([ED25519_NOTE_ALGORITHM]),
    Buffer.from(publicKeyOf('ed25519', seedHex), 'hex'),
  ]);
  const id = createHash('sha256').update(origin).update('\n').update(key).digest('hex').slice(0, 8);
  return `${origin}+${id}+${key.toString('base64')}`;
}
