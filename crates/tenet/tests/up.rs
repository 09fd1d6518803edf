//! `tenet up` over small services: start, death, restart, reload, refusals, the end.
//!
//! The services are this very test binary, started again to run [`serve_as_a_service`]: no interpreter has to be installed.

// A panic is the report of a test, also in what only tests call.
#![allow(clippy::unwrap_used)]

// A file beside this one would be a test of its own.
#[path = "support/support.rs"]
mod support;

use nix::sys::signal::Signal;
use std::time::{Duration, Instant};
use support::{Project, Up, alive, eventually, get, service};

/// Not a test: what the services of these tests run.
#[test]
#[ignore = "runs only as a child of the other tests"]
fn serve_as_a_service() {
    service::run();
}

#[test]
fn a_project_comes_up_serves_and_ends_with_every_child_gone() {
    let project = Project::new(&["a", "b"]);
    let mut up = Up::start(&project, &[]);
    let text = up.output();
    for expected in
        ["built", "test-project is up: release ", "  console  http://127.0.0.1:", "try:", "curl -s http://"]
    {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    // Requests reach both instances, and each knows who it is.
    let answers: Vec<String> = (0..20).map(|_| get(up.public(), "/web/who").unwrap()).collect();
    for instance in ["web-a-1", "web-b-1"] {
        assert!(
            answers.iter().any(|answer| answer.contains(&format!("TENET_INSTANCE={instance}\n"))),
            "{instance}"
        );
    }
    let state = up.state();
    let version = &state["release"].as_str().unwrap()[..12];
    for variable in
        [format!("TENET_VERSION={version}\n"), "TENET_SERVICE=web\n".into(), "COLOUR=blue\n".into()]
    {
        assert!(answers[0].contains(&variable), "{variable}: {}", answers[0]);
    }
    assert!(answers[0].contains("TENET_PRIVATE_URL=http://127.0.0.1:"), "{}", answers[0]);
    assert!(answers[0].contains("TENET_ROSTER=/"), "{}", answers[0]);
    assert!(answers[0].contains("TENET_OTHER_ONE_URL=http://127.0.0.1:"), "{}", answers[0]);
    assert!(text.contains("[web-a-1]"), "lines carry names: {text}");

    let children = up.children();
    assert_eq!(children.len(), 4, "2 gateways and 2 instances: {children:?}");
    assert_eq!(up.stop(), Some(0));
    children.iter().for_each(|pid| assert!(!alive(*pid), "{pid} is left"));
    assert!(!project.state_file().exists());
}

#[test]
fn what_dies_is_started_again_and_the_door_stays_open() {
    let project = Project::new(&["a"]);
    let mut up = Up::start(&project, &[]);
    let state = up.state();
    let gateway = &state["gateways"][0];
    support::kill(gateway["pid"].as_u64().unwrap());
    // The socket is the supervisor's: a connection is served by the other gateway or waits, and is never refused.
    for _ in 0..20 {
        get(up.public(), "/web/x").unwrap();
    }
    eventually("the gateway to serve again", || up.output().contains("serves again").then_some(()));

    let instance = &state["instances"][0];
    support::kill(instance["pid"].as_u64().unwrap());
    eventually("the instance to be noticed dead", || {
        up.output()
            .contains("[web-a-1]   died")
            .then_some(())
            .or(up.output().contains("died (signal: 9").then_some(()))
    });
    eventually("the instance to serve again", || get(up.public(), "/web/x").ok());
    let console = state["console"].as_str().unwrap().parse().unwrap();
    eventually("all of it on the time line", || {
        let events = support::first_event(console, "/api/live");
        let told = ["starting again in", "serves again after it died", "\"subject\":\"gateway-1\""];
        told.iter().all(|text| events.contains(text)).then_some(())
    });
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn a_killed_supervisor_leaves_no_orphan() {
    let project = Project::new(&["a", "b"]);
    let mut up = Up::start(&project, &[]);
    let children = up.children();
    up.kill();
    eventually("every child to die", || children.iter().all(|pid| !alive(*pid)).then_some(()));
    // What it left behind keeps nobody out.
    let mut again = Up::start(&project, &[]);
    assert_eq!(again.state()["epoch"], 1, "the same release keeps its epoch");
    assert_eq!(again.stop(), Some(0));
}

#[test]
fn a_second_up_is_refused_and_the_first_goes_on() {
    let project = Project::new(&["a"]);
    let mut up = Up::start(&project, &[]);
    let (status, text) = support::tenet(&["up", project.path()]);
    assert_eq!(status, Some(1));
    assert!(text.contains(&format!("already up (process {})", up.pid())), "{text}");
    // Another project is free to run, but not at the same address; it is told before it builds.
    let other = Project::new(&["a"]);
    let address = up.public().to_string();
    let (status, text) = support::tenet(&["up", other.path(), "--listen", &address]);
    assert_eq!(status, Some(1));
    assert!(
        text.contains(&format!("cannot listen on {address}")) && text.contains("with --listen"),
        "{text}"
    );
    assert!(!text.contains("built"), "{text}");
    get(up.public(), "/web/x").unwrap();
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn a_bad_release_is_refused_whole_and_a_good_one_serves_everywhere() {
    let project = Project::new(&["a"]);
    let mut up = Up::start(&project, &[]);
    let good = project.config();

    project.write(&good.replace("[[http]]", "[[htp]]"));
    let (status, text) = support::tenet(&["reload", project.path()]);
    assert_eq!(status, Some(1));
    assert!(text.contains("did you mean `http`?") && text.contains("what ran goes on"), "{text}");
    assert_eq!(up.state()["epoch"], 1);
    get(up.public(), "/web/x").unwrap();

    // New instances, another path: both are there when the command returns. No request may fail meanwhile.
    project.write(
        &(good.replace("zones = [\"a\"]", "zones = [\"a\", \"z\"]")
            + "[[http]]\nprefix = \"/more\"\nservice = \"web\"\n"),
    );
    let hammer = support::Hammer::start(up.public(), "/web/x");
    let (status, text) = support::tenet(&["reload", project.path()]);
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("serves everywhere, epoch 2"), "{text}");
    assert!(!text.contains("did not switch"), "{text}");
    // How much a new instance of another zone gets is the balancing's to decide; that it gets some is the release's.
    eventually("an answer of the new instance", || {
        get(up.public(), "/more/x").unwrap().contains("TENET_INSTANCE=web-z-1\n").then_some(())
    });
    assert_eq!(up.state()["epoch"], 2);

    let (status, text) = support::tenet(&["restart", project.path(), "--services"]);
    assert_eq!(status, Some(0), "{text}");
    for id in ["gateway-1", "gateway-2", "web-a-1", "web-z-1"] {
        assert!(text.contains(&format!("{id} was replaced")), "{id}: {text}");
    }
    let (sent, failed) = hammer.stop();
    assert!(sent > 20 && failed.is_empty(), "{sent} sent: {failed:?}");
    assert_eq!(up.stop(), Some(0));
    let (status, text) = support::tenet(&["reload", project.path()]);
    assert!(status == Some(1) && text.contains("is not up"), "{text}");
}

#[test]
fn signals_reload_and_restart_too() {
    let project = Project::new(&["a"]);
    let mut up = Up::start(&project, &[]);
    up.signal(Signal::SIGUSR2);
    eventually("both gateways to be replaced", || {
        up.output().contains("gateway-2 was replaced").then_some(())
    });
    project.write(&project.config().replace("\"/web\"", "\"/site\""));
    up.signal(Signal::SIGHUP);
    eventually("the new release to serve", || {
        up.output().contains("serves everywhere, epoch 2").then_some(())
    });
    get(up.public(), "/site/x").unwrap();
    project.write("nonsense");
    up.signal(Signal::SIGHUP);
    eventually("the refusal", || up.output().contains(" goes on").then_some(()));
    get(up.public(), "/site/x").unwrap();
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn a_second_signal_ends_what_does_not_want_to() {
    let project = Project::new(&["a", "b"]);
    // What is ignored stays ignored after exec. TOML's literal strings keep the shell's quotation marks.
    let deaf = "command = '''sh -c 'test $TENET_ZONE = b && trap \"\" TERM; exec \"$@\"' sh ";
    let config = project.config().replace("command = \"", deaf).replace("--nocapture\"", "--nocapture'''");
    project.write(&config);
    let mut up = Up::start(&project, &[]);
    let children = up.children();
    up.signal(Signal::SIGINT);
    eventually("what obeys to have ended", || children[..3].iter().all(|pid| !alive(*pid)).then_some(()));
    assert!(alive(children[3]), "the instance in zone b ignores SIGTERM");
    up.signal(Signal::SIGINT);
    let begun = Instant::now();
    assert_eq!(up.ended(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(5), "it must not wait for the grace");
    children.iter().for_each(|pid| assert!(!alive(*pid), "{pid} is left"));
}

#[test]
fn what_cannot_start_is_said_and_nothing_is_left() {
    for (from, to, expected) in [
        ("build = [\"echo built\"]", "build = [\"echo built; exit 3\"]", "ended with exit status: 3"),
        ("--ignored", "--no-such-flag", "web-a-1 died"),
        ("command = \"", "command = \"/no/such/program ", "cannot run \"/no/such/program\""),
    ] {
        let project = Project::new(&["a"]);
        project.write(&project.config().replace(from, to));
        let begun = Instant::now();
        let (status, text) =
            support::tenet(&["up", project.path(), "--listen", "127.0.0.1:0", "--console", "127.0.0.1:0"]);
        assert_eq!(status, Some(1), "{text}");
        assert!(text.contains(expected), "{expected}: {text}");
        assert!(!project.state_file().exists());
        assert!(begun.elapsed() < Duration::from_secs(20), "it must not wait for what has died");
    }
}

#[test]
fn the_load_reaches_the_services_at_the_rate_asked_for() {
    let project = Project::new(&["a"]);
    let mut up = Up::start(&project, &["--traffic", "100"]);
    eventually("a line of the load", || up.output().contains(" answered (").then_some(()));
    let text = up.output();
    let line = text.lines().find(|line| line.contains(" answered (")).unwrap();
    let count: u32 = line.split(" answered").next().unwrap().rsplit(' ').next().unwrap().parse().unwrap();
    // 1000 are due in 10 s. A Poisson count stays within five deviations, 158; a machine that stalls answers late.
    assert!((700..=1160).contains(&count), "{line}");
    assert!(line.contains(&format!(" {count} ok ")), "{line}");
    assert_eq!(up.stop(), Some(0));
}
