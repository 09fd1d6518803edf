//! Rates and room as rows, and their bounds under threads.

use super::room::{Amount, As, Fits, Room};
use super::*;
use std::sync::Barrier;
use std::sync::atomic::AtomicUsize;

fn ms(ms: u64) -> Moment {
    Moment::from_nanos(ms * 1_000_000)
}

fn wait(ms: u64) -> Result<(), Duration> {
    Err(Duration::from_millis(ms))
}

#[test]
fn so_many_at_once_and_then_so_many_a_second() {
    let rate = Rate::default();
    assert_eq!(rate.take(ms(0)), Ok(()), "without a bound");
    // Ten a second, three at once; when, and what comes of it.
    rate.set(10, 3, 1);
    let rows = [
        (0, Ok(())),
        (0, Ok(())),
        (0, Ok(())),
        (0, wait(100)),
        (40, wait(60)),
        (100, Ok(())),
        (100, wait(100)),
        // What was saved up is three, however long nobody came.
        (60_000, Ok(())),
        (60_000, Ok(())),
        (60_000, Ok(())),
        (60_000, wait(100)),
        // Another thread's clock may be read a little earlier.
        (59_990, wait(110)),
    ];
    for (step, (at, expected)) in rows.into_iter().enumerate() {
        assert_eq!(rate.take(ms(at)), expected, "step {step}");
    }
    rate.set(0, 0, 1);
    assert_eq!(rate.take(ms(60_000)), Ok(()), "the bound was taken away");
}

#[test]
fn processes_divide_a_rate_and_each_lets_one_in() {
    for (processes, burst, at_once) in [(1, 6, 6), (2, 6, 3), (4, 6, 1), (3, 1, 1), (0, 6, 6)] {
        let rate = Rate::default();
        rate.set(10, burst, processes);
        let let_in = (0..20).filter(|_| rate.take(ms(0)).is_ok()).count();
        assert_eq!(let_in, at_once, "{processes} processes, {burst} at once");
        // Ten seconds later, a step at a time.
        let later = (1..=10_000).filter(|at| rate.take(ms(*at)).is_ok()).count();
        assert_eq!(later as u64, 100 / processes.max(1), "{processes} processes");
    }
}

#[test]
fn what_is_spent_is_owed_beyond_what_may_be_at_once() {
    let rate = Rate::default();
    rate.spend(1 << 40, ms(0));
    assert_eq!(rate.owed(ms(0)), Duration::ZERO, "without a bound");
    // A thousand bytes a second, as many at once.
    rate.set(1000, 1000, 1);
    let rows = [
        // When, how many, and what is owed then.
        (0, 400, 0),
        (0, 600, 0),
        (0, 500, 500),
        (200, 0, 300),
        (600, 0, 0),
        (600, 10_000, 9_900),
        (10_500, 0, 0),
        (60_000, 1000, 0),
        (60_000, 1, 1),
    ];
    for (step, (at, count, owed)) in rows.into_iter().enumerate() {
        rate.spend(count, ms(at));
        assert_eq!(rate.owed(ms(at)), Duration::from_millis(owed), "step {step}");
    }
}

#[test]
fn no_interleaving_takes_more_than_the_rate() {
    const BURST: u64 = 50;
    const RATE: u64 = 1000;
    const END_MS: u64 = 200;
    for threads in [1, 2, 8] {
        let rate = Rate::default();
        rate.set(RATE, BURST, 1);
        let (begin, taken) = (Barrier::new(threads), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for thread in 0..threads as u64 {
                let (rate, begin, taken) = (&rate, &begin, &taken);
                scope.spawn(move || {
                    begin.wait();
                    // Each thread has a clock of its own that is read a little before or after the others'.
                    for step in 0..END_MS * 20 {
                        let at = Moment::from_nanos(step * 50_000 + thread * 1_000);
                        taken.fetch_add(usize::from(rate.take(at).is_ok()), Ordering::SeqCst);
                    }
                });
            }
        });
        let (taken, most) = (taken.into_inner() as u64, BURST + RATE * END_MS / 1000 + 1);
        assert!(taken <= most, "{threads} threads took {taken}, at most {most}");
        assert!(taken >= BURST, "{threads} threads took {taken}");
    }
}

#[test]
fn no_interleaving_spends_more_than_the_rate_and_what_was_under_way() {
    const RATE: u64 = 1_000_000;
    const PIECE: u64 = 5_000;
    const END_MS: u64 = 100;
    for threads in [1, 2, 8] {
        let rate = Rate::default();
        rate.set(RATE, RATE, 1);
        let (begin, spent) = (Barrier::new(threads), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    begin.wait();
                    for at in 0..END_MS * 10 {
                        let at = Moment::from_nanos(at * 100_000);
                        if rate.owed(at).is_zero() {
                            rate.spend(PIECE, at);
                            spent.fetch_add(PIECE, Ordering::SeqCst);
                        }
                    }
                });
            }
        });
        let most = RATE + RATE * END_MS / 1000 + threads as u64 * PIECE;
        let spent = spent.into_inner();
        assert!(spent <= most, "{threads} threads spent {spent}, at most {most}");
        assert!(spent > RATE / 2, "{threads} threads spent {spent}");
    }
}

fn amount(bytes: u64, items: u64) -> Amount {
    Amount { bytes, items }
}

fn no(limit: Limit, allowed: u64, used: u64) -> Fits {
    Fits::No { limit, allowed, used }
}

/// A write that is let in, and done at once.
fn write(room: &Room, more: Amount, since: Moment) -> Fits {
    let fits = room.fits(more, since);
    if fits == Fits::Yes {
        room.begin(more, As::Write);
        room.end(more, As::Write);
    }
    fits
}

