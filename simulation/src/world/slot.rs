//! Connections of one thread to one instance: opened when needed, found dead, tried again in the background.

use super::World;
use super::state::Connection;
use crate::event::{Answer, Event, LaneId};
use crate::plan::{MS, SECOND};
use std::time::Duration;
use tenet_resilience::backoff::Backoff;

/// Longest wait for a connection (`PoolOptions::connect_timeout`).
const CONNECT_TIMEOUT: u64 = SECOND;
/// Silence on a connection with streams after which it is given up: a PING after 10 s, its time-out of 5 s.
const SILENCE_MOST: u64 = 15 * SECOND;
/// The pause between two connects to a failing instance (`PoolOptions::backoff_base`, `backoff_max`).
const BACKOFF: Backoff = Backoff { base: Duration::from_millis(100), max: Duration::from_secs(5) };

impl World {
    fn instance_of(&self, lane: LaneId, place: usize) -> usize {
        self.gateways[lane.gateway].threads[lane.thread].lanes[lane.service].order[place]
    }

    pub(super) fn slot(&mut self, lane: LaneId, place: usize) -> &mut super::state::Slot {
        &mut self.gateways[lane.gateway].threads[lane.thread].lanes[lane.service].slots[place]
    }

    pub(super) fn instance_state(
        &mut self,
        lane: LaneId,
        instance: usize,
    ) -> &mut super::state::InstanceState {
        &mut self.gateways[lane.gateway].services[lane.service].instances[instance]
    }

    /// Opens a connection for those who wait, unless one is being opened.
    pub(super) fn grow(&mut self, lane: LaneId, place: usize) {
        if !matches!(self.slot(lane, place).connection, Connection::None) {
            return;
        }
        let token = self.token();
        self.slot(lane, place).connection = Connection::Connecting { token };
        self.connect(lane, place, token);
    }

    /// Finds out how a connect will end, and when.
    fn connect(&mut self, lane: LaneId, place: usize, token: u64) {
        let instance = self.instance_of(lane, place);
        let hop = self.hop(lane.gateway, lane.service, instance);
        let server = &self.servers[lane.service][instance];
        let pings = server.black_hole != Some(false);
        let frozen_for = server.frozen.1.saturating_sub(self.now);
        let epoch = server.epoch;
        let (opened, after) = match hop {
            Some(hop) if server.silent => (false, CONNECT_TIMEOUT.max(hop)),
            Some(hop) if !server.up => (false, 2 * hop),
            // The handshake, then the first PING's answer, which needs the process.
            Some(hop) if pings && frozen_for + 4 * hop < CONNECT_TIMEOUT => (true, frozen_for + 4 * hop),
            _ => (false, CONNECT_TIMEOUT),
        };
        self.agenda.enter(self.now + after, Event::Connected { lane, place, token, opened, epoch });
    }

    /// A connect ended. One that was begun by a probe has no slot that waits for its token.
    pub(super) fn connected(&mut self, lane: LaneId, place: usize, token: u64, opened: bool, epoch: u32) {
        if !self.lives(lane.gateway, lane.life) {
            return;
        }
        let instance = self.instance_of(lane, place);
        let server = &self.servers[lane.service][instance];
        let opened = opened && server.up && server.epoch == epoch;
        let now = self.now;
        let slot = self.slot(lane, place);
        let ours = matches!(slot.connection, Connection::Connecting { token: awaited } if awaited == token);
        if opened {
            if ours || matches!(slot.connection, Connection::None) {
                slot.connection = Connection::Open { token, epoch, heard: now, streams: Vec::new() };
            }
            let waiting = if ours { std::mem::take(&mut slot.waiting) } else { Vec::new() };
            let state = self.instance_state(lane, instance);
            let failed = std::mem::replace(&mut state.failures, 0) > 0;
            if !ours {
                state.probing = false;
            }
            if failed {
                self.noticed(lane.gateway, lane.service, instance, "connectable");
            }
            waiting.into_iter().for_each(|attempt| self.send(attempt));
            return;
        }
        if ours {
            slot.connection = Connection::None;
        }
        let waiting = if ours { std::mem::take(&mut slot.waiting) } else { Vec::new() };
        self.note_failure(lane, instance);
        if ours {
            self.claim_probe(lane, place);
        } else {
            let at = self.instance_state(lane, instance).retry_at;
            self.agenda.enter(at, Event::Probe { lane, place });
        }
        waiting.into_iter().for_each(|attempt| self.never_left(attempt));
    }

