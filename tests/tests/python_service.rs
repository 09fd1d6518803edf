//! A service in another language needs nothing from us: the Python example runs behind the gateway as it is, called over
//! REST, by grpcio, and described by itself.
#![allow(clippy::unwrap_used)] // a panic in a test is its report

use std::path::Path;
use std::process::Command;
use tenet_tests::door::check_problem;
use tenet_tests::process::Process;
use tenet_tests::skip::python_or_skip;
use tenet_tests::{Caller, Gateway, Project, binary};

const EXAMPLE: &str = "examples/python-greeter";

/// The service on a port the system chose, and a project in front of it.
fn serve(python: &Path) -> (Process, Project) {
    let mut command = Command::new(python);
    command.arg("server.py").current_dir(binary::root().join(EXAMPLE));
    // Nothing may be written beside the sources.
    command.env("TENET_LISTEN", "127.0.0.1:0").env("PYTHONDONTWRITEBYTECODE", "1");
    let mut service = Process::start(&mut command);
    let line = service.line_with("serving on port ");
    let port = line.rsplit(' ').next().unwrap().to_owned();
    let project = Project::copy_of(EXAMPLE);
    let settings = std::fs::read_to_string(project.path().join("tenet.toml")).unwrap();
    assert!(settings.contains("127.0.0.1:50061"), "{settings}");
    project.write("tenet.toml", &settings.replace("127.0.0.1:50061", &format!("127.0.0.1:{port}")));
    (service, project)
}

#[test]
fn a_python_service_answers_rest_and_grpc_unchanged() {
    let Some(python) = python_or_skip("python_service::a_python_service_answers_rest_and_grpc_unchanged")
    else {
        return;
    };
    let (mut service, project) = serve(&python);
    let gateway = Gateway::start(&project);
    for caller in [Caller::Http1(gateway.public), Caller::http2(gateway.public)] {
        rest(&caller);
    }
    let client = Command::new(&python)
        .arg(binary::root().join("tests/python/greeter_client.py"))
        .arg(gateway.public.to_string())
        .arg(binary::root().join(EXAMPLE))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&client.stdout);
    assert!(client.status.success(), "{said}{}", String::from_utf8_lossy(&client.stderr));
    assert!(said.contains("checks passed"), "{said}");
    // A service that is gone is UNAVAILABLE, at once and not after a deadline.
    service.stop();
    let gone = Caller::Http1(gateway.public).call("GET", "/v1/greetings/Ada", &[], None);
    let code = gone.json()["code"].as_str().unwrap().to_owned();
    assert_eq!(gone.status, 503, "{}", gone.text());
    check_problem("gone", &gone, 503, &code);
}

fn rest(caller: &Caller) {
    let json = [("content-type", "application/json")];
    let german = br#"{"name": "Ada", "language": "LOW_GERMAN"}"#;
    for (method, path, body, text) in [
        ("GET", "/v1/greetings/Ada", None, "Hello, Ada!"),
        ("GET", "/v1/greetings/Ada?language=LOW_GERMAN", None, "Moin, Ada!"),
        ("GET", "/v1/greetings/Ad%C3%A0%20B", None, "Hello, Adà B!"),
        ("POST", "/v1/greetings", Some(&german[..]), "Moin, Ada!"),
    ] {
        let headers: &[_] = if body.is_some() { &json } else { &[] };
        let answer = caller.call(method, path, headers, body);
        assert_eq!(answer.status, 200, "{method} {path}: {}", answer.text());
        let value = answer.json();
        assert_eq!(value["text"], text, "{method} {path}");
        assert!(value["time"].as_str().unwrap().ends_with('Z'), "{value}");
    }
    let wrong = caller.call("POST", "/v1/greetings", &json, Some(b"{}"));
    check_problem("no name", &wrong, 400, "INVALID_ARGUMENT");
    let violation = &wrong.json()["details"][0]["fieldViolations"][0];
    assert_eq!(violation["field"], "name", "{}", wrong.text());
    let nobody = caller.call("GET", "/v1/greetings/nobody", &[], None);
    check_problem("nobody", &nobody, 404, "NOT_FOUND");
    assert_eq!(nobody.json()["details"][0]["reason"], "NOBODY", "{}", nobody.text());
    let crash = caller.call("GET", "/v1/greetings/crash", &[], None);
    check_problem("crash", &crash, 500, "UNKNOWN");
    let slow = caller.call("GET", "/v1/greetings/slow", &[("grpc-timeout", "300m")], None);
    assert_eq!(slow.status, 504, "{}", slow.text());
    let described = caller.call("GET", "/v1/call", &[("x-mine", "1"), ("grpc-timeout", "7S")], None).json();
    assert_eq!(described["metadata"]["x-mine"], "1", "{described}");
    assert!(described["metadata"]["x-forwarded-for"] == "127.0.0.1", "{described}");
    let left = described["secondsLeft"].as_f64().unwrap();
    assert!(0.0 < left && left <= 7.0, "{described}");
}
