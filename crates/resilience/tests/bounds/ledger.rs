//! The ledger: no interleaving gives out more than was put in, and what nobody took is not lost.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tenet_resilience::allowance::{Entry, EntryId, Ledger};

use super::on_threads;

/// Threads open, take by ids of each other, fresh and stale, put back and close in so narrow a part of the table that slots are
/// reused all the time. Afterwards each entry's books must balance exactly.
#[test]
fn no_storm_gets_more_out_of_a_ledger_than_was_put_in_at_1_2_and_8_threads() {
    for threads in [1, 2, 8] {
        let ledger = Arc::new(Ledger::new());
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
                        if let Some(entry) = ledger.open(random() as usize % 4, nonce, amount) {
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
