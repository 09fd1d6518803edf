//! Servers that speak PostgreSQL's protocol and are not it: what they give, and why some are refused.
//!
//! | server | commits | log of changes | refused because |
//! |---|---|---|---|
//! | PostgreSQL 14 and later | yes | yes | |
//! | YugabyteDB 2025.1 and later (not tested) | yes: it has advisory locks and READ COMMITTED | no: its transactions have no ids in the order of a record's commits | |
//! | CockroachDB | | | its advisory locks were functions that do nothing, and its triggers are not those of statements |
//!
//! A lock that is not one would lose writes in silence, so nothing is guessed: what does not say that it is one of the first two is refused.

/// What a server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Postgres,
    /// Written after its documentation, and not tested against it.
    Yugabyte,
}

/// The first YugabyteDB with advisory locks that hold in the whole cluster and are seen in pg_locks.
const YUGABYTE_OLDEST: u32 = 2025;

impl Dialect {
    /// By what `version()` says; why not otherwise.
    pub fn of(version: &str) -> Result<Dialect, String> {
        let refuse = |why: &str| Err(format!("the server is {version:?}: {why}"));
        if version.contains("CockroachDB") {
            return refuse(
                "CockroachDB is not supported. Its advisory locks were functions that do nothing until 2026, so that two processes could \
                 write one record at the same time, and it has neither triggers of statements nor ordered ids of transactions",
            );
        }
        if let Some((_, yugabyte)) = version.split_once("-YB-") {
            let major = yugabyte.split('.').next().and_then(|major| major.parse::<u32>().ok());
            return match major {
                Some(major) if major >= YUGABYTE_OLDEST => Ok(Dialect::Yugabyte),
                _ => refuse("YugabyteDB has the locks that are needed from 2025.1 on"),
            };
        }
        let known = version.starts_with("PostgreSQL ");
        if known { Ok(Dialect::Postgres) } else { refuse("expected PostgreSQL or YugabyteDB") }
    }

    /// Changes can be followed.
    pub fn has_feed(self) -> bool {
        self == Dialect::Postgres
    }

    /// `fsync` and `full_page_writes` say what becomes of what was acknowledged. YugabyteDB's own logs are set by flags that SQL does not see.
    pub fn shows_durability(self) -> bool {
        self == Dialect::Postgres
    }

    /// Of which cluster and timeline transaction ids are, as an expression; a constant where nothing is ordered by them.
    pub fn identity(self) -> &'static str {
        match self {
            Dialect::Postgres => {
                "((SELECT system_identifier FROM pg_control_system())::text || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8))"
            }
            Dialect::Yugabyte => "'yugabyte/00000001'",
        }
    }

    /// What must hold besides: an expression, and what is wrong where it is false.
    pub fn condition(self) -> Option<(&'static str, &'static str)> {
        match self {
            Dialect::Postgres => None,
            Dialect::Yugabyte => Some((
                "current_setting('yb_effective_transaction_isolation_level', true) = 'read committed'",
                "READ COMMITTED is not in effect: set yb_enable_read_committed_isolation",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Dialect;

    #[test]
    fn servers_are_told_by_their_version() {
        let check = |version: &str, expected: Result<Dialect, &str>| match (Dialect::of(version), expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{version}"),
            (Err(found), Err(words)) => assert!(found.contains(words), "{found}"),
            (found, expected) => panic!("{version}: {found:?}, expected {expected:?}"),
        };
        check("PostgreSQL 15.14 (Debian 15.14-0+deb12u1) on x86_64-pc-linux-gnu", Ok(Dialect::Postgres));
        check("PostgreSQL 15.2-YB-2025.1.0.0-b0 on x86_64-pc-linux-gnu", Ok(Dialect::Yugabyte));
        check("PostgreSQL 11.2-YB-2.20.1.0-b0 on x86_64-pc-linux-gnu", Err("2025.1"));
        check("CockroachDB CCL v25.2.0 (x86_64-pc-linux-gnu)", Err("nothing"));
        check("SomethingElse 3", Err("expected PostgreSQL"));
    }
}
