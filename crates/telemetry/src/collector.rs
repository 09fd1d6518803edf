//! Adding up a process: threads submit, the clock closes a second, followers read it.

mod alarms;
mod history;
mod recent;
mod second;

use crate::recorder::DeltaRow;
use crate::totals::Totals;
use crate::{
    Alarm, CounterId, Delta, Event, EventKind, GaugeId, InstanceView, Names, ProcessInfo, UpstreamView,
};
use crate::{exposition, process_stats, wire};
use alarms::{Alarms, Raised};
use history::History;
use recent::Recent;
use second::Second;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};
use tenet_api::telemetry::v1::{Metric, Snapshot, Store, Upstream};
use tokio::sync::watch;

pub use history::HISTORY_SECONDS;

/// Events kept of one second; what comes beyond is counted, not kept. A storm of events tells no more than its start.
const EVENTS_PER_SECOND_MAX: usize = 256;

/// Bytes kept of an event's or alarm's subject and text each.
const TEXT_BYTES_MAX: usize = 1024;

/// Instances reported; beyond this the view of one process would outweigh everything else in a snapshot.
const INSTANCES_MAX: usize = 4096;

/// Services reported, for the same reason.
const UPSTREAMS_MAX: usize = 1024;

/// Deltas that may wait for the next tick: threads times programs in use, many times over. Only when the clock
/// stands still does a thread have to add up its own.
const DELTAS_MAX: usize = 1024;

/// The measurements of one process. Shared by all its threads, never touched on the request path.
///
/// Two locks: what threads hand in is behind one that is held for a push; what is added up and read is behind
/// another, held for milliseconds by a scrape, and no data-plane thread ever waits for it.
pub struct Collector {
    inbox: Mutex<Inbox>,
    books: Mutex<Books>,
    counters: [AtomicU64; CounterId::COUNT],
    gauges: [AtomicI64; GaugeId::COUNT],
    /// The sequence number of the last closed second.
    closed: watch::Sender<u64>,
    ending: watch::Sender<bool>,
}

/// What was handed in since the last tick, and what is so now.
struct Inbox {
    process: ProcessInfo,
    deltas: Vec<(Arc<Names>, Vec<DeltaRow>)>,
    instances: Vec<InstanceView>,
    upstreams: Vec<UpstreamView>,
    store: Option<Store>,
    events: Vec<Event>,
    alarms: Alarms,
}

/// What has been added up.
struct Books {
    totals: Totals,
    second: Second,
    second_began: Instant,
    recent: Recent,
    history: History,
    latest: Arc<Snapshot>,
}

impl Collector {
    /// A collector that has seen nothing; its first second begins now.
    pub fn new(process: ProcessInfo) -> Collector {
        let latest = Snapshot { process: Some(wire::process_to_wire(&process)), ..Snapshot::default() };
        Collector {
            inbox: Mutex::new(Inbox {
                process,
                deltas: Vec::new(),
                instances: Vec::new(),
                upstreams: Vec::new(),
                store: None,
                events: Vec::new(),
                alarms: Alarms::default(),
            }),
            books: Mutex::new(Books {
                totals: Totals::new(),
                second: Second::default(),
                second_began: Instant::now(),
                recent: Recent::default(),
                history: History::default(),
                latest: Arc::new(latest),
            }),
            counters: [const { AtomicU64::new(0) }; CounterId::COUNT],
            gauges: [const { AtomicI64::new(0) }; GaugeId::COUNT],
            closed: watch::Sender::new(0),
            ending: watch::Sender::new(false),
        }
    }

    /// Says which release the process runs from now on.
    pub fn set_release(&self, release: &str, epoch: u64) {
        let process = &mut self.inbox().process;
        release.clone_into(&mut process.release);
        process.epoch = epoch;
    }

    /// Hands in what a thread recorded, under the names of the program it was recorded with.
    pub fn submit(&self, names: &Arc<Names>, delta: Delta) {
        for (id, n) in delta.counters {
            self.count(id, n);
        }
        for (id, change) in delta.gauges {
            self.gauge(id, change);
        }
        if delta.rows.is_empty() {
            return;
        }
        let mut inbox = self.inbox();
        inbox.deltas.push((Arc::clone(names), delta.rows));
        if inbox.deltas.len() >= DELTAS_MAX {
            let deltas = std::mem::take(&mut inbox.deltas);
            drop(inbox);
            self.add_up(&mut self.books(), deltas);
        }
    }

