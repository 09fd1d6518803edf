//! Any path captures, query and body through bindings. Lines of the input: captures, query, then the body.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use tenet_transcode::{Binding, BodyRule, RequestBody, Unknowns, Variable};
use tenet_transcode_fuzz::{CODEC, PRINT, READ};

static BINDINGS: LazyLock<Vec<Binding>> = LazyLock::new(|| {
    let wide = CODEC.message("wide.Wide").expect("the wide message");
    let variable = |name: &str, multi_segment| Variable { field_path: name.to_owned(), multi_segment };
    let variables = [variable("nested.a_string", true), variable("at", false), variable("colour", false)];
    [
        BodyRule::None,
        BodyRule::Whole,
        BodyRule::Field("nested".to_owned()),
        BodyRule::Field("texts".to_owned()),
    ]
    .into_iter()
    .flat_map(|body| [(body.clone(), &variables[..1]), (body, &variables[..])])
    .map(|(body, variables)| Binding::compile(&CODEC, wide, wide, variables, body, None).expect("compiles"))
    .collect()
});

fuzz_target!(|text: &str| {
    let mut lines = text.splitn(5, '\n');
    let captures: Vec<&str> = lines.by_ref().take(3).collect();
    let (query, body) = (lines.next(), lines.next().unwrap_or_default());
    for binding in BINDINGS.iter() {
        let (mut wire, mut unknown) = (Vec::new(), Unknowns::new());
        let body = if body.is_empty() { RequestBody::Empty } else { RequestBody::Json(body.as_bytes()) };
        match binding.request(&CODEC, &captures, query, body, &READ, &mut wire, &mut unknown) {
            Ok(()) => {
                let mut json = Vec::new();
                let _ = binding.response(&CODEC, &wire, &PRINT, &mut json);
                let wide = CODEC.message("wide.Wide").expect("the wide message");
                CODEC.canonical(wide, &wire, &mut Vec::new()).expect("what was written is a message");
            }
            Err(error) => {
                assert!(wire.is_empty());
                assert!(!error.to_string().is_empty());
            }
        }
    }
});
