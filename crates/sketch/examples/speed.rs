//! How long recording takes: `cargo run --release -p tenet-sketch --example speed`.

use std::hint::black_box;
use std::time::Instant;
use tenet_sketch::Sketch;

fn main() {
    const VALUES: usize = 1 << 16;
    const ROUNDS: u32 = 200;
    let mut state = 1u64;
    let mut next = || {
        // xorshift: values the branch predictor cannot learn, without a dependency.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let values: Vec<u64> = (0..VALUES).map(|_| 50_000 + next() % (1 << (10 + next() % 16))).collect();
    let mut sketch = Sketch::new();
    let start = Instant::now();
    for _ in 0..ROUNDS {
        for value in &values {
            black_box(&mut sketch).record(*value);
        }
    }
    let ns = start.elapsed().as_nanos() as f64 / (VALUES as f64 * f64::from(ROUNDS));
    println!("{ns:.2} ns per value, p99 {:?}, {} bytes", sketch.percentile(0.99), sketch.heap_bytes());
}
