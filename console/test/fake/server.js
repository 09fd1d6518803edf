// The console's server as far as a page can tell: its files, the same security headers, and a live stream that the
// test conducts.

import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';

const TYPES = { '.html': 'text/html', '.css': 'text/css', '.js': 'text/javascript', '.svg': 'image/svg+xml' };
/** As in crates/control/src/web.rs. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const FIRST_SECOND = 1_700_000_000;

/** Numbers of a subject with so many requests in the window of ten seconds. */
function numbers(count, failed, ms) {
  const point = { count: count / 10, refused: 0, failed, p50: ms * 1e6, p90: ms * 2e6, p99: ms * 9e6, max: ms * 2e7 };
  const codes = failed ? [['OK', count - failed], ['UNAVAILABLE', failed]] : [['OK', count]];
  return {
    count, rate: count / 10, refused: 0, failed, codes, min: ms * 1e5, avg: ms * 1.2e6, p50: ms * 1e6, p90: ms * 2e6, p99: ms * 9e6, max: ms * 2e7,
    request_bytes: 1000, response_bytes: 5000, attempts: count + failed, hedges: 0, hedges_won: 0, now: point,
  };
}

const key = (name, group) => ({ name, method: 'feed.v1.Feed/Method', group, service: 'feed' });
const ENDPOINTS = [
  [key('GET /v1/users/{user_id}', 'user-data'), 3000, 0, 2],
  [key('POST /v1/payments:charge', 'payments'), 50, 5, 80],
  [key('GET /v1/users/{user_id}/timeline', 'user-data'), 900, 0, 9],
];

const instance = (id, zone, healthy_by) => ({
  service: 'feed', id, address: '127.0.0.1:1', zone, seen_by: 2, healthy_by, state: healthy_by ? 'up' : 'ejected', state_by: 2,
  cause: healthy_by ? '' : '5 errors in a row', open_connections: 4, idle_connections: 3, pending: 0, in_flight: 1, calls: 900, failures: 2, refusals: 0,
  ejections: healthy_by ? 0 : 1, latency_us: 2100, utilisation_percent: 40,
});

/** A service in the window of ten seconds, calm or with an instance out and too little left. */
const upstream = (failing) => ({
  service: 'feed', calls: 3000, attempts: failing ? 3600 : 3000, hedges: 40, hedges_won: 10, ejections: failing ? 1 : 0,
  retries: failing ? [['CONNECTION_LOST', 500], ['UNAVAILABLE', 60]] : [], retries_refused: failing ? [['budget', 30]] : [],
  shed: failing ? [['sheddable', 70], ['normal', 20]] : [], queue_p50: 4e4, queue_p99: failing ? 18e6 : 9e4,
  budget_left: failing ? 0 : 60, in_flight: failing ? 64 : 12, queued: failing ? 7 : 0, limit: 64, ejected: failing ? 1 : 0, instances: 2, panic_by: failing ? 1 : 0,
  capacity: {
    share: failing ? 0.998 : 1.08, lost: 'zone b', basis: failing ? 'measured' : 'proven', peak_rps: 320, left_rps: failing ? 319 : 345, process: 'gateway-1',
  },
});
const QUIET = {
  ...upstream(false), service: 'legacy', calls: 0, attempts: 0, hedges: 0, hedges_won: 0, queue_p50: null, queue_p99: null, limit: 0, in_flight: 0,
  instances: 1, capacity: null,
};
/** The store in the window of ten seconds, calm or with its engine away. */
const store = (failing) => ({
  engine: 'postgres', problems: failing ? [['store-1', 'connection refused by 10.0.0.9:5432']] : [], near_bytes: 3 << 20,
  operations: [
    { operation: 'commit', count: failing ? 20 : 100, p50: 2e6, p99: 9e6, max: 2e7, carried_mean: 2.5, carried_p99: 9, failures: failing ? [['unavailable', 20]] : [] },
    { operation: 'read', count: 200, p50: 4e5, p99: 2e6, max: 8e6, carried_mean: 1.2, carried_p99: 4, failures: [] },
  ],
  collections: [
    {
      namespace: 'accounts', collection: 'users', p50: 5e5, p99: 3e6, items_from_memory: 900, items_from_engine: 300, refused: 0, watches: 1, leases: 0,
      calls: [{ kind: 'get', count: 1200, failures: 0, p50: 4e5, p99: 2e6 }, { kind: 'put', count: 200, failures: failing ? 20 : 0, p50: 3e6, p99: 9e6 }],
      commits: [['done', 190], ['conflict', 8], ['replayed', 2]], size: { records: 1000, items: 1000, bytes: 256000, age_ms: 4200 },
      hot_records: [['("u7")', 0.21]],
      indexes: [{ name: 'by-handle', state: 'BUILDING', items_done: 250, items_left_out: 0, problem: '' }],
    },
    {
      namespace: 'payments', collection: 'by-key', p50: null, p99: null, items_from_memory: 0, items_from_engine: 0, refused: 0, watches: 0, leases: 2,
      calls: [], commits: [], size: null, hot_records: [], indexes: [],
    },
  ],
});
const process = (name, up, role = 'gateway') => ({
  name, role, zone: 'a', address: name, up, why: up ? '' : 'connection refused', since: 0, release: 'c0ffee', epoch: 1, version: '0', pid: 1,
  started: 0, cpu: 0.5, resident_bytes: 2 ** 24, open_descriptors: 9, max_descriptors: 1024, threads: 3, received: 10, sent: 10, connections: 5, in_flight: 1, draining: false,
});

