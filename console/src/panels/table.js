// Every group and endpoint with its numbers; a click puts it into the charts.

import { useRef, useState } from '../../vendor/preact-hooks.js';
import { duration, rate, ratio, share, windowName } from '../format.js';
import { html } from '../html.js';
import { SPARK_SECONDS, scopeId } from '../model.js';
import { commonScale, filtered, held, ordered, positions, turned } from '../rows.js';
import { Spark } from '../spark.js';
import { EndpointName } from './endpoint.js';

/** @import { Model, Numbers, Row, Scope } from '../types.js' */
/** @import { Order, Column } from '../rows.js' */

/** @type {[Exclude<Column, 'name'>, string, string][]} */
const NUMBERS = [
  ['min', 'min', 'Smallest latency, exact'],
  ['avg', 'avg', 'Mean latency, exact'],
  ['p50', 'p50', 'Half of the requests took at most this'],
  ['p90', 'p90', 'Nine in ten took at most this'],
  ['p99', 'p99', '99 in 100 took at most this'],
  ['max', 'max', 'Largest latency, exact'],
];

/** @param {{ model: Model, scope: Scope, window: number, onScope: (scope: Scope) => void }} props */
export function Table({ model, scope, window, onScope }) {
  const [order, setOrder] = useState(/** @type {Order} */ ({ column: 'name', descending: false }));
  const [filter, setFilter] = useState('');
  const pointing = useRef(false);
  const last = useRef(/** @type {{ order: Order, ids: string[] }} */ ({ order, ids: [] }));

  const groups = ordered([...model.groups.values()], { column: 'name', descending: false });
  const all = [...model.endpoints.values()];
  const matching = filtered(all, filter);
  // Numbers change every second: while somebody points at the table, rows stay where they are.
  const hold = pointing.current && last.current.order === order;
  const rows = hold ? held(matching, last.current.ids) : ordered(matching, order);
  last.current = { order, ids: rows.map((row) => row.id) };
  const scale = commonScale(all);
  const chosen = scopeId(scope);
  const shown = { chosen, scale, onScope };
  const sort = (/** @type {Column} */ column) => setOrder((order) => turned(order, column));
  const heading = { order, sort };

  return html`
    <section class="card" aria-label="Groups and endpoints">
      <div class="bar">
        <h2>Endpoints</h2>
        <span class="facts">${rows.length === all.length ? all.length : `${rows.length} of ${all.length}`}, last ${windowName(window)}</span>
        <input type="search" placeholder="Filter: path, group, service, code" aria-label="Filter endpoints"
          value=${filter} onInput=${(/** @type {any} */ event) => setFilter(event.currentTarget.value)} />
      </div>
      <div class="scroll" onPointerEnter=${() => (pointing.current = true)} onPointerLeave=${() => (pointing.current = false)}>
        <table class="numbers" id="endpoints-table" tabindex="-1">
          <thead>
            <tr>
              <${Heading} column="name" ...${heading} title="By group, then by path">Endpoint</${Heading}>
              <${Heading} column="rate" ...${heading} title="Requests per second">req/s</${Heading}>
              <th scope="col" class="spark-head">last minute</th>
              <${Heading} column="failed" ...${heading} title="Errors here or behind us">failed</${Heading}>
              <${Heading} column="refused" ...${heading} title="Errors of the caller">refused</${Heading}>
              ${NUMBERS.map(([column, name, title]) => html`<${Heading} column=${column} ...${heading} title=${title}>${name}</${Heading}>`)}
              <th scope="col" class="spread-head" title="min to max; thick: p50 to p99; logarithmic">spread</th>
            </tr>
          </thead>
          <tbody class="groups">
            ${groups.map((row) => html`<${Line} key=${row.id} row=${row} ...${shown} />`)}
          </tbody>
          <tbody>
            ${rows.map((row) => html`<${Line} key=${row.id} row=${row} ...${shown} />`)}
            ${rows.length === 0 && html`<tr class="none"><td colspan="12">
              ${all.length ? 'No endpoint matches the filter.' : 'No requests yet. The first one through a gateway appears here within a second.'}
            </td></tr>`}
          </tbody>
        </table>
      </div>
    </section>
  `;
}

