// Each service as the gateways call it: whether it would survive a loss, what is repeated, held back and left out.

import { useState } from '../../vendor/preact-hooks.js';
import { duration, rate, ratio, windowName } from '../format.js';
import { html } from '../html.js';
import { PRIORITIES, amplification, capacityWords, gauge, shareOf, shed, sum, treeWords } from '../service.js';
import { ServiceDetail } from './service.js';

/** @import { Capacity, Trees, Upstream } from '../types.js' */

/** Heading, what it says on pointing, and the class that sets its width. @type {[string, string, string][]} */
const COLUMNS = [
  ['N−1 without', 'Share of the peak that could be carried if the largest zone, or a third of the instances, vanished now', 'capacity'],
  ['calls/s', 'Calls, however many attempts each took', 'number calls'],
  ['attempts/call', 'Amplification: attempts for each call', 'number attempts'],
  ['retries/s', 'Attempts after the first, and what most of them answer to', 'cause'],
  ['hedges won', 'Second attempts because the first was slow, per second: won / sent', 'number hedges'],
  ['budget', 'Attempts the retry budgets would pay for now', 'number budget'],
  ['in flight', 'Calls under way of as many as may be', 'number in-flight'],
  ['queued · p99', 'Calls waiting for admission now, and the 99th percentile of waiting', 'number queued'],
  ['shed/s', 'Refused for overload: critical · normal · sheddable', 'number shed'],
  ['ejected', 'Instances left out for how they answered, of all', 'number ejected'],
];

/** @param {{ upstreams: Upstream[], trees?: Trees, window: number }} props */
export function Services({ upstreams, trees, window }) {
  const amplified = treeWords(trees);
  const [open, setOpen] = useState(/** @type {ReadonlySet<string>} */ (new Set()));
  const turn = (/** @type {string} */ service) =>
    setOpen((open) => new Set(open.has(service) ? [...open].filter((other) => other !== service) : [...open, service]));
  return html`
    <section class="card" aria-label="Services">
      <div class="bar">
        <h2>Services</h2>
        <span class="facts">last ${windowName(window)} · shed: critical · normal · sheddable</span>
        ${amplified && html`<span class="facts trees" title="Extra attempts anywhere below the calls of the last ten seconds at the edge; of what did not tell, all it was granted">${amplified}</span>`}
      </div>
      <div class="scroll">
        <table class="services">
          <thead>
            <tr>
              <th scope="col" class="name">service</th>
              ${COLUMNS.map(([name, title, kind]) => html`<th scope="col" class=${kind} title=${title}>${name}</th>`)}
            </tr>
          </thead>
          <tbody>
            ${upstreams.map((upstream) => html`
              <${Line} key=${upstream.service} upstream=${upstream} window=${window}
                open=${open.has(upstream.service)} onTurn=${() => turn(upstream.service)} />
            `)}
            ${upstreams.length === 0 && html`<tr class="none"><td colspan=${COLUMNS.length + 1}>No gateway has told of a service yet.</td></tr>`}
          </tbody>
        </table>
      </div>
    </section>
  `;
}

/** @param {{ upstream: Upstream, window: number, open: boolean, onTurn: () => void }} props */
function Line({ upstream, window, open, onTurn }) {
  const { service, calls, retries, hedges, hedges_won, budget_left, in_flight, limit, queued, queue_p99, ejected, instances, panic_by } = upstream;
  const perSecond = (/** @type {number} */ n) => rate(n / window);
  const attempts = amplification(upstream);
  const refused = shed(upstream);
  const detail = `service-${service}`;
  return html`
    <tr class=${calls ? '' : 'idle'}>
      <th scope="row" class="name">
        <button aria-expanded=${open} aria-controls=${detail} onClick=${onTurn}><i aria-hidden="true">${open ? '▾' : '▸'}</i>${service}</button>
      </th>
      <td class="capacity"><${Gauge} capacity=${upstream.capacity} /></td>
      <td class="number strong">${perSecond(calls)}</td>
      <td class=${`number ${attempts !== null && attempts > 1.005 ? 'strong' : 'zero'}`}>${ratio(attempts)}</td>
      <td class="cause">
        <span class=${retries.length ? 'strong' : 'zero'}>${perSecond(sum(retries))}</span>
        ${retries.length > 0 && html` <small>${retries[0][0]}</small>${retries.length > 1 && html`<small title=${retries.map(([name, n]) => `${name} ${perSecond(n)}/s`).join('\n')}> +${retries.length - 1}</small>`}`}
      </td>
      <td class=${`number ${hedges ? '' : 'zero'}`}>${hedges ? html`${perSecond(hedges_won)}<span class="hidden"> won</span> / ${perSecond(hedges)}<span class="hidden"> sent</span>` : '0'}</td>
      <td class=${`number ${budget_left ? '' : 'short'}`}>${budget_left}</td>
      <td class=${`number ${limit && in_flight >= limit ? 'short' : ''}`}>${in_flight}<small>${limit ? ` of ${limit}` : ' no limit'}</small></td>
      <td class=${`number ${queued ? '' : 'zero'}`}>${queued}<span class="hidden"> queued, waited at the 99th percentile: </span><small class="wait" title="99th percentile of waiting">${duration(queue_p99)}</small></td>
      <td class=${`number ${sum(upstream.shed) ? 'failed' : 'zero'}`}>${sum(upstream.shed) ? refused.map((n, i) => html`${i ? ' · ' : ''}${perSecond(n)}<span class="hidden"> ${PRIORITIES[i]}</span>`) : '0'}</td>
      <td class=${`number ${ejected ? 'short' : 'zero'}`}>
        ${panic_by > 0 ? html`<b class="panic" title="So few are fit that all are used again">panic</b> ${ejected}` : html`${ejected}<small> of ${instances}</small>`}
      </td>
    </tr>
    <tr class="detail" id=${detail} hidden=${!open}>
      <td colspan=${COLUMNS.length + 1}>${open && html`<${ServiceDetail} upstream=${upstream} window=${window} />`}</td>
    </tr>
  `;
}

/** @param {{ capacity: Capacity | null }} props */
function Gauge({ capacity }) {
  if (!capacity) return html`<span class="zero" title="The capacity is not known yet">–</span>`;
  const { share, lost, basis } = capacity;
  const width = 58;
  const one = 1 + gauge(1) * width;
  return html`
    <span class=${`gauge ${share < 1 ? 'short' : ''}`} title=${capacityWords(capacity)}>
      <svg viewBox="0 0 60 14" width="60" height="14" aria-hidden="true">
        <rect class="rail" x="1" y="4" width=${width} height="6" rx="2" />
        <rect class="share" x="1" y="4" width=${gauge(share) * width} height="6" rx="2" />
        <line class="one" x1=${one} x2=${one} y1="1" y2="13" />
      </svg>
      <b>${basis === 'proven' && html`<span aria-hidden="true">≥ </span><span class="hidden">at least </span>`}${shareOf(share)}</b>
      <small><span class="hidden">without </span>${lost}</small>
    </span>
  `;
}
