//! The ledger against its bound: by rows. Storms of threads are in `tests/bounds`.

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
    check("a slot that is not there", EntryId::read(b"ffff000000000002").expect("an id"));
    check("no nonce", EntryId::read(b"0000000000000000").expect("an id"));
    assert_eq!(entry.close(), 5);
    check("no nonce, free slot", EntryId::read(b"0000000000000000").expect("an id"));
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
    assert_eq!(EntryId::read(text.as_bytes()), Some(entry.id()));
}
