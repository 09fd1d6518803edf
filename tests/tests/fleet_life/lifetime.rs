//! The beginning and the end of a fleet.

use crate::fleet::{children, descendants, greeter, lives, printed, project, settings, tenet, version};
use nix::sys::signal::Signal;
use std::time::Duration;
use tenet_tests::{Answer, GrpcBackend, Up, eventually, example, http1};

#[test]
fn a_fleet_says_where_it_listens_and_ends_whole() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let (project, mut up) = example::up(|text| text);
        for address in [up.public, up.console(), up.private()] {
            up.process.line_with(&address.to_string());
        }
        // The last of what it says.
        up.process.line_with("Ctrl-C drains and ends.");
        let curls: Vec<_> =
            up.process.output().into_iter().filter(|line| line.trim().starts_with("curl ")).collect();
        assert_eq!(curls.len(), 3, "{curls:?}");
        assert!(curls.iter().all(|line| line.contains(&up.public.to_string())), "{curls:?}");
        assert_eq!(http1::get(up.console(), "/").status, 200);

        // The store, three services, two gateways, the console: each a process of its own.
        let named = children(&up.state);
        assert_eq!(named.len(), 6, "{}", up.state);
        let all = descendants(up.process.pid());
        assert!(
            all.len() >= 7 && named.iter().all(|pid| all.contains(pid)),
            "{named:?} are not among {all:?}"
        );

        up.process.signal(signal);
        let status = up.process.wait();
        assert_eq!(status.code(), Some(0), "{signal}: {}", up.process.output().join("\n"));
        let left: Vec<_> = all.into_iter().filter(|pid| lives(*pid)).collect();
        assert!(left.is_empty(), "{signal}: {left:?} live on");
        assert!(
            !project.path().join(".tenet/run/up.json").exists(),
            "{signal}: up.json outlives what it tells of"
        );
        assert!(std::net::TcpStream::connect(up.public).is_err(), "{signal}: somebody still listens");
    }
}

#[test]
fn a_killed_supervisor_leaves_no_orphan() {
    let (project, mut up) = example::up(|text| text);
    let all = descendants(up.process.pid());
    assert!(all.len() >= 6, "{all:?}");
    up.process.signal(Signal::SIGKILL);
    up.process.wait();
    eventually("every child to be gone", || all.iter().all(|pid| !lives(*pid)).then_some(()));
    // And the project can be started again at once, whatever was left behind.
    let again = Up::start(&project, &["--no-build"]);
    assert_eq!(http1::get(again.public, "/v1/users/u1").status, 200);
}

#[test]
fn a_project_is_up_once() {
    let backend = greeter();
    let project = project(&backend, "old");
    let before = tenet(&["reload"], project.path());
    assert!(!before.status.success() && printed(&before).contains("is not up"), "{}", printed(&before));
    let mut up = Up::start(&project, &[]);
    let second = tenet(&["up", "--listen", "127.0.0.1:0", "--console", "127.0.0.1:0"], project.path());
    assert!(!second.status.success() && printed(&second).contains("already up"), "{}", printed(&second));
    assert_eq!(http1::get(up.public, "/hello").status, 200);
    assert_eq!(up.process.stop().code(), Some(0));
}

/// What is wrong is said before anything starts, all of it.
#[test]
fn a_project_that_cannot_be_up_says_why() {
    let backend = greeter();
    for (change, words) in [
        ("[gatewai]\n", &["gatewai", "gateway"][..]),
        ("[gateway]\ndeadlin = \"1s\"\n", &["deadlin", "deadline"]),
        ("[gateway]\ndeadline = \"soon\"\n", &["soon"]),
        (
            "[services.other]\nserves = [\"fleet.v1.Flet\"]\ncommand = \"x\"\n",
            &["fleet.v1.Flet", "fleet.v1.Fleet"],
        ),
    ] {
        let project = project(&backend, "old");
        project.write("tenet.toml", &format!("{}{change}", settings(&backend)));
        let output = tenet(&["up", "--listen", "127.0.0.1:0", "--console", "127.0.0.1:0"], project.path());
        let text = printed(&output);
        assert_eq!(output.status.code(), Some(1), "{text}");
        for word in words.iter().chain(&["tenet.toml"]) {
            assert!(text.contains(word), "{change:?}: {word:?} is not in {text}");
        }
        assert!(!text.contains("starting"), "{text}");
    }
}

#[test]
fn what_is_in_flight_is_finished_before_the_end() {
    let backend = GrpcBackend::start(|_| Answer::grpc(b"\x0a\x02hi").after(Duration::from_secs(1)));
    let project = project(&backend, "old");
    let mut up = Up::start(&project, &[]);
    let public = up.public;
    let callers: Vec<_> = (0..8)
        .map(|_| std::thread::spawn(move || http1::try_call(public, "GET", "/hello", &[], b"")))
        .collect();
    eventually("every call to be with the service", || (backend.calls().len() >= 8).then_some(()));
    up.process.signal(Signal::SIGINT);
    for caller in callers {
        let answer = caller.join().unwrap().unwrap();
        assert_eq!(version(&answer).as_deref(), Ok("old"));
        assert_eq!(answer.header("connection"), Some("close"));
    }
    assert_eq!(up.process.wait().code(), Some(0));
}
