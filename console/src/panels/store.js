// What services keep: whether the store serves, what it saves the engine, and each collection.

import { useState } from '../../vendor/preact-hooks.js';
import { bytes, count, duration, rate, share, three, windowName } from '../format.js';
import { html } from '../html.js';
import { byKind, conflicts, failures, indexWords, operation, operations, standing, totals } from '../store.js';
import { CollectionDetail } from './collection.js';

/** @import { Process, Store, StoreCollection, StoreOperation } from '../types.js' */

/** Heading, what it says on pointing, and the class that sets its width. @type {[string, string, string][]} */
const COLUMNS = [
  ['reads/s', 'Calls that read items by their keys', 'number rate'],
  ['scans/s', 'Pages of scans', 'number rate'],
  ['writes/s', 'Puts, deletes, mutates and long values', 'number rate'],
  ['p50', 'Half of the calls took at most this', 'number time'],
  ['p99', '99 in 100 took at most this', 'number time'],
  ['memory', 'Items served from memory, of all asked for by key', 'number near'],
  ['conflicts/s', 'Commits that did not happen: a condition, a lease, a unique index', 'number rate'],
  ['failed/s', 'Calls that failed by no fault of their callers, those refused for want of room among them', 'number rate'],
  ['items', 'As measured last', 'number items'],
  ['size', 'Keys and values, as measured last', 'number size'],
  ['hottest record', 'The record with the most accesses, and its share of them', 'hot'],
  ['indexes', 'How far they are', 'indexes'],
  ['open', 'Watches that are open · leases that are held', 'number open'],
];

/** @param {{ store: Store | null, processes: Process[], window: number, known: boolean }} props */
export function StorePanel({ store, processes, window, known }) {
  const { tone, words, whys } = standing(store, processes);
  const own = processes.filter(({ role }) => role === 'store');
  return html`
    <section class="card" aria-label="Store">
      <div class="bar">
        <h2>Store</h2>
        ${known && tone !== 'none' && html`
          <span class=${`standing ${tone}`} role="status"><i aria-hidden="true"></i>${words}</span>
          ${whys.length > 0 && html`<span class="trouble" title=${whys.join('\n')}>${whys.join('; ')}</span>`}
          <span class="facts">${store?.engine || 'engine not known'} · ${bytes(store?.near_bytes ?? 0)} in memory · last ${windowName(window)}</span>
        `}
      </div>
      ${!known ? html`<p class="none">Waiting for the first second.</p>`
        : tone === 'none' ? html`<p class="none">Nothing is kept here: no service names a collection under <code>keeps</code> in tenet.toml, or no gateway knows the store yet.</p>`
        : store ? html`<${Known} store=${store} window=${window} />`
        : html`<p class="none">${own.map(({ name }) => name).join(', ')} has not told anything yet.</p>`}
    </section>
  `;
}

