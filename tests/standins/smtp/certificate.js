// A self-signed certificate for a stand-in, made on the spot: no key lies in the repository and no
// openssl program is needed. Just enough X.509 (RFC 5280): EC P-256, one name, one address.

import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';

const ECDSA_WITH_SHA256 = '1.2.840.10045.4.3.2';
const COMMON_NAME = '2.5.4.3';
const BASIC_CONSTRAINTS = '2.5.29.19';
const SUBJECT_ALT_NAME = '2.5.29.17';
const HOUR_MS = 3_600_000;

/** Yields { key, cert } as PEM for HOST (a name) and ADDRESS (IPv4), valid for two hours. */
export function makeCertificate({ host = 'localhost', address = '127.0.0.1' } = {}) {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const algorithm = sequence(objectId(ECDSA_WITH_SHA256));
  const name = sequence(set(sequence(objectId(COMMON_NAME), tlv(0x0c, Buffer.from(host)))));
  const validity = sequence(time(Date.now() - HOUR_MS), time(Date.now() + HOUR_MS));
  const toSign = sequence(
    tlv(0xa0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    algorithm,
    name,
    validity,
    name,
    publicKey.export({ format: 'der', type: 'spki' }),
    tlv(0xa3, sequence(isAuthority(), alternativeNames(host, address))),
  );
  const signature = sign('sha256', toSign, privateKey);
  const certificate = sequence(
    toSign,
    algorithm,
    tlv(0x03, Buffer.concat([Buffer.from([0]), signature])),
  );
  return { key: privateKey.export({ format: 'pem', type: 'pkcs8' }), cert: pem(certificate) };
}

function isAuthority() {
  return sequence(
    objectId(BASIC_CONSTRAINTS),
    tlv(0x01, Buffer.from([0xff])),
    tlv(0x04, sequence(tlv(0x01, Buffer.from([0xff])))),
  );
}

function alternativeNames(host, address) {
  const names = sequence(
    tlv(0x82, Buffer.from(host)),
    tlv(0x87, Buffer.from(address.split('.').map(Number))),
  );
  return sequence(objectId(SUBJECT_ALT_NAME), tlv(0x04, names));
}

// --- DER ---------------------------------------------------------------------------------------
function tlv(tag, ...contents) {
  const content = Buffer.concat(contents);
  const length =
    content.length < 0x80 ? [content.length] : [0x82, content.length >> 8, content.length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}

const sequence = (...contents) => tlv(0x30, ...contents);
const set = (...contents) => tlv(0x31, ...contents);
const integer = (bytes) => tlv(0x02, bytes);

function objectId(text) {
  const [first, second, ...rest] = text.split('.').map(Number);
  return tlv(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

function base128(value) {
  const bytes = [value & 0x7f];
  for (let left = value >> 7; left > 0; left >>= 7) bytes.unshift((left & 0x7f) | 0x80);
  return bytes;
}

function time(at) {
  const text = new Date(at).toISOString().replace(/[-:T]/g, '').slice(2, 14);
  return tlv(0x17, Buffer.from(`${text}Z`));
}

function pem(der) {
  return `-----BEGIN CERTIFICATE-----\n${der
    .toString('base64')
    .match(/.{1,64}/g)
    .join('\n')}\n-----END CERTIFICATE-----\n`;
}
