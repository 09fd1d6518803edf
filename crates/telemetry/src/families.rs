//! Every metric there is: its name, help and labels, declared once. `/metrics`, the snapshots and the documents
//! follow from these tables.
//!
//! Names follow the OpenTelemetry conventions where they have one for the thing measured
//! (`http.server.request.duration` is `tenet_request_duration_seconds`), in OpenMetrics spelling.

pub mod instance;
pub mod upstream;

/// A metric family that has no labels of its own.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// Name without `_total`.
    pub name: &'static str,
    /// One sentence for people.
    pub help: &'static str,
}

macro_rules! families {
    ($(#[$doc:meta])* $id:ident: $($variant:ident $name:literal $help:literal;)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum $id { $(#[doc = $help] $variant,)* }

        impl $id {
            /// All of them, in the order of their discriminants.
            pub const ALL: &'static [$id] = &[$($id::$variant,)*];
            /// How many there are.
            pub const COUNT: usize = Self::ALL.len();

            /// Its declaration.
            pub fn family(self) -> Family {
                match self { $($id::$variant => Family { name: $name, help: $help },)* }
            }

            /// The one with this name.
            pub fn from_name(name: &str) -> Option<$id> {
                match name { $($name => Some($id::$variant),)* _ => None }
            }
        }
    };
}

families! {
    /// A counter without labels. What ends a request is not counted here but recorded with its code.
    CounterId:
    ConnectionsAccepted "tenet_connections_accepted" "Connections accepted on the public and private listeners.";
    ConnectionsRefused "tenet_connections_refused" "Connections closed at once because the limit was reached.";
    TlsHandshakes "tenet_tls_handshakes" "TLS handshakes completed.";
    TlsHandshakeFailures "tenet_tls_handshake_failures" "TLS handshakes that failed.";
    CertificateReloads "tenet_certificate_reloads" "Times that certificates were loaded anew.";
    Http2Floods "tenet_http2_floods" "HTTP/2 connections closed for control frames or resets in excess.";
    Http2StreamsReset "tenet_http2_streams_reset" "HTTP/2 streams the caller reset before they were answered.";
    UnknownFields "tenet_unknown_fields" "JSON fields ignored because the contract does not have them.";
    UnknownParameters "tenet_unknown_parameters" "Query parameters ignored because the contract does not have them.";
    UpstreamConnects "tenet_upstream_connects" "Connections opened to instances.";
    UpstreamConnectFailures "tenet_upstream_connect_failures" "Connections to instances that could not be opened.";
    Attempts "tenet_attempts" "Attempts made at instances; more than the calls if some were repeated.";
    TreeCalls "tenet_tree_calls" "Calls that began a call tree at this process and caused an attempt: those at the edge.";
    TreeExtraAttempts "tenet_tree_extra_attempts" "Extra attempts in the whole trees of those calls, below them too; of a tree that was not told of, all it was granted.";
    Panics "tenet_panics" "Panics caught; each ended one request.";
    ReleasesApplied "tenet_releases_applied" "Releases switched on.";
    ReleasesRefused "tenet_releases_refused" "Releases refused whole; the one before went on.";
    EventsDropped "tenet_events_dropped" "Events not kept because too many came in one second.";
    SeriesFolded "tenet_series_folded" "Records filed under (other) because a bound on the number of series was reached.";
}

families! {
    /// A gauge without labels.
    GaugeId:
    Connections "tenet_connections" "Connections open on the public and private listeners.";
    InFlight "tenet_requests_in_flight" "Requests being served.";
    Streams "tenet_http2_streams" "HTTP/2 streams open on the public and private listeners.";
    UpstreamConnections "tenet_upstream_connections" "Connections open to instances, idle ones included.";
    TreeCeiling "tenet_tree_amplification_ceiling" "What tenet_tree_amplification_ratio cannot pass: 1 and the allowance of a call tree.";
    Draining "tenet_draining" "1 while the process drains.";
}

/// A family with labels, or one that describes the process.
#[derive(Clone, Copy, Debug)]
pub struct Declared {
    /// Name, without `_total`, `_bucket` and the like.
    pub name: &'static str,
    /// `counter`, `gauge`, `histogram` or `info`, as OpenMetrics calls the types.
    pub kind: &'static str,
    /// The unit the name ends in; empty if none.
    pub unit: &'static str,
    /// One sentence for people.
    pub help: &'static str,
}

impl Declared {
    /// A counter of things.
    const fn counter(name: &'static str, help: &'static str) -> Declared {
        Declared { name, kind: "counter", unit: "", help }
    }

    /// A gauge of things, or of a ratio.
    const fn gauge(name: &'static str, help: &'static str) -> Declared {
        Declared { name, kind: "gauge", unit: "", help }
    }
}

/// Requests by every label there is.
pub const REQUESTS: Declared =
    Declared { name: "tenet_requests", kind: "counter", unit: "", help: "Requests that ended, by outcome." };
/// Latency by endpoint and code.
pub const REQUEST_DURATION: Declared = Declared {
    name: "tenet_request_duration_seconds",
    kind: "histogram",
    unit: "seconds",
    help: "Time from the end of a request's head to the last byte of its answer.",
};
/// Body bytes received.
pub const REQUEST_BYTES: Declared = Declared {
    name: "tenet_request_body_bytes",
    kind: "counter",
    unit: "bytes",
    help: "Bytes of request bodies.",
};
/// Body bytes sent.
pub const RESPONSE_BYTES: Declared = Declared {
    name: "tenet_response_body_bytes",
    kind: "counter",
    unit: "bytes",
    help: "Bytes of response bodies.",
};
/// Attempts by every label of a request.
pub const REQUEST_ATTEMPTS: Declared = Declared::counter(
    "tenet_request_attempts",
    "Attempts that requests caused, by the requests' outcome; beside tenet_request_duration_seconds it tells what retries cost.",
);
/// Amplification of whole call trees now.
pub const TREE_AMPLIFICATION: Declared = Declared::gauge(
    "tenet_tree_amplification_ratio",
    "1 and the extra attempts in whole call trees per call at the edge, over the last ten seconds; absent without calls.",
);
/// Who measures.
pub const PROCESS_INFO: Declared =
    Declared { name: "tenet_process", kind: "info", unit: "", help: "The process and the release it runs." };
/// CPU.
pub const CPU: Declared = Declared {
    name: "process_cpu_seconds",
    kind: "counter",
    unit: "seconds",
    help: "CPU time since the start, in user mode and in the kernel.",
};
/// Resident memory.
pub const RESIDENT: Declared = Declared {
    name: "process_resident_memory_bytes",
    kind: "gauge",
    unit: "bytes",
    help: "Resident memory.",
};
/// Virtual memory.
pub const VIRTUAL: Declared =
    Declared { name: "process_virtual_memory_bytes", kind: "gauge", unit: "bytes", help: "Virtual memory." };
/// Descriptors.
pub const DESCRIPTORS: Declared =
    Declared { name: "process_open_fds", kind: "gauge", unit: "", help: "Open file descriptors." };
/// Their limit.
pub const MAX_DESCRIPTORS: Declared =
    Declared { name: "process_max_fds", kind: "gauge", unit: "", help: "Limit on open file descriptors." };
/// Threads.
pub const THREADS: Declared = Declared { name: "process_threads", kind: "gauge", unit: "", help: "Threads." };
/// Start.
pub const START_TIME: Declared = Declared {
    name: "process_start_time_seconds",
    kind: "gauge",
    unit: "seconds",
    help: "When the process started, in seconds since 1970.",
};
/// Bytes received by device.
pub const NETWORK_RECEIVED: Declared = Declared {
    name: "tenet_network_receive_bytes",
    kind: "counter",
    unit: "bytes",
    help: "Bytes received by a network device the process can see; the kernel counts them per device.",
};
/// Bytes sent by device.
pub const NETWORK_SENT: Declared = Declared {
    name: "tenet_network_transmit_bytes",
    kind: "counter",
    unit: "bytes",
    help: "Bytes sent by a network device the process can see; the kernel counts them per device.",
};

/// All families that are not counters or gauges without labels.
pub fn declared() -> impl Iterator<Item = &'static Declared> {
    DECLARED.iter().chain(instance::DECLARED).chain(upstream::DECLARED)
}