/** @param {{ store: Store, window: number }} props */
function Known({ store, window }) {
  const [open, setOpen] = useState(/** @type {ReadonlySet<string>} */ (new Set()));
  const turn = (/** @type {string} */ id) => setOpen((open) => new Set(open.has(id) ? [...open].filter((other) => other !== id) : [...open, id]));
  return html`
    <${Overview} store=${store} window=${window} />
    <div class="scroll">
      <table class="collections">
        <thead>
          <tr>
            <th scope="col" class="name">collection</th>
            ${COLUMNS.map(([name, title, kind]) => html`<th scope="col" class=${kind} title=${title}>${name}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${store.collections.map((of) => {
            const id = `${of.namespace}/${of.collection}`;
            return html`<${Line} key=${id} id=${id} of=${of} window=${window} open=${open.has(id)} onTurn=${() => turn(id)} />`;
          })}
          ${store.collections.length === 0 && html`<tr class="none"><td colspan=${COLUMNS.length + 1}>No process of the store has told of a collection yet.</td></tr>`}
        </tbody>
      </table>
    </div>
    <div class="scroll">
      <table class="operations">
        <thead>
          <tr>
            <th scope="col" class="name">engine</th>
            <th scope="col" class="number" title="Steps of the engine">steps/s</th>
            <th scope="col" class="number">p50</th><th scope="col" class="number">p99</th><th scope="col" class="number">max</th>
            <th scope="col" class="number" title="Commits of a commit, keys of a read: the mean of all steps">carried</th>
            <th scope="col" class="number" title="99 in 100 steps carried at most this">carried p99</th>
            <th scope="col" class="number" title="Steps that failed, and how">failed/s</th>
          </tr>
        </thead>
        <tbody>${operations(store).map((of) => html`<${Step} key=${of.operation} of=${of} window=${window} />`)}</tbody>
      </table>
    </div>
  `;
}

/** @param {{ store: Store, window: number }} props */
function Overview({ store, window }) {
  const total = totals(store);
  const [read, commit] = [operation(store, 'read'), operation(store, 'commit')];
  const perSecond = (/** @type {number} */ n) => rate(n / window);
  return html`
    <dl class="figures-row">
      <${Figure} name="Calls" title="Calls of services, of all kinds" value=${`${perSecond(total.calls)} /s`} more=${total.failures ? `${perSecond(total.failures)} /s failed` : 'none failed'} bad=${total.failures > 0} />
      <${Figure} name="From memory" title="Items served by the near cache, of all asked for by key" value=${share(total.memory, total.items)} more=${`of ${perSecond(total.items)} items/s`} />
      <${Figure} name="Commits" title="Commits of services, and how many one durable step of the engine carries" value=${`${perSecond(total.commits)} /s`} more=${total.group === null ? 'no groups' : `${three(total.group)} a group, p99 ${total.group_p99}`} />
      <${Figure} name="Engine read" title="Median of one read of the engine" value=${duration(read.p50)} more=${`p99 ${duration(read.p99)}`} />
      <${Figure} name="Engine commit" title="Median of one durable step" value=${duration(commit.p50)} more=${`p99 ${duration(commit.p99)}`} />
      <${Figure} name="Conflicts" title="Commits that did not happen: a condition, a lease, a unique index" value=${`${perSecond(total.conflicts)} /s`} more=${`${share(total.conflicts, total.commits)} of commits`} />
      <${Figure} name="Retries" title="Commits that came again and got their first answer, or are made anew because an index came" value=${`${perSecond(total.retries)} /s`} more="answered once" />
      <${Figure} name="Refused" title="Reads and commits refused because too many waited" value=${`${perSecond(total.refused)} /s`} more=${total.engineFailures ? `${perSecond(total.engineFailures)} /s engine failures` : 'no engine failures'} bad=${total.refused + total.engineFailures > 0} />
    </dl>
  `;
}

/** @param {{ name: string, title: string, value: string, more: string, bad?: boolean }} props */
function Figure({ name, title, value, more, bad }) {
  return html`<div class=${bad ? 'bad' : ''} title=${title}><dt>${name}</dt><dd><b>${value}</b><small>${more}</small></dd></div>`;
}

/** @param {{ id: string, of: StoreCollection, window: number, open: boolean, onTurn: () => void }} props */
function Line({ id, of, window, open, onTurn }) {
  const kinds = byKind(of.calls);
  const items = of.items_from_memory + of.items_from_engine;
  const [conflicting, failed] = [conflicts(of.commits), failures(of.calls)];
  const [hottest] = of.hot_records;
  const index = indexWords(of);
  const detail = `collection-${id}`;
  const number = (/** @type {number} */ n, kind = '') => html`<td class=${`number ${n ? kind : 'zero'}`}>${rate(n / window)}</td>`;
  return html`
    <tr class=${kinds.all ? '' : 'idle'}>
      <th scope="row" class="name">
        <button aria-expanded=${open} aria-controls=${detail} onClick=${onTurn}><i aria-hidden="true">${open ? '▾' : '▸'}</i><small>${of.namespace}<span class="hidden">, collection </span></small> ${of.collection}</button>
      </th>
      ${number(kinds.reads, 'strong')}${number(kinds.scans, 'strong')}${number(kinds.writes, 'strong')}
      <td class="number">${duration(of.p50)}</td>
      <td class="number strong">${duration(of.p99)}</td>
      <td class=${`number ${items ? '' : 'zero'}`}>${share(of.items_from_memory, items)}</td>
      ${number(conflicting)}${number(failed, 'failed')}
      <td class="number" title=${of.size ? `measured ${duration(of.size.age_ms * 1e6)} ago` : 'not measured yet'}>${of.size ? count(of.size.items) : '–'}</td>
      <td class="number">${of.size ? bytes(of.size.bytes) : '–'}</td>
      <td class="hot" title=${hottest ? `${hottest[0]}, ${share(hottest[1], 1)} of the accesses` : 'No record stands out'}>
        ${hottest ? html`<span class="mono">${hottest[0]}</span> <small>${share(hottest[1], 1)}</small>` : html`<span class="zero">–</span>`}
      </td>
      <td class=${`indexes ${index.tone}`} title=${index.title}>${index.words}</td>
      <td class=${`number ${of.watches + of.leases ? '' : 'zero'}`}>${of.watches}<span class="hidden"> watches</span> · ${of.leases}<span class="hidden"> leases</span></td>
    </tr>
    <tr class="detail" id=${detail} hidden=${!open}>
      <td colspan=${COLUMNS.length + 1}>${open && html`<${CollectionDetail} of=${of} window=${window} />`}</td>
    </tr>
  `;
}

/** @param {{ of: StoreOperation, window: number }} props */
function Step({ of, window }) {
  const failed = of.failures.reduce((sum, [, n]) => sum + n, 0);
  return html`
    <tr class=${of.count ? '' : 'idle'}>
      <th scope="row" class="name">${of.operation}</th>
      <td class="number strong">${rate(of.count / window)}</td>
      <td class="number">${duration(of.p50)}</td>
      <td class="number strong">${duration(of.p99)}</td>
      <td class="number">${duration(of.max)}</td>
      <td class="number">${of.carried_mean === null ? '–' : three(of.carried_mean)}</td>
      <td class="number">${of.carried_p99 ?? '–'}</td>
      <td class=${`number ${failed ? 'failed' : 'zero'}`} title=${of.failures.map(([name, n]) => `${name} ${rate(n / window)}/s`).join('\n')}>${rate(failed / window)}${failed > 0 && html` <small>${of.failures[0][0]}</small>`}</td>
    </tr>
  `;
}
