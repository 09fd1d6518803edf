// The counters that have counted, with what they count.

import { count } from '../format.js';
import { html } from '../html.js';

/** @param {{ counters: { name: string, value: number }[], declared: { name: string, help: string }[] }} props */
export function Counters({ counters, declared }) {
  const help = new Map(declared.map((counter) => [counter.name, counter.help]));
  return html`
    <section class="card" aria-label="Counters">
      <div class="bar"><h2>Counters</h2><span class="facts">since the gateways started</span></div>
      <dl class="counters">
        ${counters.map(({ name, value }) => html`
          <div key=${name} title=${help.get(name) ?? ''}>
            <dt>${name.replace(/^tenet_/, '').replaceAll('_', ' ')}</dt><dd>${count(value)}</dd>
          </div>
        `)}
        ${counters.length === 0 && html`<div class="none"><dt>Nothing has been counted yet.</dt></div>`}
      </dl>
    </section>
  `;
}
