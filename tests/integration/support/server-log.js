// What a daemon has PostgreSQL do, as the server itself tells: every statement, or every plan with the
// pages it touched. Nothing is copied from the sources; what is judged is what the daemon sends.

import { readFileSync, statSync } from 'node:fs';
import { eventually } from '../../../deploy/local/wait.js';

const PLANS = {
  session_preload_libraries: 'auto_explain',
  'auto_explain.log_min_duration': 0,
  'auto_explain.log_analyze': 'on',
  'auto_explain.log_buffers': 'on',
  'auto_explain.log_timing': 'off',
  'auto_explain.log_format': 'json',
};
const PLAN = /duration: [\d.]+ ms {2}plan:\n((?:\t.*\n)+)/g;

/** Has the server log each statement of ROLE in this world. Before the daemon is started. */
export function logStatements(world, role) {
  return begin(world, role, { log_statement: 'all' });
}

/** Has the server log the plan of each statement of ROLE in this world. Before the daemon is started. */
export function logPlans(world, role) {
  return begin(world, role, PLANS);
}

async function begin(world, role, settings) {
  for (const [name, value] of Object.entries(settings))
    await world.sql.query(`ALTER ROLE ${role} IN DATABASE "${world.database}" SET ${name} = '${value}'`);
  return new ServerLog(world.postgres.log);
}

class ServerLog {
  #file;
  #offset = 0;

  constructor(file) {
    this.#file = file;
    this.mark();
  }

  /** From here on: what was logged before is not looked at. */
  mark() {
    this.#offset = statSync(this.#file).size;
  }

  /** How often the prepared statement NAME was executed. */
  executions(name) {
    return this.#text().split(`execute ${name}: `).length - 1;
  }

  /** Waits for plans of statements whose text matches QUERY; yields all there are by then. */
  plansOf(query) {
    return eventually(`a plan of ${query}`, () => {
      const found = this.#plans().filter((each) => query.test(each.text));
      return found.length > 0 && found;
    });
  }

  #text() {
    return readFileSync(this.#file).subarray(this.#offset).toString('utf8');
  }

  #plans() {
    return [...this.#text().matchAll(PLAN)].map(([, lines]) => {
      const { 'Query Text': text, Plan: top } = JSON.parse(lines.replace(/^\t/gm, ''));
      return planOf(text, top);
    });
  }
}

/** The plan of TEXT, a statement that no daemon has but people, as CLIENT ran it. */
export async function explain(client, text) {
  const { rows: [{ 'QUERY PLAN': [{ Plan: top }] }] } = await client.query(`EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${text}`);
  return planOf(text, top);
}

function planOf(text, top) {
  return { text, nodes: [...nodesOf(top)], pages: pagesTouched(top) };
}

function pagesTouched(node) {
  return node['Shared Hit Blocks'] + node['Shared Read Blocks'];
}

function* nodesOf(node) {
  yield node;
  for (const part of node.Plans ?? []) yield* nodesOf(part);
}

/** The tables that a plan reads from beginning to end; an empty one has no page to read. */
export function scannedWhole({ nodes }) {
  return nodes.filter((node) => node['Node Type'] === 'Seq Scan' && pagesTouched(node) > 0).map((node) => node['Relation Name']);
}

/** The nodes of a plan that sort rows. */
export function sortsOf({ nodes }) {
  return nodes.filter((node) => /Sort/.test(node['Node Type']));
}

/** The indexes that a plan uses. */
export function indexesOf({ nodes }) {
  return nodes.map((node) => node['Index Name']).filter(Boolean);
}
