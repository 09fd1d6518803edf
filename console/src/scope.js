// The scope of the charts in the page's address, so that it can be sent to a colleague.

/** @import { Scope } from './types.js' */

/**
 * @param {string} hash As in `location.hash`.
 * @returns {Scope}
 */
export function parseScope(hash) {
  const query = new URLSearchParams(hash.replace(/^#/, ''));
  const text = (/** @type {string} */ name) => query.get(name) ?? '';
  if (query.has('endpoint')) {
    const key = { name: text('endpoint'), method: text('method'), group: text('of-group'), service: text('service') };
    return { kind: 'endpoint', key };
  }
  return query.has('group') ? { kind: 'group', name: text('group') } : { kind: 'total' };
}

/** @param {Scope} scope */
export function scopeHash(scope) {
  if (scope.kind === 'total') return '#';
  if (scope.kind === 'group') return `#${new URLSearchParams({ group: scope.name })}`;
  const { name, method, group, service } = scope.key;
  return `#${new URLSearchParams({ endpoint: name, method, 'of-group': group, service })}`;
}

/**
 * Where the server tells the past of a scope; relative, as everything here.
 * @param {Scope} scope
 */
export function historyUrl(scope) {
  if (scope.kind === 'total') return 'api/history';
  if (scope.kind === 'group') return `api/history?${new URLSearchParams({ group: scope.name })}`;
  const { name, method, group, service } = scope.key;
  return `api/history?${new URLSearchParams({ endpoint: name, method, of_group: group, service })}`;
}
