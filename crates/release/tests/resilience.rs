//! `[resilience]` and `[services.NAME.dns]`: who wins, what is refused, what a bundle and `tenet explain` say.

// A panic is the report of a test, also in what only tests call.
#![allow(clippy::unwrap_used)]

use tenet_release::config::resilience::{AdmissionLimit, HealthCheck, Origin};
use tenet_release::config::{Millis, Resilience};
use tenet_release::{Config, Release, Roster};

const PROTO: &str = r#"syntax = "proto3";
package s.v1;
import "tenet/policy/v1/policy.proto";
service S {
  rpc Get(M) returns (M) {
    option idempotency_level = NO_SIDE_EFFECTS;
    option (tenet.policy.v1.method) = { hedge: true hash_by: "id" };
  }
}
message M { string id = 1; }
"#;

const SERVICES: &str = r#"
[services.s]
serves = ["s.v1.S"]
command = "true"
[services.old]
instances = [{ address = "127.0.0.1:9" }]
"#;

fn load(config: &str) -> Result<Release, String> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("proto")).unwrap();
    std::fs::write(folder.path().join("proto/s.proto"), PROTO).unwrap();
    std::fs::write(folder.path().join("tenet.toml"), config).unwrap();
    Release::load(folder.path())
        .map_err(|problems| problems.to_string().replace(&format!("{}/", folder.path().display()), ""))
}

