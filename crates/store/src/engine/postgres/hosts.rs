//! The hosts of a URL, each with how to connect to it alone: which of them is the primary is found out here, not by the client library.

use super::config::PostgresConfig;
use std::time::Duration;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

/// How soon the server notices that we are gone, and lets go of our locks.
pub(super) const GONE: Duration = Duration::from_secs(1);

/// How soon a silent peer is asked for a sign of life, and for how long sent bytes may stay unacknowledged.
pub(super) const SILENT: Duration = Duration::from_secs(5);

/// One configuration for each host of `parsed`.
pub(super) fn hosts(parsed: &Config, config: &PostgresConfig) -> Vec<(String, Config)> {
    let ports = parsed.get_ports();
    let mut hosts = Vec::new();
    for (place, host) in parsed.get_hosts().iter().enumerate() {
        let port = ports.get(place).or(ports.first()).copied().unwrap_or(5432);
        let mut one = Config::new();
        let name = match host {
            Host::Tcp(name) => {
                one.host(name);
                format!("{name}:{port}")
            }
            #[cfg(unix)]
            Host::Unix(path) => {
                one.host_path(path);
                format!("{}:{port}", path.display())
            }
        };
        one.port(port);
        if let Some(user) = parsed.get_user() {
            one.user(user);
        }
        if let Some(password) = parsed.get_password() {
            one.password(password);
        }
        if let Some(database) = parsed.get_dbname() {
            one.dbname(database);
        }
        if let Some(options) = parsed.get_options() {
            one.options(options);
        }
        one.ssl_mode(SslMode::Disable)
            .application_name(APPLICATION)
            .connect_timeout(config.connect_timeout)
            .tcp_user_timeout(SILENT)
            .keepalives_idle(SILENT)
            .keepalives_interval(GONE)
            .keepalives_retries(3);
        hosts.push((name, one));
    }
    hosts
}

/// What our sessions are called until they know the mark of the schema.
pub(super) const APPLICATION: &str = "tenet-store";
