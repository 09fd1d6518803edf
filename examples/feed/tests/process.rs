//! The built binaries as an orchestrator sees them: facts from the environment, signals, exit codes.
#![allow(clippy::unwrap_used)] // a panic in a test is its report

#[path = "support/kept.rs"]
mod kept;

use kept::{Kept, secret};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tenet_example_feed::api::payments::v1::payments_client::PaymentsClient;
use tenet_example_feed::api::payments::v1::{
    Card, CreateChargeRequest, GetChargeRequest, create_charge_request,
};
use tenet_example_feed::api::timeline::v1::GetTimelineRequest;
use tenet_example_feed::api::timeline::v1::timelines_client::TimelinesClient;
use tenet_example_feed::google::r#type::Money;
use tenet_service::channel_to;

/// A process that is killed with its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A service's binary as `tenet up` starts it: what it is, where the store is, and its secret, here in the descriptor of its standard input.
fn command(service: &str, kept: &Kept) -> Command {
    let mut command = Command::new(match service {
        "accounts" => env!("CARGO_BIN_EXE_feed-accounts"),
        "timeline" => env!("CARGO_BIN_EXE_feed-timeline"),
        _ => env!("CARGO_BIN_EXE_feed-payments"),
    });
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(secret(service).as_bytes()).unwrap();
    command.stdin(reader).env("TENET_STORE_SECRET_FD", "0");
    command.env("TENET_SERVICE", service).env("TENET_STORE_URL", format!("http://{}", kept.address));
    command
}

impl Running {
    fn start(kept: &Kept) -> (Running, http::Uri) {
        Running::start_with(&mut command("payments", kept))
    }

    /// Starts on a free port and waits for the line that says where.
    fn start_with(command: &mut Command) -> (Running, http::Uri) {
        command
            .env("TENET_LISTEN", "127.0.0.1:0")
            .env("TENET_INSTANCE", "payments-a-1")
            .env("TENET_LOG", "info");
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = lines
            .by_ref()
            .take(20)
            .find_map(|line| {
                Some(line.unwrap().split_once("address=")?.1.split(' ').next().unwrap().to_owned())
            })
            .expect("it says where it serves");
        // Its log must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        (Running(child), format!("http://{address}").parse().unwrap())
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.0.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// The exit code, within a bound.
    fn ended(&mut self) -> Option<i32> {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(15) {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("it does not end");
    }
}

fn slow_charge() -> tonic::Request<CreateChargeRequest> {
    let mut request = tonic::Request::new(CreateChargeRequest {
        user_id: "u1".into(),
        amount: Some(Money { currency_code: "EUR".into(), units: 1, nanos: 0 }),
        source: Some(create_charge_request::Source::Card(Card {
            token: "tok_slow".into(),
            last4: String::new(),
        })),
        ..Default::default()
    });
    request.set_timeout(Duration::from_millis(1500));
    request
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_lets_calls_end_and_exits_with_zero() {
    let kept = Kept::start().await;
    let (mut running, uri) = Running::start(&kept);
    let mut client = PaymentsClient::new(channel_to(uri));
    let answer =
        client.get_charge(GetChargeRequest { charge_id: "ch_u1_s0".into(), ..Default::default() }).await;
    assert_eq!(answer.unwrap().metadata().get("tenet-instance").unwrap(), "payments-a-1");
    let mut other = client.clone();
    let in_flight = tokio::spawn(async move { other.create_charge(slow_charge()).await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    running.signal("-TERM");
    // The call ends by its own deadline, not by the drain.
    assert_eq!(in_flight.await.unwrap().unwrap_err().code(), tonic::Code::DeadlineExceeded);
    assert_eq!(tokio::task::spawn_blocking(move || running.ended()).await.unwrap(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigint_ends_it_too_and_bad_facts_end_the_start() {
    let kept = Kept::start().await;
    let (mut running, _) = Running::start(&kept);
    running.signal("-INT");
    assert_eq!(tokio::task::spawn_blocking(move || running.ended()).await.unwrap(), Some(0));

    for (name, value, says) in [
        ("TENET_LISTEN", "nowhere", "TENET_LISTEN=\"nowhere\": expected an IP address and a port"),
        ("TENET_STORE_SECRET_FD", "", "TENET_STORE_SECRET_FD is not set"),
        ("TENET_STORE_SECRET_FD", "three", "TENET_STORE_SECRET_FD=\"three\": expected the number"),
    ] {
        let output = command("payments", &kept).env(name, value).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains(says), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn timeline_calls_accounts_directly_where_a_roster_comes_to_name_them() {
    let folder = tempfile::tempdir().unwrap();
    let roster = folder.path().join("roster.json");
    let path = roster.display().to_string();
    let kept = Kept::start().await;
    let write = |accounts: &str| {
        let store = format!(r#"[{{"id":"store-1","address":"{}"}}]"#, kept.address);
        let text = format!(r#"{{"services":{{"store":{store}{accounts}}}}}"#);
        let draft = folder.path().join("draft");
        std::fs::write(&draft, text).unwrap();
        std::fs::rename(&draft, &roster).unwrap();
    };
    // As under `tenet up`: the store is there before the services, and these are in the roster once all serve.
    write("");
    let (_timeline, timeline) = Running::start_with(
        command("timeline", &kept).env_remove("TENET_STORE_URL").env("TENET_ROSTER", &path),
    );
    let (mut first, one) = Running::start_with(&mut command("accounts", &kept));
    let (_second, two) = Running::start_with(&mut command("accounts", &kept));
    let row = |id: u32, uri: &http::Uri| {
        format!(r#"{{"id":"accounts-{id}","address":"{}"}}"#, uri.authority().unwrap())
    };
    write(&format!(r#","accounts":[{},{}]"#, row(1, &one), row(2, &two)));
    let mut client = TimelinesClient::new(channel_to(timeline));
    let mut read = async || {
        let mut request =
            tonic::Request::new(GetTimelineRequest { user_id: "u7".into(), ..Default::default() });
        // What a gateway grants; without it no call below may be repeated once it may have run.
        request.metadata_mut().insert("baggage", "tenet-allowance=3".parse().unwrap());
        client.get_timeline(request).await.map(|answer| answer.into_inner().posts.len())
    };
    assert!(read().await.unwrap() > 0);
    first.0.kill().unwrap();
    for _ in 0..20 {
        assert!(read().await.unwrap() > 0, "the other one is called");
    }
}
