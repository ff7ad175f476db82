// Reading the mails of the file channel: just enough MIME for the mails eldersafe-notify writes.

const CODE = /\b(\d{3})[ \u00a0]?(\d{3})\b/;
const LINK = /https?:\/\/\S+token=[\w.~%-]+/;

/** Parses a mail: { headers, to, subject, text, link, code }; link or code null when absent. */
export function parseMail(raw) {
  const { headers, body } = split(raw.replace(/\r\n/g, '\n'));
  const text = plainText(headers, body);
  const link = text.match(LINK);
  const code = text.replace(LINK, '').match(CODE);
  return {
    headers,
    to: address(headers.to),
    subject: headers.subject ?? '',
    text,
    link: link ? link[0] : null,
    code: code ? code[1] + code[2] : null,
  };
}

function split(part) {
  const end = part.indexOf('\n\n');
  const head = part.slice(0, end).replace(/\n[ \t]+/g, ' ');
  const fields = head
    .split('\n')
    .map((line) => [
      line.slice(0, line.indexOf(':')).toLowerCase(),
      line.slice(line.indexOf(':') + 1).trim(),
    ]);
  return { headers: Object.fromEntries(fields), body: part.slice(end + 2) };
}

function plainText(headers, body) {
  const boundary = headers['content-type']?.match(/boundary="?([^";]+)"?/)?.[1];
  if (!boundary) return decode(headers['content-transfer-encoding'], body);
  const parts = body
    .split(`--${boundary}`)
    .slice(1, -1)
    .map((part) => split(part.replace(/^\n/, '')));
  const plain =
    parts.find((part) => /^text\/plain/i.test(part.headers['content-type'] ?? 'text/plain')) ?? parts[0];
  return plainText(plain.headers, plain.body);
}

const DECODERS = {
  base64: (text) => Buffer.from(text, 'base64').toString('utf8'),
  'quoted-printable': (text) => {
    const joined = text.replace(/=\n/g, '');
    const bytes = joined.replace(/=([0-9A-Fa-f]{2})/g, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
    return Buffer.from(bytes, 'latin1').toString('utf8');
  },
};

function decode(encoding = '7bit', text) {
  return (DECODERS[encoding.toLowerCase()] ?? ((plain) => plain))(text);
}

function address(field = '') {
  return (field.match(/<([^>]+)>/)?.[1] ?? field).trim();
}
