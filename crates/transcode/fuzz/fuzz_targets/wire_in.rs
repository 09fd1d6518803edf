//! Any bytes: printed or refused, within the limits; what was printed is read back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tenet_transcode::{Unknowns, any_details_json};
use tenet_transcode_fuzz::{CODEC, PRINT, READ, TIGHT, choose};

fuzz_target!(|data: &[u8]| {
    let Some((message, wire)) = choose(data) else { return };
    let mut json = Vec::new();
    if CODEC.wire_to_json(message, wire, &PRINT, &mut json).is_ok() {
        let (mut back, mut unknown) = (Vec::new(), Unknowns::new());
        let read = CODEC.json_to_wire(message, &json, &READ, &mut back, &mut unknown);
        // Required fields are asked for when reading only.
        assert!(
            read.is_ok_and(|()| unknown.is_empty()) || data[0] % 2 == 1,
            "{}",
            String::from_utf8_lossy(&json)
        );
    }
    let mut tight = Vec::new();
    if CODEC.wire_to_json(message, wire, &TIGHT, &mut tight).is_ok() {
        assert!(tight.len() <= TIGHT.max_output);
    }
    let mut once = Vec::new();
    if CODEC.canonical(message, wire, &mut once).is_ok() {
        let mut twice = Vec::new();
        CODEC.canonical(message, &once, &mut twice).expect("the canonical form is a message");
        assert_eq!(once, twice, "the canonical form of the canonical form is itself");
    }
    let mut details = Vec::new();
    any_details_json(&CODEC, [("t/wide.Wide", wire)], &mut details);
});