    /// Adds to a counter. From a data-plane thread use [`crate::Recorder::count`], which touches no shared memory.
    pub fn count(&self, id: CounterId, n: u64) {
        self.counters[id as usize].fetch_add(n, Relaxed);
    }

    /// The value of a counter.
    pub fn counter(&self, id: CounterId) -> u64 {
        self.counters[id as usize].load(Relaxed)
    }

    /// Changes a gauge by an amount.
    pub fn gauge(&self, id: GaugeId, change: i64) {
        self.gauges[id as usize].fetch_add(change, Relaxed);
    }

    /// Sets a gauge that only one place in the process knows. Not for gauges that threads change by amounts.
    pub fn set_gauge(&self, id: GaugeId, value: i64) {
        self.gauges[id as usize].store(value, Relaxed);
    }

    /// Replaces the view of the instances. At most 4096 are kept.
    pub fn set_instances(&self, mut instances: Vec<InstanceView>) {
        instances.truncate(INSTANCES_MAX);
        self.inbox().instances = instances;
    }

    /// Replaces the view of the services that are called. At most 1024 are kept. To be called once a second, before
    /// [`Collector::tick`]: queue times are those of one second, and are told once.
    pub fn set_upstreams(&self, mut upstreams: Vec<UpstreamView>) {
        upstreams.truncate(UPSTREAMS_MAX);
        self.inbox().upstreams = upstreams;
    }

    /// Says what a process of the store did in the second that is open. To be called once a second, before [`Collector::tick`]: its
    /// sketches are of that second, and are told once.
    pub fn set_store(&self, store: Store) {
        self.inbox().store = Some(store);
    }

    /// Puts something significant on the time line.
    pub fn event(&self, event: Event) {
        let kept = push_event(&mut self.inbox().events, event);
        if !kept {
            self.count(CounterId::EventsDropped, 1);
        }
    }

    /// Raises an alarm, or changes the one with its id. A new one is an event too.
    pub fn raise(&self, mut alarm: Alarm) {
        clip(&mut alarm.subject);
        clip(&mut alarm.text);
        let event = Event {
            kind: EventKind::Alarm,
            at: alarm.since,
            subject: alarm.subject.clone(),
            text: alarm.text.clone(),
        };
        let raised = self.inbox().alarms.raise(alarm);
        match raised {
            Raised::New => self.event(event),
            Raised::Changed => {}
            Raised::NoRoom => self.count(CounterId::EventsDropped, 1),
        }
    }

    /// Clears an alarm, which is an event if it was raised.
    pub fn clear(&self, id: &str, at: SystemTime) {
        let cleared = self.inbox().alarms.clear(id);
        if let Some(alarm) = cleared {
            let text = format!("cleared: {}", alarm.text);
            self.event(Event { kind: EventKind::Alarm, at, subject: alarm.subject, text });
        }
    }

    /// Closes the second. To be called once a second from one place, beside the data plane, just after the
    /// threads have handed in: [`crate::keep_time`] does, or whoever awaits [`crate::second_close`].
    pub fn tick(&self, now: SystemTime) {
        let stats = process_stats();
        let mut books = self.books();
        let mut snapshot = {
            let mut inbox = self.inbox();
            let deltas = std::mem::take(&mut inbox.deltas);
            let trees = (self.counter(CounterId::TreeCalls), self.counter(CounterId::TreeExtraAttempts));
            books.recent.close(&inbox.upstreams, trees);
            let upstreams = tell_upstreams(&mut books, &mut inbox.upstreams);
            let (recent_tree_calls, recent_tree_extra_attempts) = books.recent.trees();
            let snapshot = Snapshot {
                process: Some(wire::process_to_wire(&inbox.process)),
                instances: inbox.instances.iter().map(wire::instance_to_wire).collect(),
                events: std::mem::take(&mut inbox.events).iter().map(wire::event_to_wire).collect(),
                alarms: inbox.alarms.raised().map(wire::alarm_to_wire).collect(),
                upstreams,
                recent_tree_calls,
                recent_tree_extra_attempts,
                store: inbox.store.take(),
                ..Snapshot::default()
            };
            drop(inbox);
            self.add_up(&mut books, deltas);
            snapshot
        };
        let books = &mut *books;
        let began = std::mem::replace(&mut books.second_began, Instant::now());
        let span_ms = books.second_began.duration_since(began).as_millis();
        let second = std::mem::take(&mut books.second);
        for (key, cell) in second.cells() {
            books.totals.add(key, &cell.counts, &cell.latency);
        }
        let (labels, rows) = second.to_wire(books.totals.labels());
        snapshot.labels = Some(labels);
        snapshot.rows = rows;
        snapshot.sequence = books.latest.sequence + 1;
        snapshot.closed_unix_ms = wire::unix_ms(now);
        snapshot.span_ms = span_ms.clamp(1, u128::from(u32::MAX)) as u32;
        snapshot.counters = self.counter_metrics(books.totals.folded());
        snapshot.gauges = self.gauge_metrics();
        snapshot.stats = Some(wire::stats_to_wire(&stats));
        let snapshot = Arc::new(snapshot);
        books.latest = Arc::clone(&snapshot);
        let sequence = snapshot.sequence;
        books.history.push(snapshot);
        // Inside the lock, so that followers never see the numbers out of order.
        self.closed.send_replace(sequence);
    }

