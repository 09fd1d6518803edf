// What is wrong now, above everything else; nothing when nothing is.

import { clock } from '../format.js';
import { html } from '../html.js';

/** @import { Alarm } from '../types.js' */

/** @param {{ alarms: Alarm[] }} props */
export function Alarms({ alarms }) {
  const seen = new Map(alarms.map((alarm) => [`${alarm.subject}|${alarm.text}`, alarm]));
  return html`
    <ul class="alarms" role="alert">
      ${[...seen].map(([id, alarm]) => html`
        <li key=${id} class=${alarm.severity}>
          <b>${alarm.severity === 'critical' ? 'Critical' : 'Warning'}</b>
          <span>${alarm.subject}: ${alarm.text}</span>
          <time>since ${clock(alarm.since)}</time>
        </li>
      `)}
    </ul>
  `;
}
