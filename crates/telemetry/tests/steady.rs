//! Recording allocates nothing once its keys and latencies have been seen: counted by an allocator that counts.

#![allow(unsafe_code, reason = "an allocator can only be written with it")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use tenet_error::Code;
use tenet_telemetry::{CounterId, GaugeId, Key, Recorder, Sample};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call is handed to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A second of traffic over some hundred keys, the same each time.
fn second(recorder: &mut Recorder) {
    for i in 0..20_000u64 {
        let code = if i % 50 == 0 { Code::NotFound } else { Code::Ok };
        let key = Key {
            endpoint: (i % 40) as u32,
            code,
            consumer: (i % 3) as u32,
            version: 0,
            zone: (i % 3) as u16,
        };
        let latency_ns = 50_000 + i.wrapping_mul(0x9e37_79b9) % 40_000_000;
        recorder.record(&Sample {
            key,
            latency_ns,
            request_bytes: 1,
            response_bytes: 1,
            attempts: 1,
            hedged: false,
            hedge_won: false,
        });
        recorder.count(CounterId::Attempts, 1);
        recorder.gauge(GaugeId::InFlight, 1);
    }
}

#[test]
fn recording_in_a_steady_state_allocates_nothing() {
    let mut recorder = Recorder::new(0);
    second(&mut recorder);
    for _ in 0..3 {
        let delta = recorder.take();
        assert!(delta.rows.len() > 100);
        let before = ALLOCATIONS.with(Cell::get);
        second(&mut recorder);
        assert_eq!(ALLOCATIONS.with(Cell::get) - before, 0);
    }
}
