//! An instance that refuses calls because it has too much to do: load goes elsewhere, and it is not taken for ill.

use crate::support::h2s::{Server, trailers};
use crate::support::{Client, get, run, terms};
use h2::server::Builder;
use http::Response;
use std::time::Duration;
use tenet_resilience::eject::EjectionRules;
use tenet_upstream::{CallTerms, Meaning, Protocol::H2, ServiceRules};

/// Answers every call at once: with this gRPC status, and as one that did not run where `refuses`.
async fn answering(status: &'static str, refuses: bool) -> Server {
    Server::start(Builder::new(), move |_, mut respond| async move {
        let mut head = Response::builder().status(200);
        if refuses {
            head = head.header("grpc-status", status).header("tenet-not-run", "1");
            respond.send_response(head.body(()).unwrap(), true).unwrap();
        } else {
            let mut stream = respond.send_response(head.body(()).unwrap(), false).unwrap();
            stream.send_trailers(trailers(status)).unwrap();
        }
    })
    .await
}

#[test]
fn a_refusing_instance_gets_less_and_is_never_ejected() {
    run(async {
        let (busy, well) = (answering("14", true).await, answering("0", false).await);
        let ejection = EjectionRules { consecutive_failures: 2, ..EjectionRules::default() };
        let rules = ServiceRules { ejection, ..ServiceRules::default() };
        let client = Client::by(H2, &[busy.address, well.address], rules);
        for _ in 0..100 {
            let grpc =
                CallTerms { meaning: Meaning::Grpc, idempotent: false, ..terms(Duration::from_secs(5)) };
            let reply = client.pool.call_whole(&client.service, get("/x"), grpc, 1000).await.unwrap();
            assert_eq!((&*reply.instance, reply.latency.is_some()), ("i1", true));
        }
        let views = client.views();
        assert_eq!((views[0].ejections, views[0].failures, views[0].finished), (0, 0, 0), "{:?}", views[0]);
        assert_eq!((views[1].failures, views[1].finished), (0, 100));
        assert!(busy.requests.get() >= 1 && busy.requests.get() < 50, "{} calls", busy.requests.get());
    });
}

#[test]
fn a_refusal_has_no_latency() {
    run(async {
        let busy = answering("14", true).await;
        let client = Client::by(H2, &[busy.address], ServiceRules::default());
        let grpc = CallTerms { meaning: Meaning::Grpc, ..terms(Duration::from_secs(5)) };
        let reply = client.pool.call_whole(&client.service, get("/x"), grpc, 1000).await.unwrap();
        assert_eq!(reply.head.headers["tenet-not-run"], "1");
        assert_eq!(reply.latency, None);
    });
}
