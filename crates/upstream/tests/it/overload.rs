//! Instances that refuse what is too much for them: they get less, and are never ejected for it.

use crate::support::h2s::{Server, answer, trailers};
use crate::support::{Channel, Client, eventually, instance, request, roster_by, run, terms};
use bytes::Bytes;
use h2::Reason;
use h2::server::Builder;
use http::Response;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;
use tenet_resilience::allowance::Allowance;
use tenet_resilience::budget::BudgetRules;
use tenet_resilience::call::NOT_RUN;
use tenet_resilience::eject::EjectionRules;
use tenet_upstream::{CallTerms, Judgement, Meaning, Outgoing, Protocol::H2, Said, ServiceRules, WholeReply};
use tokio::time::sleep;

/// How an instance refuses.
#[derive(Clone, Copy, Debug)]
enum By {
    /// As the admission of the SDK does.
    Status,
    /// As HTTP/2 servers do (RFC 9113 §8.7).
    Reset,
}

/// A gRPC instance that refuses the calls whose number, from 0 on, `refuses`.
async fn refusing(by: By, refuses: fn(usize) -> bool) -> Server {
    let number = Rc::new(Cell::new(0));
    Server::start(Builder::new(), move |_, mut respond| {
        let refused = refuses(number.replace(number.get() + 1));
        async move {
            if !refused {
                let mut body = respond.send_response(Response::new(()), false).unwrap();
                body.send_data(Bytes::from_static(b"well"), false).unwrap();
                return body.send_trailers(trailers("0")).unwrap();
            }
            match by {
                By::Reset => respond.send_reset(Reason::REFUSED_STREAM),
                By::Status => {
                    let head = Response::builder().header("grpc-status", "14").header(NOT_RUN, "1");
                    respond.send_response(head.body(()).unwrap(), true).unwrap();
                }
            }
        }
    })
    .await
}

fn never(_: usize) -> bool {
    false
}

fn always(_: usize) -> bool {
    true
}

fn every_other(number: usize) -> bool {
    number.is_multiple_of(2)
}

/// Rules under which every failure but one would eject soon, and repetitions are not scarce.
fn rules() -> ServiceRules {
    ServiceRules {
        budget: BudgetRules { percent: 100, floor_per_second: 1000, ..BudgetRules::default() },
        ejection: EjectionRules { interval: Duration::from_millis(10), ..EjectionRules::default() },
        ..ServiceRules::default()
    }
}

async fn call(client: &Client) -> Result<WholeReply, tenet_upstream::CallError> {
    let request = request("POST", "/feed.v1.Feed/Get", Outgoing::<Channel>::Full(Bytes::from_static(b"q")));
    let terms =
        CallTerms { meaning: Meaning::Grpc, allowance: Allowance::new(3), ..terms(Duration::from_secs(5)) };
    client.pool.call_whole(&client.service, request, terms, 1024).await
}

/// An instance that refuses so beside two that do not gets, of `CALLS` calls, a number within `gets`.
#[track_caller]
fn check(by: By, refuses: fn(usize) -> bool, gets: std::ops::RangeInclusive<usize>) {
    const CALLS: usize = 600;
    run(async move {
        let servers = [refusing(by, refuses).await, refusing(by, never).await, refusing(by, never).await];
        let client = Client::by(H2, &servers.clone().map(|one| one.address), rules());
        // All in one zone: how load moves between the instances is the question here.
        let mut roster = roster_by(H2, &[], rules());
        roster.services[0].instances =
            servers.iter().enumerate().map(|(n, one)| instance(&format!("i{n}"), one.address, 1)).collect();
        client.shared.apply(&roster);
        let mut judgement = Judgement::new();
        for number in 0..CALLS {
            let reply = call(&client).await.unwrap();
            assert_eq!((reply.said, &reply.body[..]), (Said::Ok, &b"well"[..]), "call {number}");
            if number.is_multiple_of(20) {
                judgement.pass(&client.shared);
                sleep(Duration::from_millis(1)).await;
            }
        }
        let views = client.views();
        let view = views.iter().find(|view| &*view.id == "i0").unwrap();
        let got = servers[0].requests.get();
        assert!(gets.contains(&got), "{got} of {CALLS} calls went to the instance that refuses by {by:?}");
        assert!(view.refusals > 0, "{view:?}");
        assert_eq!((view.failures, view.ejections), (0, 0), "{view:?}");
        assert!(view.health.is_used(), "{view:?}");
    });
}

#[test]
fn an_instance_that_always_refuses_loses_its_load_and_is_not_ejected() {
    check(By::Status, always, 5..=90);
    check(By::Reset, always, 5..=90);
}

#[test]
fn an_instance_that_refuses_half_gets_less_and_goes_on() {
    // One call at a time finds the others idle, so they take nearly everything; it is asked again as its refusals are forgotten.
    check(By::Status, every_other, 2..=190);
}

#[test]
fn where_all_refuse_the_answer_says_so_and_nobody_is_ejected() {
    run(async {
        let servers = [refusing(By::Status, always).await, refusing(By::Status, always).await];
        let client = Client::by(H2, &servers.clone().map(|one| one.address), rules());
        let mut judgement = Judgement::new();
        for _ in 0..100 {
            assert_eq!(call(&client).await.unwrap().said, Said::Refused);
            judgement.pass(&client.shared);
        }
        let service = &client.shared.service_views()[0];
        assert_eq!((service.ejections, service.ejected, service.panic), (0, 0, false));
        assert!(servers.iter().all(|one| one.requests.get() >= 50), "each is still asked");
    });
}

#[test]
fn an_error_says_that_it_is_one() {
    run(async {
        let failing = Server::start(Builder::new(), |_, mut respond| async move {
            let head = Response::builder().header("grpc-status", "5");
            respond.send_response(head.body(()).unwrap(), true).unwrap();
        })
        .await;
        let client = Client::by(H2, &[failing.address], rules());
        assert_eq!(call(&client).await.unwrap().said, Said::Error);
        eventually("it is counted", || client.views()[0].finished == 1).await;
        let well = Server::start(Builder::new(), |_, respond| async move { answer(respond, "x") }).await;
        let plain = Client::by(H2, &[well.address], rules());
        let reply = plain.send(crate::support::get("/x")).await.unwrap();
        assert_eq!(reply.said, Said::Ok);
    });
}
