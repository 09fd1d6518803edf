//! What one unary call costs its caller: through a client, and through tonic's own channel to the same instance.
//!
//! ```sh
//! cost serve                                    # prints its address
//! cost client 127.0.0.1:PORT CALLS AT_A_TIME    # prints CPU of this process per call; `channel` for tonic's channel
//! ```
#![allow(clippy::unwrap_used)] // a panic in a measurement is its report

use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tenet_service::{Facts, PropagateLayer, Service, channel_to};
use tonic::body::Body;
use tonic::client::GrpcService;
use tonic::codegen::{Body as HttpBody, Bytes, StdError};
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{FILE_DESCRIPTOR_SET, HealthCheckRequest};
use tower_layer::Layer;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    match words[..] {
        ["serve"] => runtime.block_on(serve()),
        [way, address, calls, at_a_time] => {
            let address: SocketAddr = address.parse().unwrap();
            let (calls, at_a_time) = (calls.parse().unwrap(), at_a_time.parse().unwrap());
            match way {
                "client" => {
                    let client = tenet_client::Client::builder("health")
                        .addresses([address])
                        .descriptor_set(FILE_DESCRIPTOR_SET)
                        .build()
                        .unwrap();
                    runtime.block_on(run(way, PropagateLayer.layer(client), calls, at_a_time));
                }
                _ => {
                    let uri = format!("http://{address}").parse().unwrap();
                    runtime.block_on(async { run(way, channel_to(uri), calls, at_a_time).await });
                }
            }
        }
        _ => panic!("serve, or: client|channel ADDRESS CALLS AT_A_TIME"),
    }
}

async fn serve() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    let facts = Facts::from_lookup("health", |_| None).unwrap();
    Service::new("health").serve_on(listener, facts, std::future::pending()).await.unwrap();
}

async fn run<C>(way: &str, channel: C, calls: usize, at_a_time: usize)
where
    C: GrpcService<Body> + Clone + Send + 'static,
    C::Future: Send,
    C::ResponseBody: HttpBody<Data = Bytes> + Send + 'static,
    <C::ResponseBody as HttpBody>::Error: Into<StdError> + Send,
    C::Error: Into<StdError> + Send,
{
    let client = HealthClient::new(channel);
    let made = |client: HealthClient<C>, calls: usize| async move {
        let mut client = client;
        for _ in 0..calls {
            client.check(HealthCheckRequest { service: String::new() }).await.unwrap();
        }
    };
    made(client.clone(), 100).await;
    let (began, before) = (Instant::now(), cpu());
    let callers: Vec<_> =
        (0..at_a_time).map(|_| tokio::spawn(made(client.clone(), calls / at_a_time))).collect();
    for caller in callers {
        caller.await.unwrap();
    }
    let per_call = |total: Duration| total.as_secs_f64() * 1e6 / calls as f64;
    println!(
        "{way:8} at a time {at_a_time:3}  CPU {:6.2} us a call  elapsed {:6.2} us a call",
        per_call(cpu() - before),
        per_call(began.elapsed())
    );
}

/// User and system time of this process so far, in the kernel's ticks of 10 ms.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after_name = stat.rsplit_once(')').unwrap().1;
    let fields: Vec<u64> =
        after_name.split_whitespace().skip(11).take(2).map(|field| field.parse().unwrap()).collect();
    Duration::from_millis(10 * fields.iter().sum::<u64>())
}