/** Starts it; `second()` tells the next second, `drop()` ends the streams and refuses new ones, `open()` lets them in again. */
export async function start() {
  const streams = new Set();
  let second = FIRST_SECOND;
  let refusing = false;
  let failing = false;
  let keeps = true;
  const hello = () => ({
    project: 'feed', boot: 1, second, counters: [{ name: 'tenet_panics', help: 'Panics caught.' }], sparks: [], events: [],
    codes: [{ name: 'OK', http: 200, blame: 'nobody', title: 'Success' }, { name: 'UNAVAILABLE', http: 503, blame: 'dependency', title: 'The service is unavailable' }],
  });
  const live = () => ({
    boot: 1, second, window: 10, revision: 0, total: numbers(3950, 5, 3),
    groups: [{ name: 'payments', ...numbers(50, 5, 80) }, { name: 'user-data', ...numbers(3900, 0, 3) }],
    endpoints: ENDPOINTS.map(([key, ...rest]) => ({ ...key, ...numbers(...rest) })),
    trees: { calls: 3000, extra_attempts: failing ? 560 : 0, ceiling: 4 },
    upstreams: [upstream(failing), QUIET],
    instances: [instance('feed-1', 'a', 2), instance('feed-2', 'b', failing ? 0 : 2)],
    store: keeps ? store(failing) : null,
    processes: [process('gateway-1', true), process('gateway-2', !failing), ...(keeps ? [process('store-1', true, 'store')] : [])],
    counters: [{ name: 'tenet_panics', value: 3 }],
    alarms: failing ? [{ process: 'gateway-1', severity: 'critical', subject: 'feed-2', text: 'is down', since: second * 1000 }] : [],
    events: failing ? [{ number: 1, process: 'gateway-1', kind: 'instance-down', at: second * 1000, subject: 'feed-2', text: 'three checks failed' }] : [],
  });
  const frame = (event, data) => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
  const tell = () => streams.forEach((stream) => stream.write(frame('second', live())));

  const server = createServer(async (request, answer) => {
    const url = new URL(request.url ?? '/', 'http://console');
    answer.setHeader('content-security-policy', POLICY);
    if (url.pathname === '/api/live') {
      if (refusing) return answer.writeHead(503).end();
      answer.writeHead(200, { 'content-type': 'text/event-stream' }).write(frame('hello', hello()) + frame('second', live()));
      streams.add(answer);
      answer.on('close', () => streams.delete(answer));
    } else if (url.pathname === '/api/history') {
      const seconds = Array.from({ length: 60 }, (_, i) => second - 59 + i);
      const of = (value) => seconds.map(() => value);
      const history = { seconds, count: of(395), refused: of(1), failed: of(0), p50: of(3e6), p90: of(6e6), p99: of(27e6), max: of(6e7) };
      answer.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(history));
    } else {
      const path = url.pathname === '/' ? 'index.html' : url.pathname.slice(1);
      const file = await readFile(new URL(`../../${path}`, import.meta.url)).catch(() => null);
      if (!file) return answer.writeHead(404).end();
      answer.writeHead(200, { 'content-type': TYPES[extname(path)] ?? 'text/plain' }).end(file);
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return {
    url: `http://127.0.0.1:${port}/`,
    second() {
      second += 1;
      tell();
    },
    fail(is) {
      failing = is;
    },
    keep(does) {
      keeps = does;
    },
    drop() {
      refusing = true;
      streams.forEach((stream) => stream.destroy());
    },
    open() {
      refusing = false;
    },
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
