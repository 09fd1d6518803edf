// Tests of which rows the table shows, and in what order.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { idle } from '../src/model.js';
import { commonScale, filtered, held, ordered, positions, turned } from '../src/rows.js';

const row = (name, over = {}, group = 'g') => ({
  id: name, scope: { kind: 'endpoint', key: { name, method: 'feed.v1.Feed/Get', group, service: 's' } },
  name, group, service: 's', numbers: { ...idle(), ...over }, spark: [],
});
const names = (rows) => rows.map((r) => r.name);

test('names are ordered by group and path, and what never had a route comes last', () => {
  const rows = [row('(none)', {}, ''), row('POST /b'), row('GET /z', {}, ''), row('GET /c', {}, 'a'), row('GET /b')];
  const byName = ordered(rows, { column: 'name', descending: false });
  assert.deepEqual(names(byName), ['GET /c', 'GET /b', 'POST /b', 'GET /z', '(none)']);
});

test('numbers are ordered, equals by name, and those without a value come last either way', () => {
  const rows = [row('GET /a', { p99: 5 }), row('GET /b'), row('GET /c', { p99: 9 }), row('GET /d', { p99: 5 })];
  assert.deepEqual(names(ordered(rows, { column: 'p99', descending: true })), ['GET /c', 'GET /a', 'GET /d', 'GET /b']);
  assert.deepEqual(names(ordered(rows, { column: 'p99', descending: false })), ['GET /a', 'GET /d', 'GET /c', 'GET /b']);
});

test('a heading sorts by largest first and turns round', () => {
  const first = turned({ column: 'name', descending: false }, 'rate');
  assert.deepEqual(first, { column: 'rate', descending: true });
  assert.deepEqual(turned(first, 'rate'), { column: 'rate', descending: false });
  assert.deepEqual(turned(first, 'name'), { column: 'name', descending: false });
});

test('held rows stay where they were and new ones come last', () => {
  const rows = [row('a'), row('b'), row('c'), row('new')];
  assert.deepEqual(names(held(rows, ['c', 'gone', 'a', 'b'])), ['c', 'a', 'b', 'new']);
});

test('every word of the filter has to occur somewhere', () => {
  const rows = [row('GET /users', { codes: [['NOT_FOUND', 1]] }), row('POST /pay', {}, 'payments')];
  assert.deepEqual(names(filtered(rows, '  ')), ['GET /users', 'POST /pay']);
  assert.deepEqual(names(filtered(rows, 'not_found get')), ['GET /users']);
  assert.deepEqual(names(filtered(rows, 'PAYMENTS')), ['POST /pay']);
  assert.deepEqual(names(filtered(rows, 'feed.v1 users')), ['GET /users']);
  assert.deepEqual(filtered(rows, 'users payments'), []);
});

test('spreads lie between 0 and 1 on a scale of whole decades', () => {
  const rows = [row('a', { min: 150e3, p50: 1e6, p99: 10e6, max: 300e6 }), row('b')];
  const scale = commonScale(rows);
  assert.deepEqual(scale, { low: 1e5, high: 1e9 });
  const at = positions(rows[0].numbers, scale);
  assert.ok(at && at.min > 0 && at.min < at.p50 && at.p50 < at.p99 && at.p99 < at.max && at.max < 1);
  assert.ok(Math.abs(at.p50 - 0.25) < 1e-9 && Math.abs(at.p99 - 0.5) < 1e-9);
  assert.equal(positions(rows[1].numbers, scale), null);
  assert.deepEqual(commonScale([]), { low: 1e3, high: 1e9 });
  assert.deepEqual(commonScale([row('zero', { min: 0, max: 0 })]), { low: 1e3, high: 1e9 });
});
