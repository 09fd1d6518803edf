//! The generator of an open-loop load: what is due begins, whether or not what began before has ended.

use super::connection::{Outcome, Patience, Pool, Repeated};
use super::requests::Requests;
use super::schedule::Schedule;
use super::users::Users;
use crate::cli::Failed;
use rand::SeedableRng as _;
use rand::rngs::SmallRng;
use std::cell::Cell;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tenet_release::Release;

/// Requests that may wait for an answer at a time. Beyond it the load is not what was asked for, and the report says so.
const IN_FLIGHT: usize = 1_000;
/// How much the schedule may lag before what is due is dropped: a machine that slept must not send an hour's load at once.
const LAG: Duration = Duration::from_secs(1);

/// A call that has ended.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    /// When it was to begin.
    pub intended: Instant,
    /// From then until it ended.
    pub latency: Duration,
    /// Which of the load's requests it was, a place in [`Load::names`].
    pub request: usize,
    /// How it ended.
    pub outcome: Outcome,
    /// Whether it took a second attempt.
    pub repeated: Repeated,
}

/// A load, ready to be sent.
pub struct Load {
    rps: Cell<u32>,
    requests: Requests,
    users: Users,
    pool: Pool,
    in_flight: Rc<Cell<usize>>,
}

impl Load {
    /// The `[traffic]` of a release at this rate; only its safe requests (RFC 9110 §9.2.1) unless `writes`.
    ///
    /// # Errors
    /// There is nothing to send.
    pub fn of(
        release: &Release,
        target: SocketAddr,
        rps: u32,
        writes: bool,
        patience: Patience,
    ) -> Result<Load, Failed> {
        let traffic = &release.config.traffic;
        let all = Requests::new(traffic, &release.contract);
        let none = all.is_empty();
        let requests = if writes { all } else { all.safe() };
        if requests.is_empty() {
            let hint = if none { "" } else { ", or send what there is with --writes" };
            return Err(Failed(format!(
                "error: nothing to send: add [[traffic.requests]] to tenet.toml{hint}"
            )));
        }
        let users = Users::new(traffic.users, traffic.whale, traffic.whale_per_mille);
        Ok(Load {
            rps: Cell::new(rps),
            requests,
            users,
            pool: Pool::new(target, patience),
            in_flight: Rc::default(),
        })
    }

    /// The load's requests, as method and path of `[traffic]`.
    pub fn names(&self) -> Vec<String> {
        self.requests.names()
    }

    /// From now on this many requests a second.
    pub fn set_rate(&self, rps: u32) {
        self.rps.set(rps);
    }

    /// Calls that have begun and not ended.
    pub fn in_flight(&self) -> usize {
        self.in_flight.get()
    }

    /// Sends until it is dropped; needs a `LocalSet`. What has begun goes on without it.
    pub async fn send(&self, ended: Rc<dyn Fn(Ended)>) -> Infallible {
        let mut random = SmallRng::from_os_rng();
        let mut schedule = Schedule::default();
        let start = Instant::now();
        let mut due = schedule.next(self.rps.get(), &mut random);
        let mut number = 0u64;
        loop {
            tokio::time::sleep_until((start + due).into()).await;
            // Everything that is due now: the timer's grain is a millisecond, the schedule's is not.
            while due <= start.elapsed() {
                let intended = start + due;
                due = schedule.next(self.rps.get(), &mut random);
                let user = self.users.choose(&mut random);
                let place = self.requests.choose(&mut random);
                if self.in_flight.get() >= IN_FLIGHT || intended.elapsed() > LAG {
                    let latency = intended.elapsed();
                    let (outcome, repeated) = (Outcome::NotSent, Repeated::No);
                    ended(Ended { intended, latency, request: place, outcome, repeated });
                    continue;
                }
                number += 1;
                let request = self.requests.build(place, user, number);
                let (pool, ended, in_flight) = (self.pool.clone(), ended.clone(), self.in_flight.clone());
                in_flight.set(in_flight.get() + 1);
                tokio::task::spawn_local(async move {
                    let (outcome, repeated) = pool.call(request).await;
                    in_flight.set(in_flight.get() - 1);
                    ended(Ended { intended, latency: intended.elapsed(), request: place, outcome, repeated });
                });
            }
        }
    }
}