/** @param {{ column: Column, order: Order, sort: (column: Column) => void, title: string, children?: any }} props */
function Heading({ column, order, sort, title, children }) {
  const active = order.column === column;
  const direction = active ? (order.descending ? 'descending' : 'ascending') : 'none';
  return html`
    <th scope="col" class=${column === 'name' ? 'name' : 'number'} aria-sort=${direction}>
      <button onClick=${() => sort(column)} title=${title}>${children}<i aria-hidden="true">${active ? (order.descending ? '▾' : '▴') : ''}</i></button>
    </th>
  `;
}

/** @param {{ row: Row, chosen: string, scale: { low: number, high: number }, onScope: (scope: Scope) => void }} props */
function Line({ row, chosen, scale, onScope }) {
  const { numbers } = row;
  const isChosen = row.id === chosen;
  const choose = () => onScope(isChosen ? { kind: 'total' } : row.scope);
  const isGroup = row.scope.kind === 'group';
  const errors = (/** @type {number} */ n) => (n === 0 ? '0' : share(n, numbers.count));
  return html`
    <tr class=${`${isChosen ? 'chosen' : ''} ${numbers.count ? '' : 'idle'}`} onClick=${choose}>
      <th scope="row" class="name">
        <button aria-pressed=${isChosen} onClick=${(/** @type {Event} */ event) => { event.stopPropagation(); choose(); }}>
          <span class="label">${isGroup ? html`<span class="group">${row.name}</span><small>group</small>` : html`<${EndpointName} name=${row.name} />`}</span>
          <${Attempts} numbers=${numbers} />
        </button>
      </th>
      <td class="number strong">${rate(numbers.rate)}</td>
      <td class="spark-cell"><${Spark} values=${row.spark} places=${SPARK_SECONDS} /></td>
      <td class=${`number ${numbers.failed ? 'failed' : 'zero'}`}>${errors(numbers.failed)}</td>
      <td class=${`number ${numbers.refused ? '' : 'zero'}`}>${errors(numbers.refused)}</td>
      ${NUMBERS.map(([column]) => html`<td class=${`number ${column === 'p50' || column === 'p99' ? 'strong' : ''}`}>${duration(numbers[column])}</td>`)}
      <td class="spread-cell"><${Spread} row=${row} scale=${scale} /></td>
    </tr>
  `;
}

/** Told only where requests took more than one attempt. */
const TELLING = 1.005;

/** @param {{ numbers: Numbers }} props */
function Attempts({ numbers }) {
  const attempts = numbers.count ? numbers.attempts / numbers.count : 0;
  if (attempts <= TELLING) return null;
  const hedged = numbers.hedges ? `; ${share(numbers.hedges, numbers.count)} hedged, ${share(numbers.hedges_won, numbers.count)} answered by the hedge` : '';
  return html`<small class="attempts" title=${`${ratio(attempts)} attempts per request${hedged}`}>×${ratio(attempts)}<span class="hidden"> attempts per request</span></small>`;
}

/** @param {{ row: Row, scale: { low: number, high: number } }} props */
function Spread({ row, scale }) {
  const at = positions(row.numbers, scale);
  const x = (/** @type {number} */ share) => 2 + share * 96;
  return html`
    <svg class="spread" viewBox="0 0 100 12" width="100" height="12" aria-hidden="true">
      ${at && html`
        <line class="range" x1=${x(at.min)} x2=${x(at.max)} y1="6" y2="6" />
        <line class="body" x1=${x(at.p50)} x2=${x(at.p99)} y1="6" y2="6" />
        <line class="median" x1=${x(at.p50)} x2=${x(at.p50)} y1="2" y2="10" />
      `}
    </svg>
  `;
}
