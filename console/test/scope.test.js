// Tests of the chosen scope in the page's address.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { historyUrl, parseScope, scopeHash } from '../src/scope.js';

const endpoint = { kind: 'endpoint', key: { name: 'GET /v1/{a=b/*}?#&x', method: 'a.B/C', group: 'g h', service: 's' } };

test('a scope survives the address', () => {
  for (const scope of [{ kind: 'total' }, { kind: 'group', name: 'user data&more' }, endpoint]) {
    assert.deepEqual(parseScope(scopeHash(scope)), scope);
  }
  assert.deepEqual(parseScope(''), { kind: 'total' });
  assert.deepEqual(parseScope('#nonsense'), { kind: 'total' });
});

test('addresses of the past are relative and escaped', () => {
  assert.equal(historyUrl({ kind: 'total' }), 'api/history');
  const url = new URL(historyUrl(endpoint), 'http://host/console/');
  assert.equal(url.pathname, '/console/api/history');
  assert.equal(url.searchParams.get('endpoint'), endpoint.key.name);
  assert.equal(url.searchParams.get('of_group'), 'g h');
});
