//! `docs/configuration.md` against the program: every key has its row, every row its key, every default is the real one.

// A panic is the report of a test, also in what only tests call.
#![allow(clippy::unwrap_used)]

use serde_json::Value;
use std::collections::BTreeMap;
use tenet_release::Config;
use tenet_release::config::resilience::{Admission, Balance, Bulkhead, Ejection, Health, Hedge, Retry};
use tenet_release::config::{Contracts, DEFAULT_DEADLINE, Dns, Gateway, Json, Limits, Store, Traffic, Up};
use tenet_release::node::FACTS;

fn document() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
    std::fs::read_to_string(path).unwrap()
}

/// The rows of the first `key` table below `heading`: key to default, both without backticks.
fn rows(document: &str, heading: &str) -> BTreeMap<String, String> {
    let (_, below) =
        document.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no heading {heading:?}"));
    let lines = below.lines().skip_while(|line| !line.starts_with("| key |")).skip(2);
    lines
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            assert!(cells.len() == 5 && cells[3].len() > 10, "not a row of three cells: {line}");
            (cells[1].replace('`', ""), cells[2].replace('`', ""))
        })
        .collect()
}

/// serde names all known keys when it meets one that is not.
fn known_keys(table: &str) -> Vec<String> {
    let source = format!("{table}\nno_such_key = 1\n");
    let error = toml::from_str::<Config>(&source).unwrap_err();
    let (_, known) = error
        .message()
        .split_once("`no_such_key`, ")
        .unwrap_or_else(|| panic!("{table}: {}", error.message()));
    known.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The defaults of a section as TOML prints them; keys that hold nothing, or a table, have no value to compare.
fn defaults<T: serde::Serialize + Default>() -> BTreeMap<String, String> {
    let Value::Object(values) = serde_json::to_value(T::default()).unwrap() else { panic!("not a struct") };
    let comparable = values.into_iter().filter(|(_, value)| !value.is_null() && !value.is_object());
    comparable.map(|(key, value)| (key, value.to_string())).collect()
}

/// The deadline that holds where none is written stands in no struct.
fn gateway_defaults() -> BTreeMap<String, String> {
    let mut defaults = defaults::<Gateway>();
    defaults.insert("deadline".to_owned(), format!("\"{DEFAULT_DEADLINE}\""));
    defaults
}

/// How health is checked depends on the service: its cell is a sentence.
fn health_defaults() -> BTreeMap<String, String> {
    let mut defaults = defaults::<Health>();
    defaults.remove("check");
    defaults
}

#[test]
fn every_key_of_tenet_toml_is_documented_with_its_default() {
    let document = document();
    let sections = [
        ("## Top level", "", BTreeMap::new()),
        ("## `[contracts]`", "[contracts]", defaults::<Contracts>()),
        ("## `[services.NAME]`", "[services.x]", BTreeMap::new()),
        ("## `[[services.NAME.instances]]`", "[[services.x.instances]]", BTreeMap::new()),
        ("## `[services.NAME.dns]`", "[services.x.dns]", defaults::<Dns>()),
        ("## `[services.NAME.json]`", "[services.x.json]", defaults::<Json>()),
        ("## `[[services.NAME.databases]]`", "[[services.x.databases]]", BTreeMap::new()),
        ("## `[services.NAME.quota]`", "[services.x.quota]", BTreeMap::new()),
        ("## `[store]`", "[store]", defaults::<Store>()),
        ("## `[[http]]`", "[[http]]", BTreeMap::new()),
        ("## `[gateway]`", "[gateway]", gateway_defaults()),
        ("## `[gateway.limits]`", "[gateway.limits]", defaults::<Limits>()),
        ("## `[resilience]`", "[resilience]", BTreeMap::new()),
        ("## `[resilience]`", "[services.x.resilience]", BTreeMap::new()),
        ("## `[resilience.retry]`", "[resilience.retry]", defaults::<Retry>()),
        ("## `[resilience.retry]`", "[services.x.resilience.retry]", BTreeMap::new()),
        ("## `[resilience.hedge]`", "[resilience.hedge]", defaults::<Hedge>()),
        ("## `[resilience.balance]`", "[resilience.balance]", defaults::<Balance>()),
        ("## `[resilience.health]`", "[resilience.health]", health_defaults()),
        ("## `[resilience.ejection]`", "[resilience.ejection]", defaults::<Ejection>()),
        ("## `[resilience.bulkhead]`", "[resilience.bulkhead]", defaults::<Bulkhead>()),
        ("## `[resilience.admission]`", "[resilience.admission]", defaults::<Admission>()),
        ("## `[up]`", "[up]", defaults::<Up>()),
        ("## `[traffic]`", "[traffic]", defaults::<Traffic>()),
        ("## `[[traffic.requests]]`", "[[traffic.requests]]", BTreeMap::new()),
    ];
    for (heading, table, defaults) in sections {
        let rows = rows(&document, heading);
        let mut known = known_keys(table);
        known.sort();
        assert_eq!(rows.keys().cloned().collect::<Vec<_>>(), known, "{heading}");
        for (key, default) in defaults {
            // A list of tables has no default worth a cell.
            if rows[&key] != "none" || default != "[]" {
                assert_eq!(rows[&key], default, "{heading} {key}");
            }
        }
    }
}

#[test]
fn every_node_fact_is_documented_with_its_default_and_meaning() {
    let document = document();
    let rows = rows(&document, "# Node facts");
    assert_eq!(rows.len(), FACTS.len());
    for fact in &FACTS {
        let default = if fact.default.is_empty() { "none" } else { fact.default };
        assert_eq!(
            rows.get(fact.key).map(String::as_str),
            Some(default.replace('`', "").as_str()),
            "{}",
            fact.key
        );
        assert!(document.contains(fact.meaning), "{}: {:?} is not in the document", fact.key, fact.meaning);
    }
}

#[test]
fn every_sample_in_the_document_parses() {
    let document = document();
    let samples: Vec<&str> =
        document.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(!samples.is_empty());
    for sample in samples {
        toml::from_str::<Config>(sample).unwrap_or_else(|error| panic!("{error}\n{sample}"));
    }
}
