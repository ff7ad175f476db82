// The contract of tier 1's API as data.

import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

export const document = parse(readFileSync(new URL('../../../tier1-core/openapi.yaml', import.meta.url), 'utf8'));

/** What a node of the document is, its references followed. */
export const resolve = (node) => (node?.$ref ? resolve(node.$ref.slice(2).split('/').reduce((at, key) => at[key], document)) : node);

/** All operations as [{ path, method, operationId, … }]. */
export const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), ...operation })));
