// What is worked out of the numbers of the store before they are drawn.

import { count, share } from './format.js';

/** @import { Process, Store, StoreCalls, StoreCollection, StoreIndex, StoreOperation } from './types.js' */

/** Kinds of calls as they are told, in three columns; what else there is stands in the detail. */
const READS = ['get', 'read_value'];
const WRITES = ['put', 'delete', 'mutate', 'write_value'];

/** Commits that did not happen because of what they asked for. A repeated one got its first answer, an outdated one is made anew: both are retries. */
const CONFLICTS = ['conflict', 'fenced', 'not_a_number', 'not_unique'];
const RETRIES = ['replayed', 'outdated'];

/** Operations of the engine in the order they are shown; these are shown also where there were none. */
export const OPERATIONS = ['read', 'commit', 'scan', 'changes', 'upkeep'];

/**
 * The sum of those of a list of named counts that have one of these names.
 * @param {[string, number][]} tallies
 * @param {string[]} names
 */
const of = (tallies, names) => tallies.reduce((sum, [name, n]) => (names.includes(name) ? sum + n : sum), 0);

/** @param {[string, number][]} commits */
export const conflicts = (commits) => of(commits, CONFLICTS);
/** @param {[string, number][]} commits */
export const retries = (commits) => of(commits, RETRIES);
/** @param {[string, number][]} tallies */
const all = (tallies) => tallies.reduce((sum, [, n]) => sum + n, 0);

/**
 * Calls that read, that scan and that write.
 * @param {StoreCalls[]} calls
 */
export function byKind(calls) {
  const tallies = calls.map(({ kind, count }) => /** @type {[string, number]} */ ([kind, count]));
  return { reads: of(tallies, READS), scans: of(tallies, ['scan']), writes: of(tallies, WRITES), all: all(tallies) };
}

/** @param {StoreCalls[]} calls */
export const failures = (calls) => calls.reduce((sum, { failures }) => sum + failures, 0);

/**
 * The store as a whole over the window.
 * @param {Store} store
 */
export function totals(store) {
  const sum = (/** @type {(of: StoreCollection) => number} */ what) => store.collections.reduce((sum, of) => sum + what(of), 0);
  const commit = operation(store, 'commit');
  return {
    calls: sum(({ calls }) => byKind(calls).all),
    failures: sum(({ calls }) => failures(calls)),
    memory: sum((of) => of.items_from_memory),
    items: sum((of) => of.items_from_memory + of.items_from_engine),
    commits: sum(({ commits }) => all(commits)),
    conflicts: sum(({ commits }) => conflicts(commits)),
    retries: sum(({ commits }) => retries(commits)),
    refused: sum((of) => of.refused),
    group: commit.carried_mean,
    group_p99: commit.carried_p99,
    engineFailures: store.operations.reduce((sum, { failures }) => sum + all(failures), 0),
  };
}

/**
 * An operation of the engine, also where it did not happen.
 * @param {Store} store
 * @param {string} name
 * @returns {StoreOperation}
 */
export const operation = (store, name) =>
  store.operations.find((known) => known.operation === name)
  ?? { operation: name, count: 0, p50: null, p99: null, max: null, carried_mean: null, carried_p99: null, failures: [] };

/**
 * All that are shown: the usual ones in their order, then what else happened.
 * @param {Store} store
 */
export function operations(store) {
  const others = store.operations.map(({ operation }) => operation).filter((name) => !OPERATIONS.includes(name)).sort();
  return [...OPERATIONS, ...others].map((name) => operation(store, name));
}

/**
 * How the store stands, in one tone and in words: `none` where nothing is kept, `down` where no process serves, `partly` where one does not
 * or cannot reach the engine.
 * @param {Store | null} store
 * @param {Process[]} processes
 * @returns {{ tone: 'none' | 'up' | 'partly' | 'down', words: string, whys: string[] }}
 */
export function standing(store, processes) {
  const own = processes.filter(({ role }) => role === 'store');
  if (own.length === 0) return { tone: 'none', words: 'nothing is kept', whys: [] };
  const up = own.filter((process) => process.up);
  const away = own.filter((process) => !process.up).map(({ name, why }) => `${name} cannot be reached: ${why}`);
  const problems = (store?.problems ?? []).map(([process, why]) => `${process} cannot reach the engine: ${why}`);
  const fit = up.length - problems.length;
  const words = `${fit} of ${own.length} ${own.length === 1 ? 'process serves' : 'processes serve'}`;
  return { tone: fit <= 0 ? 'down' : fit < own.length ? 'partly' : 'up', words, whys: [...away, ...problems] };
}

/**
 * The indexes of a collection in a few words, in all that is known of those that are not ready, and whether one of them cannot go on.
 * @param {StoreCollection} collection
 */
export function indexWords({ indexes, size }) {
  if (indexes.length === 0) return { words: '–', tone: '', title: 'It has none' };
  const title = indexes.map((index) => `${index.name} ${index.problem || progress(index, size?.items)}`).join('\n');
  const stuck = indexes.find(({ problem }) => problem);
  if (stuck) return { words: `${stuck.name} stuck`, tone: 'short', title };
  const working = indexes.find(({ state }) => state !== 'READY');
  if (!working) return { words: `${indexes.length} ready`, tone: '', title };
  const { name, state, items_done } = working;
  if (state === 'REMOVING') return { words: `${name} removing`, tone: 'strong', title };
  return { words: size?.items ? `${name} ${share(Math.min(items_done, size.items), size.items)}` : `${name} building`, tone: 'strong', title };
}

/**
 * How far an index is; of how many items is known once they were counted.
 * @param {StoreIndex} index
 * @param {number | undefined} items
 */
export function progress({ state, items_done, items_left_out }, items) {
  const left = items_left_out ? `, ${count(items_left_out)} left out` : '';
  if (state === 'READY') return `ready${left}`;
  if (state === 'REMOVING') return `removing what is left, ${count(items_done)} done`;
  if (!items) return `building, ${count(items_done)} done${left}`;
  return `building, ${share(Math.min(items_done, items), items)}${left}`;
}
