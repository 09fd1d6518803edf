//! `tenet explain`: each effective value of a method or of a kept message, where it came from and what it beat.

use crate::cli::Failed;
use crate::project;
use std::path::PathBuf;
use tenet_release::{Effective, Release};

/// Prints the values of the method or message named by the last word; a word before it is the project.
pub fn run(words: &[String], project: Option<PathBuf>) -> Result<(), Failed> {
    let (wanted, folder) = match (words, project) {
        ([wanted], None) => (wanted, PathBuf::from(".")),
        ([wanted], Some(folder)) => (wanted, folder),
        ([folder, wanted], None) => (wanted, PathBuf::from(folder)),
        _ => return Err(Failed("error: the project is named twice, expected once".into())),
    };
    let release = project::load(&folder)?;
    let found = find(&release, wanted)?;
    let values = release.effective(&found).or_else(|| release.effective_collection(&found));
    print!("{}", text(&found, &values.unwrap_or_default()));
    Ok(())
}

/// The one method, or message of a collection, that `wanted` names: its full name, or the end of it.
fn find(release: &Release, wanted: &str) -> Result<String, Failed> {
    if let Some((_, method)) = release.contract.method(wanted) {
        return Ok(method.full_name.clone());
    }
    let wanted = wanted.trim_start_matches('/');
    let methods = || release.contract.methods.iter().map(|method| method.full_name.as_str());
    let collections = || release.contract.collections.iter().map(|kept| kept.schema.message.as_str());
    let names = || methods().chain(collections());
    let ends_with = |name: &str| {
        let spelled = name.replace('/', ".");
        spelled
            .strip_suffix(&wanted.replace('/', "."))
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    let matching: Vec<&str> = names().filter(|name| ends_with(name)).collect();
    match matching[..] {
        [only] => Ok(only.to_owned()),
        [] => {
            let mut known: Vec<&str> = names().collect();
            known.sort_unstable();
            Err(Failed(format!(
                "error: no contract declares a method or a collection `{wanted}`, expected one of:\n  {}",
                known.join("\n  ")
            )))
        }
        _ => Err(Failed(format!(
            "error: `{wanted}` names several, expected one of:\n  {}",
            matching.join("\n  ")
        ))),
    }
}

fn text(name: &str, values: &[Effective]) -> String {
    let width = |pick: fn(&Effective) -> usize| values.iter().map(pick).max().unwrap_or(0);
    let (what, value) = (width(|v| v.what.len()), width(|v| v.winner.value.chars().count()).min(48));
    let mut out = format!("{name}\n");
    for effective in values {
        let winner = &effective.winner;
        out.push_str(&format!("  {:what$}  {:value$}  {}\n", effective.what, winner.value, winner.source));
        for loser in &effective.losers {
            out.push_str(&format!("  {:what$}  {:value$}  {} (not this)\n", "", loser.value, loser.source));
        }
    }
    out
}
