//! Each bound that threads of a process share, against a storm of 1, 2 and 8 threads. Here and not beside the code, because the
//! crate itself knows no threads.

mod allowance;
mod budget;
mod ejection;
mod ledger;
mod limit;

/// Runs `work(thread, random)` on `threads` threads at once and hands out what they return.
fn on_threads<T: Send>(threads: u64, work: impl Fn(u64, &mut dyn FnMut() -> u64) -> T + Sync) -> Vec<T> {
    let barrier = std::sync::Barrier::new(threads as usize);
    std::thread::scope(|scope| {
        let start = |thread: u64| {
            let (barrier, work) = (&barrier, &work);
            scope.spawn(move || {
                // Xorshift: enough to vary who does what.
                let mut state = 0x9E37_79B9_7F4A_7C15 ^ (thread + 1);
                let mut random = move || {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    state
                };
                barrier.wait();
                work(thread, &mut random)
            })
        };
        let handles: Vec<_> = (0..threads).map(start).collect();
        handles.into_iter().map(|handle| handle.join().expect("a storm thread")).collect()
    })
}
