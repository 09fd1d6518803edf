// Tests of what is drawn or told from lists: sparks, events, alarms.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { distinct } from '../src/panels/alarms.js';
import { rest, together } from '../src/panels/events.js';
import { outline } from '../src/spark.js';

test('a spark ends at the right edge and stays inside its box', () => {
  assert.equal(outline([], 60), '');
  const path = outline([0, 5, 10], 60, 59, 22);
  assert.match(path, /^M57\.0 21\.0L58\.0 /);
  assert.match(path, /L59\.0 2\.0$/);
  assert.doesNotMatch(outline([0, 0, 0], 60), /NaN|Infinity/);
});

test('what several gateways tell alike is one event, latest first', () => {
  const event = (number, at, process, text = 'down') => ({ number, at, process, kind: 'instance-down', subject: 's-1', text });
  const told = together([event(1, 1000, 'g1'), event(2, 1500, 'g2'), event(3, 9000, 'g1'), event(4, 9100, 'g1'), event(5, 9200, 'g2', 'other')]);
  assert.deepEqual(told.map(({ event, processes }) => [event.at, processes.length]), [[9200, 1], [9100, 1], [9000, 1], [1500, 2]]);
});

test('an event does not name its subject twice', () => {
  const told = (subject, text) => rest({ subject, text });
  assert.equal(told('accounts-b-1', 'accounts-b-1 serves again'), 'serves again');
  assert.equal(told('accounts', 'accounts-b-1 is ejected'), 'accounts-b-1 is ejected');
  assert.equal(told('b', 'lose-zone b: is over'), 'lose-zone b: is over');
});

test('alarms come gravest first, then longest, and once', () => {
  const alarm = (severity, since, process, text) => ({ severity, since, process, subject: 's', text });
  const told = distinct([alarm('warning', 5, 'g1', 'slow'), alarm('critical', 9, 'g1', 'down'), alarm('warning', 3, 'g2', 'slow'), alarm('warning', 4, 'g2', 'full')]);
  assert.deepEqual(told.map(({ text, since }) => [text, since]), [['down', 9], ['slow', 3], ['full', 4]]);
});
