// Who serves, where: services down, zones across, and in each cell the instances as all gateways see them.

import { duration } from '../format.js';
import { html } from '../html.js';
import { standing, tone } from '../instance.js';

/** @import { Instance } from '../types.js' */

/** @param {{ instances: Instance[] }} props */
export function Instances({ instances }) {
  const zones = [...new Set(instances.map((instance) => instance.zone))].sort();
  const services = [...new Set(instances.map((instance) => instance.service))].sort();
  return html`
    <section class="card" aria-label="Instances by zone">
      <div class="bar"><h2>Instances by zone</h2><span class="facts">latency · utilisation · calls in flight</span></div>
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
  const { id, cause, latency_us, utilisation_percent, in_flight } = instance;
  const kind = tone(instance);
  const words = standing(instance);
  return html`
    <div class=${`instance ${kind}`} title=${everything(instance)}>
      <span class="id"><i aria-hidden="true"></i><span>${id}</span></span>
      <span class=${kind === 'up' ? 'hidden' : 'state'}>${words}</span>
      ${cause && kind !== 'up'
        ? html`<span class="why">${cause}</span>`
        : html`
          <span class="figures">
            <span>${latency_us ? duration(latency_us * 1e3) : '–'}<span class="hidden"> latency</span></span>
            <span>${utilisation_percent === null ? '–' : `${utilisation_percent} %`}<span class="hidden"> utilised</span></span>
            <span>${in_flight}<span class="hidden"> in flight</span></span>
          </span>
        `}
    </div>
  `;
}

/** All that is known of it, for who points at it. @param {Instance} instance */
function everything(instance) {
  const { id, address, cause, open_connections, idle_connections, pending, in_flight, calls, failures, refusals, ejections } = instance;
  return [
    `${id} at ${address}: ${standing(instance)}${cause ? ` (${cause})` : ''}`,
    `${open_connections} connections, ${idle_connections} idle, ${pending} calls waiting for one`,
    `${in_flight} calls in flight`,
    `${calls} attempts, ${failures} failed, ${refusals} refused for want of room, ejected ${ejections} times since the gateways started`,
  ].join('\n');
}