fn good(toml: &str) -> Release {
    load(&format!("{SERVICES}{toml}")).unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn a_service_wins_over_the_fleet_and_the_fleet_over_the_default() {
    let both = "[resilience.retry]\nattempts = 4\n[services.s.resilience.retry]\nattempts = 5\n";
    let rows = [
        ("", 3, 3),
        ("[resilience.retry]\nattempts = 4\n", 4, 4),
        ("[services.s.resilience.retry]\nattempts = 5\n", 5, 3),
        (both, 5, 4),
    ];
    for (toml, of_s, of_old) in rows {
        let config = good(toml).config;
        let expected = Resilience {
            health: config.resilience("s").health,
            retry: tenet_release::config::resilience::Retry { attempts: of_s, ..Default::default() },
            ..Resilience::default()
        };
        assert_eq!(config.resilience("s"), expected, "{toml}");
        assert_eq!(config.resilience("old").retry.attempts, of_old, "{toml}");
    }
}

#[test]
fn every_kind_of_value_is_read() {
    let toml = "[resilience]\nhedge = { halfway = false }\nbalance = { slow_start = \"0s\" }\n\
                admission = { limit = \"off\" }\n[services.old.resilience.health]\ncheck = \"http\"\npath = \"/up\"\n";
    let config = good(toml).config;
    let old = config.resilience("old");
    assert!(!old.hedge.halfway);
    assert_eq!((old.balance.slow_start, old.admission.limit), (Millis(0), AdmissionLimit::Off));
    assert_eq!((old.health.check, old.health.path.as_str()), (HealthCheck::Http, "/up"));
}

#[test]
fn how_health_is_checked_depends_on_what_a_service_speaks() {
    let check = |toml: &str, service: &str| good(toml).config.resilience(service).health.check;
    assert_eq!((check("", "s"), check("", "old")), (HealthCheck::Grpc, HealthCheck::Connect));
    let off = "[resilience.health]\ncheck = \"off\"\n";
    assert_eq!((check(off, "s"), check(off, "old")), (HealthCheck::Off, HealthCheck::Off));
    // It stays open in a bundle too.
    let again = Release::from_bytes(&good("").to_bytes()).unwrap();
    assert_eq!(again.config.resilience("s").health.check, HealthCheck::Grpc);
}

#[test]
fn a_bundle_says_what_it_does_whatever_later_defaults_are() {
    let release = good("");
    let again = Release::from_bytes(&release.to_bytes()).unwrap();
    assert_eq!(again.config.resilience.retry.attempts, Some(3));
    assert_eq!(again.to_bytes(), release.to_bytes());
    for service in ["s", "old", "nobody"] {
        assert_eq!(again.config.resilience(service), release.config.resilience(service), "{service}");
    }
    // To write a default down is to mean the same release.
    assert_eq!(good("[resilience.retry]\nattempts = 3\n").hash, release.hash);
    assert_ne!(good("[resilience.retry]\nattempts = 2\n").hash, release.hash);
}

#[test]
fn every_key_says_who_said_it() {
    let config: Config = toml::from_str(
        "[resilience.retry]\nattempts = 4\nbackoff = \"50ms\"\n[services.s.resilience.retry]\nattempts = 3\n",
    )
    .unwrap();
    let of = |service: &str, wanted: &str| {
        let entries = config.explain_resilience(service);
        let entry = entries.into_iter().find(|entry| entry.key == wanted).unwrap();
        (entry.value, entry.origin, entry.beaten)
    };
    assert_eq!(of("s", "attempts"), ("3".into(), Origin::Service, Some("4".into())));
    assert_eq!(of("old", "attempts"), ("4".into(), Origin::Fleet, None));
    assert_eq!(of("s", "backoff"), ("50ms".into(), Origin::Fleet, None));
    assert_eq!(of("s", "allowance"), ("3".into(), Origin::Default, None));
}

#[test]
fn explain_says_what_was_written_and_sums_up_what_was_not() {
    let release = good(
        "[resilience.retry]\nattempts = 4\n[resilience.bulkhead]\nqueue = 10\n[services.s.resilience]\n\
         retry = { attempts = 2 }\nhedge = { percentile = 90, min_delay = \"5ms\", halfway = false }\n",
    );
    let mut text = String::new();
    for effective in release.effective("s.v1.S/Get").unwrap() {
        text.push_str(&format!(
            "{} = {} <- {}\n",
            effective.what, effective.winner.value, effective.winner.source
        ));
        for loser in &effective.losers {
            text.push_str(&format!("    not {} <- {}\n", loser.value, loser.source));
        }
    }
    insta::assert_snapshot!(text);
}

#[test]
fn what_is_wrong_is_named_where_it_is_written() {
    insta::assert_snapshot!(
        load(
            r#"
[resilience.retry]
attempts = 0
budget_percent = 101
max_backoff = "10ms"
[resilience.hedge]
percentile = 100
[resilience.health]
check = "http"
path = "healthz"
[resilience.admission]
min = 100
tolerance_percent = 100
[services.s]
serves = ["s.v1.S"]
command = "true"
[services.s.resilience.retry]
allowance = 5
backoff = "2s"
[services.s.resilience.health]
timeout = "3s"
[services.s.resilience.ejection]
latency_factor_percent = 50
base = "2min"
[services.s.resilience.bulkhead]
connections = 0
queue_time = "2min"
[services.old]
instances = [{ address = "127.0.0.1:9", weight = 0 }]
resilience = { health = { check = "grpc" } }
"#
        )
        .unwrap_err()
    );
}

#[test]
fn what_fits_no_bound_says_which_there_is() {
    let rows = [
        ("retry.allowance = 64", ""),
        ("retry.allowance = 65", "resilience.retry.allowance: found 65, expected 0 to 64"),
        ("ejection.success_rate_deviation_percent = 0", ""),
        ("ejection.success_rate_deviation_percent = 250", ""),
        ("ejection.success_rate_deviation_percent = 50", "found 50, expected 0 (off) or 100 to 1000"),
        ("balance.error_penalty = 10", "unknown key `error_penalty`"),
    ];
    for (toml, expected) in rows {
        match load(&format!("{SERVICES}[resilience]\n{toml}\n")) {
            Ok(_) => assert_eq!(expected, "", "{toml}"),
            Err(problems) => {
                assert!(!expected.is_empty() && problems.contains(expected), "{toml}: {problems}")
            }
        }
    }
}

#[test]
fn unknown_keys_name_the_nearest() {
    insta::assert_snapshot!(
        load("[resilience]\nretri = {}\n[resilience.retry]\natempts = 3\n[resilience.health]\ncheck = \"htpp\"\n\
              [services.s.resilience.ejection]\ncap = 3\nbase = 5\n[services.s.dns]\nserver = \"x\"\n")
        .unwrap_err()
    );
}

#[test]
fn instances_are_found_in_one_way() {
    let rows = [
        ("dns = { name = \"a.example\", port = 80 }", ""),
        ("dns = { srv = \"_grpc._tcp.a.example.\", zone = \"b\", resolver = \"10.0.0.1:53\" }", ""),
        ("", "found none of `command`, `instances` and `dns`"),
        ("dns = { name = \"a.example\", port = 80 }\ncommand = \"x\"", "found both `command` and `dns`"),
        (
            "dns = { name = \"a.example\", port = 80 }\ninstances = [{ address = \"127.0.0.1:1\" }]",
            "found both `instances` and `dns`",
        ),
        ("dns = {}", "found neither `name` nor `srv`"),
        ("dns = { name = \"a\", srv = \"b\" }", "found both `name` and `srv`"),
        ("dns = { name = \"a\" }", "services.x.dns.port: expected a port from 1 on"),
        ("dns = { name = \"a\", port = 0 }", "services.x.dns.port: expected a port from 1 on"),
        ("dns = { srv = \"a\", port = 80 }", "SRV records bring their own"),
        ("dns = { name = \"a..b\", port = 80 }", "found \"a..b\", expected a name"),
        ("dns = { srv = \"a/b\" }", "found \"a/b\", expected a name"),
        ("dns = { srv = \"a\", zone = \"Z\" }", "services.x.dns.zone"),
        ("dns = { srv = \"a\", resolver = \"0.0.0.0:53\" }", "expected an address that can be asked"),
        ("dns = { srv = \"a\", min_ttl = \"0s\" }", "found 0ms, expected 100ms to 24h"),
        ("dns = { srv = \"a\", min_ttl = \"2min\" }", "found 2min, expected at most max_ttl = 1min"),
        ("dns = { srv = \"a\" }\nper_zone = 2", "only a service with a `command` has it"),
    ];
    for (toml, expected) in rows {
        match load(&format!("[services.x]\n{toml}\n")) {
            Ok(_) => assert_eq!(expected, "", "{toml}"),
            Err(problems) => {
                assert!(!expected.is_empty() && problems.contains(expected), "{toml}: {problems}");
                assert_eq!(problems.matches("error:").count(), 1, "{toml}: {problems}");
            }
        }
    }
}

#[test]
fn an_instance_carries_its_weight_into_the_roster() {
    let toml = "[services.x]\ninstances = [{ address = \"127.0.0.1:1\", weight = 250 }, { address = \"127.0.0.1:2\" }]\n";
    let roster = Roster::from_config(&load(toml).unwrap().config);
    let weights: Vec<u32> = roster.services["x"].iter().map(|instance| instance.weight).collect();
    assert_eq!(weights, [250, 100]);
}
