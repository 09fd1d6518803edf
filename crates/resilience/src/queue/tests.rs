//! Order, bounds and patience of a waiting room.

use super::*;
use Priority::{Critical, Normal, Sheddable};
use proptest::prelude::*;

fn at(ms: u64) -> Moment {
    Moment::from_start(Duration::from_millis(ms))
}

fn queue(capacity: usize) -> WaitQueue<u32> {
    WaitQueue::new(QueueRules { capacity, ..QueueRules::default() })
}

fn drain(queue: &mut WaitQueue<u32>, ms: u64) -> Vec<u32> {
    std::iter::from_fn(|| queue.pop(at(ms)).map(|(who, _)| who)).collect()
}

#[test]
fn a_burst_is_served_in_order_and_by_importance() {
    let mut queue = queue(10);
    for (who, priority) in [(1, Normal), (2, Sheddable), (3, Critical), (4, Normal), (5, Critical)] {
        queue.push(at(0), priority, who).unwrap();
    }
    assert_eq!(drain(&mut queue, 50), [3, 5, 1, 4, 2]);
    assert!(queue.is_empty() && !queue.is_overloaded(at(1000)));
}

#[test]
fn a_standing_queue_is_served_from_its_end_and_hardly_waits() {
    let mut queue = queue(10);
    for who in 0..3 {
        queue.push(at(0), Normal, who).unwrap();
    }
    assert_eq!(queue.next_expiry(), Some(at(105)), "when the queue is a standing one their time is over");
    assert_eq!(queue.pop(at(90)), Some((0, Duration::from_millis(90))));
    queue.push(at(95), Normal, 3).unwrap();
    assert!(!queue.is_overloaded(at(104)) && queue.is_overloaded(at(105)));
    let expired: Vec<_> = std::iter::from_fn(|| queue.expired(at(105))).collect();
    assert_eq!(expired, [1, 2], "they have waited for longer than the target");
    queue.push(at(106), Normal, 4).unwrap();
    assert_eq!(queue.next_expiry(), Some(at(115)));
    assert_eq!(drain(&mut queue, 107), [4, 3]);
    assert!(!queue.is_overloaded(at(500)), "an empty queue is no overload");
}

#[test]
fn a_queue_that_is_never_empty_and_always_short_is_no_overload() {
    let mut queue = queue(10);
    queue.push(at(0), Normal, 0).unwrap();
    // Two more callers than places, each of which comes back at once: a place is free every millisecond.
    for who in 1..1000 {
        queue.push(at(who), Normal, who as u32).unwrap();
        assert_eq!(queue.expired(at(who)), None);
        let (served, waited) = queue.pop(at(who)).unwrap();
        assert_eq!((u64::from(served), waited), (who - 1, Duration::from_millis(1)), "in order");
    }
    assert!(!queue.is_overloaded(at(1000)));
}

#[test]
fn an_overload_is_over_when_those_who_wait_are_few_for_the_pace() {
    let mut queue = queue(100);
    queue.push(at(0), Normal, 99).unwrap();
    for who in 0..8 {
        queue.push(at(100), Normal, who).unwrap();
    }
    assert_eq!(queue.expired(at(105)), Some(99), "an overload: its time is over");
    for (ms, newest) in [(106, 7), (107, 6), (108, 5), (109, 4)] {
        assert!(queue.is_overloaded(at(ms)), "{} wait, and one is served each millisecond", queue.len());
        assert_eq!(queue.expired(at(ms)), None);
        assert_eq!(queue.pop(at(ms)).map(|(who, _)| who), Some(newest));
    }
    assert!(!queue.is_overloaded(at(109)), "four are served within what is acceptable");
    assert_eq!(drain(&mut queue, 110), [0, 1, 2, 3], "the oldest first again");
}

#[test]
fn who_went_away_by_itself_leaves_no_overload() {
    let mut queue = queue(10);
    let first = queue.push(at(0), Normal, 0).unwrap().key;
    assert_eq!(queue.expired(at(50)), None);
    queue.push(at(101), Normal, 1).unwrap();
    queue.push(at(102), Normal, 2).unwrap();
    assert_eq!(queue.remove(first), Some(0));
    assert_eq!(queue.expired(at(104)), None);
    queue.push(at(130), Normal, 3).unwrap();
    assert_eq!(drain(&mut queue, 130), [1, 2, 3], "in order: nobody who is here has waited for long");
}

#[test]
fn what_waits_behind_the_more_important_is_an_overload_too() {
    let mut queue = queue(10);
    queue.push(at(0), Sheddable, 99).unwrap();
    for ms in 0..105 {
        queue.push(at(ms), Critical, ms as u32).unwrap();
        assert_eq!(queue.expired(at(ms)), None);
        assert_eq!(queue.pop(at(ms)).map(|(who, _)| who), Some(ms as u32));
    }
    assert_eq!(queue.expired(at(105)), Some(99));
}

