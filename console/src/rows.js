// Which rows the table shows, and in what order.

/** @import { Row, Numbers } from './types.js' */

/**
 * @typedef {'name' | 'rate' | 'refused' | 'failed' | 'min' | 'avg' | 'p50' | 'p90' | 'p99' | 'max'} Column
 * @typedef {{ column: Column, descending: boolean }} Order
 */

/**
 * The rows in which every word of the filter occurs somewhere.
 * @param {Row[]} rows
 * @param {string} filter
 */
export function filtered(rows, filter) {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return rows;
  return rows.filter((row) => {
    const codes = row.numbers.codes.map(([code]) => code).join(' ');
    const method = row.scope.kind === 'endpoint' ? row.scope.key.method : '';
    const text = `${row.name} ${row.group} ${row.service} ${method} ${codes}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

/**
 * The rows in order. What has no value comes last either way; equals keep to their names, so that nothing flickers.
 * @param {Row[]} rows
 * @param {Order} order
 */
export function ordered(rows, { column, descending }) {
  const sign = descending ? -1 : 1;
  return [...rows].sort((a, b) => {
    if (column === 'name') return sign * byName(a, b);
    const x = a.numbers[column];
    const y = b.numbers[column];
    if (x === null || y === null) return x === y ? byName(a, b) : x === null ? 1 : -1;
    return sign * (x - y) || byName(a, b);
  });
}

/**
 * By group, then by path, then by method: what belongs together stands together.
 * @param {Row} a
 * @param {Row} b
 */
function byName(a, b) {
  // What never reached a route has no group and comes last.
  const rank = (/** @type {Row} */ row) => (row.group === '' ? (row.name.startsWith('(') ? 2 : 1) : 0);
  const path = (/** @type {Row} */ row) => row.name.replace(/^([A-Z]+|gRPC) /, '');
  return (
    rank(a) - rank(b) || a.group.localeCompare(b.group) || path(a).localeCompare(path(b)) || a.name.localeCompare(b.name)
  );
}

/**
 * What a click on a heading asks for: numbers largest first, names from A; a second click turns it round.
 * @param {Order} order
 * @param {Column} column
 * @returns {Order}
 */
export function turned(order, column) {
  if (order.column === column) return { column, descending: !order.descending };
  return { column, descending: column !== 'name' };
}

/**
 * Rows kept in an order that was taken before; new ones at the end. While somebody points at a row it must not move.
 * @param {Row[]} rows
 * @param {string[]} ids
 */
export function held(rows, ids) {
  const place = new Map(ids.map((id, i) => [id, i]));
  const at = (/** @type {Row} */ row) => place.get(row.id) ?? ids.length;
  return [...rows].sort((a, b) => at(a) - at(b));
}

/**
 * Where min, p50, p99 and max lie on a logarithmic scale from 0 to 1, for the small distribution bars.
 * @param {Numbers} numbers
 * @param {{ low: number, high: number }} scale
 */
export function positions({ min, p50, p99, max }, { low, high }) {
  if (min === null || p50 === null || p99 === null || max === null) return null;
  const width = Math.log(high / low) || 1;
  const at = (/** @type {number} */ ns) => Math.min(1, Math.max(0, Math.log(Math.max(ns, 1) / low) / width));
  return { min: at(min), p50: at(p50), p99: at(p99), max: at(max) };
}

/**
 * A scale that holds all rows, from one power of ten to another, so that it rarely changes.
 * @param {Row[]} rows
 */
export function commonScale(rows) {
  let low = Infinity;
  let high = 0;
  for (const { numbers } of rows) {
    if (numbers.min !== null) low = Math.min(low, Math.max(numbers.min, 1));
    if (numbers.max !== null) high = Math.max(high, numbers.max);
  }
  if (high === 0) return { low: 1e3, high: 1e9 };
  return { low: 10 ** Math.floor(Math.log10(low)), high: 10 ** Math.ceil(Math.log10(Math.max(high, low * 10))) };
}
