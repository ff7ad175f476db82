// Every rule, in the order in which they are reported. A rule has a name and a check: it gets the
// tree and yields findings { path, line, message }.

import { cRules } from './c-rules.js';
import { documentRules } from './documents.js';
import { faultPointRules } from './fault-points.js';
import { includeRules } from './includes.js';
import { textRules } from './text.js';
import { toolRules } from './tools.js';

export const RULES = [
  ...toolRules,
  ...cRules,
  ...includeRules,
  ...textRules,
  ...documentRules,
  ...faultPointRules,
];
