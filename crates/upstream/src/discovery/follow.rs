//! The rounds of questions of one source.

use super::Tell;
use super::ask::{Ask, Family, Reply, Service};
use super::known::Known;
use super::lookups::Lookups;
use super::source::{Discovered, Name};
use crate::random::Random;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// Questions of one source under way at once, so that an SRV record of many targets is no burst.
const QUESTIONS_MAX: usize = 16;

enum Question {
    Services(Name),
    Addresses(Name, Family),
}

enum Answer {
    Services(Reply<Service>),
    Addresses(Name, Family, Reply<IpAddr>),
}

/// Asks for ever, or until nobody is left who wants to know.
pub(super) async fn run<A: Ask>(
    mut known: Known,
    ask: Arc<A>,
    lookups: Arc<Lookups>,
    instances: watch::Sender<Vec<Discovered>>,
    tell: Tell,
) {
    let random = Random::new(Arc::as_ptr(&ask) as usize);
    while !instances.is_closed() {
        round(&mut known, &ask, &lookups, &instances, &tell).await;
        sleep(known.pause(random.next())).await;
    }
}

/// Asks everything once. What is found is published answer by answer: nobody waits for a family that is away.
async fn round<A: Ask>(
    known: &mut Known,
    ask: &Arc<A>,
    lookups: &Lookups,
    instances: &watch::Sender<Vec<Discovered>>,
    tell: &Tell,
) {
    let mut waiting: VecDeque<Question> = match known.srv() {
        Some(name) => [Question::Services(name.clone())].into(),
        None => hosts(known).collect(),
    };
    let mut asked = JoinSet::new();
    loop {
        while asked.len() < QUESTIONS_MAX
            && let Some(question) = waiting.pop_front()
        {
            asked.spawn(put(ask.clone(), question));
        }
        let events = match asked.join_next().await {
            None => break,
            Some(Ok(Answer::Services(reply))) => {
                lookups.count(&reply);
                let events = known.take_services(Instant::now(), reply);
                waiting.extend(hosts(known));
                events
            }
            Some(Ok(Answer::Addresses(host, family, reply))) => {
                lookups.count(&reply);
                known.take_addresses(Instant::now(), &host, family, reply)
            }
            Some(Err(error)) => {
                tracing::error!(%error, "a question to DNS ended by a panic");
                lookups.count_away();
                known.unanswered();
                Vec::new()
            }
        };
        publish(known, instances);
        events.into_iter().for_each(|event| tell(event));
    }
    known.end_round().into_iter().for_each(|event| tell(event));
}

fn hosts(known: &Known) -> impl Iterator<Item = Question> + use<> {
    let both =
        |host: Name| [Question::Addresses(host.clone(), Family::V4), Question::Addresses(host, Family::V6)];
    known.hosts().into_iter().flat_map(both)
}

async fn put<A: Ask>(ask: Arc<A>, question: Question) -> Answer {
    match question {
        Question::Services(name) => Answer::Services(ask.services(&name).await),
        Question::Addresses(host, family) => {
            let reply = ask.addresses(&host, family).await;
            Answer::Addresses(host, family, reply)
        }
    }
}

fn publish(known: &Known, instances: &watch::Sender<Vec<Discovered>>) {
    instances.send_if_modified(|published| {
        let changed = *published != known.instances();
        if changed {
            *published = known.instances().to_vec();
        }
        changed
    });
}
