//! How long recording and taking take: `cargo run --release -p tenet-telemetry --example speed`.

use std::hint::black_box;
use std::time::Instant;
use tenet_error::Code;
use tenet_telemetry::{Key, Recorder, Sample};

fn main() {
    const SAMPLES: u64 = 20_000_000;
    let mut recorder = Recorder::new(0);
    let mut record = |n: u64| {
        let start = Instant::now();
        for i in 0..n {
            // 24 endpoints in 3 zones, one in 16 not found, latencies over two decades.
            let mixed = i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
            let code = if mixed % 16 == 0 { Code::NotFound } else { Code::Ok };
            let key = Key {
                endpoint: (mixed % 24) as u32,
                code,
                consumer: 0,
                version: 0,
                zone: (mixed % 3) as u16,
            };
            let latency_ns = 100_000 + mixed % 10_000_000;
            recorder.record(black_box(&Sample {
                key,
                latency_ns,
                request_bytes: 9,
                response_bytes: 99,
                attempts: 1,
                hedged: false,
                hedge_won: false,
            }));
        }
        start.elapsed().as_nanos() as f64 / n as f64
    };
    record(SAMPLES / 10);
    let ns = record(SAMPLES);
    let start = Instant::now();
    let rows = recorder.take().rows.len();
    println!("{ns:.1} ns per sample, {:.0} µs to take {rows} rows", start.elapsed().as_nanos() as f64 / 1e3);
}
