// How long a life signal takes on the server, at a pace that is forty times the yearly mean (E4).

import assert from 'node:assert/strict';
import http from 'node:http';
import test from 'node:test';
import { createWorld } from '../harness/world.js';
import { forgeToken, newCrowd, signal } from './support/core.js';

const PER_SECOND = 500;
const SECONDS = 4;
const MOST_S = 0.02;

test('E116: at 500 signals a second the median server time is at most 20 ms', async (t) => {
  const world = await createWorld(t);
  const core = await world.start('core');
  const members = await newCrowd(world, PER_SECOND * SECONDS);
  const tokens = await Promise.all(members.map((each) => forgeToken(world, each)));
  const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
  t.after(() => agent.destroy());
  const begun = performance.now();
  const answers = await Promise.all(tokens.map(async (token, i) => {
    const due = begun + (i * 1000) / PER_SECOND; // whether or not the one before has been answered
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - performance.now())));
    return signal(world, core, token, { agent });
  }));
  const seconds = (performance.now() - begun) / 1000;
  assert.ok(answers.every((each) => each.status === 200));
  assert.ok(seconds < SECONDS + 2, `the pace was kept: ${tokens.length} signals in ${seconds.toFixed(1)} s`);
  const count = await core.metric('eldersafe_signal_seconds_count');
  const quick = await core.metric(`eldersafe_signal_seconds_bucket{le="${MOST_S}"}`);
  assert.equal(count, tokens.length);
  assert.ok(quick >= count / 2, `${quick} of ${count} within ${MOST_S * 1000} ms`);
});
