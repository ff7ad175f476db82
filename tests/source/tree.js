// The files of the repository that a checker looks at, read once.

import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { maskC } from './c-text.js';

const SKIPPED_FOLDERS = new Set(['.git', '.local', 'build', 'node_modules', 'corpus']);
const TEXT_EXTENSIONS = new Set([
  '',
  '.c',
  '.h',
  '.def',
  '.js',
  '.mjs',
  '.json',
  '.sql',
  '.sh',
  '.md',
  '.yaml',
  '.yml',
  '.conf',
  '.service',
  '.socket',
  '.target',
  '.slice',
  '.acl',
  '.env',
  '.key',
  '.pem',
  '.html',
  '.css',
  '.txt',
  '.lua',
  '.py',
  '.go',
]);
const SHELL = /^#!\/(usr\/)?bin\/(env )?(ba|da)?sh\b/;

/**
 * One file: path (from the root, with '/'), text, lines, extension; for C also `code`, the text with
 * comments and the contents of literals blanked out, so that positions stay.
 */
export class SourceFile {
  #code;

  constructor(name, text) {
    this.path = name;
    this.text = text;
    this.extension = path.posix.extname(name);
  }

  get lines() {
    return this.text.split('\n');
  }

  get isC() {
    return this.extension === '.c' || this.extension === '.h';
  }

  get isJs() {
    return this.extension === '.js' || this.extension === '.mjs';
  }

  get isShell() {
    return this.extension === '.sh' || SHELL.test(this.text);
  }

  get code() {
    this.#code ??= maskC(this.text);
    return this.#code;
  }

  get folder() {
    return path.posix.dirname(this.path);
  }

  /** Number of the line at OFFSET, from 1. */
  lineAt(offset) {
    return this.text.slice(0, offset).split('\n').length;
  }
}

/** What the rules get: { root, files, read(path) }. */
export class Tree {
  constructor(root, files) {
    this.root = root;
    this.files = files;
    this.byPath = new Map(files.map((file) => [file.path, file]));
  }

  get c() {
    return this.files.filter((file) => file.isC);
  }

  get js() {
    return this.files.filter((file) => file.isJs);
  }

  get shell() {
    return this.files.filter((file) => file.isShell);
  }

  /** Every folder that holds a file, directly or below. */
  get folders() {
    const all = new Set();
    for (const file of this.files) {
      for (let at = file.folder; at !== '.'; at = path.posix.dirname(at)) all.add(at);
    }
    return [...all].sort();
  }
}

/** The tree below the folder ROOT. */
export function readTree(root) {
  return new Tree(root, walk(root, ''));
}

function walk(root, prefix) {
  const entries = readdirSync(path.join(root, prefix), { withFileTypes: true });
  return entries.flatMap((entry) => {
    const name = path.posix.join(prefix, entry.name);
    if (entry.isDirectory()) return SKIPPED_FOLDERS.has(entry.name) ? [] : walk(root, name);
    if (!entry.isFile() || !TEXT_EXTENSIONS.has(path.posix.extname(name))) return [];
    const bytes = readFileSync(path.join(root, name));
    return bytes.includes(0) ? [] : [new SourceFile(name, bytes.toString('utf8'))];
  });
}
