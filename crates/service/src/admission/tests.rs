//! Places, waits and what is left when callers go away, under paused time.

use super::*;
use crate::methods::Shape;
use Priority::{Critical, Exempt, Normal, Sheddable};
use std::sync::Arc;
use tokio::task::JoinSet;

/// Admission with a fixed limit of 10 places and 4 seats in the waiting room.
fn ten() -> Arc<Admission> {
    let limits = Limits { calls_min: 10, calls_max: 10, waiting: 4, ..Limits::default() };
    Arc::new(Admission::new(&limits))
}

async fn settle() {
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
}

fn state(admission: &Admission) -> (u64, usize) {
    (admission.limiter.in_flight(), admission.waiting.load(Ordering::Relaxed))
}

#[tokio::test(start_paused = true)]
async fn a_place_goes_to_the_highest_priority_that_waits() {
    let admission = ten();
    let bound = |priority| admission.limiter.bound(priority);
    let mut places = Vec::new();
    for _ in 0..bound(Critical) {
        places.push(admission.place(Critical).await.unwrap());
    }
    assert!(places.len() > 10, "critical calls may go beyond the limit");
    let mut waiting = JoinSet::new();
    for priority in [Sheddable, Normal, Critical] {
        let admission = admission.clone();
        waiting.spawn(async move {
            // Held for good, as by a call that runs.
            std::mem::forget(admission.place(priority).await.unwrap());
            priority
        });
        settle().await;
    }
    assert_eq!(state(&admission), (bound(Critical), 3));
    assert!(admission.place(Exempt).await.is_ok());
    let mut order = Vec::new();
    while order.len() < 3 {
        places.pop();
        settle().await;
        while let Some(next) = waiting.try_join_next() {
            order.push((next.unwrap(), places.len()));
        }
    }
    // The critical call gets the first place that is free, the normal one the first below its bound, and so the sheddable one;
    // those that got one before hold it.
    let left = |priority, held: u64| (bound(priority) - 1 - held) as usize;
    let expected =
        [(Critical, left(Critical, 0)), (Normal, left(Normal, 1)), (Sheddable, left(Sheddable, 2))];
    assert_eq!(order, expected);
}

