//! A seed's run on PostgreSQL: the server is killed, replaced, cut off, slowed or crowded under many clients of two stores, again and again, and
//! what they were told is judged.

use super::account::Account;
use super::dice::Dice;
use super::folder::{Ran, finish};
use super::life::{declare, repeat};
use super::look;
use super::operation::Operation;
use super::site::Site;
use super::wire::{Lines, Log, Message};
use super::work::Work;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tenet_store::engine::postgres::{Postgres, PostgresConfig};
use tenet_store::engine::{Engine, EngineError};
use tenet_store::owner::{Owner, Width};

/// The longest between the beginning of a round and its kill, in milliseconds.
const UNTIL_MS: u64 = 120;
/// The longest that clients go on when the server is there again, in milliseconds.
const BEYOND_MS: u64 = 60;
/// The longest that a server is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
/// Stores over the one server, each with a share of the clients.
const STORES: usize = 2;
/// Of writes that nobody answered, one in so many is not repeated at once.
const LEFT: u64 = 3;

/// Runs `kills` injuries on a schema of its own.
pub async fn run(site: &mut Site, seed: u64, kills: u64, clients: u32, place: &Path) -> Ran {
    let mut ran = Ran::default();
    let mut account = Account::default();
    if let Err(what) = rounds(site, seed, kills, clients, &mut account, &mut ran).await {
        ran.problems.push(what);
    }
    finish(&account, &mut ran, place);
    ran
}

async fn rounds(
    site: &mut Site,
    seed: u64,
    kills: u64,
    clients: u32,
    account: &mut Account,
    ran: &mut Ran,
) -> Result<(), String> {
    let config = PostgresConfig {
        schema: format!("crash{seed}"),
        // The server does not sync: what it wrote outlives its processes, and nothing here loses power.
        allow_data_loss: true,
        // Shorter than the longest injury, so that both ends of it are met.
        call_timeout: Duration::from_secs(1),
        ..PostgresConfig::new(site.url())
    };
    let mut engines = Vec::new();
    for _ in 0..STORES {
        engines.push(Arc::new(Postgres::open(config.clone()).await.map_err(|error| error.to_string())?));
    }
    let engine = engines[0].clone();
    let mut collection = declare(&*engine).await?;
    for other in &engines[1..] {
        collection = declare(&**other).await?;
    }
    let width = Width { write_lanes: 4, ..Width::default() };
    let lines = Lines::default();
    let mut dice = Dice::new(seed, 0);
    for life in 0..=kills {
        let last = life == kills;
        let owners = engines.iter().map(|engine| Owner::start(engine.clone(), width)).collect();
        let work = Arc::new(Work::new(owners, collection, Arc::new(Log::new(lines.clone())), seed, life));
        let client = 1000 * (life as u32 + 1) + 900;
        let version = engine.last_version().await.map_err(|error| error.to_string())?.0;
        work.log.say(&Message::Opened { last_version: version, took_us: 0 });
        look::everything(&*engine, collection, &work.log, client).await?;
        look::feed(&*engine, collection, &work.log, account.cursor).await?;
        let again: Vec<Operation> =
            account.open().filter(|_| last || dice.below(LEFT) > 0).cloned().collect();
        repeat(&work, again, client).await;
        if last {
            look::everything(&*engine, collection, &work.log, client).await?;
            look::feed(&*engine, collection, &work.log, 0).await?;
        }
        ran.repeated += account.take_all(life, &lines, false)?.repeated;
        if last || !account.problems.is_empty() {
            break;
        }
        let working = tokio::spawn({
            let work = work.clone();
            async move { work.run(clients).await }
        });
        tokio::time::sleep(Duration::from_micros(dice.below(UNTIL_MS * 1000))).await;
        site.injure(&mut dice).await?;
        let got = account.take_all(life, &lines, true)?;
        let in_flight = u64::try_from(got.in_flight).unwrap_or(0);
        ran.in_flight.push(in_flight);
        ran.kills += 1;
        ran.busy_kills += u64::from(in_flight >= super::cli::IN_FLIGHT);
        let began = Instant::now();
        site.mend(&mut dice).await?;
        for engine in &engines {
            ready(&**engine).await?;
        }
        ran.opening_us.push(began.elapsed().as_micros() as u64);
        tokio::time::sleep(Duration::from_micros(dice.below(BEYOND_MS * 1000))).await;
        work.stop.store(true, Ordering::Relaxed);
        working.await.map_err(|error| error.to_string())?;
        account.take_all(life, &lines, true)?;
        site.settle().await?;
    }
    Ok(())
}

/// Waits until the engine has found its server again.
async fn ready(engine: &dyn Engine) -> Result<(), String> {
    let until = Instant::now() + PATIENCE;
    loop {
        match engine.clock().await {
            Ok(_) => return Ok(()),
            Err(EngineError::Unavailable(_) | EngineError::Unknown(_)) if Instant::now() < until => {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Err(error) => return Err(format!("the server was not found again: {error}")),
        }
    }
}
