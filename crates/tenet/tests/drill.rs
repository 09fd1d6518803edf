//! `tenet drill` over the built binary: what fails, that it is measured, and that it is undone however the drill ends.

// A panic is the report of a test, also in what only tests call.
#![allow(clippy::unwrap_used)]

// A file beside this one would be a test of its own.
#[path = "support/support.rs"]
mod support;

use nix::sys::signal::Signal;
use serde_json::Value;
use std::net::SocketAddr;
use std::process::{Child, Stdio};
use support::{Project, Up, alive, eventually, get, process_state, service};

/// Times that are short, and no limit on how well it is borne: these tests are about what is done.
const QUICK: [&str; 7] = ["--rps", "50", "--before", "1s", "--after", "1s", "--only-stated-limits"];

/// Not a test: what the services of these tests run.
#[test]
#[ignore = "runs only as a child of the other tests"]
fn serve_as_a_service() {
    service::run();
}

/// Starts a drill that runs beside the test; killed with its handle.
struct Drill(Child);

impl Drill {
    fn start(project: &Project, words: &[&str]) -> Drill {
        let mut command = support::command(&["drill"]);
        command.args(words).arg(project.path()).args(QUICK).stdout(Stdio::piped()).stderr(Stdio::piped());
        Drill(command.spawn().unwrap())
    }

    fn signal(&self, signal: Signal) {
        support::send(u64::from(self.0.id()), signal);
    }

    /// Its exit code, and all it printed.
    fn ended(&mut self) -> (Option<i32>, String) {
        use std::io::Read as _;
        let mut text = String::new();
        self.0.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        self.0.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        (self.0.wait().unwrap().code(), text)
    }
}

