//! Calls over connections that are lost, silent or broken, against scripted answers.

use super::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// What a connection does with the one request it reads.
#[derive(Clone, Copy)]
enum Script {
    Answer(&'static str),
    Close,
    Silence,
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";

async fn check(method: Method, scripts: &'static [Script], expected: Outcome, repeated: Repeated) {
    // Only where silence is meant: elsewhere a slow machine must not look like it.
    let silence = matches!(scripts, [Script::Silence, ..]).then(|| Duration::from_millis(20));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = listener.local_addr().unwrap();
    let local = tokio::task::LocalSet::new();
    let serve = async move {
        for script in scripts {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::task::spawn_local(async move {
                let mut head = [0; 1024];
                let _ = stream.read(&mut head).await;
                match script {
                    Script::Answer(text) => drop(stream.write_all(text.as_bytes()).await),
                    Script::Close => {}
                    // Until the caller closes: it is the caller's patience that ends this.
                    Script::Silence => while stream.read(&mut head).await.is_ok_and(|read| read > 0) {},
                }
            });
        }
        std::future::pending::<()>().await;
    };
    let call = async {
        let patience =
            Patience { answer: Duration::from_secs(60), repeat_lost: true, repeat_silent: silence };
        let request = Request::builder().method(method).uri("/").header("host", "h");
        let request = request.body(Full::new(Bytes::new())).unwrap();
        Pool::new(target, patience).call(request).await
    };
    let found = local
        .run_until(async {
            tokio::select! {
                found = call => found,
                () = serve => unreachable!("it never ends"),
            }
        })
        .await;
    assert_eq!(found, (expected, repeated));
}

#[tokio::test]
async fn a_safe_request_is_repeated_once_where_nothing_of_the_answer_came() {
    use Script::{Answer, Close, Silence};
    let ok = Outcome::Status(200, None);
    check(Method::GET, &[Answer(OK)], ok, Repeated::No).await;
    check(Method::GET, &[Close, Answer(OK)], ok, Repeated::Lost).await;
    check(Method::GET, &[Silence, Answer(OK)], ok, Repeated::Silent).await;
    check(Method::GET, &[Close, Close, Answer(OK)], Outcome::Broken, Repeated::Lost).await;
    check(Method::GET, &[Answer("HTTP/1.1 200 O"), Answer(OK)], Outcome::Broken, Repeated::No).await;
    check(
        Method::GET,
        &[Answer("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhi")],
        Outcome::Broken,
        Repeated::No,
    )
    .await;
    check(Method::POST, &[Close, Answer(OK)], Outcome::Broken, Repeated::No).await;
}

#[tokio::test]
async fn the_code_of_a_problem_is_kept() {
    let problem = "HTTP/1.1 503 X\r\ncontent-type: application/problem+json\r\ncontent-length: 21\r\n\r\n{\"code\":\"GATEWAY_INTERNAL\"}";
    let length = problem.split("\r\n\r\n").nth(1).unwrap().len().to_string();
    let problem: &'static str = problem.replace(": 21", &format!(": {length}")).leak();
    let scripts = vec![Script::Answer(problem)].leak();
    check(Method::GET, scripts, Outcome::Status(503, Some(Code::Internal)), Repeated::No).await;
}
