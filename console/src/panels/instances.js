// Who serves, where: services down, zones across, and in each cell the instances as all gateways see them.

import { html } from '../html.js';

/** @import { Instance } from '../types.js' */

/** @param {{ instances: Instance[] }} props */
export function Instances({ instances }) {
  const zones = [...new Set(instances.map((instance) => instance.zone))].sort();
  const services = [...new Set(instances.map((instance) => instance.service))].sort();
  return html`
    <section class="card" aria-label="Instances by zone">
      <div class="bar"><h2>Instances by zone</h2><span class="facts">connections · calls in flight</span></div>
      ${instances.length === 0
        ? html`<p class="none">No gateway has told of an instance yet.</p>`
        : html`
          <div class="scroll">
            <table class="instances">
              <thead><tr><th scope="col">service</th>${zones.map((zone) => html`<th scope="col">${zone || 'no zone'}</th>`)}</tr></thead>
              <tbody>
                ${services.map((service) => html`
                  <tr key=${service}>
                    <th scope="row">${service}</th>
                    ${zones.map((zone) => html`<td>${instances
                      .filter((instance) => instance.service === service && instance.zone === zone)
                      .map((instance) => html`<${Tile} key=${instance.id} instance=${instance} />`)}</td>`)}
                  </tr>
                `)}
              </tbody>
            </table>
          </div>
        `}
    </section>
  `;
}

/** @param {{ instance: Instance }} props */
function Tile({ instance }) {
  const { id, address, seen_by, healthy_by, open_connections, in_flight } = instance;
  const state = healthy_by === seen_by ? 'up' : healthy_by === 0 ? 'down' : 'partly';
  const words = { up: 'up', down: 'down', partly: `up for ${healthy_by} of ${seen_by} gateways` }[state];
  return html`
    <div class=${`instance ${state}`} title=${`${id} at ${address}: ${words}, ${open_connections} connections, ${in_flight} calls in flight`}>
      <span class="id"><i aria-hidden="true"></i>${id}<span class="hidden">, ${words}</span></span>
      <span class="figures">${state === 'down' ? 'down' : html`${open_connections}<span class="hidden"> connections</span> · ${in_flight}<span class="hidden"> in flight</span>`}</span>
    </div>
  `;
}
