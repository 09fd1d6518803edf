//! The ledger against its bound: by rows, and by storms on 1, 2 and 8 threads with reused slots and stale ids.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::super::tests::on_threads;
use super::*;

#[test]
fn an_entry_gives_out_what_was_put_in_and_no_more() {
    let ledger = Arc::new(Ledger::new());
    let entry = ledger.open(7, 0xABCD, 5).expect("a free slot");
    let id = entry.id();
    let takes: Vec<u32> = (0..5).map(|_| ledger.take(id, MAX)).collect();
    assert_eq!(takes, [3, 1, 1, 0, 0]);
    assert!(ledger.put_back(id, 3));
    assert_eq!(ledger.take(id, 1), 1);
    assert!(ledger.put_back(id, u32::MAX), "capped at what was entered");
    assert_eq!(entry.close(), 5);
    assert_eq!((ledger.take(id, MAX), ledger.put_back(id, 1)), (0, false), "closed");
}

#[test]
fn an_id_that_is_not_this_entrys_gets_nothing() {
    let ledger = Arc::new(Ledger::with_slots(1));
    let old = ledger.open(0, 1, 5).expect("a free slot").id();
    let entry = ledger.open(0, 2, 5).expect("the slot was freed by dropping");
    assert_eq!(ledger.open(0, 3, 5).map(|entry| entry.id()), None, "full");
    let check = |what: &str, id: EntryId| {
        assert_eq!((ledger.take(id, MAX), ledger.put_back(id, 1)), (0, false), "{what}");
    };
    check("an old one", old);
    check("a slot that is not there", EntryId::read("ffff000000000002").expect("an id"));
    check("no nonce", EntryId::read("0000000000000000").expect("an id"));
    assert_eq!(entry.close(), 5);
    check("no nonce, free slot", EntryId::read("0000000000000000").expect("an id"));
    assert!(ledger.open(0, 3, 0).is_none(), "nothing to enter takes no slot");
    assert_eq!(ledger.open(usize::MAX, 0, u32::MAX).map(Entry::close), Some(MAX), "odd arguments");
}

#[test]
fn ids_survive_their_text() {
    let ledger = Arc::new(Ledger::new());
    let entry = ledger.open(SLOTS - 1, u64::MAX, 1).expect("a free slot");
    let mut text = String::new();
    entry.id().write(&mut text);
    assert_eq!(text, "1fffffffffffffff");
    assert_eq!(EntryId::read(&text), Some(entry.id()));
}

/// Threads open, take by ids of each other, fresh and stale, put back and close in a table so small that slots are reused all the
/// time. Afterwards each entry's books must balance exactly.
#[test]
fn no_storm_gets_more_out_of_a_ledger_than_was_put_in_at_1_2_and_8_threads() {
    for threads in [1, 2, 8] {
        let ledger = Arc::new(Ledger::with_slots(4));
        let nonces = AtomicU64::new(1);
        let recent: Vec<Mutex<Option<EntryId>>> = (0..16).map(|_| Mutex::new(None)).collect();
        let place = AtomicUsize::new(0);
        // (id, taken − put back, left when closed where this thread closed it)
        let logs = on_threads(threads, |_, random| {
            let mut books: HashMap<EntryId, (i64, Option<(u32, u32)>)> = HashMap::new();
            let mut open: Vec<(Entry, u32)> = Vec::new();
            for _ in 0..4000 {
                match random() % 6 {
                    0 => {
                        let amount = 1 + (random() % 8) as u32;
                        let nonce = nonces.fetch_add(1, Ordering::Relaxed);
                        if let Some(entry) = ledger.open(random() as usize, nonce, amount) {
                            let next = place.fetch_add(1, Ordering::Relaxed) % recent.len();
                            *recent[next].lock().expect("the list of ids") = Some(entry.id());
                            open.push((entry, amount));
                        }
                    }
                    1 => {
                        if let Some((entry, amount)) = open.pop() {
                            let id = entry.id();
                            books.entry(id).or_default().1 = Some((amount, entry.close()));
                        }
                    }
                    _ => {
                        let shown =
                            *recent[random() as usize % recent.len()].lock().expect("the list of ids");
                        let Some(id) = shown else { continue };
                        let taken = ledger.take(id, 1 + (random() % 4) as u32);
                        let unused = random() as u32 % (taken + 1);
                        let returned = unused > 0 && ledger.put_back(id, unused);
                        books.entry(id).or_default().0 +=
                            i64::from(taken) - if returned { i64::from(unused) } else { 0 };
                    }
                }
            }
            for (entry, amount) in open {
                let id = entry.id();
                books.entry(id).or_default().1 = Some((amount, entry.close()));
            }
            books
        });
        let mut all: HashMap<EntryId, (i64, Option<(u32, u32)>)> = HashMap::new();
        for (id, (net, closed)) in logs.into_iter().flatten() {
            let sum = all.entry(id).or_default();
            sum.0 += net;
            sum.1 = sum.1.or(closed);
        }
        assert!(all.len() > 100, "{threads} threads opened only {}", all.len());
        for (id, (net, closed)) in all {
            let (amount, left) = closed.unwrap_or_else(|| panic!("{id:?} was never closed"));
            assert_eq!(net + i64::from(left), i64::from(amount), "{threads} threads, {id:?}");
        }
    }
}
