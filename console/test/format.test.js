// Tests of how numbers and names are written.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytes, count, duration, endpointParts, rate, share, span, three, windowName } from '../src/format.js';

/** @param {(input: any) => string} format @param {[any, string][]} rows */
const check = (format, rows) => rows.forEach(([input, expected]) => assert.equal(format(input), expected, `${input}`));

test('durations have three digits and the right unit, also where rounding carries over', () => {
  check(duration, [
    [null, '–'], [undefined, '–'], [0, '0 ns'], [999, '999 ns'], [1_000, '1.00 µs'], [12_345, '12.3 µs'],
    [999_400, '999 µs'], [999_600, '1.00 ms'], [9_994_000, '9.99 ms'], [9_996_000, '10.0 ms'],
    [99_960_000, '100 ms'], [999_600_000, '1.00 s'], [61e9, '61.0 s'], [120e9, '2 min'],
  ]);
});

test('counts, rates and bytes keep their width', () => {
  check(count, [[0, '0'], [9_999, '9999'], [10_000, '10.0 k'], [999_600, '1.00 M'], [2.5e9, '2.50 G']]);
  check(rate, [[0, '0'], [0.001, '<0.01'], [0.5, '0.50'], [500, '500'], [9_999, '9999'], [123_456, '123 k']]);
  check(bytes, [[0, '0 B'], [1023, '1023 B'], [1023.6, '1.00 KiB'], [1536, '1.50 KiB'], [37.6 * 2 ** 20, '37.6 MiB'], [2 ** 60, '1024 PiB']]);
  check(three, [[0, '0'], [0.123, '0.12'], [9.995, '10.0'], [99.95, '100'], [1234, '1234']]);
});

test('a share is never rounded to nothing or to all', () => {
  const rows = /** @type {[number, number, string][]} */ ([
    [0, 0, '–'], [0, 10, '0 %'], [1, 1_000_000, '<0.01 %'], [999_999, 1_000_000, '>99.99 %'], [10, 10, '100 %'], [1, 3, '33.3 %'], [1, 1000, '0.10 %'],
  ]);
  for (const [part, whole, expected] of rows) assert.equal(share(part, whole), expected);
});

test('spans and windows', () => {
  check(span, [[-5, '0 s'], [59_999, '59 s'], [60_000, '1 min'], [3_600_000, '1 h 00'], [90_000_000, '1 d 1 h']]);
  check(windowName, [[1, '1 s'], [10, '10 s'], [60, '1 min'], [300, '5 min']]);
});

test('endpoints come apart into method, literals and variables', () => {
  assert.deepEqual(endpointParts('GET /v1/users/{user_id}/posts'), {
    verb: 'GET',
    pieces: [{ text: '/v1/users/', variable: false }, { text: '{user_id}', variable: true }, { text: '/posts', variable: false }],
  });
  assert.deepEqual(endpointParts('gRPC feed.accounts.v1.Accounts/GetUser'), { verb: 'gRPC', pieces: [{ text: 'Accounts/GetUser', variable: false }] });
  assert.deepEqual(endpointParts('(none)'), { verb: '', pieces: [{ text: '(none)', variable: false }] });
  assert.deepEqual(endpointParts('POST /v1/{name=shelves/*}:move').pieces.map((piece) => piece.variable), [false, true, false]);
});
