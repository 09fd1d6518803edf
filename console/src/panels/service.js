// What a service's row leaves out: every cause, every refusal, how the capacity is known.

import { duration, rate } from '../format.js';
import { html } from '../html.js';
import { PRIORITIES, shed } from '../service.js';
import { Facts } from './facts.js';

/** @import { Upstream } from '../types.js' */

/** @param {{ upstream: Upstream, window: number }} props */
export function ServiceDetail({ upstream, window }) {
  const { retries, retries_refused, hedges, hedges_won, queue_p50, queue_p99, ejections, panic_by, capacity } = upstream;
  const perSecond = (/** @type {number} */ n) => `${rate(n / window)} /s`;
  const tallies = (/** @type {[string, number][]} */ all) => all.map(([name, n]) => /** @type {[string, string]} */ ([name, perSecond(n)]));
  const refused = shed(upstream);
  return html`
    <div class="facts-of">
      <${Facts} title="Retried after" none="Nothing was retried." rows=${tallies(retries)} />
      <${Facts} title="Not retried, forbidden by" none="No retry was forbidden." rows=${tallies(retries_refused)} />
      <${Facts} title="Hedges" rows=${[['sent', perSecond(hedges)], ['won', perSecond(hedges_won)], ['lost', perSecond(hedges - hedges_won)]]} />
      <${Facts} title="Shed, by priority" rows=${PRIORITIES.map((priority, i) => [priority, perSecond(refused[i])])} />
      <${Facts} title="Admission and ejection" rows=${[
        ['waited p50', duration(queue_p50)], ['waited p99', duration(queue_p99)], ['ejections', String(ejections)],
        ...(panic_by ? [['all used again by', `${panic_by} gateways`]] : []),
      ]} />
      <${Facts} title="Capacity after a loss" none="Not known yet." rows=${capacity ? [
        ['lost', capacity.lost], ['known as', capacity.basis === 'proven' ? 'proven, at least' : capacity.basis], ['left', `${rate(capacity.left_rps)} /s`],
        ['peak', `${rate(capacity.peak_rps)} /s`], ['as seen by', capacity.process],
      ] : []} />
    </div>
  `;
}