#[test]
fn what_is_kept_has_room_up_to_its_limit() {
    let room = Room::default();
    assert_eq!(write(&room, amount(1 << 40, 1), ms(0)), Fits::Yes, "without a limit");
    assert_eq!(room.used(), None);
    room.set(Some(100), Some(10));
    assert_eq!(write(&room, amount(1, 1), ms(0)), Fits::Measure, "nobody knows how much there is");
    let written = room.begin_measure();
    room.measured(amount(60, 2), written, ms(5));
    assert_eq!(room.used(), Some(amount(60, 2)));
    // What is written, refused by nothing older than that, and what comes of it.
    let rows = [
        (amount(30, 1), ms(9), Fits::Yes),
        (amount(10, 1), ms(9), Fits::Yes),
        // 60 and 40 are there, unless the 40 overwrote something.
        (amount(1, 1), ms(9), Fits::Measure),
        // What was measured is new enough, and says that it may fit.
        (amount(1, 1), ms(5), Fits::Yes),
        (amount(41, 1), ms(5), no(Limit::Bytes, 100, 60)),
        (amount(41, 1), ms(6), Fits::Measure),
        (amount(0, 9), ms(5), no(Limit::Items, 10, 2)),
    ];
    for (step, (more, since, expected)) in rows.into_iter().enumerate() {
        assert_eq!(write(&room, more, since), expected, "step {step}");
    }
    let written = room.begin_measure();
    // While the engine was asked, somebody wrote.
    assert_eq!(write(&room, amount(5, 1), ms(5)), Fits::Yes);
    room.measured(amount(90, 4), written, ms(20));
    assert_eq!(write(&room, amount(6, 1), ms(30)), Fits::Measure);
    assert_eq!(room.fits(amount(5, 1), ms(30)), Fits::Yes);
    assert_eq!(write(&room, amount(5, 1), ms(30)), Fits::Yes);
    assert_eq!(write(&room, amount(11, 1), ms(20)), no(Limit::Bytes, 100, 90));
    room.set(None, None);
    assert_eq!(write(&room, amount(1 << 40, 1), ms(30)), Fits::Yes, "the limit was taken away");
}

#[test]
fn a_measurement_stands_for_nothing_that_was_under_way() {
    let room = Room::default();
    room.set(Some(100), None);
    room.measured(amount(10, 1), room.begin_measure(), ms(0));
    room.begin(amount(60, 1), As::Write);
    // It is asked while the 60 are on their way, and does not see them.
    room.measured(amount(10, 1), room.begin_measure(), ms(5));
    assert_eq!(room.fits(amount(40, 1), ms(6)), Fits::Measure, "10, 60 and 40");
    room.end(amount(60, 1), As::Write);
    assert_eq!(room.fits(amount(40, 1), ms(6)), Fits::Measure, "they are there now");
    room.measured(amount(70, 2), room.begin_measure(), ms(7));
    assert_eq!(room.fits(amount(30, 1), ms(8)), Fits::Yes);
    assert_eq!(room.fits(amount(31, 1), ms(7)), no(Limit::Bytes, 100, 70));
}

#[test]
fn pieces_of_long_values_are_kept_until_they_are_whole() {
    let room = Room::default();
    room.set(Some(100), None);
    room.measured(amount(10, 1), room.begin_measure(), ms(0));
    room.begin(amount(60, 1), As::Pieces);
    // They overwrite nothing, so whoever does not fit beside them is refused.
    assert_eq!(room.fits(amount(31, 1), ms(0)), no(Limit::Bytes, 100, 70));
    assert_eq!(room.fits(amount(30, 1), ms(0)), Fits::Yes);
    room.end(amount(60, 1), As::Pieces);
    assert_eq!(room.fits(amount(90, 1), ms(0)), Fits::Yes, "the value never came whole");
}

#[test]
fn a_namespace_is_told_which_limit_it_reached() {
    let quota = Quota::new(Name::new("accounts").unwrap());
    assert_eq!(quota.begin(ms(0)), Ok(()));
    quota.set(Limits { requests: Some(2), bytes_per_second: Some(1000), ..Limits::default() }, 1);
    assert_eq!((quota.begin(ms(0)), quota.begin(ms(0))), (Ok(()), Ok(())));
    let over = |limit, allowed, wait| Err(Over::Rate { limit, allowed, wait: Duration::from_millis(wait) });
    assert_eq!(quota.begin(ms(0)), over(Limit::Requests, 2, 500));
    quota.spend(1500, ms(0));
    assert_eq!(quota.begin(ms(0)), over(Limit::BytesPerSecond, 1000, 500));
    // Who is refused for what it moved keeps its requests.
    assert_eq!((quota.begin(ms(500)), quota.begin(ms(500))), (Ok(()), over(Limit::Requests, 2, 500)));
}

#[test]
fn a_call_of_many_is_let_in_as_one_and_a_new_bound_owes_nothing() {
    let quota = Quota::new(Name::new("accounts").unwrap());
    let set = |requests| {
        quota.set(Limits { requests: Some(requests), burst: Some(2), ..Limits::default() }, 1);
    };
    set(2);
    assert_eq!(quota.begin(ms(0)), Ok(()));
    (0..9).for_each(|_| quota.also(ms(0)));
    // Ten were taken, and two may be ahead: the next is let in when nine are paid for.
    assert!(quota.begin(ms(4400)).is_err());
    assert_eq!(quota.begin(ms(4500)), Ok(()));
    set(2);
    assert!(quota.begin(ms(4500)).is_err(), "the same bound owes what it owed");
    set(4);
    assert_eq!(quota.begin(ms(4500)), Ok(()));
}
