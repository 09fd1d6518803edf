// What is chosen, over time: requests, errors and latency, and the codes it ended in.

import { useEffect, useMemo, useRef, useState } from '../../vendor/preact-hooks.js';
import { Chart } from '../chart.js';
import { bytes, count, duration, rate, share } from '../format.js';
import { html } from '../html.js';
import { extend, noSeries, scopeId } from '../model.js';
import { historyUrl } from '../scope.js';
import { EndpointName } from './endpoint.js';

/** @import { Model, Numbers, Scope, Series, Code } from '../types.js' */

const REQUESTS = [{ label: 'all', colour: 'series-a', fill: true }];
const ERRORS = [
  { label: 'failed', colour: 'error', fill: true, width: 1.75 },
  { label: 'refused', colour: 'series-d' },
];
const LATENCY = [
  { label: 'p50', colour: 'series-a' },
  { label: 'p90', colour: 'series-b', dash: [5, 3] },
  { label: 'p99', colour: 'series-c', width: 1.75 },
];
/** Seconds that can be shown. */
const RANGES = /** @type {const} */ ([[60, '1 min'], [300, '5 min'], [900, '15 min']]);

/**
 * @param {{ model: Model, scope: Scope, numbers: Numbers, codes: Map<string, Code>, window: number, onScope: (scope: Scope) => void }} props
 */
export function ScopePanel({ model, scope, numbers, codes, window, onScope }) {
  const [range, setRange] = useState(300);
  const series = useSeries(model, scope, numbers);
  const columns = useMemo(
    () => ({ requests: [series.count], errors: [series.failed, series.refused], latency: [series.p50, series.p90, series.p99] }),
    [series],
  );
  const shared = { seconds: series.seconds, range, group: 'scope' };
  const perSecond = (/** @type {number | null | undefined} */ value) => rate(value ?? 0);
  return html`
    <section class="card scope" aria-label="Chosen traffic over time">
      <div class="bar">
        <h2><${ScopeTitle} scope=${scope} onScope=${onScope} /></h2>
        <span class="facts">
          ${bytes(numbers.request_bytes / window)}/s in · ${bytes(numbers.response_bytes / window)}/s out
        </span>
        <div class="segments" role="radiogroup" aria-label="Charts show the last">
          ${RANGES.map(([seconds, name]) => html`
            <label>
              <input type="radio" name="range" checked=${seconds === range} onChange=${() => setRange(seconds)} />
              <span>${name}</span>
            </label>
          `)}
        </div>
      </div>
      <div class="charts">
        <${Chart} title="Requests/s" lines=${REQUESTS} columns=${columns.requests} format=${perSecond} ...${shared} />
        <${Chart} title="Errors/s" lines=${ERRORS} columns=${columns.errors} format=${perSecond} ...${shared} />
        <${Chart} title="Latency" lines=${LATENCY} columns=${columns.latency} format=${duration} log ...${shared} />
        <${Codes} numbers=${numbers} codes=${codes} />
      </div>
    </section>
  `;
}

/** @param {{ scope: Scope, onScope: (scope: Scope) => void }} props */
function ScopeTitle({ scope, onScope }) {
  if (scope.kind === 'total') return html`<span>All traffic</span>`;
  const all = html`<button class="link" onClick=${() => onScope({ kind: 'total' })}>All traffic</button><span class="step">›</span>`;
  if (scope.kind === 'group') return html`${all}<span>${scope.name}</span>`;
  const { name, method, group } = scope.key;
  const ofGroup = group && html`
    <button class="link" onClick=${() => onScope({ kind: 'group', name: group })}>${group}</button><span class="step">›</span>
  `;
  return html`${all}${ofGroup}<${EndpointName} name=${name} /><small class="method">${method}</small>`;
}

/**
 * The past of the scope from the server, and each second as it comes.
 * @param {Model} model
 * @param {Scope} scope
 * @param {Numbers} numbers
 */
function useSeries(model, scope, numbers) {
  const [series, setSeries] = useState(noSeries);
  const id = scopeId(scope);
  const boot = model.hello?.boot;
  // Grows when the past has changed: a gateway was late, or out of reach and brought what was missed.
  const revision = model.live?.revision;
  const loaded = useRef('');

  useEffect(() => {
    const abort = new AbortController();
    const load = async () => {
      const answer = await fetch(historyUrl(scope), { signal: abort.signal });
      // 404: nothing was measured under this name yet, which is a series without seconds.
      const past = /** @type {Series} */ (answer.ok ? await answer.json() : noSeries());
      loaded.current = id;
      setSeries(past);
    };
    if (boot !== undefined && revision !== undefined) load().catch(() => {});
    return () => abort.abort();
  }, [id, boot, revision]);

  const second = model.live?.second;
  useEffect(() => {
    if (second !== undefined && loaded.current === id) setSeries((series) => extend(series, second, numbers.now));
  }, [second, id]);
  return series;
}

/** @param {{ numbers: Numbers, codes: Map<string, Code> }} props */
function Codes({ numbers, codes }) {
  const most = Math.max(1, ...numbers.codes.map(([, n]) => n));
  return html`
    <div class="codes">
      <h3>Outcomes <span>${count(numbers.count)} requests</span></h3>
      <ul tabindex="0" aria-label="Outcomes by code">
        ${numbers.codes.map(([name, n]) => {
          const code = codes.get(name);
          const kind = code?.blame === 'nobody' ? 'fine' : code?.blame === 'caller' ? 'refused' : 'failed';
          return html`
            <li key=${name} title=${code?.title ?? ''}>
              <span class="code"><span class="http">${code?.http ?? ''}</span>${name}</span>
              <b>${count(n)}</b><span class="share">${share(n, numbers.count)}</span>
              <meter class=${kind} min="0" max="1" value=${Math.log1p(n) / Math.log1p(most)} aria-hidden="true"></meter>
            </li>
          `;
        })}
        ${numbers.codes.length === 0 && html`<li class="none">No requests in this window.</li>`}
      </ul>
    </div>
  `;
}
