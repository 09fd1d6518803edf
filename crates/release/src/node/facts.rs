//! The table of facts: the one place where a fact is declared.

/// One fact of a process.
#[derive(Clone, Copy, Debug)]
pub struct Fact {
    /// Key in `node.toml`; the flag is the same with `-` for `_`, the variable `TENET_` and upper case.
    pub key: &'static str,
    /// What a person sees when nothing is given.
    pub default: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// How it is read.
    pub(super) kind: Kind,
}

/// How the text of a fact is read, and what `node.toml` may hold for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Address,
    /// A TOML array, or a list separated by commas.
    Addresses,
    Path,
    /// A whole number from 1.
    Count,
    Switch,
}

impl Kind {
    /// What a person is told was expected.
    pub(super) fn expected(self) -> &'static str {
        match self {
            Kind::Text => "a text",
            Kind::Address => "an address such as \"127.0.0.1:8080\"",
            Kind::Addresses => "addresses such as \"127.0.0.1:8080\", separated by commas",
            Kind::Path => "a path",
            Kind::Count => "a whole number from 1 to 1024",
            Kind::Switch => "true or false",
        }
    }
}

impl Fact {
    /// `TENET_ADMIN_LISTEN`.
    pub fn variable(&self) -> String {
        format!("TENET_{}", self.key.to_uppercase())
    }

    /// `--admin-listen`.
    pub fn flag(&self) -> String {
        format!("--{}", self.key.replace('_', "-"))
    }
}

const fn fact(key: &'static str, default: &'static str, kind: Kind, meaning: &'static str) -> Fact {
    Fact { key, default, meaning, kind }
}

/// Every fact, in the order of the documents.
pub static FACTS: [Fact; 12] = [
    fact("name", "gateway", Kind::Text, "Unique name of the process in the fleet; a label in metrics."),
    fact("zone", "", Kind::Text, "The failure domain the process lives in; empty is a zone of its own."),
    fact(
        "listen",
        "127.0.0.1:8080",
        Kind::Addresses,
        "Public addresses: HTTP/1.1 and HTTP/2, REST and gRPC.",
    ),
    fact(
        "private_listen",
        "",
        Kind::Addresses,
        "Private addresses, where services call each other, INTERNAL methods included. Empty: none.",
    ),
    fact(
        "admin_listen",
        "127.0.0.1:0",
        Kind::Address,
        "Readiness, status, metrics and releases. Never make it public. Port 0 takes a free one.",
    ),
    fact(
        "state_dir",
        ".tenet",
        Kind::Path,
        "Releases and the current epoch, kept so that a restart needs nobody.",
    ),
    fact("threads", "the number of CPUs", Kind::Count, "Threads of the data plane."),
    fact(
        "tls_cert",
        "",
        Kind::Path,
        "Certificate chain (PEM, leaf first) of the public addresses; with `tls_key`.",
    ),
    fact("tls_key", "", Kind::Path, "Private key (PEM) of the leaf; with `tls_cert`."),
    fact(
        "proxy_protocol",
        "false",
        Kind::Switch,
        "Every public connection begins with a PROXY protocol v2 header; one without it is refused.",
    ),
    fact(
        "roster",
        "run/roster.json in `state_dir`",
        Kind::Path,
        "The file that says which instances there are.",
    ),
    fact(
        "fault_points",
        "false",
        Kind::Switch,
        "Let a request ask for a failure by the header `tenet-fault` (`panic`). For tests and drills; never where strangers call.",
    ),
];
