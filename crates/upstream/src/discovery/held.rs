//! The last good answer to one question, and how sure it still is. Pure: `now` comes from the caller.

use super::ask::Reply;
use std::time::Duration;
use tokio::time::Instant;

/// So many times in a row a source must say that there is nothing where there was something, ...
const NEGATIVES: u32 = 3;

/// ... over at least this time, before it is believed.
///
/// Names that vanish whole are seldom a fleet that vanished: they are zones being reloaded, a service whose instances all
/// restart, a resolver that fell back to another view. To believe too late costs connects to addresses where nobody listens,
/// which health checks and balancing take care of; to believe too early costs every call. An answer with fewer records than
/// before is believed at once, since whoever gave it knows the name.
const NEGATIVE_FOR: Duration = Duration::from_secs(30);

/// How long to wait before asking again while that is open, so that it is settled soon after.
const DOUBT_PAUSE: Duration = Duration::from_secs(10);

/// What is held of one question.
#[derive(Debug)]
pub(super) struct Held<T> {
    records: Vec<T>,
    ttl: Duration,
    /// How often in a row the source has said that there is nothing, and since when.
    negative: Option<(u32, Instant)>,
    /// Why the source is away, if it is.
    away: Option<String>,
}

/// The source of a question went or returned.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Away(String),
    Back,
}

/// When a question would be asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    After(Duration),
    /// After a pause that grows.
    Retry,
    /// With the next one.
    Whenever,
}

impl<T> Default for Held<T> {
    fn default() -> Held<T> {
        Held { records: Vec::new(), ttl: Duration::ZERO, negative: None, away: None }
    }
}

impl<T> Held<T> {
    pub(super) fn records(&self) -> &[T] {
        &self.records
    }

    pub(super) fn is_away(&self) -> bool {
        self.away.is_some()
    }

    /// Takes what came of asking at `now`.
    pub(super) fn take(&mut self, now: Instant, reply: Reply<T>) -> Option<Turn> {
        match reply {
            Reply::Away(why) => {
                // No answer is no evidence: neither for the records nor against them.
                let news = self.away.is_none();
                let away = self.away.insert(why);
                return news.then(|| Turn::Away(away.clone()));
            }
            Reply::Records(records, ttl) => {
                self.records = records;
                self.ttl = ttl;
                self.negative = None;
            }
            Reply::Negative(_) => {
                let (times, since) = self.negative.unwrap_or((0, now));
                self.negative = Some((times.saturating_add(1), since));
                if times + 1 >= NEGATIVES && now.saturating_duration_since(since) >= NEGATIVE_FOR {
                    self.records.clear();
                }
            }
        }
        self.away.take().map(|_| Turn::Back)
    }

    pub(super) fn wish(&self) -> Wish {
        match (&self.away, self.negative) {
            (Some(_), _) => Wish::Retry,
            (None, None) => Wish::After(self.ttl),
            (None, Some(_)) if !self.records.is_empty() => Wish::After(DOUBT_PAUSE),
            (None, Some(_)) => Wish::Whenever,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `+` an answer, `-` a negative one, `?` none; each `step` seconds after the one before. Behind them what is held.
    fn check(step: u64, replies: &str, held: &str) {
        let start = Instant::now();
        let mut question = Held::default();
        let mut seen = String::new();
        for (i, letter) in replies.chars().enumerate() {
            let reply = match letter {
                '+' => Reply::Records(vec![1], Duration::from_secs(5)),
                '-' => Reply::Negative("NXDOMAIN"),
                _ => Reply::Away("SERVFAIL".into()),
            };
            question.take(start + Duration::from_secs(step * i as u64), reply);
            seen.push(if question.records().is_empty() { '0' } else { '1' });
        }
        assert_eq!(seen, held, "{replies} every {step} s");
    }

    #[test]
    fn the_last_good_answer_is_kept_until_the_source_insists() {
        check(10, "+", "1");
        check(10, "----", "0000");
        check(10, "????", "0000");
        // Three times, and for 30 s: the fourth at 10 s apart, the third at 15 s apart.
        check(10, "+---+", "11111");
        check(10, "+-----", "111100");
        check(15, "+---+", "11101");
        check(60, "+--", "111");
        check(60, "+---", "1110");
        check(1, "+---------", "1111111111");
        // Away is no evidence, in whichever order it comes.
        check(60, "+?????", "111111");
        check(60, "+?--", "1111");
        check(60, "+?---", "11110");
        check(60, "+-?-?-", "111110");
        check(60, "+---???", "1110000");
        check(60, "+--+--", "111111");
        check(60, "???+", "0001");
        check(60, "---+", "0001");
    }

    #[test]
    fn coming_and_going_of_the_source_is_told_once() {
        let now = Instant::now();
        let mut question = Held::<u8>::default();
        let away = |why: &str| Reply::Away(why.into());
        assert_eq!(question.take(now, Reply::Records(vec![1], Duration::ZERO)), None);
        assert_eq!(question.take(now, away("refused")), Some(Turn::Away("refused".into())));
        assert_eq!(question.take(now, away("timed out")), None);
        assert_eq!(question.take(now, Reply::Negative("NXDOMAIN")), Some(Turn::Back));
        assert_eq!(question.take(now, Reply::Negative("NXDOMAIN")), None);
    }

    #[test]
    fn when_to_ask_again_follows_from_what_is_held() {
        let now = Instant::now();
        let mut question = Held::<u8>::default();
        let mut expect = |reply, wish| {
            question.take(now, reply);
            assert_eq!(question.wish(), wish);
        };
        let ttl = Duration::from_secs(7);
        expect(Reply::Negative(""), Wish::Whenever);
        expect(Reply::Away("".into()), Wish::Retry);
        expect(Reply::Records(vec![1], ttl), Wish::After(ttl));
        expect(Reply::Away("".into()), Wish::Retry);
        expect(Reply::Negative(""), Wish::After(DOUBT_PAUSE));
        expect(Reply::Records(vec![1], ttl), Wish::After(ttl));
    }
}
