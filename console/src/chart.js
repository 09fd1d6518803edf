// A chart over time: uPlot in a box of fixed height, with its own legend that also reads out the cursor.

import uPlot from '../vendor/uplot.js';
import { useEffect, useRef, useState } from '../vendor/preact-hooks.js';
import { clock } from './format.js';
import { html } from './html.js';
import { colour, onTheme } from './palette.js';

/**
 * @typedef {{ label: string, colour: string, width?: number, fill?: boolean, dash?: number[] }} Line
 * @typedef {object} Props
 * @property {string} title
 * @property {Line[]} lines
 * @property {number[]} seconds
 * @property {(number | null)[][]} columns One for each line.
 * @property {(value: number | null | undefined) => string} format
 * @property {boolean} [log] A logarithmic axis, for latencies.
 * @property {number} range Seconds shown.
 * @property {string} group Charts of one group move their cursors together.
 */

const HEIGHT = 168;

/**
 * The colour with another opacity.
 * @param {string} rgb
 * @param {number} alpha
 */
const faded = (rgb, alpha) => rgb.replace(/^rgba?\(([^)]*)\)$/, (_, parts) => `rgba(${parts.split(',').slice(0, 3)}, ${alpha})`);

/**
 * The values of a line that have none beside them.
 * @param {uPlot} plot
 * @param {number} line
 * @returns {number[]}
 */
function alone(plot, line) {
  const values = plot.data[line];
  const has = (/** @type {number} */ i) => values[i] !== null && values[i] !== undefined;
  return [...values.keys()].filter((i) => has(i) && !has(i - 1) && !has(i + 1));
}

/**
 * The steps of a logarithmic axis that get a line: over two decades only the powers of ten, below that 1, 2 and 5.
 * @param {uPlot} plot
 * @param {number[]} steps
 */
function round(plot, steps) {
  const { min, max } = plot.scales.y;
  const wide = min && max ? max / min > 100 : true;
  const leading = (/** @type {number} */ step) => Math.round(step / 10 ** Math.floor(Math.log10(step) + 1e-9));
  return steps.map((step) => ((wide ? [1, 10] : [1, 2, 5, 10]).includes(leading(step)) ? step : null));
}

/**
 * Without the zeros that keep a changing number steady: an axis stands still.
 * @param {string} text
 */
const plain = (text) => text.replace(/(\.\d*?)0+(?=\s|$)/, '$1').replace(/\.(?=\s|$)/, '');

/**
 * @param {Props} props
 * @param {number} width
 * @param {(index: number | null) => void} onCursor
 * @returns {uPlot.Options}
 */
function options({ lines, format, log, group, range }, width, onCursor) {
  const axis = { stroke: () => colour('muted'), font: '11px system-ui, sans-serif', ticks: { show: false } };
  const grid = { stroke: () => colour('grid'), width: 1, ...(log && { filter: round }) };
  return {
    width,
    height: HEIGHT,
    padding: [8, 18, 0, 0],
    legend: { show: false },
    cursor: { sync: { key: group, setSeries: false }, drag: { x: false, y: false }, points: { size: 6 } },
    scales: {
      x: { time: true, range: (_, _low, high) => [high - range, high] },
      y: log
        ? { distr: 3, range: (_, low, high) => (low > 0 && high > 0 ? decades(low, high) : [1e5, 1e9]) }
        : { range: (_, _low, high) => [0, Math.max(high ?? 0, 1) * 1.08] },
    },
    axes: [
      { ...axis, grid: { show: false }, size: 24, space: 36, values: (_, splits) => splits.map((s) => clock(s * 1000).slice(0, range >= 300 ? 5 : 8)) },
      { ...axis, grid, size: 52, space: 30, values: (_, splits) => splits.map((v) => (v === null ? '' : plain(format(v)))) },
    ],
    series: [
      {},
      ...lines.map((line) => ({
        label: line.label,
        stroke: () => colour(line.colour),
        width: line.width ?? 1.5,
        dash: line.dash,
        fill: line.fill ? () => faded(colour(line.colour), 0.14) : undefined,
        // A second between two without requests has no line to be seen on.
        points: { show: true, size: 4, fill: () => colour(line.colour), stroke: () => colour(line.colour), filter: alone },
        spanGaps: false,
      })),
    ],
    hooks: { setCursor: [(/** @type {uPlot} */ plot) => onCursor(plot.cursor.idx ?? null)] },
  };
}

/**
 * Bounds that hold both values, on steps of 1, 2 and 5 so that the axis rests.
 * @param {number} low
 * @param {number} high
 * @returns {[number, number]}
 */
export function decades(low, high) {
  const steps = [1, 2, 5, 10];
  const base = (/** @type {number} */ value) => 10 ** Math.floor(Math.log10(value));
  const below = base(low) * (steps.findLast((step) => step * base(low) <= low * 1.0001) ?? 1);
  const above = base(high) * (steps.find((step) => step * base(high) >= high * 0.9999) ?? 10);
  return above / below >= 10 ? [below, above] : [below, below * 10];
}

/** @param {Props} props */
export function Chart(props) {
  const { title, lines, seconds, columns, format } = props;
  const box = useRef(/** @type {HTMLDivElement | null} */ (null));
  const plot = useRef(/** @type {uPlot | null} */ (null));
  const [cursor, setCursor] = useState(/** @type {number | null} */ (null));

  useEffect(() => {
    const target = box.current;
    if (!target) return;
    const data = /** @type {uPlot.AlignedData} */ ([seconds, ...columns]);
    const made = new uPlot(options(props, target.clientWidth || 300, setCursor), data, target);
    plot.current = made;
    const resize = new ResizeObserver(() => made.setSize({ width: target.clientWidth, height: HEIGHT }));
    resize.observe(target);
    const unsubscribe = onTheme(() => made.redraw(false, true));
    return () => {
      resize.disconnect();
      unsubscribe();
      made.destroy();
      plot.current = null;
    };
  }, [props.range, props.log]);

  useEffect(() => {
    plot.current?.setData(/** @type {uPlot.AlignedData} */ ([seconds, ...columns]));
  }, [seconds, columns]);

  const at = cursor !== null && cursor < seconds.length ? cursor : seconds.length - 1;
  const value = (/** @type {number} */ line) => format(columns[line]?.[at]);
  const told = lines.map((line, i) => `${line.label} ${value(i)}`).join(', ');
  return html`
    <figure class="chart" aria-label=${`${title}: ${told}`}>
      <figcaption>
        <b>${title}</b>
        <span class="legend">
          ${lines.map((line, i) => html`<span class="key"><i class=${`swatch ${line.colour}`}></i>${line.label} <b>${value(i)}</b></span>`)}
        </span>
      </figcaption>
      <div class="plot" ref=${box} aria-hidden="true"></div>
    </figure>
  `;
}
