//! A fleet whose service is this test's own, so that nothing but gateways runs beside it, and what a fleet looks like
//! from outside.

use nix::sys::signal::kill;
use nix::unistd::Pid;
use serde_json::Value;
use std::path::Path;
use std::process::Output;
use tenet_tests::http1::{self, Response};
use tenet_tests::{Answer, GrpcBackend, Project, Up, binary};

/// A contract whose path is `/VERSION/hello`.
pub fn contract(version: &str) -> String {
    format!(
        "syntax = \"proto3\";\npackage fleet.v1;\nimport \"google/api/annotations.proto\";\n\
         service Fleet {{ rpc Hello(Words) returns (Words) {{ option (google.api.http) = {{ get: \"/hello\" \
         additional_bindings {{ get: \"/{version}/hello\" }} }}; }} }}\n\
         message Words {{ string {version} = 1; }}\n"
    )
}

/// A project over `backend`, its contract at `version`.
pub fn project(backend: &GrpcBackend, version: &str) -> Project {
    Project::new()
        .with("proto/fleet/v1/fleet.proto", &contract(version))
        .with("tenet.toml", &settings(backend))
}

/// The settings of [`project`].
pub fn settings(backend: &GrpcBackend) -> String {
    format!(
        "[services.fleet]\nserves = [\"fleet.v1.Fleet\"]\ninstances = [{{ address = \"{}\", zone = \"a\" }}]\n",
        backend.address()
    )
}

/// A service that says `hi`.
pub fn greeter() -> GrpcBackend {
    GrpcBackend::start(|_| Answer::grpc(b"\x0a\x02hi"))
}

/// The name under which an answer of [`greeter`] carries its greeting: the version of the contract that printed it.
pub fn version(answer: &Response) -> Result<String, String> {
    let said = || format!("{} {:?} {}", answer.status, answer.headers, answer.text());
    if answer.status != 200 {
        return Err(said());
    }
    let json: Value = serde_json::from_slice(&answer.body).map_err(|_| said())?;
    match json.as_object().map(|fields| fields.iter().collect::<Vec<_>>()).as_deref() {
        Some([(name, value)]) if **value == "hi" => Ok((*name).clone()),
        _ => Err(said()),
    }
}

/// `tenet WORDS… PROJECT` to its end.
pub fn tenet(words: &[&str], project: &Path) -> Output {
    binary::command().args(words).arg(project).output().unwrap()
}

/// What a command printed, both streams.
pub fn printed(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The status of each gateway.
pub fn statuses(up: &Up) -> Vec<Value> {
    up.admins().into_iter().map(|admin| http1::get(admin, "/-/status").json()).collect()
}

/// Every process that `up.json` names now: gateways and instances.
pub fn children(state: &Value) -> Vec<i32> {
    let of = |key: &str| state[key].as_array().cloned().unwrap_or_default();
    let all = [of("gateways"), of("instances")].concat();
    all.iter().filter_map(|one| i32::try_from(one["pid"].as_i64()?).ok()).collect()
}

/// Whether a process with this id exists and is no zombie.
pub fn lives(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let zombie = stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z'));
    kill(Pid::from_raw(pid), None).is_ok() && !zombie
}

/// Direct and indirect children of a process.
pub fn descendants(of: u32) -> Vec<i32> {
    let pairs: Vec<(i32, i32)> = std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            let parent = stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()?;
            Some((pid, parent))
        })
        .collect();
    let mut found = vec![i32::try_from(of).unwrap()];
    let mut at = 0;
    while let Some(&pid) = found.get(at) {
        found.extend(pairs.iter().filter(|(_, parent)| *parent == pid).map(|(pid, _)| *pid));
        at += 1;
    }
    found.split_off(1)
}
