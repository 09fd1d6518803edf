//! Kill -9 of either gateway under load harms only the calls in flight on it.

use crate::fleet::{greeter, lives, project, statuses, version};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::BTreeSet;
use tenet_tests::load::Load;
use tenet_tests::{Up, eventually, http1};

const HTTP1: usize = 6;
const HTTP2: usize = 6;

#[test]
fn a_killed_gateway_takes_only_its_own_calls_with_it() {
    let backend = greeter();
    let project = project(&backend, "old");
    let up = Up::start(&project, &[]);
    for victim in [0, 1] {
        let load = Load::start(up.public, "/hello", HTTP1, HTTP2, version);
        load.flows(200);
        let before = statuses(&up);
        let pid = i32::try_from(before[victim]["pid"].as_i64().unwrap()).unwrap();
        let connections = before[victim]["connections"].as_u64().unwrap();
        assert_eq!(load.failures(), [], "before");
        kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
        // New connections succeed at once: nothing here waits or tries twice.
        for _ in 0..20 {
            let answer = http1::try_call(up.public, "GET", "/hello", &[], b"").unwrap();
            assert_eq!(version(&answer).as_deref(), Ok("old"));
        }
        load.flows(400);
        eventually("the gateway to be back", || {
            let answer = http1::try_call(up.admins()[victim], "GET", "/-/status", &[], b"").ok()?;
            let now = i32::try_from(answer.json()["pid"].as_i64()?).ok()?;
            (now != pid && !lives(pid)).then_some(())
        });
        load.flows(200);
        let tally = load.stop();
        // Every caller has one connection and one call on it at a time, so it can lose one call to one death.
        let callers: BTreeSet<_> = tally.failures.iter().map(|(caller, _)| caller).collect();
        assert_eq!(callers.len(), tally.failures.len(), "somebody failed twice: {:?}", tally.failures);
        let lost = tally.failures.len() as u64;
        assert!(lost <= connections, "{lost} lost of {connections} connections: {:?}", tally.failures);
        assert!(tally.failures.iter().all(|(_, what)| !what.starts_with("connect")), "{:?}", tally.failures);
        assert!(tally.answers["old"] >= 800, "{tally:?}");
    }
}
