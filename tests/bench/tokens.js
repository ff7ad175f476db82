// Tokens for load, in the one form that eldersafe-core accepts (common/crypto/token.h), made
// with Node's own Ed25519.

import { createHash, createPrivateKey, sign } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { publicKeyOf } from '../../deploy/local/keys.js';
import { ISSUER } from '../../deploy/local/site.js';

const PKCS8_ED25519 = Buffer.from('302e020100300506032b657004220420', 'hex');
const LIFETIME_S = 86_400;
const KID_LENGTH = 8;

/** Writes one token of SCOPE a line to FILE, for each of MEMBERS: [[member id, public id as hex], …]. */
export function writeTokens(file, seedHex, members, scope) {
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_ED25519, Buffer.from(seedHex, 'hex')]), format: 'der', type: 'pkcs8' });
  const kid = sha256(Buffer.from(publicKeyOf('ed25519', seedHex), 'hex')).slice(0, KID_LENGTH);
  const header = base64url(`{"alg":"EdDSA","kid":"${kid}","typ":"JWT"}`);
  const iat = Math.floor(Date.now() / 1000);
  const lines = members.map(([memberId, publicId]) => {
    const jti = sha256(`${publicId}/${scope}/${iat}`).slice(0, 32);
    const claims = base64url(
      `{"iss":"${ISSUER}","aud":["eldersafe-core"],"sub":"${publicId}","mid":"${memberId}","scope":"${scope}","jti":"${jti}","iat":${iat},"exp":${iat + LIFETIME_S}}`,
    );
    const signed = `${header}.${claims}`;
    return `${signed}.${sign(null, Buffer.from(signed), key).toString('base64url')}\n`;
  });
  writeFileSync(file, lines.join(''), { mode: 0o600 });
}

function base64url(text) {
  return Buffer.from(text).toString('base64url');
}

function sha256(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}
