//! Ejected instances never pass the cap, and every place among them is given back once.

use super::on_threads;
use std::time::Duration;
use tenet_resilience::Moment;
use tenet_resilience::eject::{Ejection, EjectionRules, Vote};

fn second(n: u64) -> Moment {
    Moment::from_start(Duration::from_secs(1000 + n))
}

fn ejected(votes: &[Vote], now: Moment) -> u32 {
    votes.iter().filter(|vote| vote.is_ejected(now)).count() as u32
}

/// All threads eject all they can. Nobody returns, so that each look at all votes is exact.
#[test]
fn no_storm_passes_the_cap() {
    let rules = EjectionRules::default();
    for threads in [1, 2, 8] {
        for round in 0..200 {
            let ejection = Ejection::new();
            let votes: Vec<Vote> = (0..(2 + round % 20)).map(|_| ejection.join()).collect();
            let cap = rules.cap(votes.len() as u32);
            on_threads(threads, |_, random| {
                for _ in 0..votes.len() {
                    let vote = &votes[random() as usize % votes.len()];
                    ejection.try_eject(vote, second(0), &rules);
                    assert!(ejected(&votes, second(0)) <= cap, "{threads} threads");
                    assert!(ejection.counts().1 <= cap, "{threads} threads");
                }
                for vote in &votes {
                    ejection.try_eject(vote, second(0), &rules);
                }
            });
            assert_eq!(ejected(&votes, second(0)), cap, "{threads} threads, and the cap is used");
        }
    }
}

/// Ejecting, upkeep and leaving at once.
#[test]
fn no_storm_loses_or_invents_a_place() {
    let rules = EjectionRules::default();
    for threads in [1, 2, 8] {
        for _ in 0..100 {
            let ejection = Ejection::new();
            let votes: Vec<Vote> = (0..12).map(|_| ejection.join()).collect();
            let refs: Vec<&Vote> = votes.iter().collect();
            on_threads(threads, |_, random| {
                for step in 0..100 {
                    let (vote, now) = (&votes[random() as usize % 12], second(step / 10));
                    match random() % 4 {
                        0 | 1 => _ = ejection.try_eject(vote, now, &rules),
                        2 => ejection.upkeep(&refs, now, &rules, |_| {}),
                        _ => assert!(ejection.counts().1 <= rules.cap(12)),
                    }
                }
                ejection.leave(&votes[0]);
            });
            // An ejection that holds a place ends after the start of time, whether it is over or not.
            let held = ejected(&votes[1..], Moment::START);
            assert_eq!(ejection.counts(), (11, held), "{threads} threads");
        }
    }
}

/// Failures in a row are counted over all threads: whoever brings the fifth asks for the ejection, and one of them gets it.
#[test]
fn one_of_all_threads_ejects() {
    let rules = EjectionRules::default();
    for threads in [1, 2, 8] {
        for _ in 0..200 {
            let ejection = Ejection::new();
            let votes: Vec<Vote> = (0..3).map(|_| ejection.join()).collect();
            let ejections: usize = on_threads(threads, |_, _| {
                let fails = (0..5).filter_map(|_| votes[0].failed(&rules));
                fails.filter_map(|_| ejection.try_eject(&votes[0], second(0), &rules)).count()
            })
            .into_iter()
            .sum();
            assert_eq!(ejections, 1, "{threads} threads");
        }
    }
}
