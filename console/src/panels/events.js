// The time line: what happened, latest first.

import { clock } from '../format.js';
import { html } from '../html.js';

/** @import { Event } from '../types.js' */

/** How a kind is told: its word, and whether it is news of trouble, of recovery, or neither. @type {Record<string, [string, string]>} */
const KINDS = {
  release: ['release', 'plain'],
  refusal: ['release refused', 'bad'],
  'instance-up': ['instance up', 'good'],
  'instance-down': ['instance down', 'bad'],
  ejection: ['ejected', 'bad'],
  alarm: ['alarm', 'warn'],
  drill: ['drill', 'plain'],
  scale: ['scaled', 'plain'],
  restart: ['restart', 'plain'],
  drain: ['draining', 'plain'],
  'process-up': ['process up', 'good'],
  'process-down': ['process down', 'bad'],
  intruder: ['intruder', 'bad'],
  other: ['event', 'plain'],
};

/** Shown at most; more are a search's business. */
const SHOWN_MAX = 100;

/** @param {{ events: Event[] }} props */
export function Events({ events }) {
  const latest = together(events).slice(0, SHOWN_MAX);
  return html`
    <section class="card" aria-label="Events">
      <div class="bar"><h2>Events</h2></div>
      <ol class="events" tabindex="0">
        ${latest.map(({ event, processes }) => {
          const [word, tone] = KINDS[event.kind] ?? KINDS.other;
          return html`
            <li key=${event.number}>
              <time>${clock(event.at)}</time>
              <span class=${`kind ${tone}`}>${word}</span>
              <span class="what"><b>${event.subject}</b> ${rest(event)} <small>${processes.join(', ')}</small></span>
            </li>
          `;
        })}
        ${latest.length === 0 && html`<li class="none">Nothing has happened yet.</li>`}
      </ol>
    </section>
  `;
}

/**
 * Latest first; what several processes tell alike within two seconds is one event seen by all of them.
 * @param {Event[]} events
 */
export function together(events) {
  /** @type {{ event: Event, processes: string[] }[]} */
  const out = [];
  for (const event of [...events].sort((a, b) => b.at - a.at || b.number - a.number)) {
    const same = out.find(
      (other) =>
        other.event.kind === event.kind && other.event.subject === event.subject && other.event.text === event.text &&
        Math.abs(other.event.at - event.at) <= 2000 && !other.processes.includes(event.process),
    );
    if (same) same.processes.push(event.process);
    else out.push({ event, processes: [event.process] });
  }
  return out;
}

/**
 * The text of an event behind its subject: most texts begin with it.
 * @param {{ subject: string, text: string }} event
 */
export function rest({ subject, text }) {
  return text.startsWith(`${subject} `) ? text.slice(subject.length + 1) : text;
}
