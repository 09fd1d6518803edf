//! `tenet drill`, on the supervisor's side: makes a part of the fleet fail, and undoes it whatever happens.
//!
//! ```text
//!   drill {json} ▸ whom? can it be done? ▸ "ready" ▸ begin ▸ the failure ▸ end, hang-up or time over ▸ undone ▸ all serve again ▸ hang-up
//! ```
//!
//! The roster is not told: that the fleet finds out by itself is what is rehearsed.

mod effect;
mod targets;

use super::child::Child;
use super::control::{Stage, Words};
use super::gateways::{START_TIME, zone_of_gateway};
use super::orders::Tell;
use super::supervisor::Supervisor;
use super::time_line::{Kind, unix_ms};
use crate::cli::Failed;
use crate::drill::{Fault, LONGEST, Means, Reach, Rehearsal};
use effect::{Effect, Point};
use std::net::SocketAddr;
use std::time::Duration;
use targets::{Member, Members, Targets};
use tenet_release::Roster;
use tokio::time::timeout;

/// What a fault point keeps its fault beyond the drill's time: it is the supervisor that undoes it, this is for its death.
const LEASE_MARGIN: Duration = Duration::from_secs(5);
/// Longest wait for a command to begin, and for it to go away in the end: it measures before and after.
const PATIENCE: Duration = Duration::from_secs(600);

/// One that a drill may mean.
struct Drilled<'a> {
    id: &'a str,
    zone: &'a str,
    address: SocketAddr,
    child: &'a Child,
    /// See [`Member::alone`].
    alone: bool,
}

impl Supervisor {
    /// One drill, from the order to the client's hanging up.
    pub async fn drill(
        &mut self,
        rehearsal: &Rehearsal,
        words: &mut Words,
        tell: &Tell<'_>,
    ) -> Result<(), Failed> {
        let refused = |reason: String| Failed(format!("error: {reason}"));
        let time = Duration::from_millis(rehearsal.for_ms).min(LONGEST);
        let targets = targets::choose(&rehearsal.fault, &self.members()).map_err(refused)?;
        self.effect(rehearsal, time, &targets).possible().await.map_err(refused)?;
        targets.notes.iter().for_each(|note| tell.say(note));
        tell.stage(Stage::Ready {
            instances: self.chosen(&targets).map(|one| one.id.to_owned()).collect(),
            gateways: targets.gateways.iter().map(|place| self.gateways[*place].spec().id.clone()).collect(),
        });
        match timeout(PATIENCE, words.next()).await {
            Ok(Some(word)) if word == "begin" => {}
            Ok(Some(word)) => return Err(Failed(format!("error: expected `begin`, found {word:?}"))),
            Ok(None) => return Err(Failed("error: the drill went away before it began".into())),
            Err(_) => return Err(Failed(format!("error: the drill did not begin within {PATIENCE:?}"))),
        }
        if rehearsal.fault.means(0) == Means::Restart {
            self.replace_all(rehearsal, tell).await?;
        } else {
            let effect = self.effect(rehearsal, time, &targets);
            self.fail(rehearsal, time, &effect, words, tell).await?;
        }
        self.all_serve(&targets, tell).await;
        self.write_state()?;
        // The command measures what comes after; until it hangs up nothing else may disturb that.
        let _ = timeout(PATIENCE, async { while words.next().await.is_some() {} }).await;
        Ok(())
    }

    /// The failure itself. It is undone when this returns, and when it is dropped half-way.
    async fn fail(
        &self,
        rehearsal: &Rehearsal,
        time: Duration,
        effect: &Effect<'_>,
        words: &mut Words,
        tell: &Tell<'_>,
    ) -> Result<(), Failed> {
        self.news(&rehearsal.fault, &format!("begins, for at most {} s", time.as_secs_f64()));
        let began = unix_ms();
        let done = effect.begin().await;
        if done.is_ok() {
            tell.stage(Stage::Began(began));
            tokio::select! {
                // `end`, anything else, or nothing more: each is a wish to stop.
                _ = words.next() => {}
                () = tokio::time::sleep(time) => {}
            }
        }
        let silent = effect.undo().await;
        tell.stage(Stage::Undone(unix_ms()));
        self.news(&rehearsal.fault, "is over and undone");
        if !silent.is_empty() {
            let left = time + LEASE_MARGIN;
            tell.say(&format!(
                "{} did not answer; undone by itself within {left:?} of the beginning",
                silent.join(", ")
            ));
        }
        done.map_err(|reason| Failed(format!("error: {reason}")))
    }

