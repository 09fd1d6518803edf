// Tests of what is worked out of a service's and an instance's numbers.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { standing, tone } from '../src/instance.js';
import { amplification, capacityWords, gauge, shareOf, shed, sum, treeWords } from '../src/service.js';

test('attempts per call, retries in sum and sheds in the order of priorities', () => {
  assert.equal(amplification({ calls: 0, attempts: 0 }), null);
  assert.equal(amplification({ calls: 200, attempts: 250 }), 1.25);
  assert.equal(sum([['a', 3], ['b', 4]]), 7);
  assert.equal(sum([]), 0);
  assert.deepEqual(shed(/** @type {any} */ ({ shed: [['sheddable', 9], ['normal', 2], ['new', 1]] })), [0, 2, 9]);
});

test('whole call trees are told beside their ceiling, and repetitions never round away', () => {
  assert.equal(treeWords(undefined), '');
  assert.equal(treeWords({ calls: 0, extra_attempts: 0, ceiling: 4 }), '');
  assert.equal(treeWords({ calls: 200, extra_attempts: 0, ceiling: 4 }), 'whole call trees: 1.00 attempts per call at the edge, at most 4');
  assert.match(treeWords({ calls: 1000, extra_attempts: 1, ceiling: 4 }), /: 1\.01 attempts/);
  assert.match(treeWords({ calls: 100, extra_attempts: 300, ceiling: 4 }), /: 4\.00 attempts/);
});

test('a share that is not enough never reads as enough, and the gauge keeps to its box', () => {
  for (const [share, told] of /** @type {[number, string][]} */ ([[0, '0.00'], [0.999, '0.99'], [1, '1.00'], [1.1, '1.10'], [0.29, '0.29'], [12, '10+']])) {
    assert.equal(shareOf(share), told);
  }
  for (const [share, at] of [[0, 0], [1, 0.5], [0.5, 0.25], [7, 1], [-1, 0]]) assert.equal(gauge(share), at);
});

test('the capacity is told with what is lost, how it is known and by whom', () => {
  const capacity = (over) => ({ share: 1.08, lost: 'zone b', basis: 'proven', peak_rps: 1, left_rps: 1, process: 'g1', ...over });
  assert.equal(capacityWords(null), 'not known yet');
  assert.equal(capacityWords(capacity()), 'without zone b at least 1.08 of the peak could be carried (the peak and more), proven, as g1 sees it');
  assert.match(capacityWords(capacity({ share: 0.83, basis: 'measured' })), /^without zone b 0\.83 .*less than the peak.*measured/);
});

test('an instance has one tone and says who sees it so', () => {
  const rows = /** @type {[string, number, number, number, string, string][]} */ ([
    ['up', 2, 2, 2, 'up', 'up'], ['', 0, 2, 2, 'up', 'up'], ['', 0, 2, 1, 'partly', 'up for 1 of 2'], ['', 0, 2, 0, 'down', 'down'],
    ['ejected', 2, 2, 0, 'down', 'ejected'], ['ejected', 1, 2, 1, 'partly', 'ejected for 1 of 2'], ['failing', 2, 2, 2, 'partly', 'failing'],
    ['warming', 2, 2, 2, 'passing', 'warming'], ['draining', 2, 2, 0, 'passing', 'draining'],
  ]);
  for (const [state, state_by, seen_by, healthy_by, expected, words] of rows) {
    const instance = /** @type {any} */ ({ state, state_by, seen_by, healthy_by });
    assert.deepEqual([tone(instance), standing(instance)], [expected, words], `${state} ${healthy_by}`);
  }
});