    fn note_failure(&mut self, lane: LaneId, instance: usize) {
        let (now, random) = (self.now, self.dice.next());
        let state = self.instance_state(lane, instance);
        state.failures += 1;
        let first = state.failures == 1;
        state.retry_at = now + BACKOFF.equal_jitter(state.failures, random).as_nanos() as u64;
        if first {
            self.noticed(lane.gateway, lane.service, instance, "failing");
        }
    }

    /// One thread of the process tries a failing instance for all.
    pub(super) fn claim_probe(&mut self, lane: LaneId, place: usize) {
        let (instance, now) = (self.instance_of(lane, place), self.now);
        let state = self.instance_state(lane, instance);
        if !std::mem::replace(&mut state.probing, true) {
            let at = state.retry_at.max(now);
            self.agenda.enter(at, Event::Probe { lane, place });
        }
    }

    /// The pause of a failing instance is over.
    pub(super) fn probe(&mut self, lane: LaneId, place: usize) {
        if !self.lives(lane.gateway, lane.life) {
            return;
        }
        let instance = self.instance_of(lane, place);
        let state = self.instance_state(lane, instance);
        if state.failures == 0 {
            state.probing = false;
            return;
        }
        let token = self.token();
        self.connect(lane, place, token);
    }

    /// The other side says that a connection is no more.
    pub(super) fn lost(&mut self, lane: LaneId, place: usize, token: u64) {
        if !self.lives(lane.gateway, lane.life) {
            return;
        }
        let slot = self.slot(lane, place);
        if slot.connection.token() != Some(token) {
            return;
        }
        let before = std::mem::replace(&mut slot.connection, Connection::None);
        let Connection::Open { streams, .. } = before else { return };
        streams.into_iter().for_each(|attempt| self.reply(attempt, Answer::Reset, 0));
    }

    /// Lets go of connections without streams to an instance that is well again: they may be older than its host's last start.
    pub(super) fn renew(&mut self, gateway: usize, service: usize, instance: usize) {
        for thread in &mut self.gateways[gateway].threads {
            let lane = &mut thread.lanes[service];
            let places = lane.order.iter().zip(&mut lane.slots).filter(|(of, _)| **of == instance);
            for (_, slot) in places {
                if matches!(&slot.connection, Connection::Open { streams, .. } if streams.is_empty()) {
                    slot.connection = Connection::None;
                }
            }
        }
    }

    /// Gives up connections that have streams and were silent for too long.
    pub(super) fn upkeep(&mut self, gateway: usize, life: u32) {
        if !self.lives(gateway, life) {
            return;
        }
        let mut silent = Vec::new();
        for (thread, lanes) in self.gateways[gateway].threads.iter().enumerate() {
            for (service, lane) in lanes.lanes.iter().enumerate() {
                for (place, slot) in lane.slots.iter().enumerate() {
                    if let Connection::Open { token, heard, streams, .. } = &slot.connection
                        && !streams.is_empty()
                        && self.now - heard >= SILENCE_MOST
                    {
                        silent.push((LaneId { gateway, life, thread, service }, place, *token));
                    }
                }
            }
        }
        for (lane, place, token) in silent {
            let instance = self.instance_of(lane, place);
            let server = &self.servers[lane.service][instance];
            let answers = server.up && !server.silent && server.black_hole != Some(false);
            if answers && self.hop(gateway, lane.service, instance).is_some() {
                // The PING was answered.
                let now = self.now;
                if let Connection::Open { heard, .. } = &mut self.slot(lane, place).connection {
                    *heard = now;
                }
            } else {
                self.lost(lane, place, token);
            }
        }
        self.agenda.enter(self.now + SECOND + self.dice.between(0, MS), Event::Upkeep { gateway, life });
    }
}
