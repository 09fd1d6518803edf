// A short list of names and values under a title: what a row leaves out.

import { html } from '../html.js';

/** @param {{ title: string, rows: [string, string][], none?: string }} props */
export function Facts({ title, rows, none }) {
  return html`
    <div>
      <h3>${title}</h3>
      ${rows.length === 0 ? html`<p class="none">${none}</p>` : html`<dl>${rows.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`}
    </div>
  `;
}
