//! `tenet reload`: load and check, prepare everywhere, switch once. A bad release changes nothing.

use super::admin;
use super::gateways::START_TIME;
use super::orders::Tell;
use super::plan;
use super::services::Instance;
use super::stores;
use super::supervisor::Supervisor;
use crate::cli::Failed;
use bytes::Bytes;
use serde_json::json;
use std::net::SocketAddr;
use std::time::Duration;
use tenet_release::{Current, Release};

/// How long a change of the roster takes to be known: gateways read it every second, and calls under way need their end.
pub const SETTLE: Duration = Duration::from_secs(2);

impl Supervisor {
    /// Brings the project's current files into service, or says what is wrong with them.
    pub async fn reload(&mut self, tell: &Tell<'_>) -> Result<(), Failed> {
        let project = self.project.clone();
        // Compiling contracts takes its time; children must not wait for it.
        let loaded = tokio::task::spawn_blocking(move || crate::project::load(&project)).await;
        let release = loaded.map_err(|error| Failed::while_doing("loading the release failed", &error))??;
        if release.hash == self.release.hash {
            tell.say(&format!("nothing to do: release {} serves already", release.hash.short()));
            return Ok(());
        }
        stores::check_same_engine(&self.release, &release)?;
        let epoch = self.epoch + 1;
        self.dir.keep(&release).map_err(|error| Failed::while_doing("the release cannot be kept", &error))?;
        tell.say(&format!(
            "release {} loads; preparing it on {} gateways",
            release.hash.short(),
            self.gateways.len()
        ));
        self.prepare(&release).await?;
        let current = Current { hash: release.hash, epoch };
        let before = std::mem::replace(&mut self.release, release);
        let changed = match self.change_stores(current, tell).await {
            Ok(()) => self.change_instances(tell).await,
            Err(failed) => Err(failed),
        };
        let fresh = match changed {
            Ok(fresh) => fresh,
            Err(failed) => {
                self.go_back(before).await;
                return Err(failed);
            }
        };
        if let Err(failed) = self.publish(current).await {
            self.go_back(before).await;
            self.take_back(&fresh).await;
            return Err(failed);
        }
        // From here on a gateway that restarts reads the new one: there is no way back, and none is needed.
        self.epoch = epoch;
        self.commit(current, tell).await;
        self.commit_stores(current, tell).await;
        self.retire_instances().await?;
        self.retire_stores().await?;
        if let (Some(mut traffic), Some(rps)) = (self.traffic.take(), self.args.traffic) {
            // What it sends is part of the release.
            traffic.stop().await;
            self.start_traffic(rps);
        }
        self.write_state()?;
        tell.say(&format!("release {} serves everywhere, epoch {epoch}", self.release.hash.short()));
        Ok(())
    }

    /// Every gateway compiles the release; one refusal refuses it for all. A gateway that is down reads it when it is back.
    async fn prepare(&self, release: &Release) -> Result<(), Failed> {
        let bytes = Bytes::from(release.to_bytes());
        for (gateway, admin) in self.gateways.iter().zip(&self.sockets.admin) {
            if gateway.pid().is_none() {
                continue;
            }
            let id = &gateway.spec().id;
            let posted = admin::post(admin.address, "/-/prepare", "application/octet-stream", bytes.clone());
            let answer = tokio::time::timeout(START_TIME, posted)
                .await
                .map_err(|_| Failed(format!("error: {id} did not prepare within {START_TIME:?}")))?
                .map_err(|error| Failed(format!("error: {id} cannot prepare: {error}")))?;
            if answer.status != 200 {
                return Err(Failed(format!("error: {id} refuses the release: {}", answer.reason())));
            }
        }
        Ok(())
    }

