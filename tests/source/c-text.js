// Reading C just well enough to check it: comments and literals blanked, functions found.
//
// Works because the formatter decides the shape: a function's opening brace stands alone in the
// first column, its closing one too.

const LITERALS_AND_COMMENTS =
  /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\[\s\S]|[^"\\\n])*"|'(?:\\[\s\S]|[^'\\\n])*'/g;
const SIGNATURE_NAME = /(\w+)\s*\($/;

/** TEXT with comments blanked and literals emptied ("" and ''), every position kept. */
export function maskC(text) {
  return text.replace(LITERALS_AND_COMMENTS, (found) => {
    const blank = found.replace(/[^\n]/g, ' ');
    const isLiteral = found[0] === '"' || found[0] === "'";
    return isLiteral ? found[0] + blank.slice(2) + found[0] : blank;
  });
}

/** The functions defined in masked CODE: [{ name, firstLine, lines, body }], lines counted from 1. */
export function functionsOf(code) {
  const lines = code.split('\n');
  const functions = [];
  for (let open = 1; open < lines.length; open++) {
    if (lines[open] !== '{') continue;
    const close = lines.indexOf('}', open);
    const name = nameBefore(lines, open);
    if (close < 0 || !name) continue;
    functions.push({
      name,
      firstLine: open + 1,
      lines: close - open - 1,
      body: lines.slice(open + 1, close),
    });
    open = close;
  }
  return functions;
}

/** The macro definitions of masked CODE, continuation lines joined: [{ name, line, body }]. */
export function macrosOf(code) {
  const lines = code.split('\n');
  const macros = [];
  for (let at = 0; at < lines.length; at++) {
    const match = lines[at].match(/^\s*#\s*define\s+(\w+)(.*)$/);
    if (!match) continue;
    const line = at + 1;
    let body = match[2];
    while (body.trimEnd().endsWith('\\') && at + 1 < lines.length)
      body = `${body.trimEnd().slice(0, -1)} ${lines[++at]}`;
    macros.push({ name: match[1], line, body });
  }
  return macros;
}

/** What a C file includes: [{ target, system, line }]. Read from the raw text: names are literals. */
export function includesOf(text) {
  return text.split('\n').flatMap((line, index) => {
    const match = line.match(/^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)/);
    return match ? [{ target: match[1] ?? match[2], system: match[1] === undefined, line: index + 1 }] : [];
  });
}

// The name stands before the first '(' of the definition, which may run over several lines.
function nameBefore(lines, open) {
  let begin = open - 1;
  while (begin > 0 && /^\s/.test(lines[begin])) begin--;
  const signature = lines.slice(begin, open).join(' ');
  const paren = signature.indexOf('(');
  return paren < 0 ? null : (signature.slice(0, paren + 1).match(SIGNATURE_NAME)?.[1] ?? null);
}
