// What the platform's own processes take from their machines.

import { bytes, rate, span, three } from '../format.js';
import { html } from '../html.js';

/** @import { Process } from '../types.js' */

/** @param {{ processes: Process[], now: number }} props */
export function Processes({ processes, now }) {
  return html`
    <section class="card" aria-label="Processes">
      <div class="bar"><h2>Processes</h2></div>
      <div class="scroll">
        <table class="processes">
          <thead>
            <tr>
              <th scope="col" class="name">process</th><th scope="col">release</th>
              <th scope="col" class="number" title="CPU cores used in the last second">CPU</th>
              <th scope="col" class="number">memory</th>
              <th scope="col" class="number" title="Open file descriptors">files</th>
              <th scope="col" class="number" title="All network devices it can see, received and sent">network in</th>
              <th scope="col" class="number">out</th>
              <th scope="col" class="number" title="Connections of callers at gateways">conns</th>
              <th scope="col" class="number">up</th>
            </tr>
          </thead>
          <tbody>
            ${processes.map((process) => html`<${Line} key=${process.address} process=${process} now=${now} />`)}
            ${processes.length === 0 && html`<tr class="none"><td colspan="9">Waiting for the first second.</td></tr>`}
          </tbody>
        </table>
      </div>
    </section>
  `;
}

/** @param {{ process: Process, now: number }} props */
function Line({ process, now }) {
  const state = process.up ? (process.draining ? 'partly' : 'up') : 'down';
  const release = process.release ? `${process.release.slice(0, 8)} · ${process.epoch}` : '–';
  return html`
    <tr>
      <th scope="row" class=${`name instance ${state}`}>
        <span class="id"><i aria-hidden="true"></i>${process.name}</span>
        ${process.zone && html`<small>zone ${process.zone}</small>`}
        ${process.draining && html`<small>draining</small>`}
      </th>
      ${process.up
        ? html`
          <td class="mono" title=${`release ${process.release}, epoch ${process.epoch}`}>${release}</td>
          <td class="number">
            <meter class="fine" min="0" max="1" value=${Math.min(1, process.cpu)} aria-hidden="true"></meter>
            <span class="cpu">${three(process.cpu * 100)} %</span>
          </td>
          <td class="number">${bytes(process.resident_bytes)}</td>
          <td class="number">${process.open_descriptors}<small>${process.max_descriptors ? ` of ${rate(process.max_descriptors)}` : ''}</small></td>
          <td class="number">${bytes(process.received)}/s</td>
          <td class="number">${bytes(process.sent)}/s</td>
          <td class="number">${process.role === 'store' ? '–' : process.connections}</td>
          <td class="number">${span(now - process.started)}</td>
        `
        : html`<td colspan="8" class="gone">cannot be reached for ${span(now - process.since)}: ${process.why}</td>`}
    </tr>
  `;
}
