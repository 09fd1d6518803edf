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
    /// Where it tells its counters, by which request.
    admin: (SocketAddr, &'static str),
}

impl Proxy {
    /// Starts `kind` on the proxy core and waits for a right answer.
    pub fn start(kind: Kind, case: Case, fleet: &Fleet, zone: &str) -> Outcome<Proxy> {
        let start = Start::new(kind)?;
        let folder = start.folder.path();
        let mut names = fleet.names();
        let admin = free_address()?;
        names.push(("LISTEN".into(), start.address.port().to_string()));
        names.push(("ADMIN".into(), admin.port().to_string()));
        let values: Vec<(&str, String)> =
            names.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
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
            Kind::Tenet | Kind::Baseline => {
                let source = if case == Case::Overload { "overload" } else { "resilience" };
                template::fill_file(&format!("tenet/{source}.toml"), &values, &folder.join("tenet.toml"))?;
                template::copy_file("proto/bench/shop/v1/shop.proto", folder)?;
                words.extend(["gateway".into(), folder.into(), "--threads".into(), "1".into()]);
                words.extend(["--listen".into(), start.address.to_string().into()]);
                words.extend(["--admin-listen".into(), admin.to_string().into()]);
                words.extend(["--zone".into(), zone.into()]);
            }
            Kind::Nginx => {
                return Err("nginx is not compared here: it has neither checks nor ejection".into());
            }
        }
        let address = start.address;
        let peer = start.run(&words, &attached()?, || verify(address))?;
        let path = match kind {
            Kind::Envoy => "/stats?usedonly",
            Kind::Haproxy => "/stats;csv",
            _ => "/metrics",
        };
        Ok(Proxy { peer, admin: (admin, path) })
    }

    /// What it has counted, as it says it; zeros and histograms are left out.
    pub fn counters(&self) -> Outcome<Vec<String>> {
        let (address, path) = self.admin;
        let request = format!("GET {path} HTTP/1.1\r\nhost: admin\r\n\r\n");
        let body = load::once(address, request.as_bytes(), 200)?;
        let text = String::from_utf8_lossy(&body).into_owned();
        let told = |line: &&str| {
            let dull = line.starts_with('#') || line.contains("_bucket") || line.contains("P0(");
            !dull && !line.ends_with(" 0")
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
        load::once(address, request.bytes(), 200)?;
    }
    Ok(())
}