#[test]
fn the_less_important_make_room() {
    let mut queue = queue(2);
    queue.push(at(0), Sheddable, 1).unwrap();
    queue.push(at(1), Sheddable, 2).unwrap();
    assert_eq!(queue.push(at(2), Sheddable, 3), Err(Full(3)));
    assert_eq!(queue.push(at(3), Normal, 4).unwrap().evicted, Some(1));
    assert_eq!(queue.push(at(4), Critical, 5).unwrap().evicted, Some(2));
    assert_eq!(queue.push(at(5), Critical, 6).unwrap().evicted, Some(4));
    assert_eq!(queue.push(at(6), Critical, 7), Err(Full(7)));
    assert_eq!(drain(&mut queue, 10), [5, 6]);
    assert_eq!(
        super::WaitQueue::new(QueueRules { capacity: 0, ..QueueRules::default() }).push(at(0), Critical, 1),
        Err(Full(1))
    );
}

#[test]
fn those_who_go_away_leave_no_place() {
    let mut queue = queue(3);
    let keys: Vec<_> = (0..3).map(|who| queue.push(at(0), Normal, who).unwrap().key).collect();
    assert_eq!(queue.remove(keys[1]), Some(1));
    assert_eq!(queue.remove(keys[1]), None);
    assert_eq!(queue.len(), 2);
    queue.push(at(1), Normal, 9).unwrap();
    assert_eq!(drain(&mut queue, 2), [0, 2, 9]);
    assert_eq!(queue.remove(keys[0]), None);
}

#[test]
fn those_who_are_refused_come_back_later_the_longer_it_lasts() {
    let mut queue = queue(3);
    let after = |queue: &WaitQueue<u32>, ms, random| queue.retry_after(at(ms), random);
    assert_eq!(after(&queue, 0, 0), Duration::from_secs(1));
    assert!(after(&queue, 0, u64::MAX) <= Duration::from_secs(2));
    queue.push(at(0), Normal, 1).unwrap();
    assert!(after(&queue, 60_000, 0) >= Duration::from_millis(2499));
    assert!(after(&queue, 600_000, u64::MAX) <= Duration::from_secs(5));
}

#[derive(Clone, Debug)]
enum Step {
    Push(u8),
    Pop,
    Expire,
    Leave(usize),
    Pass(u16),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0u8..3).prop_map(Step::Push),
        2 => Just(Step::Pop),
        1 => Just(Step::Expire),
        1 => any::<usize>().prop_map(Step::Leave),
        2 => (0u16..300).prop_map(Step::Pass),
    ];
    proptest::collection::vec(step, 0..200)
}

proptest! {
    #[test]
    fn everybody_leaves_exactly_once_and_the_room_is_never_overfull(steps in steps(), capacity in 0usize..6) {
        let mut queue = queue(capacity);
        let (mut now, mut next, mut inside, mut keys) = (0u64, 0u32, Vec::new(), Vec::new());
        let left = |inside: &mut Vec<u32>, who: u32| {
            let at = inside.iter().position(|one| *one == who).expect("it was inside");
            inside.remove(at);
        };
        for step in steps {
            match step {
                Step::Push(lane) => {
                    let priority = [Critical, Normal, Sheddable][usize::from(lane)];
                    match queue.push(at(now), priority, next) {
                        Ok(pushed) => {
                            inside.push(next);
                            keys.push((pushed.key, next));
                            if let Some(who) = pushed.evicted {
                                left(&mut inside, who);
                            }
                        }
                        Err(Full(who)) => prop_assert_eq!(who, next),
                    }
                    next += 1;
                }
                Step::Pop => match queue.pop(at(now)) {
                    Some((who, _)) => left(&mut inside, who),
                    None => prop_assert!(inside.is_empty()),
                },
                Step::Expire => {
                    while let Some(who) = queue.expired(at(now)) {
                        left(&mut inside, who);
                    }
                    if let Some(next) = queue.next_expiry() {
                        prop_assert!(next > at(now), "nobody waits past its time");
                    }
                }
                Step::Leave(index) if !keys.is_empty() => {
                    let (key, who) = keys[index % keys.len()];
                    match queue.remove(key) {
                        Some(found) => {
                            prop_assert_eq!(found, who);
                            left(&mut inside, who);
                        }
                        None => prop_assert!(!inside.contains(&who)),
                    }
                }
                Step::Leave(_) => {}
                Step::Pass(ms) => now += u64::from(ms),
            }
            prop_assert_eq!(queue.len(), inside.len());
            prop_assert!(queue.len() <= capacity);
        }
    }
}
