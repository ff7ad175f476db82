// A bus with a consumer of the test's own: relays and consumers are tests/programs/bus-peer, which
// have the database roles and Redis users of eldersafe-core and eldersafe-notify. An event's effect
// is one row of bus_test.effects.

import { existsSync } from 'node:fs';
import path from 'node:path';
import { buildFolder } from '../../../deploy/local/site.js';
import { Daemon } from '../../../deploy/local/daemon.js';
import { createWorld, Running, SANITIZER_ENVIRONMENT } from '../../harness/world.js';
import { eventually } from '../../../deploy/local/wait.js';

export const STREAM = 'eldersafe:bus';
export const GROUP = 'test';
export const TOPIC = 'test.work';
const RIGHTS_OF = {
  relay: { role: 'eldersafe_core', user: 'eldersafe_core' },
  consumer: { role: 'eldersafe_notify', user: 'eldersafe_notify' },
};
const DRAIN_MS = 60_000;

const SCHEMA = `
  CREATE SCHEMA bus_test;
  CREATE TABLE bus_test.effects ( -- nothing unique: an effect that happens twice must show
    event_id bigint NOT NULL, peer text NOT NULL, aggregate text NOT NULL,
    number integer NOT NULL CONSTRAINT no_poison CHECK (number >= 0),
    at timestamptz NOT NULL DEFAULT clock_timestamp());
  GRANT USAGE ON SCHEMA bus_test TO eldersafe_notify;
  GRANT INSERT ON bus_test.effects TO eldersafe_notify;`;

/** A world with the table of effects. Options as for createWorld. */
export async function createBus(t, options = {}) {
  const warnings = [/^bus\./, /^daemon\.test_settings$/, ...(options.warnings ?? [])];
  const world = await createWorld(t, { ...options, warnings });
  await world.sql.query(SCHEMA);
  return new Bus(world);
}

class Bus {
  #peers = 0;

  constructor(world) {
    this.world = world;
  }

  get sql() {
    return this.world.sql;
  }

  get redis() {
    return this.world.redisClient;
  }

  startRelay(options) {
    return this.#start('relay', options);
  }

  startConsumer(options) {
    return this.#start('consumer', options);
  }

  /** Writes COUNT events in one transaction; yields their ids. PAYLOAD is merged into each. */
  async write(count = 1, payload = {}) {
    const { rows } = await this.sql.query(
      `INSERT INTO bus.outbox (topic, payload)
       SELECT $1, jsonb_build_object('aggregate', 'a', 'number', n) || $2::jsonb FROM generate_series(1, $3) n
       RETURNING event_id`,
      [TOPIC, JSON.stringify(payload), count],
    );
    return rows.map((row) => row.event_id);
  }

  /** The effects so far, in the order in which they happened. */
  async effects() {
    const { rows } = await this.sql.query('SELECT * FROM bus_test.effects ORDER BY at, event_id');
    return rows;
  }

  /** Waits until each of EVENTIDS has had its effect. */
  async settled(eventIds, options = {}) {
    await eventually(
      `${eventIds.length} effects`,
      async () => {
        const { rows } = await this.sql.query(
          'SELECT count(DISTINCT event_id)::integer AS n FROM bus_test.effects WHERE event_id = ANY ($1)',
          [eventIds],
        );
        return rows[0].n === eventIds.length;
      },
      { timeout: DRAIN_MS, ...options },
    );
  }

  /** Waits until the relay has passed every event. */
  published(options = {}) {
    return this.world.eventuallySql(
      'everything is published',
      'SELECT target IS NULL AND NOT EXISTS (SELECT FROM bus.outbox WHERE NOT pg_visible_in_snapshot(written_by, passed)) FROM bus.relay_position',
      [],
      { timeout: DRAIN_MS, ...options },
    );
  }

  /** The entries of the stream, oldest first: { id, event_id, topic … }. */
  async entries() {
    const raw = await this.redis.xrange(STREAM, '-', '+');
    return raw.map(([id, fields]) => ({ id, ...Object.fromEntries(pairs(fields)) }));
  }

  /** How many entries were given to a consumer and are not acknowledged. */
  async pending() {
    const [count] = await this.redis.xpending(STREAM, GROUP);
    return count;
  }

  /** The row of bus.failures for an event, or undefined. */
  async failure(eventId) {
    const { rows } = await this.sql.query(
      'SELECT * FROM bus.failures WHERE consumer = $1 AND event_id = $2',
      [GROUP, eventId],
    );
    return rows[0];
  }

  async #start(part, { fault, settings = {}, name } = {}) {
    const { world } = this;
    const program = path.join(buildFolder(), 'tests/programs/bus-peer');
    if (!existsSync(program))
      throw new Error(`${program} is not built: run make check-integration`);
    this.#peers += 1;
    const at = path.join(world.folder, `${part}-${this.#peers}`);
    const all = {
      PART: part,
      NAME: name ?? `${part}-${this.#peers}`,
      DATABASE: world.site.conninfo(RIGHTS_OF[part].role),
      ...this.#redisSettings(RIGHTS_OF[part].user),
      READY_FILE: `${at}.ready`,
      LOG_FILE: `${at}.log`,
      LOG_LEVEL: 'debug',
      METRICS_LISTEN: '127.0.0.1:0',
      ABORT_ON_BUG: 'yes',
      FAULT_POINT: fault,
      ...settings,
    };
    const given = Object.fromEntries(
      Object.entries(all).filter(([, value]) => value !== undefined),
    );
    const daemon = new Daemon({
      name: path.basename(at),
      command: [program],
      settings: given,
      environment: SANITIZER_ENVIRONMENT,
      output: `${at}.out`,
      cwd: world.folder,
    });
    const run = {
      process: part,
      daemon,
      child: daemon.child,
      log: given.LOG_FILE,
      expected: fault ? 'fault' : 0,
    };
    world.runs.push(run);
    return new Running(world, run).ready();
  }

  #redisSettings(user) {
    const { redis, site } = this.world;
    if (!redis) return {};
    return {
      REDIS: site.addresses.redis ?? redis.address,
      REDIS_USER: user,
      REDIS_PASSWORD_FILE: redis.passwordFile(user),
    };
  }
}

function* pairs(list) {
  for (let i = 0; i + 1 < list.length; i += 2) yield [list[i], list[i + 1]];
}
