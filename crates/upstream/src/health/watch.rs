//! The checks of one instance, one after the other.

use super::fault::Fault;
use super::grpc::GrpcCheck;
use super::http;
use super::rules::HealthCheck;
use super::standing::{Standing, unit};
use super::target::Target;
use super::{HealthChange, Tell, wire};
use crate::random::Random;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

/// The first checks of a roster are spread over this at most: soon, and not all in one moment.
const FIRST_SPREAD: Duration = Duration::from_millis(100);

/// Checks an instance until it is removed. `gate` bounds how many checks of the process run at once.
pub(super) async fn run(target: Target, gate: Arc<Semaphore>, tell: Tell) {
    let random = Random::new(target.key());
    let rules = &target.rules;
    let mut standing = Standing::new(target.state.is_unhealthy());
    let mut check = Check::new(&target);
    sleep(FIRST_SPREAD.min(rules.interval).mul_f64(unit(random.next()))).await;
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
        if let Some(turn) = standing.observe(&result, rules)
            && target.state.set_unhealthy(!turn.healthy, &turn.cause)
        {
            tell(HealthChange::new(&target, turn.healthy, turn.cause));
        }
        sleep(standing.pause(rules, random.next())).await;
    }
}

/// A way to ask, with what it keeps between checks.
enum Check {
    Grpc(Box<GrpcCheck>),
    Other,
}

impl Check {
    fn new(target: &Target) -> Check {
        match target.rules.check {
            HealthCheck::Grpc => Check::Grpc(Box::new(GrpcCheck::new(target))),
            HealthCheck::Http { .. } | HealthCheck::Connect | HealthCheck::Off => Check::Other,
        }
    }

    async fn run(&mut self, target: &Target, deadline: Instant) -> Result<(), Fault> {
        match (self, &target.rules.check) {
            (Check::Grpc(check), _) => check.run(target, deadline).await,
            (Check::Other, HealthCheck::Http { path }) => http::run(target, path, deadline).await,
            (Check::Other, _) => {
                wire::connect(target.address(), deadline, target.rules.timeout).await.map(drop)
            }
        }
    }
}
