// Tests of what is worked out of the store's numbers.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { byKind, conflicts, failures, indexWords, operations, progress, retries, standing, totals } from '../src/store.js';

const collection = (over = {}) => /** @type {any} */ ({
  calls: [], commits: [], items_from_memory: 0, items_from_engine: 0, refused: 0, size: null, hot_records: [], indexes: [], watches: 0, leases: 0, ...over,
});
const call = (kind, count, failures = 0) => /** @type {any} */ ({ kind, count, failures });

test('calls are reads, scans and writes; a lease is none of them and counts', () => {
  const calls = [call('get', 10), call('read_value', 1), call('scan', 3), call('put', 5), call('mutate', 2), call('delete', 1), call('write_value', 1, 2), call('lease', 7)];
  assert.deepEqual(byKind(calls), { reads: 11, scans: 3, writes: 9, all: 30 });
  assert.equal(failures(calls), 2);
});

test('what did not happen is a conflict, what came again a retry, and neither is the other', () => {
  const commits = /** @type {[string, number][]} */ ([['done', 90], ['replayed', 4], ['conflict', 3], ['not_unique', 2], ['outdated', 1], ['of the future', 50]]);
  assert.equal(conflicts(commits), 5);
  assert.equal(retries(commits), 5);
  const store = /** @type {any} */ ({
    collections: [collection({ commits, items_from_memory: 3, items_from_engine: 1 }), collection({ refused: 2, calls: [call('get', 4, 1)] })],
    operations: [{ operation: 'commit', carried_mean: 2.5, carried_p99: 9, failures: [['unavailable', 6]] }],
  });
  assert.deepEqual(totals(store), {
    calls: 4, failures: 1, memory: 3, items: 4, commits: 150, conflicts: 5, retries: 5, refused: 2, group: 2.5, group_p99: 9, engineFailures: 6,
  });
});

test('the usual operations keep their places, others come behind them', () => {
  const store = /** @type {any} */ ({ operations: [{ operation: 'size', count: 1 }, { operation: 'commit', count: 2 }] });
  assert.deepEqual(operations(store).map(({ operation, count }) => [operation, count]), [['read', 0], ['commit', 2], ['scan', 0], ['changes', 0], ['upkeep', 0], ['size', 1]]);
});

test('the store stands as its processes do, and an engine that is away counts', () => {
  const process = (name, up, role = 'store') => /** @type {any} */ ({ name, role, up, why: up ? '' : 'connection refused' });
  const store = (problems) => /** @type {any} */ ({ problems });
  const rows = /** @type {[any, any[], string, string, number][]} */ ([
    [null, [process('gateway-1', true, 'gateway')], 'none', 'nothing is kept', 0],
    [null, [process('store-1', false)], 'down', '0 of 1 process serves', 1],
    [store([]), [process('store-1', true)], 'up', '1 of 1 process serves', 0],
    [store([]), [process('store-1', true), process('store-2', false)], 'partly', '1 of 2 processes serve', 1],
    [store([['store-1', 'no route']]), [process('store-1', true)], 'down', '0 of 1 process serves', 1],
  ]);
  for (const [known, processes, tone, words, whys] of rows) {
    const said = standing(known, processes);
    assert.deepEqual([said.tone, said.words, said.whys.length], [tone, words, whys]);
  }
  assert.equal(standing(store([['store-1', 'no route']]), [process('store-1', true)]).whys[0], 'store-1 cannot reach the engine: no route');
});

test('an index tells how far it is, of as many as there are, and why it does not go on', () => {
  const index = (over) => ({ name: 'by-handle', state: 'BUILDING', items_done: 250, items_left_out: 0, problem: '', ...over });
  assert.equal(progress(index({}), 1000), 'building, 25.0 %');
  assert.equal(progress(index({}), undefined), 'building, 250 done');
  assert.equal(progress(index({ items_done: 2000 }), 1000), 'building, 100 %');
  assert.equal(progress(index({ state: 'READY', items_left_out: 3 }), 1000), 'ready, 3 left out');
  assert.match(progress(index({ state: 'REMOVING' }), 1000), /^removing what is left/);
  const words = (indexes, items = 1000) => {
    const said = indexWords(collection({ indexes, size: items ? { items } : null }));
    return [said.words, said.tone, said.title];
  };
  const ready = index({ name: 'by-time', state: 'READY' });
  assert.deepEqual(words([]), ['–', '', 'It has none']);
  assert.deepEqual(words([ready]), ['1 ready', '', 'by-time ready']);
  assert.deepEqual(words([ready, index({})]), ['by-handle 25.0 %', 'strong', 'by-time ready\nby-handle building, 25.0 %']);
  assert.deepEqual(words([index({})], 0).slice(0, 2), ['by-handle building', 'strong']);
  assert.deepEqual(words([index({ state: 'REMOVING' })]).slice(0, 2), ['by-handle removing', 'strong']);
  assert.deepEqual(words([index({ problem: 'two have the same' })]), ['by-handle stuck', 'short', 'by-handle two have the same']);
});
