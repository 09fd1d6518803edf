// How an instance stands, in one tone and in words.

/** @import { Instance } from './types.js' */

/** States that are no trouble: what begins and what ends. */
const PASSING = ['untried', 'warming', 'draining'];

/**
 * Whether it serves (`up`), does so for some gateways only (`partly`), not at all (`down`), or comes or goes as it should (`passing`).
 * @param {Instance} instance
 * @returns {'up' | 'partly' | 'down' | 'passing'}
 */
export function tone({ state, seen_by, healthy_by }) {
  if (PASSING.includes(state)) return 'passing';
  if (healthy_by === 0) return 'down';
  return healthy_by === seen_by && (state === 'up' || state === '') ? 'up' : 'partly';
}

/**
 * Its state as people say it, with who sees it so where not all do.
 * @param {Instance} instance
 */
export function standing({ state, state_by, seen_by, healthy_by }) {
  if (state && state !== 'up') return state_by < seen_by ? `${state} for ${state_by} of ${seen_by}` : state;
  if (healthy_by === seen_by) return 'up';
  return healthy_by === 0 ? 'down' : `up for ${healthy_by} of ${seen_by}`;
}