impl Drop for Drill {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn pid(member: &Value) -> u64 {
    member["pid"].as_u64().unwrap()
}

fn address(member: &Value) -> SocketAddr {
    member["address"].as_str().unwrap().parse().unwrap()
}

/// Drills end with the calls of all phases counted, each once.
fn report(text: &str) -> Value {
    let line = text.lines().find(|line| line.starts_with("{\"drill\"")).unwrap_or_else(|| panic!("{text}"));
    let report: Value = serde_json::from_str(line).unwrap();
    let phases = ["before", "during", "after"].map(|phase| report["phases"][phase].clone());
    let sum = |key: &str| phases.iter().map(|phase| phase[key].as_u64().unwrap()).sum::<u64>();
    assert_eq!(report["calls"], sum("calls"), "{report}");
    let harmed: u64 = phases[1..].iter().map(|phase| phase["failed"].as_u64().unwrap()).sum();
    assert_eq!(report["harmed"], harmed, "{report}");
    assert!(phases.iter().all(|phase| phase["calls"].as_u64() > Some(0)), "{report}");
    assert_eq!(phases[0]["failed"], 0, "nothing fails before: {report}");
    report
}

#[test]
fn a_lost_zone_stays_away_for_the_drill_and_comes_back_after_it() {
    let project = Project::new(&["a", "b"]);
    let mut up = Up::start(&project, &[]);
    let before = ["web-a-1", "web-b-1", "gateway-1", "gateway-2"].map(|id| pid(&up.member(id)));
    let mut drill = Drill::start(&project, &["lose-zone", "b", "--during", "3s", "--json"]);
    eventually("the zone to die", || (!alive(before[1]) && !alive(before[3])).then_some(()));
    assert!(alive(before[0]) && alive(before[2]), "the other zone lives");
    // Nothing else may happen meanwhile, and who asks is told why not.
    for words in [["reload", project.path()], ["restart", project.path()]] {
        let (status, text) = support::tenet(&words);
        assert!(status == Some(1) && text.contains("lose-zone b is going on"), "{text}");
    }
    let (status, text) = support::tenet(&["drill", "lose-zone", "a", project.path()]);
    assert!(status == Some(1) && text.contains("lose-zone b is going on"), "{text}");
    up.signal(Signal::SIGUSR2);
    eventually("the refusal", || up.output().contains("the signal was not obeyed").then_some(()));

    let (status, text) = drill.ended();
    assert_eq!(status, Some(0), "{text}");
    let report = report(&text);
    assert_eq!(report["instances"], serde_json::json!(["web-b-1"]));
    assert_eq!(report["gateways"], serde_json::json!(["gateway-2"]));
    assert!(report["phases"]["during"]["fleet"]["attempts"].as_u64() > Some(0), "{report}");
    let after = ["web-a-1", "web-b-1", "gateway-1", "gateway-2"].map(|id| pid(&up.member(id)));
    assert_eq!((before[0], before[2]), (after[0], after[2]), "who was not meant was not touched");
    assert!(before[1] != after[1] && before[3] != after[3], "who was lost is a new process");
    assert!(after.iter().all(|pid| alive(*pid)));
    // It was no death: no back-off, and the roster is as it was.
    assert!(!up.output().contains("starting again in"), "{}", up.output());
    let console = up.state()["console"].as_str().unwrap().parse().unwrap();
    eventually("the drill on the time line", || {
        let events = support::first_event(console, "/api/live");
        (events.contains("lose-zone b: begins") && events.contains("lose-zone b: is over and undone"))
            .then_some(())
    });
    let (status, text) = support::tenet(&["reload", project.path()]);
    assert_eq!(status, Some(0), "{text}");
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn a_drill_that_is_interrupted_or_killed_is_undone() {
    let project = Project::new(&["a", "b"]);
    let mut up = Up::start(&project, &[]);
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGKILL] {
        let hung = [pid(&up.member("web-b-1")), pid(&up.member("gateway-2"))];
        let mut drill = Drill::start(&project, &["hang-zone", "b", "--during", "5min"]);
        eventually("the zone to hang", || {
            hung.iter().all(|pid| process_state(*pid) == Some('T')).then_some(())
        });
        drill.signal(signal);
        let (status, text) = drill.ended();
        assert_ne!(status, Some(0), "{text}");
        if signal != Signal::SIGKILL {
            assert!(text.contains("interrupted; everything is undone"), "{text}");
        }
        eventually("the zone to go on", || {
            hung.iter().all(|pid| process_state(*pid).is_some_and(|state| state != 'T')).then_some(())
        });

        let lost = pid(&up.member("web-b-1"));
        let drill = eventually("the one before to be forgotten", || {
            let mut drill = Drill::start(&project, &["lose-instance", "web-b-1", "--during", "5min"]);
            eventually("it to be lost, or refused", || {
                (!alive(lost) || drill.0.try_wait().unwrap().is_some()).then_some(())
            });
            drill.0.try_wait().unwrap().is_none().then_some(drill)
        });
        drill.signal(signal);
        eventually("another to serve in its place", || {
            let now = up.member("web-b-1")["pid"].as_u64()?;
            (now != lost && alive(now)).then_some(())
        });
    }
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn the_end_of_up_ends_what_hangs_and_what_is_held_down() {
    for (kind, target, by_force) in
        [("hang-zone", "b", false), ("lose-zone", "a", false), ("hang-zone", "a", true)]
    {
        let project = Project::new(&["a", "b"]);
        let mut up = Up::start(&project, &[]);
        let children = up.children();
        let affected = pid(&up.member(&format!("web-{target}-1")));
        let mut drill = Drill::start(&project, &[kind, target, "--during", "5min"]);
        eventually("the failure", || {
            process_state(affected).is_none_or(|state| state == 'T' || state == 'Z').then_some(())
        });
        if by_force {
            up.kill();
            eventually("every child to die", || children.iter().all(|pid| !alive(*pid)).then_some(()));
        } else {
            assert_eq!(up.stop(), Some(0));
            children.iter().for_each(|pid| assert!(!alive(*pid), "{pid} is left"));
        }
        let (status, text) = drill.ended();
        assert!(status == Some(1) && text.contains("`tenet up` ended during the drill"), "{text}");
    }
}

#[test]
fn fault_points_are_set_and_taken_back() {
    let project = Project::new(&["a", "b"]);
    let mut up = Up::start(&project, &["--fault-points"]);
    let point = address(&up.member("web-b-1"));
    let faults = || get_any(point, "/-/faults");
    assert_eq!(faults(), "{}");
    for (words, set) in [
        (vec!["slow-instance", "web-b-1", "--delay", "40ms"], "\"delay_ms\":40"),
        (
            vec!["error-instance", "web-b-1", "--share", "50"],
            "\"error\":{\"code\":\"INTERNAL\",\"share\":0.5}",
        ),
        (vec!["black-hole", "web-b-1", "--timeout", "1s"], "\"black_hole\":true"),
    ] {
        let mut drill = Drill::start(&project, &[words.as_slice(), &["--during", "2s", "--json"]].concat());
        let found = eventually("the fault", || Some(faults()).filter(|text| text.contains(set)));
        assert!(found.contains("\"for_ms\":7000"), "it ends by itself as well: {found}");
        let (status, text) = drill.ended();
        assert_eq!(status, Some(0), "{text}");
        assert_eq!(report(&text)["instances"], serde_json::json!(["web-b-1"]));
        assert_eq!(faults(), "{}", "undone");
    }
    let mut drill = Drill::start(&project, &["slow-instance", "web-b-1", "--during", "5min"]);
    eventually("the fault", || faults().contains("delay_ms").then_some(()));
    drill.signal(Signal::SIGKILL);
    drill.ended();
    eventually("the fault to be taken back", || (faults() == "{}").then_some(()));
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn what_cannot_be_done_is_said_before_anything_is_sent() {
    let project = Project::new(&["a", "b"]);
    let (status, text) = support::tenet(&["drill", "lose-zone", "b", project.path()]);
    assert!(status == Some(1) && text.contains("is not up"), "{text}");
    let mut up = Up::start(&project, &[]);
    for (words, expected) in [
        (["lose-zone", "c"], "no zone is called `c`; there are `a`, `b`"),
        (["lose-instance", "web-b-2"], "did you mean `web-b-1`"),
        (["slow-instance", "gateway-1"], "no instance is called `gateway-1`"),
        (["black-hole", "web-b-1"], "tenet up --fault-points"),
        (["slow-network", "b"], "tenet up --fault-points"),
    ] {
        let (status, text) = support::tenet(&["drill", words[0], words[1], project.path()]);
        assert!(status == Some(1) && text.contains(expected), "{words:?}: {text}");
        assert!(!text.contains(" ended "), "no line of a load: {text}");
    }
    get(up.public(), "/web/x").unwrap();
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn a_limit_that_does_not_hold_is_the_exit_code() {
    let project = Project::new(&["a", "b"]);
    let mut up = Up::start(&project, &[]);
    let words =
        ["hang-instance", "web-b-1", "--during", "1s", "--timeout", "1s", "--max-p99-ratio", "0.0001"];
    let words = [words.as_slice(), &["--min-success", "0"]].concat();
    let (status, text) = Drill::start(&project, &words).ended();
    assert_eq!(status, Some(1), "{text}");
    for part in [
        "BROKEN  --max-p99-ratio 0.0001",
        "held    --min-success 0",
        "  before ",
        "harmed ",
        "error: a limit",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(up.stop(), Some(0));
}

/// The body, whatever the status; the empty text where nobody answers.
fn get_any(address: SocketAddr, path: &str) -> String {
    get(address, path).unwrap_or_default()
}
