// What a collection's row leaves out: every kind of call, what became of commits, the hottest records, each index.

import { bytes, count, duration, rate, share } from '../format.js';
import { html } from '../html.js';
import { progress } from '../store.js';
import { Facts } from './facts.js';

/** @import { StoreCollection } from '../types.js' */

/** @param {{ of: StoreCollection, window: number }} props */
export function CollectionDetail({ of, window }) {
  const { calls, commits, items_from_memory, items_from_engine, refused, size, hot_records, indexes, watches, leases } = of;
  const perSecond = (/** @type {number} */ n) => `${rate(n / window)} /s`;
  /** @type {[string, string][]} */
  const kinds = calls.map(({ kind, count, p50, p99, failures }) => [
    kind.replace('_', ' '),
    `${perSecond(count)} · ${duration(p50)} · p99 ${duration(p99)}${failures ? ` · ${perSecond(failures)} failed` : ''}`,
  ]);
  return html`
    <div class="facts-of">
      <${Facts} title="Calls by kind: rate · median · p99" none="None in this window." rows=${kinds} />
      <${Facts} title="Commits, by outcome" none="None in this window." rows=${commits.map(([name, n]) => [name.replaceAll('_', ' '), perSecond(n)])} />
      <${Facts} title="Items by key, from" rows=${[['memory', perSecond(items_from_memory)], ['engine', perSecond(items_from_engine)], ['refused', perSecond(refused)]]} />
      <${Facts} title="Size" none="Not measured yet." rows=${size ? [
        ['records', count(size.records)], ['items', count(size.items)], ['bytes', bytes(size.bytes)],
        ['an item', size.items ? bytes(size.bytes / size.items) : '–'], ['measured', `${duration(size.age_ms * 1e6)} ago`],
      ] : []} />
      <${Facts} title="Hottest records, share of accesses" none="None stands out." rows=${hot_records.map(([name, part]) => [name, share(part, 1)])} />
      <${Facts} title="Indexes" none="It has none." rows=${indexes.map((index) => [index.name, index.problem || progress(index, size?.items)])} />
      <${Facts} title="Open" rows=${[['watches', String(watches)], ['leases', String(leases)]]} />
    </div>
  `;
}
