// A finding: where, and one sentence.

export function problem(file, line, message) {
  return { path: typeof file === 'string' ? file : file.path, line, message };
}

/** A finding for each match of PATTERN (global) in the TEXT of FILE. */
export function matchesOf(file, text, pattern, message) {
  return [...text.matchAll(pattern)].map((match) => problem(file, file.lineAt(match.index), message(match)));
}