const DECLARED: &[Declared] = &[
    REQUESTS,
    REQUEST_DURATION,
    REQUEST_BYTES,
    RESPONSE_BYTES,
    REQUEST_ATTEMPTS,
    TREE_AMPLIFICATION,
    PROCESS_INFO,
    CPU,
    RESIDENT,
    VIRTUAL,
    DESCRIPTORS,
    MAX_DESCRIPTORS,
    THREADS,
    START_TIME,
    NETWORK_RECEIVED,
    NETWORK_SENT,
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_name_is_unique_and_well_formed() {
        let mut names = HashSet::new();
        let plain =
            CounterId::ALL.iter().map(|id| id.family()).chain(GaugeId::ALL.iter().map(|id| id.family()));
        let all = plain
            .map(|family| (family.name, family.help, ""))
            .chain(declared().map(|d| (d.name, d.help, d.unit)));
        for (name, help, unit) in all {
            assert!(names.insert(name), "{name} twice");
            assert!(
                name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'),
                "{name}"
            );
            assert!(!name.ends_with("_total"), "{name}: the suffix is added when it is written");
            assert!(unit.is_empty() || name.ends_with(unit), "{name} must end in {unit}");
            assert!(help.ends_with('.'), "{name}: help is a sentence");
        }
    }

    #[test]
    fn ids_find_themselves() {
        for (index, id) in CounterId::ALL.iter().enumerate() {
            assert_eq!((*id as usize, CounterId::from_name(id.family().name)), (index, Some(*id)));
        }
        for (index, id) in GaugeId::ALL.iter().enumerate() {
            assert_eq!((*id as usize, GaugeId::from_name(id.family().name)), (index, Some(*id)));
        }
    }
}
