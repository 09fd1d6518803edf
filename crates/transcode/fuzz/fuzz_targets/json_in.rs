//! Any text: read or refused; what was read prints, and what was printed reads as the same message.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tenet_transcode::Unknowns;
use tenet_transcode_fuzz::{CODEC, PRINT, READ, choose};

fuzz_target!(|data: &[u8]| {
    let Some((message, json)) = choose(data) else { return };
    let (mut wire, mut unknown) = (Vec::new(), Unknowns::new());
    if CODEC.json_to_wire(message, json, &READ, &mut wire, &mut unknown).is_err() {
        assert!(wire.is_empty());
        return;
    }
    assert!(wire.len() <= READ.max_output);
    let mut printed = Vec::new();
    // A field mask of odd letters and a member of Any may be read and have no JSON form; nothing else.
    if CODEC.wire_to_json(message, &wire, &PRINT, &mut printed).is_err() {
        return;
    }
    let mut again = Vec::new();
    CODEC.json_to_wire(message, &printed, &READ, &mut again, &mut unknown).expect("what was printed is read");
    let canonical = |wire: &[u8]| {
        let mut out = Vec::new();
        CODEC.canonical(message, wire, &mut out).expect("what was written is a message");
        out.sort_unstable();
        out
    };
    assert_eq!(canonical(&wire), canonical(&again), "{}", String::from_utf8_lossy(&printed));
});
