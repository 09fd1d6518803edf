// What is wrong now, in the bar at the top: the gravest in words, all of them on a click. Its place is always
// kept, so that nothing moves when an alarm comes or goes.

import { clock } from '../format.js';
import { html } from '../html.js';

/** @import { Alarm } from '../types.js' */

/** @param {{ alarms: Alarm[], known: boolean }} props `known` is false while nobody can tell. */
export function Alarms({ alarms, known }) {
  const raised = distinct(alarms);
  if (raised.length === 0) return html`<p class="alarms calm" role="status">${known ? 'No alarms' : 'Alarms unknown'}</p>`;
  const [first] = raised;
  return html`
    <details class="alarms">
      <summary class=${first.severity}>
        <b role="status">${raised.length === 1 ? 'Alarm' : `${raised.length} alarms`}</b>
        <span>${first.subject}: ${first.text}</span>
      </summary>
      <ul>
        ${raised.map((alarm) => html`
          <li key=${alarm.subject + alarm.text} class=${alarm.severity}>
            <b>${alarm.severity === 'critical' ? 'Critical' : 'Warning'}</b>
            <span>${alarm.subject}: ${alarm.text}</span>
            <small>since ${clock(alarm.since)}, told by ${alarm.process}</small>
          </li>
        `)}
      </ul>
    </details>
  `;
}

/**
 * Gravest first, then longest; what several gateways raise alike is told once, since the first of them.
 * @param {Alarm[]} alarms
 */
export function distinct(alarms) {
  const grave = (/** @type {Alarm} */ alarm) => (alarm.severity === 'critical' ? 0 : 1);
  const sorted = [...alarms].sort((a, b) => grave(a) - grave(b) || a.since - b.since);
  const seen = new Set();
  return sorted.filter(({ subject, text }) => {
    const id = `${subject}|${text}`;
    return !seen.has(id) && seen.add(id);
  });
}
