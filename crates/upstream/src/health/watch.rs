//! The checks of one instance, one after the other.

use super::fault::Fault;
use super::grpc::GrpcCheck;
use super::http;
use super::rules::HealthCheck;
use super::target::Target;
use super::{HealthChange, Tell, wire};
use crate::random::Random;
use std::sync::Arc;
use tenet_resilience::health::{Checked, Standing, Turn, first_pause};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

/// Checks an instance until it is removed. `gate` bounds how many checks of the process run at once.
pub(super) async fn run(target: Target, gate: Arc<Semaphore>, tell: Tell) {
    let random = Random::new(target.key());
    let rules = &target.terms.rules;
    let mut standing = Standing::new(target.state.is_unhealthy());
    let mut check = Check::new(&target);
    sleep(first_pause(rules, random.next())).await;
    loop {
        let Ok(permit) = gate.acquire().await else { return };
        if target.state.is_removed() {
            return;
        }
        let result = check.run(&target, Instant::now() + rules.timeout).await;
        drop(permit);
        target.checks.count(&result);
        if target.state.is_removed() {
            return;
        }
        if let Some(turn) = standing.observe(shown(&result), rules) {
            let (healthy, cause) = (turn == Turn::Healthy, cause(turn, result));
            if target.state.set_unhealthy(!healthy, &cause) {
                tell(HealthChange::new(&target, healthy, cause));
            }
        }
        sleep(standing.pause(rules, random.next())).await;
    }
}

/// What a check shows of its instance.
fn shown(result: &Result<(), Fault>) -> Checked {
    match result {
        Ok(()) => Checked::Passed,
        Err(Fault::NotServing) => Checked::NotServing,
        Err(_) => Checked::Failed,
    }
}

/// Why the verdict turned with this check.
fn cause(turn: Turn, result: Result<(), Fault>) -> String {
    match (turn, result) {
        (Turn::Unhealthy { checks: 2.. }, Err(fault @ Fault::NotServing)) => fault.to_string(),
        (Turn::Unhealthy { checks: checks @ 2.. }, Err(fault)) => {
            format!("{fault} ({checks} checks in a row failed)")
        }
        (_, Err(fault)) => fault.to_string(),
        (_, Ok(())) => "its checks pass again".into(),
    }
}

/// A way to ask, with what it keeps between checks.
enum Check {
    Grpc(Box<GrpcCheck>),
    Other,
}

impl Check {
    fn new(target: &Target) -> Check {
        match target.terms.check {
            HealthCheck::Grpc => Check::Grpc(Box::new(GrpcCheck::new(target))),
            HealthCheck::Http { .. } | HealthCheck::Connect | HealthCheck::Off => Check::Other,
        }
    }

    async fn run(&mut self, target: &Target, deadline: Instant) -> Result<(), Fault> {
        match (self, &target.terms.check) {
            (Check::Grpc(check), _) => check.run(target, deadline).await,
            (Check::Other, HealthCheck::Http { path }) => http::run(target, path, deadline).await,
            (Check::Other, _) => wire::connect(target.address(), deadline, target.timeout()).await.map(drop),
        }
    }
}
