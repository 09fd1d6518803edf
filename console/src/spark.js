// A small chart in a line of text: requests in the last minute.

import { html } from './html.js';

const WIDTH = 96;
const HEIGHT = 22;

/**
 * The outline of values that end at the right edge, as an SVG path.
 * @param {number[]} values
 * @param {number} places How many values the full width holds.
 * @param {number} [width]
 * @param {number} [height]
 */
export function outline(values, places, width = WIDTH, height = HEIGHT) {
  if (values.length === 0) return '';
  const top = Math.max(...values, 1);
  const step = width / Math.max(places - 1, 1);
  const start = width - (values.length - 1) * step;
  const x = (/** @type {number} */ i) => (start + i * step).toFixed(1);
  const y = (/** @type {number} */ value) => (height - 1 - (value / top) * (height - 3)).toFixed(1);
  return values.map((value, i) => `${i === 0 ? 'M' : 'L'}${x(i)} ${y(value)}`).join('');
}

/** @param {{ values: number[], places: number, wide?: boolean }} props */
export function Spark({ values, places, wide }) {
  const width = wide ? 200 : WIDTH;
  const line = outline(values, places, width);
  const area = line && `${line}L${width} ${HEIGHT}L${(width - ((values.length - 1) * width) / Math.max(places - 1, 1)).toFixed(1)} ${HEIGHT}Z`;
  return html`
    <svg class="spark" viewBox=${`0 0 ${width} ${HEIGHT}`} width=${width} height=${HEIGHT} preserveAspectRatio="none" aria-hidden="true">
      <path class="area" d=${area} /><path class="line" d=${line} />
    </svg>
  `;
}
