//! Whose it is, and what time and version it has.

use crate::conformance::check::checks;
use crate::conformance::make::{change, put};
use crate::conformance::problem::{Checked, holds, same};
use crate::conformance::site::Site;
use crate::engine::Stamp;
use crate::item::Version;
use std::time::Duration;

checks! { "claim";
    the_first_stamp_stays,
    of_many_at_once_one_wins,
    the_clock_goes_on_and_never_back,
    the_last_version_is_at_least_every_one_that_was_given,
}

/// How many claim at the same time.
const CLAIMANTS: u128 = 16;

/// How far the clock of an engine may be from that of the suite where nobody has turned it: they may be two machines.
const CLOCK_APART: Duration = Duration::from_secs(60);

fn stamp(id: u128) -> Stamp {
    Stamp { owner: format!("owner {id}"), id }
}

async fn the_first_stamp_stays(site: &mut Site) -> Checked {
    let first = Stamp { owner: "Größe 'one' \"of\" many".into(), id: u128::MAX };
    same("the first claim", &site.engine.claim(first.clone()).await?, &first)?;
    same("another's claim", &site.engine.claim(stamp(2)).await?, &first)?;
    same("the first one's second claim", &site.engine.claim(first.clone()).await?, &first)
}

async fn of_many_at_once_one_wins(site: &mut Site) -> Checked {
    let claims: Vec<_> = (0..CLAIMANTS)
        .map(|id| {
            let engine = site.engine.clone();
            tokio::spawn(async move { engine.claim(stamp(id)).await })
        })
        .collect();
    let winner = site.engine.claim(stamp(CLAIMANTS)).await?;
    for claim in claims {
        let told = claim.await.map_err(|error| super::wrong(&error))??;
        same("what one of many claimants is told", &told, &winner)?;
    }
    Ok(())
}

async fn the_clock_goes_on_and_never_back(site: &mut Site) -> Checked {
    let first = site.engine.clock().await?;
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let system = crate::item::UnixMs(0).after(since);
    let apart = first.until(system).max(system.until(first));
    holds(format!("the clock is {apart:?} from the system's"), apart < CLOCK_APART)?;
    let mut last = first;
    for _ in 0..100 {
        let now = site.engine.clock().await?;
        holds(format!("the clock went back from {last:?} to {now:?}"), now >= last)?;
        last = now;
    }
    site.pass(1).await?;
    let later = site.engine.clock().await?;
    holds("a unit of time passed by the clock", last.until(later) >= site.units(1))
}

async fn the_last_version_is_at_least_every_one_that_was_given(site: &mut Site) -> Checked {
    let mut last = site.engine.last_version().await?;
    for round in 0..5 {
        let version = site.done(vec![change(format!("r{round}"), vec![put("", "x")])]).await?;
        let now = site.engine.last_version().await?;
        holds(format!("the last version {now:?} is before {version:?}"), now >= version)?;
        holds(format!("the last version went back from {last:?} to {now:?}"), now >= last)?;
        last = now;
    }
    holds("versions begin above 0, which stands for nothing written", last > Version(0))
}
