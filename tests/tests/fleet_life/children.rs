//! Children that die are started again, whichever they are.

use crate::fleet::{descendants, lives};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tenet_tests::{Up, eventually, example, http1};

/// The child by its name, which services have in their environment and gateways among their arguments.
fn pid_of(up: &Up, id: &str) -> Option<i32> {
    descendants(up.process.pid()).into_iter().find(|pid| {
        ["environ", "cmdline"].iter().any(|file| {
            let words = std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
            let named =
                |word: &[u8]| word == id.as_bytes() || word == format!("TENET_INSTANCE={id}").as_bytes();
            lives(*pid) && words.split(|byte| *byte == 0).any(named)
        })
    })
}

#[test]
fn a_child_that_is_killed_is_started_again() {
    let (_project, mut up) = example::up(|text| text);
    for id in ["accounts-a-1", "payments-a-1", "gateway-2", "gateway-1", "timeline-a-1", "accounts-a-1"] {
        let before = eventually(&format!("{id} to have a process"), || pid_of(&up, id));
        kill(Pid::from_raw(before), Signal::SIGKILL).unwrap();
        eventually(&format!("{id} to have a new process"), || pid_of(&up, id).filter(|pid| *pid != before));
        assert!(!lives(before), "{id}: {before}");
        assert!(up.process.ended().is_none());
    }
    serves(&up);
    let all = descendants(up.process.pid());
    // The lines of children bear their names.
    assert!(up.process.output().iter().any(|line| line.starts_with("[accounts-a-1]")));
    assert_eq!(up.process.stop().code(), Some(0));
    assert!(all.iter().all(|pid| !lives(*pid)));
}

fn serves(up: &Up) {
    for path in ["/v1/users/u1", "/v1/users/u7/timeline?page_size=1", "/v1/charges/ch_u7_s0"] {
        eventually(&format!("{path} to answer 200"), || {
            (http1::get(up.public, path).status == 200).then_some(())
        });
    }
}
