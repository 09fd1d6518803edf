//! The three proxies with their configurations for failures: HAProxy and Envoy tuned, Tenet with its defaults.

use super::case::Case;
use super::fleet::Fleet;
use super::service::Request;
use crate::peers::{ENVOY_FLAGS, Kind, Options, Peer, Start, free_address};
use crate::{Outcome, load, template};
use std::ffi::OsString;
use std::net::SocketAddr;

/// Who is compared.
pub const KINDS: [Kind; 3] = [Kind::Haproxy, Kind::Envoy, Kind::Tenet];

/// A running proxy before a fleet.
pub struct Proxy {
    /// It ends with this handle, or with the bench.
    pub peer: Peer,
    /// Where Tenet tells its counters.
    admin: Option<SocketAddr>,
}

impl Proxy {
    /// Starts `kind` on the proxy core and waits for a right answer.
    pub fn start(kind: Kind, case: Case, fleet: &Fleet) -> Outcome<Proxy> {
        let start = Start::new(kind)?;
        let folder = start.folder.path();
        let mut names = fleet.names();
        names.push(("LISTEN".into(), start.address.port().to_string()));
        let values: Vec<(&str, String)> =
            names.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        let mut admin = None;
        let mut words: Vec<OsString> = Vec::new();
        match kind {
            Kind::Haproxy => {
                let config = folder.join("haproxy.cfg");
                template::fill_file("peers/haproxy-resilience.cfg", &values, &config)?;
                words.extend(["-db".into(), "-f".into(), config.into()]);
            }
            Kind::Envoy => {
                let config = folder.join("envoy.yaml");
                template::fill_file("peers/envoy-resilience.yaml", &values, &config)?;
                words.extend(["-c".into(), config.into()]);
                words.extend(ENVOY_FLAGS.map(Into::into));
            }
            Kind::Tenet => {
                let source = if case == Case::Overload { "overload" } else { "resilience" };
                template::fill_file(&format!("tenet/{source}.toml"), &values, &folder.join("tenet.toml"))?;
                template::copy_file("proto/bench/shop/v1/shop.proto", folder)?;
                let address = free_address()?;
                admin = Some(address);
                words.extend(["gateway".into(), folder.into(), "--threads".into(), "1".into()]);
                words.extend(["--listen".into(), start.address.to_string().into()]);
                words.extend(["--admin-listen".into(), address.to_string().into()]);
                words.extend(["--zone".into(), "a".into()]);
            }
            Kind::Nginx => {
                return Err("nginx is not compared here: it has neither checks nor ejection".into());
            }
        }
        let address = start.address;
        let peer = start.run(&words, &attached()?, || verify(address))?;
        Ok(Proxy { peer, admin })
    }

    /// Tenet's counters of services and instances that are not 0; nothing of the others.
    pub fn counters(&self) -> Outcome<Vec<String>> {
        let Some(admin) = self.admin else { return Ok(Vec::new()) };
        let request = b"GET /metrics HTTP/1.1\r\nhost: admin\r\n\r\n";
        let body = load::once(admin, request)?;
        let text = String::from_utf8_lossy(&body).into_owned();
        let told = |line: &&str| {
            ["tenet_upstream_", "tenet_instance_", "tenet_amplification"]
                .iter()
                .any(|name| line.starts_with(name))
                && !line.contains("_bucket")
                && !line.ends_with(" 0")
        };
        Ok(text.lines().filter(told).map(str::to_owned).collect())
    }
}

/// Started through this program, so that it ends with the bench.
fn attached() -> Outcome<Options> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let wrapper = vec![program.display().to_string(), "attached".into(), "--".into()];
    Ok(Options { wrapper, ..Options::default() })
}

fn verify(address: SocketAddr) -> Outcome {
    for request in [Request::Normal, Request::Critical] {
        load::once(address, request.bytes())?;
    }
    Ok(())
}
