//! What may be served from memory while others write.

use super::*;
use std::sync::atomic::AtomicBool;

#[derive(Clone, Copy, Debug, PartialEq)]
struct Value(u64);

impl Weight for Value {
    fn weight(&self) -> u64 {
        100
    }
}

fn near() -> Near<u32, Value> {
    Near::new(10_000, 100)
}

fn keep(near: &Near<u32, Value>, key: u32, value: u64) -> bool {
    near.begin_fill(key.into()).is_some_and(|fill| near.fill(fill, key, Value(value)))
}

#[test]
fn what_was_read_is_served_until_it_is_written() {
    let near = near();
    assert_eq!(near.get(1, &1), None);
    assert!(keep(&near, 1, 10));
    assert_eq!(near.get(1, &1), Some(Value(10)));
    let writing = near.begin_write(1, [&1]);
    assert_eq!(near.get(1, &1), None);
    assert!(near.begin_fill(1).is_none(), "nobody knows what is read meanwhile");
    drop(writing);
    assert_eq!(near.get(1, &1), None);
    assert!(keep(&near, 1, 11));
    assert_eq!(near.get(1, &1), Some(Value(11)));
    near.clear();
    assert!(near.get(1, &1).is_none() && near.is_empty() && near.bytes() == 0);
}

#[test]
fn what_a_write_has_overtaken_is_not_kept() {
    let near = near();
    let fill = near.begin_fill(1).unwrap();
    // Begun and over before the read comes back.
    drop(near.begin_write(1, [&1]));
    assert!(!near.fill(fill, 1, Value(10)));
    let fill = near.begin_fill(1).unwrap();
    near.clear();
    assert!(!near.fill(fill, 1, Value(10)));
    // Two writes at once: the end of one is not the end of the other.
    let (one, two) = (near.begin_write(1, [&1]), near.begin_write(1, [&1]));
    drop(one);
    assert!(near.begin_fill(1).is_none());
    drop(two);
    assert!(near.begin_fill(1).is_some());
    // Another group goes on.
    let _writing = near.begin_write(1, [&1]);
    assert!(keep(&near, 2, 20) && near.get(2, &2) == Some(Value(20)));
}

#[test]
fn all_keys_of_a_group_wait_for_its_writes() {
    let near = near();
    let fill = near.begin_fill(7).unwrap();
    assert!(near.fill(fill, 1, Value(1)) && near.fill(fill, 2, Value(2)));
    let writing = near.begin_write(7, [&1]);
    assert_eq!((near.get(7, &1), near.get(7, &2)), (None, None));
    drop(writing);
    assert_eq!(
        (near.get(7, &1), near.get(7, &2)),
        (None, Some(Value(2))),
        "what was not written is still right"
    );
    assert_eq!(near.get_all(7, &[1, 2]), None);
    assert!(near.begin_fill(7).is_some_and(|fill| near.fill(fill, 1, Value(3))));
    assert_eq!(near.get_all(7, &[2, 1, 2]), Some(vec![Value(2), Value(3), Value(2)]));
}

#[test]
fn bytes_are_bounded() {
    let near = near();
    for key in 0..10_000 {
        keep(&near, key, 1);
        assert!(near.bytes() <= 10_000, "{} bytes", near.bytes());
    }
    assert!(near.len() >= 50, "{} values of 100 bytes", near.len());
}

#[test]
fn nobody_is_served_what_is_older_than_the_last_finished_write() {
    for threads in [1, 2, 8] {
        let near = near();
        // The authority: a number for each of a few keys; and the last number whose write was finished.
        let authority: Vec<AtomicU64> = (0..4).map(|_| AtomicU64::new(0)).collect();
        let finished: Vec<AtomicU64> = (0..4).map(|_| AtomicU64::new(0)).collect();
        let (over, hits) = (AtomicBool::new(false), AtomicU64::new(0));
        std::thread::scope(|scope| {
            let (near, authority, finished, over, hits) = (&near, &authority, &finished, &over, &hits);
            scope.spawn(move || {
                for round in 1..=20_000u64 {
                    let key = (round % 4) as u32;
                    let writing = near.begin_write(key.into(), [&key]);
                    authority[key as usize].store(round, Ordering::Release);
                    drop(writing);
                    finished[key as usize].store(round, Ordering::Release);
                    if round % 64 == 0 {
                        std::thread::yield_now();
                    }
                }
                over.store(true, Ordering::Release);
            });
            for thread in 0..threads {
                scope.spawn(move || {
                    let mut key = thread;
                    while !over.load(Ordering::Acquire) {
                        key = (key + 1) % 4;
                        let least = finished[key as usize].load(Ordering::Acquire);
                        let found = match near.get(key.into(), &key) {
                            Some(Value(found)) => {
                                hits.fetch_add(1, Ordering::Relaxed);
                                found
                            }
                            None => {
                                let fill = near.begin_fill(key.into());
                                let read = authority[key as usize].load(Ordering::Acquire);
                                fill.map(|fill| near.fill(fill, key, Value(read)));
                                read
                            }
                        };
                        assert!(
                            found >= least,
                            "{threads} threads: {found} of key {key}, {least} was finished before"
                        );
                    }
                });
            }
        });
        assert!(hits.load(Ordering::Relaxed) > 0, "{threads} threads: it served something");
    }
}
