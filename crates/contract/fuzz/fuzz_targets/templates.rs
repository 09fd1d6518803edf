//! Templates and paths of a stranger's making: nothing panics, and the router agrees with itself.
//!
//! Input: a template a line; the line after an empty one is the path. A template that parses is inserted; the path is looked
//! up. What is found must have as many captures as its template has variables, each a part of the path, and a template
//! used as its own path (where it has no wildcard) must be found.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tenet_contract::template::Segment;
use tenet_contract::{Found, Router, Template, Verb, decode_capture};

/// Enough for every interplay of kinds; more only slows the fuzzer.
const MAX_TEMPLATES: usize = 16;

fuzz_target!(|text: &str| {
    let (templates, path) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut builder = Router::builder();
    let mut literal = Vec::new();
    for line in templates.lines().take(MAX_TEMPLATES) {
        let template = match Template::parse(line) {
            Ok(template) => template,
            Err(error) => {
                assert!(error.offset <= line.len(), "{error} in {line:?}");
                continue;
            }
        };
        assert_eq!(Template::parse(template.as_str()).as_ref(), Ok(&template));
        let plain = template.segments().iter().all(|segment| matches!(segment, Segment::Literal(_)));
        if builder.insert(&Verb::new("GET"), &template, template.clone(), line).is_ok()
            && plain
            && template.variables().is_empty()
        {
            literal.push(template);
        }
    }
    let router = builder.build();
    look_up(&router, path);
    for template in literal {
        let found = look_up(&router, template.as_str());
        // Nothing is more specific than the path itself, so it is never shadowed.
        assert_eq!(found, Some(&template));
    }
});

fn look_up<'r>(router: &'r Router<Template>, path: &str) -> Option<&'r Template> {
    match router.find(&http::Method::GET, path) {
        Found::Match { value, captures } => {
            assert_eq!(captures.len(), value.variables().len());
            for (capture, variable) in captures.iter().zip(value.variables()) {
                assert!(path.contains(capture));
                assert!(variable.multi_segment || !capture.contains('/'));
                let _ = decode_capture(capture, variable.multi_segment);
            }
            Some(value)
        }
        Found::MethodNotAllowed { allow } => panic!("every route is GET: {allow}"),
        Found::NotFound => None,
    }
}
