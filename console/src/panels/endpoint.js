// An endpoint's name: method, then path with its variables set back.

import { endpointParts } from '../format.js';
import { html } from '../html.js';

/** @param {{ name: string }} props */
export function EndpointName({ name }) {
  if (name === '(none)') return html`<span class="endpoint">(none)</span> <small>never reached a route</small>`;
  const { verb, pieces } = endpointParts(name);
  return html`
    <span class="endpoint" title=${name}>
      ${verb && html`<span class=${`verb ${verb.toLowerCase()}`}>${verb}</span> `}
      <span class="path">${pieces.map(({ text, variable }) => (variable ? html`<i>${text}</i>` : text))}</span>
    </span>
  `;
}
