// What the console's server sends (crates/control/src/fleet/view.rs) and what the page keeps.
// Durations are nanoseconds, times milliseconds since 1970, unless a name says otherwise.

export interface Point {
  count: number; refused: number; failed: number;
  p50: number | null; p90: number | null; p99: number | null; max: number | null;
}

export interface Numbers {
  count: number; rate: number; refused: number; failed: number;
  codes: [string, number][];
  min: number | null; avg: number | null; p50: number | null; p90: number | null; p99: number | null; max: number | null;
  request_bytes: number; response_bytes: number;
  /** Attempts at instances that the requests caused; how many were hedged, and how many a hedge answered. */
  attempts: number; hedges: number; hedges_won: number;
  now: Point;
}

export interface EndpointKey { name: string; method: string; group: string; service: string }
export type Endpoint = EndpointKey & Numbers;
export type Group = { name: string } & Numbers;

export interface Instance {
  service: string; id: string; address: string; zone: string;
  seen_by: number; healthy_by: number;
  /** The gravest state that a gateway sees it in, empty if none says; how many see it so, and why. */
  state: string; state_by: number; cause: string;
  open_connections: number; idle_connections: number; pending: number; in_flight: number;
  calls: number; failures: number; refusals: number; ejections: number;
  /** 0 if unknown. */
  latency_us: number; utilisation_percent: number | null;
}

/** The N−1 gauge, as the gateway with the least left sees it. */
export interface Capacity { share: number; lost: string; basis: string; peak_rps: number; left_rps: number; process: string }

/** The call trees that began at any gateway in the last ten seconds: calls at the edge, and the extra attempts in their whole trees. */
export interface Trees { calls: number; extra_attempts: number; ceiling: number }

/** A service as all gateways together call it: counts of the window, and how it is now. */
export interface Upstream {
  service: string; calls: number; attempts: number; hedges: number; hedges_won: number; ejections: number;
  /** By name, most first. */
  retries: [string, number][]; retries_refused: [string, number][]; shed: [string, number][];
  queue_p50: number | null; queue_p99: number | null;
  budget_left: number; in_flight: number; queued: number; limit: number; ejected: number; instances: number; panic_by: number;
  capacity: Capacity | null;
}

/** What the engine was asked in the window. */
export interface StoreOperation {
  operation: string; count: number; p50: number | null; p99: number | null; max: number | null;
  /** What a step carried: commits of a commit, keys of a read. */
  carried_mean: number | null; carried_p99: number | null;
  failures: [string, number][];
}

export interface StoreCalls { kind: string; count: number; failures: number; p50: number | null; p99: number | null }

/** How much there is, and how long ago that was measured. */
export interface StoreSize { records: number; items: number; bytes: number; age_ms: number }

export interface StoreIndex { name: string; state: string; items_done: number; items_left_out: number; problem: string }

/** A collection as all processes of the store together serve it: counts of the window, and how it is now. */
export interface StoreCollection {
  namespace: string; collection: string; calls: StoreCalls[]; p50: number | null; p99: number | null;
  /** By what became of them, most first. */
  commits: [string, number][];
  items_from_memory: number; items_from_engine: number; refused: number; size: StoreSize | null;
  /** Name, and share of the accesses at the process that sees it hottest. */
  hot_records: [string, number][];
  indexes: StoreIndex[]; watches: number; leases: number;
}

export interface Store {
  engine: string;
  /** Processes that cannot reach the engine, and why. */
  problems: [string, string][];
  near_bytes: number; operations: StoreOperation[]; collections: StoreCollection[];
}

export interface Process {
  name: string; role: string; zone: string; address: string; up: boolean; why: string; since: number;
  release: string; epoch: number; version: string; pid: number; started: number;
  cpu: number; resident_bytes: number; open_descriptors: number; max_descriptors: number; threads: number;
  received: number; sent: number; connections: number; in_flight: number; draining: boolean;
}

export interface Event { number: number; process: string; kind: string; at: number; subject: string; text: string }
export interface Alarm { process: string; severity: 'warning' | 'critical'; subject: string; text: string; since: number }
export interface Code { name: string; http: number; blame: string; title: string }

export type Spark = { counts: number[] } & ({ of: 'total' } | { of: 'group'; group: string } | ({ of: 'endpoint' } & EndpointKey));

export interface Hello {
  project: string; boot: number; codes: Code[]; counters: { name: string; help: string }[];
  events: Event[]; sparks: Spark[]; second: number;
}

export interface Live {
  boot: number; second: number; window: number; revision: number; total: Numbers; groups: Group[]; endpoints: Endpoint[];
  trees: Trees; upstreams: Upstream[];
  /** Null where no process of it was ever seen. */
  store: Store | null; instances: Instance[]; processes: Process[]; counters: { name: string; value: number }[];
  alarms: Alarm[]; events: Event[];
}

export interface Series {
  seconds: number[]; count: number[]; refused: number[]; failed: number[];
  p50: (number | null)[]; p90: (number | null)[]; p99: (number | null)[]; max: (number | null)[];
}

/** What the charts show: everything, a group, or an endpoint. */
export type Scope = { kind: 'total' } | { kind: 'group'; name: string } | { kind: 'endpoint'; key: EndpointKey };

/** A row of the table: an endpoint or group that is or was seen, idle ones with zeros. */
export interface Row { id: string; scope: Scope; name: string; group: string; service: string; numbers: Numbers; spark: number[] }

export interface Model {
  hello: Hello | null;
  live: Live | null;
  endpoints: Map<string, Row>;
  groups: Map<string, Row>;
  /** Requests a second of everything, for the tile. */
  spark: number[];
  /** The last second that the small charts hold. */
  sparked: number;
  events: Event[];
}

export type Connection = 'connecting' | 'live' | 'lost';
