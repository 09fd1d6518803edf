//! Allocations per request: calls into the allocator, (A(2K) − A(K)) ÷ K, as callgrind saw them.
//!
//! Counting from outside needs no counting allocator in the binary: what is measured is what is shipped.

use crate::Outcome;
use crate::callgrind::{self, Arguments, Counts};
use crate::peers::Kind;
use crate::report::Report;

/// How many callers are listed for each case.
const LISTED: usize = 8;

/// Counts and prints the table, with the callers that allocate most.
pub fn run(arguments: &Arguments) -> Outcome {
    let mut rows =
        vec![["case", "allocations per request", "releases per request"].map(String::from).to_vec()];
    let mut callers = Vec::new();
    callgrind::each_case(arguments, |case, one, two| {
        let each = |pick: fn(&str) -> bool| {
            entries(two, pick).saturating_sub(entries(one, pick)) as f64 / arguments.requests as f64
        };
        rows.push(vec![
            case.title().into(),
            format!("{:.1}", each(allocates)),
            format!("{:.1}", each(releases)),
        ]);
        callers.push((case, top_callers(one, two, arguments.requests)));
    })?;
    let mut report = Report::new("allocations", &format!("Tenet {}", Kind::Tenet.version()));
    report.line(&format!("Calls into the allocator for each of {} requests on one kept-alive connection, growing a buffer included.", arguments.requests));
    report.table(&rows);
    for (case, callers) in callers {
        println!("\n{}: who allocates, per request", case.title());
        callers.iter().for_each(|line| println!("  {line}"));
    }
    report.finish(arguments.write)
}

/// Functions of the allocator itself: calls among them are not new allocations.
fn is_allocator(name: &str) -> bool {
    let name = name.trim_start_matches('_');
    name.starts_with("mi_")
        || [
            "malloc",
            "calloc",
            "realloc",
            "free",
            "posix_memalign",
            "int_malloc",
            "int_free",
            "rust_",
            "rdl_",
            "rg_",
        ]
        .iter()
        .any(|word| name.starts_with(word))
        || is_shim(name)
}

/// The names under which rustc lets a global allocator be called.
fn is_shim(name: &str) -> bool {
    name.contains("rustc::__r") || name.contains("GlobalAlloc")
}

fn allocates(name: &str) -> bool {
    // The marker that std calls beside each allocation allocates nothing itself.
    let marker = name.contains("no_alloc_shim");
    is_allocator(name)
        && ["alloc", "memalign"].iter().any(|word| name.contains(word))
        && !releases(name)
        && !marker
}

fn releases(name: &str) -> bool {
    is_allocator(name) && ["free", "dealloc"].iter().any(|word| name.contains(word))
}

/// Calls from outside the allocator into functions that `pick` names.
fn entries(counts: &Counts, pick: fn(&str) -> bool) -> u64 {
    counts
        .calls
        .iter()
        .filter(|((from, to), _)| !is_allocator(from) && pick(to))
        .map(|(_, calls)| calls)
        .sum()
}

fn top_callers(one: &Counts, two: &Counts, requests: u64) -> Vec<String> {
    let mut grown: std::collections::BTreeMap<&str, f64> = std::collections::BTreeMap::new();
    for (edge, calls) in two.calls.iter().filter(|((from, to), _)| !is_allocator(from) && allocates(to)) {
        let before = one.calls.get(edge).copied().unwrap_or(0);
        *grown.entry(&edge.0).or_default() += calls.saturating_sub(before) as f64 / requests as f64;
    }
    let mut grown: Vec<_> = grown.into_iter().filter(|(_, each)| *each >= 0.05).collect();
    grown.sort_by(|a, b| b.1.total_cmp(&a.1));
    grown.into_iter().take(LISTED).map(|(name, each)| format!("{each:5.1}  {name}")).collect()
}

#[cfg(test)]
mod tests {
    use super::{Counts, allocates, entries, releases, top_callers};

    #[test]
    fn only_calls_from_outside_count() {
        let counts = |k: u64| Counts {
            instructions: 1,
            calls: [
                (("serve", "mi_malloc_aligned"), 3 * k),
                (("mi_malloc_aligned", "_mi_malloc_generic"), 3 * k),
                (("serve", "mi_free"), 2 * k),
                (("start", "mi_zalloc"), 7),
                (("serve", "parse"), 9 * k),
                (("__rustc::__rust_alloc", "mi_malloc"), k),
                (("grow", "__rustc::__rust_alloc"), k),
                (("grow", "__rustc::__rust_no_alloc_shim_is_unstable_v2"), k),
            ]
            .map(|((from, to), calls)| ((from.to_owned(), to.to_owned()), calls))
            .into(),
        };
        assert_eq!((entries(&counts(10), allocates), entries(&counts(10), releases)), (47, 20));
        assert_eq!(top_callers(&counts(10), &counts(20), 10), ["  3.0  serve", "  1.0  grow"]);
    }
}
