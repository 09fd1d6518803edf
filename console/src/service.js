// What is worked out of the numbers of a service before they are drawn.

/** @import { Upstream, Capacity, Trees } from './types.js' */

/** Priorities as they are shed: what may go first stands last. */
export const PRIORITIES = /** @type {const} */ (['critical', 'normal', 'sheddable']);

/**
 * Attempts per call: null without calls.
 * @param {{ calls: number, attempts: number }} numbers
 */
export const amplification = ({ calls, attempts }) => (calls === 0 ? null : attempts / calls);

/**
 * Attempts per call at the edge over whole call trees, beside what they cannot pass: empty without calls.
 * @param {Trees | undefined} trees
 */
export function treeWords(trees) {
  if (!trees?.calls) return '';
  const amplified = 1 + trees.extra_attempts / trees.calls;
  // Rounded up: what repeats never reads as if nothing did.
  return `whole call trees: ${(Math.ceil(amplified * 100 - 1e-9) / 100).toFixed(2)} attempts per call at the edge, at most ${trees.ceiling}`;
}

/**
 * The sum of what is counted by name.
 * @param {[string, number][]} tallies
 */
export const sum = (tallies) => tallies.reduce((sum, [, count]) => sum + count, 0);

/**
 * Calls refused for overload, in the order of the priorities.
 * @param {Upstream} upstream
 */
export function shed(upstream) {
  const counts = new Map(upstream.shed);
  return PRIORITIES.map((priority) => counts.get(priority) ?? 0);
}

/** The largest share the gauge can show: what lies beyond is plenty. */
const SHARE_MAX = 2;

/**
 * Where a share ends on a bar from 0 to 1, in the middle of which stands 1.0.
 * @param {number} share
 */
export const gauge = (share) => Math.min(SHARE_MAX, Math.max(0, share)) / SHARE_MAX;

/**
 * The share in two digits, rounded down: what is not enough never reads as 1.00.
 * @param {number} share
 */
export const shareOf = (share) => (share >= 9.995 ? '10+' : (Math.floor(share * 100 + 1e-9) / 100).toFixed(2));

/**
 * The N−1 gauge in words.
 * @param {Capacity | null} capacity
 */
export function capacityWords(capacity) {
  if (!capacity) return 'not known yet';
  const { share, lost, basis, process } = capacity;
  const least = basis === 'proven' ? 'at least ' : '';
  const peak = share < 1 ? 'less than the peak' : 'the peak and more';
  return `without ${lost} ${least}${shareOf(share)} of the peak could be carried (${peak}), ${basis}, as ${process} sees it`;
}
