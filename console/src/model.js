// What the page knows, as a function of the messages it got. Nothing here touches the page or the network.

/** @import { Model, Hello, Live, Numbers, Point, Row, Scope, EndpointKey, Series } from './types.js' */

/** Seconds in the small charts. */
export const SPARK_SECONDS = 60;
/** Seconds in the large charts, as many as the server remembers. */
export const SERIES_SECONDS = 900;
/** Events kept. */
export const EVENTS_MAX = 500;

/** @returns {Point} */
export const nothing = () => ({ count: 0, refused: 0, failed: 0, p50: null, p90: null, p99: null, max: null });

/** @returns {Numbers} */
export const idle = () => ({
  count: 0, rate: 0, refused: 0, failed: 0, codes: [],
  min: null, avg: null, p50: null, p90: null, p99: null, max: null,
  request_bytes: 0, response_bytes: 0, attempts: 0, hedges: 0, hedges_won: 0, now: nothing(),
});

/** @returns {Model} */
export const empty = () => ({ hello: null, live: null, endpoints: new Map(), groups: new Map(), spark: [], sparked: 0, events: [] });

/**
 * The identity of what charts can show.
 * @param {Scope} scope
 */
export function scopeId(scope) {
  if (scope.kind === 'total') return 'total';
  if (scope.kind === 'group') return `group|${scope.name}`;
  const { name, method, group, service } = scope.key;
  return ['endpoint', name, method, group, service].join('|');
}

/**
 * A row for an endpoint that has done nothing yet.
 * @param {EndpointKey} key
 * @returns {Row}
 */
function endpointRow({ name, method, group, service }) {
  /** @type {Scope} */
  const scope = { kind: 'endpoint', key: { name, method, group, service } };
  return { id: scopeId(scope), scope, name, group, service, numbers: idle(), spark: [] };
}

/**
 * @param {string} name
 * @returns {Row}
 */
function groupRow(name) {
  /** @type {Scope} */
  const scope = { kind: 'group', name };
  return { id: scopeId(scope), scope, name, group: name, service: '', numbers: idle(), spark: [] };
}

/**
 * The first message of a connection: starts afresh when the server did, otherwise keeps what is known.
 * @param {Model} model
 * @param {Hello} hello
 * @returns {Model}
 */
export function greet(model, hello) {
  const known = model.hello?.boot === hello.boot ? model : empty();
  const endpoints = new Map(known.endpoints);
  const groups = new Map(known.groups);
  let total = known.spark;
  for (const spark of hello.sparks) {
    const counts = spark.counts.slice(-SPARK_SECONDS);
    if (spark.of === 'total') total = counts;
    else {
      const row = spark.of === 'group' ? groupRow(spark.group) : endpointRow(spark);
      const rows = spark.of === 'group' ? groups : endpoints;
      rows.set(row.id, { ...(rows.get(row.id) ?? row), spark: counts });
    }
  }
  return { ...known, hello, endpoints, groups, spark: total, sparked: hello.second, events: hello.events.slice(-EVENTS_MAX) };
}

/**
 * One second. Whatever was seen once stays, idle, so that nothing jumps when a minute passes without it.
 * @param {Model} model
 * @param {Live} live
 * @returns {Model}
 */
export function advance(model, live) {
  if (model.hello && live.boot !== model.hello.boot) return model;
  const isNew = live.second > model.sparked;
  const endpoints = merge(model.endpoints, live.endpoints.map((endpoint) => [endpointRow(endpoint), endpoint]), isNew);
  const groups = merge(model.groups, live.groups.map((group) => [groupRow(group.name), group]), isNew);
  const last = model.events.at(-1)?.number ?? 0;
  const fresh = live.events.filter((event) => event.number > last);
  const events = fresh.length ? [...model.events, ...fresh].slice(-EVENTS_MAX) : model.events;
  const spark = isNew ? push(model.spark, live.total.now.count) : model.spark;
  return { ...model, live, endpoints, groups, spark, sparked: Math.max(live.second, model.sparked), events };
}

/**
 * @param {Map<string, Row>} known
 * @param {[Row, Numbers][]} seen
 * @param {boolean} isNew
 */
function merge(known, seen, isNew) {
  const current = new Map(seen.map(([row, numbers]) => [row.id, numbers]));
  const rows = new Map(known);
  for (const [row] of seen) if (!rows.has(row.id)) rows.set(row.id, row);
  for (const [id, row] of rows) {
    const numbers = current.get(id) ?? idle();
    const spark = isNew ? push(row.spark, numbers.now.count) : row.spark;
    rows.set(id, { ...row, numbers, spark });
  }
  return rows;
}

/**
 * @param {number[]} list
 * @param {number} value
 */
const push = (list, value) => [...list, value].slice(-SPARK_SECONDS);

/**
 * The numbers of what the charts show.
 * @param {Model} model
 * @param {Scope} scope
 * @returns {Numbers}
 */
export function numbersOf(model, scope) {
  if (scope.kind === 'total') return model.live?.total ?? idle();
  const rows = scope.kind === 'group' ? model.groups : model.endpoints;
  return rows.get(scopeId(scope))?.numbers ?? idle();
}

/** @returns {Series} */
export const noSeries = () => ({ seconds: [], count: [], refused: [], failed: [], p50: [], p90: [], p99: [], max: [] });

/**
 * A series with one more second at its end; seconds in between that nobody told are filled with nothing.
 * @param {Series} series
 * @param {number} second
 * @param {Point} point
 * @returns {Series}
 */
export function extend(series, second, point) {
  const last = series.seconds.at(-1);
  if (last !== undefined && second <= last) return series;
  const missing = last === undefined ? 0 : Math.min(second - last - 1, SERIES_SECONDS);
  const next = noSeries();
  for (const column of /** @type {(keyof Point)[]} */ (['count', 'refused', 'failed', 'p50', 'p90', 'p99', 'max'])) {
    const gap = Array(missing).fill(nothing()[column]);
    /** @type {any} */ (next)[column] = [...series[column], ...gap, point[column]].slice(-SERIES_SECONDS);
  }
  const between = Array.from({ length: missing }, (_, i) => second - missing + i);
  next.seconds = [...series.seconds, ...between, second].slice(-SERIES_SECONDS);
  return next;
}
