// Numbers as people read them: short, of steady width, with their unit.

const MISSING = '–';

/**
 * Three significant digits, without trailing noise.
 * @param {number} value
 */
export function three(value) {
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 99.95) return Math.round(value).toString();
  if (size >= 9.995) return value.toFixed(1);
  return value.toFixed(2);
}

/**
 * A duration given in nanoseconds.
 * @param {number | null | undefined} ns
 */
export function duration(ns) {
  if (ns === null || ns === undefined || Number.isNaN(ns)) return MISSING;
  if (ns < 1_000) return `${Math.round(ns)} ns`;
  // 999.5: what would be rounded to 1000 of a unit is 1 of the next.
  if (ns < 999.5e3) return `${three(ns / 1e3)} µs`;
  if (ns < 999.5e6) return `${three(ns / 1e6)} ms`;
  if (ns < 99.95e9) return `${three(ns / 1e9)} s`;
  return `${Math.round(ns / 60e9)} min`;
}

/**
 * A ratio near one.
 * @param {number | null} value
 */
export const ratio = (value) => (value === null ? MISSING : value.toFixed(2));

/**
 * A count: all digits while they are few, then with a suffix.
 * @param {number} n
 */
export function count(n) {
  if (n < 10_000) return Math.round(n).toString();
  if (n < 999.5e3) return `${three(n / 1e3)} k`;
  if (n < 999.5e6) return `${three(n / 1e6)} M`;
  return `${three(n / 1e9)} G`;
}

/**
 * Something per second.
 * @param {number} perSecond
 */
export function rate(perSecond) {
  if (perSecond === 0) return '0';
  if (perSecond < 0.01) return '<0.01';
  return perSecond < 10_000 ? three(perSecond) : count(perSecond);
}

/**
 * Bytes, in the binary units that memory is counted in.
 * @param {number} n
 */
export function bytes(n) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let unit = 0;
  while (n >= 1023.5 && unit < units.length - 1) {
    n /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? Math.round(n) : three(n)} ${units[unit]}`;
}

/**
 * A share as per cent; something that is not nothing never reads as 0, nor what is not all as 100.
 * @param {number} part
 * @param {number} whole
 */
export function share(part, whole) {
  if (whole === 0) return MISSING;
  const percent = (100 * part) / whole;
  if (part === 0) return '0 %';
  if (percent < 0.01) return '<0.01 %';
  if (percent > 99.99 && part < whole) return '>99.99 %';
  return `${percent >= 99.995 ? '100' : three(percent)} %`;
}

/** @param {number} n */
const two = (n) => String(n).padStart(2, '0');

/**
 * The local time of day.
 * @param {number} ms
 */
export function clock(ms) {
  const at = new Date(ms);
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/**
 * How long something lasts or is ago, in its largest unit or two.
 * @param {number} ms
 */
export function span(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${two(minutes % 60)}`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/**
 * A window of seconds as a label.
 * @param {number} seconds
 */
export function windowName(seconds) {
  return seconds < 60 ? `${seconds} s` : `${seconds / 60} min`;
}

/**
 * An endpoint's name taken apart: its HTTP method, and the path in literal and variable pieces. Of a gRPC method the
 * package is left out, which its service's methods share and which would push the method out of sight.
 * @param {string} name
 * @returns {{ verb: string, pieces: { text: string, variable: boolean }[] }}
 */
export function endpointParts(name) {
  const grpc = /^gRPC (?:[\w.]+\.)?([^.]+\/.*)$/s.exec(name);
  if (grpc) return { verb: 'gRPC', pieces: [{ text: grpc[1], variable: false }] };
  const match = /^([A-Z]+) (\/.*)$/s.exec(name);
  const verb = match ? match[1] : '';
  const path = match ? match[2] : name;
  const pieces = path.split(/(\{[^}]*\})/).filter((text) => text !== '');
  return { verb, pieces: pieces.map((text) => ({ text, variable: text.startsWith('{') })) };
}
