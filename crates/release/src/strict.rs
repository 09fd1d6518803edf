//! Strict reading of TOML: every unknown key and wrong value is a problem with its place, and all are reported at once.
//!
//! serde stops at the first error. So the document is kept as a tree with spans; what was wrong is taken out of the
//! tree and the rest is read again, until nothing is wrong. The tree stays, so that later checks find their places too.

use crate::problems::{Place, Problem, Problems, did_you_mean};
use serde::de::DeserializeOwned;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Problems reported of one file; beyond that the file is something else than meant.
const MAX_PROBLEMS: usize = 50;

/// A TOML text whose values can be found again by path.
pub(crate) struct Document<'a> {
    file: &'a str,
    source: &'a str,
    root: Spanned<DeTable<'a>>,
}

/// Reads `source` (the text of `file`) into `T`.
pub(crate) fn read<'a, T: DeserializeOwned>(
    file: &'a str,
    source: &'a str,
) -> Result<(T, Document<'a>), Problems> {
    let (root, errors) = DeTable::parse_recoverable(source);
    let document = Document { file, source, root };
    let mut problems = Problems::new();
    for error in errors.iter().take(MAX_PROBLEMS) {
        problems.push(Problem::new(document.at(error.span().unwrap_or(0..0)), error.message().to_owned()));
    }
    // Values of a text that is not TOML may be garbage: naming them would bury the cause.
    if !problems.is_empty() {
        problems.sort();
        return Err(problems);
    }
    let mut rest = document.root.clone();
    let mut taken_out: Vec<Range<usize>> = Vec::new();
    while problems.len() < MAX_PROBLEMS {
        let error = match T::deserialize(toml::Deserializer::from(rest.clone())) {
            Ok(value) if problems.is_empty() => return Ok((value, document)),
            Ok(_) => break,
            Err(error) => error,
        };
        let span = error.span().unwrap_or(0..0);
        let missing = error.message().starts_with("missing field");
        // A field that "is missing" because its wrong value was taken out has been reported already.
        let consequence =
            missing && taken_out.iter().any(|taken| span.start <= taken.start && taken.end <= span.end);
        if !consequence {
            problems.push(document.problem(error.message(), span.clone()));
        }
        if !remove(rest.get_mut(), &span) {
            break;
        }
        taken_out.push(span);
    }
    problems.sort();
    Err(problems)
}

impl Document<'_> {
    fn at(&self, span: Range<usize>) -> Place {
        Place::in_text(self.file, self.source, span)
    }

    /// The place of the value at `path`, whose steps are keys and decimal indices; the deepest part of it that exists.
    pub(crate) fn place(&self, path: &[&str]) -> Place {
        self.at(self.span(path))
    }

    fn span(&self, path: &[&str]) -> Range<usize> {
        let mut span = 0..0;
        let Some((first, rest)) = path.split_first() else { return span };
        let Some((key, mut value)) = self.root.get_ref().get_key_value(*first) else { return span };
        // A table's own span is its header or braces; its key is what a person looks for.
        span = if value.get_ref().is_table() { key.span() } else { value.span() };
        for step in rest {
            match value.get_ref() {
                DeValue::Table(table) => match table.get_key_value(*step) {
                    Some((key, inner)) => {
                        span = if inner.get_ref().is_table() { key.span() } else { inner.span() };
                        value = inner;
                    }
                    None => break,
                },
                DeValue::Array(array) => match step.parse().ok().and_then(|index: usize| array.get(index)) {
                    Some(inner) => {
                        span = inner.span();
                        value = inner;
                    }
                    None => break,
                },
                _ => break,
            }
        }
        span
    }

    /// serde's words, with the nearest known key where a key is unknown.
    fn problem(&self, message: &str, span: Range<usize>) -> Problem {
        let place = self.at(span.clone());
        for (start, what) in [("unknown field `", "key"), ("unknown variant `", "value")] {
            let Some((found, known)) = message.strip_prefix(start).and_then(|rest| rest.split_once('`'))
            else {
                continue;
            };
            // serde lists what it knows between backticks.
            let known: Vec<&str> = known.split('`').skip(1).step_by(2).collect();
            return Problem::new(
                place,
                format!("unknown {what} `{found}`, expected one of {}", known.join(", ")),
            )
            .with_hint(did_you_mean(found, known));
        }
        Problem::new(place, message.to_owned())
    }
}

/// Takes the innermost entry whose key or value has exactly this span out of the tree.
fn remove(table: &mut DeTable<'_>, span: &Range<usize>) -> bool {
    for (_, value) in table.iter_mut() {
        if remove_below(value, span) {
            return true;
        }
    }
    let found = table
        .iter()
        .find(|(key, value)| key.span() == *span || value.span() == *span)
        .map(|(key, _)| key.get_ref().clone().into_owned());
    found.is_some_and(|key| table.remove(key.as_str()).is_some())
}

fn remove_below(value: &mut Spanned<DeValue<'_>>, span: &Range<usize>) -> bool {
    match value.get_mut() {
        DeValue::Table(table) => remove(table, span),
        DeValue::Array(array) => {
            if array.iter_mut().any(|item| remove_below(item, span)) {
                return true;
            }
            let before = array.len();
            // The array type has no `remove`, and an empty one is only to be had by collecting nothing.
            let all = std::mem::replace(array, std::iter::empty().collect());
            *array = all.into_iter().filter(|item| item.span() != *span).collect();
            array.len() < before
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    fn check(source: &str, expected: &[(&str, &str, Option<&str>)]) {
        let problems = match read::<Config>("tenet.toml", source) {
            Ok(_) => Problems::new(),
            Err(problems) => problems,
        };
        let found: Vec<_> = problems
            .iter()
            .map(|problem| (problem.place.to_string(), problem.message.clone(), problem.hint.clone()))
            .collect();
        assert_eq!(found.len(), expected.len(), "{source}: {problems}");
        for ((place, message, hint), (at, says, suggests)) in found.iter().zip(expected) {
            assert_eq!(place, &format!("tenet.toml:{at}"), "{source}: {problems}");
            assert!(message.contains(says), "{source}: {message}");
            assert_eq!(hint.as_deref(), *suggests, "{source}: {problems}");
        }
    }

    #[test]
    fn every_wrong_thing_is_named_with_its_place() {
        check("name = \"x\"\n", &[]);
        check("nme = \"x\"\n", &[("1:1", "unknown key `nme`", Some("did you mean `name`?"))]);
        check(
            "[gateway]\ndedline = \"5s\"\ndrain = \"5 parsecs\"\n[gateway.limits]\nhead = -1\nheaders = \"many\"\n",
            &[
                ("2:1", "unknown key `dedline`", Some("did you mean `deadline`?")),
                ("3:9", "found \"5 parsecs\"", None),
                ("5:8", "a size cannot be negative", None),
                ("6:11", "expected u32", None),
            ],
        );
        check(
            "[services.a]\nprotocol = \"grcp\"\ninstances = [{ address = \"localhost\" }]\n",
            &[
                ("2:12", "unknown value `grcp`", Some("did you mean `grpc`?")),
                ("3:26", "socket address", None),
            ],
        );
        check("[[http]]\nprefix = \"/x\"\n", &[("1:1", "missing field `service`", None)]);
        check("a = \nb = [1,\n", &[("1:5", "", None), ("2:8", "unclosed array", None)]);
    }
}
