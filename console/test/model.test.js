// Tests of what the page knows after each message.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EVENTS_MAX, SERIES_SECONDS, SPARK_SECONDS, advance, empty, extend, greet, idle, noSeries, nothing, numbersOf, scopeId } from '../src/model.js';

const key = (name) => ({ name, method: '', group: 'g', service: 's' });
const numbers = (count) => ({ ...idle(), count, now: { ...nothing(), count } });
const event = (number) => ({ number, process: 'p', kind: 'scale', at: number, subject: 's', text: 't' });

const hello = (over = {}) => ({ project: 'feed', boot: 1, codes: [], counters: [], events: [], sparks: [], second: 10, ...over });
const live = (second, over = {}) => ({
  boot: 1, second, window: 10, revision: 0, total: numbers(1), groups: [], endpoints: [], trees: { calls: 0, extra_attempts: 0, ceiling: 4 }, upstreams: [], instances: [], processes: [], counters: [], alarms: [], events: [], ...over,
});

test('sparks begin with the past and grow by one a second, not by the second they already hold', () => {
  const sparks = [{ of: 'total', counts: [1, 2] }, { of: 'endpoint', ...key('GET /a'), counts: [3, 4] }, { of: 'group', group: 'g', counts: [5] }];
  let model = greet(empty(), hello({ sparks }));
  model = advance(model, live(10, { endpoints: [{ ...key('GET /a'), ...numbers(4) }] }));
  assert.deepEqual(model.spark, [1, 2]);
  model = advance(model, live(11, { endpoints: [{ ...key('GET /a'), ...numbers(9) }] }));
  assert.deepEqual(model.spark, [1, 2, 1]);
  assert.deepEqual([...model.endpoints.values()].map((row) => row.spark), [[3, 4, 9]]);
  assert.deepEqual([...model.groups.values()].map((row) => row.spark), [[5, 0]]);
});

test('what was seen once stays, idle', () => {
  let model = advance(greet(empty(), hello()), live(11, { endpoints: [{ ...key('GET /a'), ...numbers(4) }] }));
  model = advance(model, live(12));
  const [row] = model.endpoints.values();
  assert.deepEqual([row.name, row.numbers.count, row.spark], ['GET /a', 0, [4, 0]]);
  assert.equal(numbersOf(model, row.scope).count, 0);
  assert.equal(numbersOf(model, { kind: 'total' }).count, 1);
});

test('another run of the server starts afresh, the same run does not', () => {
  const model = advance(greet(empty(), hello()), live(11, { endpoints: [{ ...key('GET /a'), ...numbers(4) }] }));
  assert.equal(greet(model, hello()).endpoints.size, 1);
  const fresh = greet(model, hello({ boot: 2 }));
  assert.deepEqual([fresh.endpoints.size, fresh.live, fresh.spark], [0, null, []]);
  assert.equal(advance(fresh, live(12)), fresh, 'a late second of the run before changes nothing');
});

test('lists are bounded and events come once', () => {
  let model = greet(empty(), hello({ events: [event(1)] }));
  for (let second = 11; second < 11 + 100; second += 1) {
    const events = Array.from({ length: 10 }, (_, i) => event((second - 11) * 10 + i + 1));
    model = advance(model, live(second, { events }));
  }
  assert.deepEqual([model.spark.length, model.events.length], [SPARK_SECONDS, EVENTS_MAX]);
  assert.equal(model.events.at(-1)?.number, 1000);
  assert.equal(new Set(model.events.map((e) => e.number)).size, EVENTS_MAX);
});

test('a series is extended once a second and has no gaps', () => {
  const point = { ...nothing(), count: 7, p50: 5 };
  let series = extend(noSeries(), 100, point);
  series = extend(series, 100, point);
  series = extend(series, 103, point);
  assert.deepEqual(series.seconds, [100, 101, 102, 103]);
  assert.deepEqual(series.count, [7, 0, 0, 7]);
  assert.deepEqual(series.p50, [5, null, null, 5]);
  series = extend(series, 1_000_000, point);
  assert.equal(series.seconds.length, SERIES_SECONDS);
  for (const column of Object.values(series)) assert.equal(column.length, SERIES_SECONDS);
});

test('scopes that differ in anything differ in identity', () => {
  const scopes = [
    { kind: 'total' }, { kind: 'group', name: 'g' }, { kind: 'endpoint', key: key('GET /a') },
    { kind: 'endpoint', key: { ...key('GET /a'), service: 't' } }, { kind: 'endpoint', key: { ...key('GET /a'), method: 'm' } },
  ];
  assert.equal(new Set(scopes.map(scopeId)).size, scopes.length);
});
