//! Calls whose caller goes away: they happen whole or not at all, and hold nobody up.

use super::all;
use crate::commit::Commit;
use crate::conformance::check::checks;
use crate::conformance::make::{change, put, text};
use crate::conformance::problem::{Checked, Problem, same};
use crate::conformance::site::{Site, version_of};
use std::future::poll_fn;
use std::task::Poll;

checks! { "concurrent";
    a_commit_whose_caller_went_away_is_whole_or_nothing,
}

async fn a_commit_whose_caller_went_away_is_whole_or_nothing(site: &mut Site) -> Checked {
    for round in 0..40 {
        let mut tasks = Vec::new();
        for client in 0..site.options.clients {
            let value = format!("{round}");
            let changes = vec![change(format!("{client}"), vec![put("a", &value), put("b", &value)])];
            let commit = Commit::of(site.collection, None, changes);
            let engine = site.engine.clone();
            // Asked for once, or a few times, and then dropped.
            tasks.push(tokio::spawn(async move {
                let mut call = engine.commit(vec![commit]);
                for _ in 0..=(client % 4) {
                    let ended = poll_fn(|context| Poll::Ready(call.as_mut().poll(context).is_ready())).await;
                    if ended {
                        break;
                    }
                    tokio::task::yield_now().await;
                }
                Ok(())
            }));
        }
        all(tasks).await?;
        // Whoever comes next is served, and whatever was abandoned has its place before or after.
        let token = Some(site.token().await?);
        for client in 0..site.options.clients {
            let record = format!("{client}");
            let page = site.scan_record(&record).await?;
            let values: Vec<_> = page.items.iter().map(|(_, item)| (text(item), item.version)).collect();
            let halves = values.windows(2).any(|pair| pair[0] != pair[1]) || values.len() == 1;
            same(format!("round {round}: half a commit: {values:?}"), &halves, &false)?;
        }
        let changes = vec![change("after", vec![put("", format!("{round}"))])];
        let next = Commit::of(site.collection, token, changes);
        let outcomes = site.engine.commit(vec![next]).await?;
        outcomes.first().map_or(Err(Problem::Wrong("no outcome".into())), version_of)?;
    }
    Ok(())
}