    /// The last closed second; before the first, an empty one with sequence 0.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.books().latest)
    }

    /// The seconds after this sequence number that are still remembered, in order.
    pub fn since(&self, sequence: u64) -> Vec<Arc<Snapshot>> {
        self.books().history.since(sequence)
    }

    /// Tells the number of each second as it closes; [`Collector::since`] then has it.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.closed.subscribe()
    }

    /// Ends the streams of all who follow, who would otherwise hold a process that drains.
    pub fn end(&self) {
        self.ending.send_replace(true);
    }

    /// Completes once [`Collector::end`] was called.
    pub(crate) async fn ended(&self) {
        // An error says that the collector is gone, which we hold.
        let _ = self.ending.subscribe().wait_for(|ending| *ending).await;
    }

    /// Appends everything since the start as OpenMetrics text, as of the last closed second.
    pub fn openmetrics(&self, out: &mut String) {
        let books = self.books();
        exposition::write(&books.totals, &[&books.latest], out);
    }

    fn counter_metrics(&self, folded_totals: u64) -> Vec<Metric> {
        let value = |id: &CounterId| match id {
            CounterId::SeriesFolded => self.counter(*id) + folded_totals,
            _ => self.counter(*id),
        };
        let metric = |id| metric(CounterId::family(id).name, value(&id).min(i64::MAX as u64) as i64);
        CounterId::ALL.iter().copied().map(metric).filter(|metric| metric.value != 0).collect()
    }

    fn gauge_metrics(&self) -> Vec<Metric> {
        let metric = |id: &GaugeId| metric(id.family().name, self.gauges[*id as usize].load(Relaxed));
        GaugeId::ALL.iter().map(metric).filter(|metric| metric.value != 0).collect()
    }

    /// Adds deltas to the second that is open.
    fn add_up(&self, books: &mut Books, deltas: Vec<(Arc<Names>, Vec<DeltaRow>)>) {
        for (names, rows) in deltas {
            let mapping = books.totals.labels_mut().of_program(&names);
            let folded = books.second.add(&mapping, rows);
            if folded > 0 {
                self.count(CounterId::SeriesFolded, folded);
            }
        }
    }

    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        unpoisoned(&self.inbox)
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        unpoisoned(&self.books)
    }
}

/// The content, also after a panic elsewhere: numbers that may lack one addition beat no numbers.
fn unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn metric(name: &str, value: i64) -> Metric {
    Metric { name: name.to_owned(), value }
}

/// The services as they are told. What was waited for belongs to this second, so it is told once, also where nobody replaces the
/// views before the next.
fn tell_upstreams(books: &mut Books, upstreams: &mut [UpstreamView]) -> Vec<Upstream> {
    let mut tell = |upstream: &mut UpstreamView| {
        if upstream.queue_time.count() > 0 {
            books.totals.add_queue_time(&upstream.service, &upstream.queue_time);
        }
        let told = wire::upstream_to_wire(upstream, books.recent.of(&upstream.service));
        upstream.queue_time.clear();
        told
    };
    upstreams.iter_mut().map(&mut tell).collect()
}

/// Whether there was room.
fn push_event(events: &mut Vec<Event>, mut event: Event) -> bool {
    if events.len() >= EVENTS_PER_SECOND_MAX {
        return false;
    }
    clip(&mut event.subject);
    clip(&mut event.text);
    events.push(event);
    true
}

/// Cuts a text to its bound, at a character's edge.
fn clip(text: &mut String) {
    if text.len() > TEXT_BYTES_MAX {
        let edge = (0..=TEXT_BYTES_MAX).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(edge);
    }
}
