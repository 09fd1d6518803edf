//! Admission to a service at a gateway: the limit of the process, the waiting room of the thread.

use super::World;
use super::state::{Lane, Wait};
use crate::event::{Event, LaneId};
use crate::plan::MS;
use tenet_error::Code;
use tenet_resilience::limit::{Priority, Sample};

/// How often a room looks for permits that other threads gave back.
const TICK: u64 = 2 * MS;

impl World {
    fn lane(&mut self, lane: LaneId) -> &mut Lane {
        &mut self.gateways[lane.gateway].threads[lane.thread].lanes[lane.service]
    }

    /// Lets a call in at once, lets it wait, or refuses it.
    pub(super) fn admit(&mut self, call: usize) {
        let (lane, priority, now) = (self.calls[call].lane, self.calls[call].priority, self.moment());
        let waits_before = self.lane(lane).room.has_before(priority);
        if !waits_before && self.permit(lane, priority) {
            self.run_call(call);
            return;
        }
        let pushed = match self.lane(lane).room.push(now, priority, call) {
            Ok(pushed) => pushed,
            Err(_) => {
                self.end_call(call, Code::Overloaded);
                return;
            }
        };
        self.calls[call].waits = Some(Wait { key: pushed.key, since: self.now });
        let (length, capacity) = (self.lane(lane).room.len(), self.rules.queue.capacity);
        if length > capacity {
            self.finding("queue", &format!("{length} wait at gateway {}, capacity {capacity}", lane.gateway));
        }
        if let Some(evicted) = pushed.evicted {
            self.turn_away(evicted);
        }
        if !std::mem::replace(&mut self.lane(lane).ticks, true) {
            self.agenda.enter(self.now + TICK, Event::Tick { lane });
        }
    }

    fn permit(&mut self, lane: LaneId, priority: Priority) -> bool {
        let service = &self.gateways[lane.gateway].services[lane.service];
        if service.limiter.try_acquire(priority).is_err() {
            return false;
        }
        let (in_flight, bound) = (service.limiter.in_flight(), service.limiter.bound(priority));
        if in_flight > bound {
            self.finding(
                "limit",
                &format!("{in_flight} in flight at gateway {}, bound {bound}", lane.gateway),
            );
        }
        true
    }

    /// Somebody who waited is refused.
    fn turn_away(&mut self, call: usize) {
        self.waited(call);
        self.calls[call].waits = None;
        self.end_call(call, Code::Overloaded);
    }

    /// Nobody waits for longer than it takes to see that the queue is a standing one, and a tick. Under overload it is the target, but that may
    /// have ended while it waited.
    fn waited(&mut self, call: usize) {
        let Some(wait) = self.calls[call].waits else { return };
        let rules = self.rules.queue;
        let most = (rules.acceptable + rules.interval).max(rules.target).min(rules.longest);
        let waited = self.now - wait.since;
        if waited > most.as_nanos() as u64 + TICK {
            self.finding("waiting", &format!("call {call} waited {:.1} ms of {most:?}", waited as f64 / 1e6));
        }
    }

    /// Lets in whom there are permits for, refuses those whose time is over.
    fn advance(&mut self, lane: LaneId) {
        let now = self.moment();
        while let Some(call) = self.lane(lane).room.expired(now) {
            self.turn_away(call);
        }
        loop {
            let calls = &self.calls;
            let of = &self.gateways[lane.gateway].threads[lane.thread].lanes[lane.service];
            let Some(priority) = of.room.first(|call| calls[*call].priority) else { return };
            if !self.permit(lane, priority) {
                return;
            }
            let Some((call, _)) = self.lane(lane).room.pop(now) else { return };
            self.waited(call);
            self.calls[call].waits = None;
            self.run_call(call);
        }
    }

    /// A room looks again, as long as somebody waits.
    pub(super) fn tick(&mut self, lane: LaneId) {
        if !self.lives(lane.gateway, lane.life) {
            return;
        }
        self.advance(lane);
        if self.lane(lane).room.is_empty() {
            self.lane(lane).ticks = false;
        } else {
            self.agenda.enter(self.now + TICK, Event::Tick { lane });
        }
    }

    /// A call that ended leaves the room, or gives its permit back, which may let the next in.
    pub(super) fn leave(&mut self, call: usize, sample: Sample) {
        let (lane, now) = (self.calls[call].lane, self.moment());
        if let Some(wait) = self.calls[call].waits.take() {
            self.lane(lane).room.remove(wait.key);
        }
        if std::mem::take(&mut self.calls[call].permit) {
            self.gateways[lane.gateway].services[lane.service].limiter.release(now, sample);
            self.advance(lane);
        }
    }
}
