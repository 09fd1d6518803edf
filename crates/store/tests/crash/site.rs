//! A PostgreSQL server behind a door, with a replica where one is asked for, and everything that is done to it.

use super::dice::Dice;
use super::door::{Door, Passage};
use super::server::Server;
use std::time::{Duration, Instant};

/// Sessions that a server takes.
const SESSIONS: u32 = 50;
/// The longest that something lasts which ends by itself, in milliseconds: beyond what a call may take.
const LASTS_MS: u64 = 1500;
/// The longest that one chunk waits where the network is slow, in milliseconds.
const SLOW_MS: u64 = 30;
/// Of partitions, one in so many ends with the connections that it held.
const CUT: u64 = 2;
/// The longest that a replica is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is done to it under load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Injury {
    /// The server and all its processes are killed, and started again.
    Killed,
    /// It is killed, and its synchronous replica is promoted; a new replica follows.
    Promoted,
    /// Nothing passes between store and server, in either direction; then it does again, or the connections have ended.
    Partitioned,
    /// Each chunk on the network is late.
    Slow,
    /// Strangers take all sessions, and the store's are ended.
    Crowded,
}

impl Injury {
    /// By its word on the command line.
    pub const WORDS: [(&str, Injury); 5] = [
        ("kill", Injury::Killed),
        ("promote", Injury::Promoted),
        ("partition", Injury::Partitioned),
        ("slow", Injury::Slow),
        ("crowd", Injury::Crowded),
    ];

    /// The injury that a word names.
    pub fn read(word: &str) -> Result<Injury, String> {
        let known = Injury::WORDS.iter().find(|(known, _)| *known == word);
        known.map(|(_, injury)| *injury).ok_or_else(|| {
            let words: Vec<&str> = Injury::WORDS.iter().map(|(word, _)| *word).collect();
            format!("--injury: expected one of {}, found {word:?}", words.join(", "))
        })
    }
}

/// The server, and what stands before and behind it.
pub struct Site {
    injury: Injury,
    primary: Server,
    replica: Option<Server>,
    /// Before the server that began, and before the one that began as its replica.
    doors: [Door; 2],
    /// Which door leads to the primary.
    at: usize,
    strangers: Vec<tokio_postgres::Client>,
}

impl Site {
    /// One to which this is done; none where there is no PostgreSQL.
    pub async fn start(test: &str, injury: Injury) -> Result<Option<Site>, String> {
        let settings = [&format!("max_connections={SESSIONS}")[..], "wal_level=replica"];
        let Some(primary) = Server::start(test, &settings) else { return Ok(None) };
        let text = |error: std::io::Error| error.to_string();
        let doors =
            [Door::to(primary.port).await.map_err(text)?, Door::to(primary.port).await.map_err(text)?];
        doors[1].set(Passage::Shut);
        let mut site = Site { injury, primary, replica: None, doors, at: 0, strangers: Vec::new() };
        if injury == Injury::Promoted {
            site.follow().await?;
        }
        Ok(Some(site))
    }

    /// How the store reaches it.
    pub fn url(&self) -> String {
        let [first, second] = &self.doors;
        format!("postgres://postgres@127.0.0.1:{},127.0.0.1:{}/postgres", first.port, second.port)
    }

    /// Does it. What was in flight is hit.
    pub async fn injure(&mut self, dice: &mut Dice) -> Result<(), String> {
        match self.injury {
            Injury::Killed | Injury::Promoted => tokio::task::block_in_place(|| self.primary.kill()),
            Injury::Partitioned => self.door().set(Passage::Held),
            Injury::Slow => self.door().set(Passage::Slow(milliseconds(dice, SLOW_MS))),
            Injury::Crowded => self.crowd().await?,
        }
        Ok(())
    }

    /// Undoes it, after it lasted as long as it does.
    pub async fn mend(&mut self, dice: &mut Dice) -> Result<(), String> {
        match self.injury {
            Injury::Killed => tokio::task::block_in_place(|| self.primary.restart()),
            Injury::Promoted => self.promote()?,
            Injury::Partitioned | Injury::Slow => {
                tokio::time::sleep(milliseconds(dice, LASTS_MS)).await;
                if self.injury == Injury::Partitioned && dice.below(CUT) == 0 {
                    self.door().cut();
                }
                self.door().set(Passage::Open);
            }
            Injury::Crowded => {
                tokio::time::sleep(milliseconds(dice, LASTS_MS)).await;
                self.strangers.clear();
            }
        }
        Ok(())
    }

    /// Makes it as it was before: a replica for the one that was promoted.
    pub async fn settle(&mut self) -> Result<(), String> {
        if self.injury == Injury::Promoted { self.follow().await } else { Ok(()) }
    }

    fn door(&self) -> &Door {
        &self.doors[self.at]
    }

    fn promote(&mut self) -> Result<(), String> {
        let replica = self.replica.take().ok_or("there is no replica")?;
        self.door().set(Passage::Shut);
        self.door().cut();
        tokio::task::block_in_place(|| replica.promote());
        self.primary = replica;
        self.at = 1 - self.at;
        Ok(())
    }

    /// Starts a replica of the primary behind the other door, for which commits wait from now on.
    async fn follow(&mut self) -> Result<(), String> {
        let settings = [&format!("max_connections={SESSIONS}")[..]];
        let replica = tokio::task::block_in_place(|| {
            // What has followed and was promoted would wait for the one that it replaced, until the new one is there.
            let replica = self.primary.replica(&settings);
            self.primary.sql("ALTER SYSTEM SET synchronous_standby_names = '*'");
            self.primary.sql("SELECT pg_reload_conf()");
            replica
        });
        let until = Instant::now() + PATIENCE;
        let in_step = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
        while tokio::task::block_in_place(|| self.primary.sql(in_step)) != "1" {
            if Instant::now() > until {
                return Err(format!("the replica was not in step after {PATIENCE:?}"));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let door = &self.doors[1 - self.at];
        door.lead_to(replica.port);
        door.set(Passage::Open);
        self.replica = Some(replica);
        Ok(())
    }

    /// Takes every session there is, and those that the store has.
    async fn crowd(&mut self) -> Result<(), String> {
        let url = format!("{}?application_name=stranger", self.primary.url());
        // The store is as quick as we are: whatever it gives up is taken, until it has none.
        let ends = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                    WHERE backend_type = 'client backend' AND application_name <> 'stranger'";
        let until = Instant::now() + PATIENCE;
        while self.strangers.len() < SESSIONS as usize {
            match tokio_postgres::connect(&url, tokio_postgres::NoTls).await {
                Ok((stranger, connection)) => {
                    tokio::spawn(connection);
                    self.strangers.push(stranger);
                }
                Err(error) => {
                    let first = self.strangers.first().ok_or_else(|| error.to_string())?;
                    first.batch_execute(ends).await.map_err(|error| error.to_string())?;
                }
            }
            if Instant::now() > until {
                return Err(format!("{} strangers after {PATIENCE:?}", self.strangers.len()));
            }
        }
        Ok(())
    }
}

fn milliseconds(dice: &mut Dice, most: u64) -> Duration {
    Duration::from_micros(dice.below(most * 1000))
}