    /// Switches every gateway. One that does not answer is replaced: its successor reads the switch from disk.
    async fn commit(&mut self, current: Current, tell: &Tell<'_>) {
        let body = Bytes::from(json!({ "hash": current.hash, "epoch": current.epoch }).to_string());
        for index in 0..self.gateways.len() {
            let address = self.sockets.admin[index].address;
            let posted = admin::post(address, "/-/commit", "application/json", body.clone());
            let reason = match tokio::time::timeout(START_TIME, posted).await {
                Ok(Ok(answer)) if answer.status == 200 => continue,
                Ok(Ok(answer)) => answer.reason(),
                Ok(Err(error)) => error,
                Err(_) => format!("no answer within {START_TIME:?}"),
            };
            let id = self.gateways[index].spec().id.clone();
            tell.say(&format!("{id} did not switch ({reason}) and is replaced"));
            if let Err(Failed(text)) = self.replace_gateway(index, tell).await {
                tell.say(&text);
            }
        }
    }

    /// The store has what the new release adds before anybody is started who keeps it there.
    async fn change_stores(&mut self, coming: Current, tell: &Tell<'_>) -> Result<(), Failed> {
        self.write_prepared(coming)?;
        self.prepare_stores(&self.release).await?;
        let running = self.stores.len();
        self.start_stores(Some(tell)).await?;
        if self.stores.len() > running {
            self.write_roster()?;
        }
        Ok(())
    }

    /// Undoes [`Supervisor::change_stores`]. What was declared stays declared, which is no harm.
    async fn go_back(&mut self, before: Release) {
        self.release = before;
        let serving = Current { hash: self.release.hash, epoch: self.epoch };
        if let Err(Failed(text)) = self.write_prepared(serving) {
            self.output.say(&text);
        }
        if let Err(Failed(text)) = self.retire_stores().await {
            self.output.say(&text);
        }
    }

    /// Starts what the new release asks for and does not run yet, and sets apart those that it no longer asks for. Answers where
    /// the new ones listen.
    async fn change_instances(&mut self, tell: &Tell<'_>) -> Result<Vec<SocketAddr>, Failed> {
        let wanted = plan::children(&self.release.config);
        let fresh: Vec<_> = wanted
            .iter()
            .filter(|plan| self.instances.iter().all(|running| running.plan != **plan))
            .cloned()
            .collect();
        if !fresh.is_empty() {
            tell.say(&format!("starting {} instances", fresh.len()));
        }
        let started = self.start_instances(fresh).await?;
        let (staying, leaving) = std::mem::take(&mut self.instances)
            .into_iter()
            .partition(|running| wanted.contains(&running.plan));
        self.instances = staying;
        self.leaving = leaving;
        let addresses = started.iter().map(|instance| instance.address).collect();
        self.instances.extend(started);
        Ok(addresses)
    }

    /// Makes the change known on disk. Those who leave stay listed until nobody runs the old release; those who came are known to
    /// every gateway before anybody calls them.
    async fn publish(&self, current: Current) -> Result<(), Failed> {
        if self.write_roster()? {
            tokio::time::sleep(SETTLE).await;
        }
        self.dir.switch(current).map_err(|error| Failed::while_doing("the switch cannot be written", &error))
    }

    /// Undoes [`Supervisor::change_instances`].
    async fn take_back(&mut self, fresh: &[SocketAddr]) {
        let (started, before): (Vec<Instance>, _) =
            std::mem::take(&mut self.instances).into_iter().partition(|one| fresh.contains(&one.address));
        self.instances = before;
        let leaving = std::mem::take(&mut self.leaving);
        self.instances.extend(leaving);
        self.leaving = started;
        if let Err(Failed(text)) = self.retire_instances().await {
            self.output.say(&text);
        }
    }

    /// Takes those who leave off the roster, and stops them once no gateway calls them any more.
    pub async fn retire_instances(&mut self) -> Result<(), Failed> {
        let leaving = std::mem::take(&mut self.leaving);
        let listed = self.write_roster();
        // Until they have ended they are the supervisor's: the wish to end may interrupt this.
        self.leaving = leaving;
        if !self.leaving.is_empty() {
            tokio::time::sleep(SETTLE).await;
            self.stop_leaving().await;
        }
        listed.map(|_| ())
    }
}