#[tokio::test(start_paused = true)]
async fn a_full_room_refuses_the_lowest_and_a_long_wait_ends() {
    let admission = ten();
    let places: Vec<_> = futures_util::future::join_all((0..10).map(|_| admission.place(Normal))).await;
    let mut waiting = JoinSet::new();
    for priority in [Sheddable, Normal, Normal, Normal] {
        let admission = admission.clone();
        waiting.spawn(async move { (priority, admission.place(priority).await.is_ok()) });
        settle().await;
    }
    assert_eq!(state(&admission), (10, 4));
    assert!(admission.place(Sheddable).await.is_err(), "there is no seat left for its like");
    let normal = tokio::spawn({
        let admission = admission.clone();
        async move { admission.place(Normal).await.is_ok() }
    });
    assert_eq!(waiting.join_next().await.unwrap().unwrap(), (Sheddable, false), "it made way");
    while let Some(ended) = waiting.join_next().await {
        assert_eq!(ended.unwrap(), (Normal, false), "nobody waits for ever");
    }
    assert!(!normal.await.unwrap());
    drop(places);
    assert_eq!(state(&admission), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_standing_queue_serves_the_newest_and_sends_away_who_waited_long() {
    let admission = ten();
    let mut places = Vec::new();
    for _ in 0..10 {
        places.push(admission.place(Normal).await.unwrap());
    }
    let mut waiting = JoinSet::new();
    // Somebody has been waiting for 100 ms and more when a place comes free.
    for (name, then_ms) in [("first", 90), ("second", 20), ("third", 5), ("fourth", 5)] {
        let admission = admission.clone();
        waiting.spawn(async move {
            let place = admission.place(Normal).await.map(std::mem::forget);
            (name, place.is_ok())
        });
        settle().await;
        tokio::time::advance(Duration::from_millis(then_ms)).await;
    }
    places.pop();
    settle().await;
    let mut ended: Vec<_> = std::iter::from_fn(|| waiting.try_join_next()).map(Result::unwrap).collect();
    ended.sort_unstable();
    assert_eq!(ended, [("first", false), ("fourth", true), ("second", false)], "the third still waits");
    assert_eq!(state(&admission), (10, 1));
}

#[tokio::test(start_paused = true)]
async fn who_goes_away_leaves_neither_seat_nor_place() {
    let admission = ten();
    let mut places = Vec::new();
    for _ in 0..10 {
        places.push(admission.place(Normal).await.unwrap());
    }
    let waits = |admission: &Arc<Admission>| {
        let admission = admission.clone();
        tokio::spawn(async move { admission.place(Normal).await.is_ok() })
    };
    let (first, second) = (waits(&admission), waits(&admission));
    settle().await;
    assert_eq!(state(&admission), (10, 2));
    first.abort();
    settle().await;
    assert_eq!(state(&admission), (10, 1));
    // The place is given and its taker aborted before it could look.
    places.pop();
    second.abort();
    settle().await;
    assert_eq!(state(&admission), (9, 0));
    drop(places);
    assert_eq!(state(&admission), (0, 0));
}

#[tokio::test]
async fn streams_do_not_hold_places() {
    let admission = ten();
    for (shape, held) in
        [(Shape::Unary, 1), (Shape::ServerStream, 1), (Shape::ClientStream, 0), (Shape::Unknown, 0)]
    {
        let mut place = admission.place(Normal).await.unwrap().of(shape, None);
        place.begin();
        assert_eq!(state(&admission).0, held, "{shape:?}");
        place.answered(None);
        assert_eq!(state(&admission).0, 0, "{shape:?}");
    }
}

#[test]
fn no_wakeup_is_lost_however_many_threads() {
    for threads in [1, 2, 8] {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .enable_time()
            .build()
            .unwrap();
        let limits = Limits {
            calls_min: 3,
            calls_max: 3,
            waiting: 10_000,
            // So long that a waiter who was forgotten hangs the test instead of being refused.
            waiting_time: Duration::from_secs(3600),
            ..Limits::default()
        };
        let admission = Arc::new(Admission::new(&limits));
        runtime.block_on(async {
            let mut calls = JoinSet::new();
            for _ in 0..64 {
                let admission = admission.clone();
                calls.spawn(async move {
                    for _ in 0..100 {
                        let place = admission.place(Normal).await;
                        tokio::task::yield_now().await;
                        drop(place);
                    }
                });
            }
            let ended = tokio::time::timeout(Duration::from_secs(60), calls.join_all()).await;
            assert!(ended.is_ok(), "{threads} threads: somebody waits though places are free");
        });
        assert_eq!(state(&admission), (0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn running_out_of_time_lowers_the_limit_and_being_cancelled_does_not() {
    for (deadline_ms, lowers) in [(20, true), (10_000, false)] {
        let limits = Limits { calls_min: 8, calls_max: 1000, ..Limits::default() };
        let admission = Admission::new(&limits);
        let began = admission.limiter.limit();
        for _ in 0..20 {
            let places: Vec<_> =
                futures_util::future::join_all((0..64).map(|_| admission.place(Normal))).await;
            let deadline = Instant::now() + Duration::from_millis(deadline_ms);
            let places: Vec<_> = places
                .into_iter()
                .filter_map(Result::ok)
                .map(|place| place.of(Shape::Unary, Some(deadline)))
                .collect();
            tokio::time::advance(Duration::from_millis(20)).await;
            for (number, place) in places.into_iter().enumerate() {
                // A few are answered, so that there is a latency to go by.
                if number % 4 == 0 { place.answered(None) } else { drop(place) }
            }
        }
        assert_eq!(admission.limiter.limit() < began, lowers, "{}", admission.limiter.limit());
    }
}