    /// The drill that is an orderly restart. It takes the time it takes: breaking it off would leave half of the fleet old.
    async fn replace_all(&mut self, rehearsal: &Rehearsal, tell: &Tell<'_>) -> Result<(), Failed> {
        self.news(&rehearsal.fault, "begins");
        tell.stage(Stage::Began(unix_ms()));
        let done = self.restart(true, tell).await;
        tell.stage(Stage::Undone(unix_ms()));
        self.news(&rehearsal.fault, "is over");
        done
    }

    /// Tells the terminal and the console's time line.
    fn news(&self, fault: &Fault, text: &str) {
        let subject = match fault.reach() {
            Reach::Zone(subject) | Reach::Instance(subject) => subject,
            Reach::Fleet => "fleet",
            Reach::Callers => "callers",
        };
        self.output.say(&format!("drill {fault}: {text}"));
        self.time_line.tell(Kind::Drill, subject, &format!("{fault}: {text}"));
    }

    fn effect(&self, rehearsal: &Rehearsal, time: Duration, targets: &Targets) -> Effect<'_> {
        let lease = (time + LEASE_MARGIN).min(LONGEST);
        let children = || {
            let gateways = targets.gateways.iter().map(|place| &self.gateways[*place]);
            gateways.chain(self.chosen(targets).map(|one| one.child)).collect()
        };
        match rehearsal.fault.means(u64::try_from(lease.as_millis()).unwrap_or(u64::MAX)) {
            Means::Kill => Effect::Lost(children()),
            Means::Stop => Effect::Paused(children()),
            Means::Restart | Means::Load => Effect::Nothing,
            Means::Instances(fault) => {
                let point = |one: Drilled<'_>| Point { id: one.id.to_owned(), address: one.address };
                Effect::Faulty(self.chosen(targets).map(point).collect(), fault)
            }
            Means::Gateways(fault) => {
                let all = self.gateways.iter().zip(&self.sockets.admin);
                let point = all
                    .map(|(gateway, admin)| Point { id: gateway.spec().id.clone(), address: admin.address });
                Effect::Faulty(point.collect(), fault)
            }
        }
    }

    /// Whom a drill may mean beside gateways, in the order of their places: instances of services, then the store's processes.
    fn drilled(&self) -> impl Iterator<Item = Drilled<'_>> {
        let instances = self.instances.iter().map(|one| Drilled {
            id: &one.plan.id,
            zone: &one.plan.zone,
            address: one.address,
            child: &one.child,
            alone: false,
        });
        let alone = self.store_is_alone();
        let stores = self.stores.iter().map(move |one| Drilled {
            id: &one.child.spec().id,
            zone: one.zone,
            address: one.listening.address,
            child: &one.child,
            alone,
        });
        instances.chain(stores)
    }

    /// Those of them who are meant.
    fn chosen<'a>(&'a self, targets: &Targets) -> impl Iterator<Item = Drilled<'a>> {
        let meant = |(place, one)| targets.instances.contains(&place).then_some(one);
        self.drilled().enumerate().filter_map(meant)
    }

    fn members(&self) -> Members {
        let gateways = self.gateways.iter().enumerate();
        let fixed = Roster::from_config(&self.release.config).services.into_values().flatten();
        Members {
            instances: self
                .drilled()
                .map(|one| Member { id: one.id.to_owned(), zone: one.zone.to_owned(), alone: one.alone })
                .collect(),
            gateways: gateways
                .map(|(index, one)| Member {
                    id: one.spec().id.clone(),
                    zone: zone_of_gateway(index).to_owned(),
                    alone: false,
                })
                .collect(),
            elsewhere: fixed.map(|one| Member { id: one.id, zone: one.zone, alone: false }).collect(),
        }
    }

    /// Waits until everybody serves again; who does not is said, and its keeper goes on trying.
    async fn all_serve(&self, targets: &Targets, tell: &Tell<'_>) {
        let gateways = targets.gateways.iter().map(|place| &self.gateways[*place]);
        let instances: Vec<Drilled<'_>> = self.chosen(targets).collect();
        for child in gateways.chain(instances.iter().map(|one| one.child)) {
            if let Err(reason) = child.ready(START_TIME).await {
                tell.say(&reason);
            }
        }
    }
}
