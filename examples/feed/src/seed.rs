//! Everybody and everything that exists from the start, by arithmetic rather than from a file: the same on every
//! instance, and as large as is wanted without taking memory.

use prost_types::Timestamp;

/// How many users have a number: `u0` to `u999`. The last of them is the whale.
pub const USERS: u32 = 1000;
/// How many fans the whale has, and follows: `f0` to `f49999`.
pub const FANS: u32 = 50_000;
/// The whale's identity; `u999` is another way to write it.
pub const WHALE: &str = "whale";

/// When the seed's time ends: 2026-01-01T00:00:00Z, in seconds since 1970. All seeded posts are of the 30 days before.
const END_OF_SEED: i64 = 1_767_225_600;
const SPAN_SECONDS: u64 = 30 * 24 * 3600;

/// What the seeded posts are about.
const TAGS: [&str; 8] = ["tea", "trains", "rust", "birds", "music", "rain", "maps", "soup"];

const FIRST: [&str; 16] = [
    "Ada", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gro", "Hal", "Ines", "Jon", "Kim", "Lea", "Max", "Nia",
    "Ole", "Pia",
];
const LAST: [&str; 16] = [
    "Abel", "Berg", "Cruz", "Dahl", "Endo", "Frey", "Gold", "Holm", "Ito", "Jung", "Kane", "Lind", "Mora",
    "Nagy", "Ortiz", "Park",
];

/// Someone who exists from the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Person {
    /// The one who follows all fans.
    Whale,
    /// A user by number, below `USERS - 1`.
    User(u32),
    /// A fan by number, below `FANS`.
    Fan(u32),
}

impl Person {
    /// The person with this identity.
    pub fn from_id(id: &str) -> Option<Person> {
        if id == WHALE {
            return Some(Person::Whale);
        }
        let digits = id.get(1..)?;
        if digits.len() > 1 && digits.starts_with('0') || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let number: u32 = digits.parse().ok()?;
        match id.as_bytes()[0] {
            b'u' if number == USERS - 1 => Some(Person::Whale),
            b'u' if number < USERS => Some(Person::User(number)),
            b'f' if number < FANS => Some(Person::Fan(number)),
            _ => None,
        }
    }

    /// All users that have a number, the whale last.
    pub fn users() -> impl Iterator<Item = Person> {
        (0..USERS - 1).map(Person::User).chain([Person::Whale])
    }

    /// The identity.
    pub fn id(self) -> String {
        match self {
            Person::Whale => WHALE.to_owned(),
            Person::User(number) => format!("u{number}"),
            Person::Fan(number) => format!("f{number}"),
        }
    }

    /// The name others see.
    pub fn handle(self) -> String {
        match self {
            Person::Whale => "the_whale".to_owned(),
            Person::User(number) => format!("{}_{number}", FIRST[(number % 16) as usize].to_lowercase()),
            Person::Fan(number) => format!("fan_{number}"),
        }
    }

    /// The person with this handle.
    pub fn from_handle(handle: &str) -> Option<Person> {
        let number = handle.rsplit_once('_').and_then(|(_, digits)| digits.parse().ok()).unwrap_or(0);
        [Person::Whale, Person::User(number), Person::Fan(number)]
            .into_iter()
            .find(|person| person.handle() == handle && Person::from_id(&person.id()) == Some(*person))
    }

    /// The name in full.
    pub fn display_name(self) -> String {
        let hash = mix(self.seed());
        match self {
            Person::Whale => "The Whale".to_owned(),
            Person::User(number) => {
                format!("{} {}", FIRST[(number % 16) as usize], LAST[(hash % 16) as usize])
            }
            Person::Fan(number) => format!("Fan {number}"),
        }
    }

    /// When the person came, before all posts.
    pub fn create_time(self) -> Timestamp {
        let before = SPAN_SECONDS + mix(self.seed() ^ 0xc0de) % (300 * 24 * 3600);
        Timestamp { seconds: END_OF_SEED - before as i64, nanos: 0 }
    }

    /// Whom the person follows: the whale all fans, everybody else some users.
    pub fn following(self) -> Box<dyn Iterator<Item = Person> + Send> {
        match self {
            Person::Whale => Box::new((0..FANS).map(Person::Fan)),
            Person::User(number) => {
                let count = 20 + (mix(self.seed()) % 30) as u32;
                // Steps by a number that shares no factor with the count of users, so that nobody comes twice.
                Box::new((1..=count).map(move |step| Person::User((number + step * 41) % (USERS - 1))))
            }
            Person::Fan(number) => Box::new([Person::Whale, Person::User(number % (USERS - 1))].into_iter()),
        }
    }

    /// How many seeded posts the person has.
    pub fn post_count(self) -> u32 {
        match self {
            Person::Whale => 50,
            Person::User(_) => 20,
            Person::Fan(_) => 4,
        }
    }

    /// The person's seeded posts.
    pub fn posts(self) -> impl Iterator<Item = SeedPost> {
        (0..self.post_count()).map(move |index| SeedPost::new(self, index))
    }

    fn seed(self) -> u64 {
        match self {
            Person::Whale => u64::MAX,
            Person::User(number) => u64::from(number),
            Person::Fan(number) => u64::from(number) | 1 << 32,
        }
    }
}

/// One seeded post, as far as a timeline needs it to choose: text and name are made when it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeedPost {
    /// Who posted it.
    pub author: Person,
    /// Its number among the author's.
    pub index: u32,
    /// When, in seconds since 1970.
    pub seconds: i64,
    /// How many like it.
    pub likes: i64,
    hash: u64,
}

impl SeedPost {
    fn new(author: Person, index: u32) -> SeedPost {
        let hash = mix(author.seed().wrapping_mul(0x9e37_79b9).wrapping_add(u64::from(index)));
        let seconds = END_OF_SEED - 1 - (hash % SPAN_SECONDS) as i64;
        SeedPost { author, index, seconds, likes: (hash >> 40) as i64 % 500, hash }
    }

    /// The post with this identity (`s0`, `s1` …) of an author.
    pub fn from_id(author: Person, id: &str) -> Option<SeedPost> {
        let index: u32 = id.strip_prefix('s')?.parse().ok()?;
        (index < author.post_count() && format!("s{index}") == id).then(|| SeedPost::new(author, index))
    }

    /// `users/{user}/posts/{post}`.
    pub fn name(&self) -> String {
        format!("users/{}/posts/s{}", self.author.id(), self.index)
    }

    /// What it is about.
    pub fn tags(&self) -> [&'static str; 2] {
        let first = (self.hash >> 8) as usize % TAGS.len();
        [TAGS[first], TAGS[(first + 3) % TAGS.len()]]
    }

    /// One post in ten shows a picture.
    pub fn is_picture(&self) -> bool {
        (self.hash >> 16).is_multiple_of(10)
    }

    /// What it says.
    pub fn text(&self) -> String {
        let [first, second] = self.tags();
        let mood =
            ["I love", "Nothing beats", "Thinking about", "Who else likes"][(self.hash >> 24) as usize % 4];
        format!("{mood} {first} and {second}, part {}.", self.index + 1)
    }
}

/// A good mixer of 64 bits (splitmix64's finaliser).
fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn identities_and_handles_lead_back() {
        for person in Person::users().chain((0..FANS).step_by(997).map(Person::Fan)) {
            assert_eq!(Person::from_id(&person.id()), Some(person));
            assert_eq!(Person::from_handle(&person.handle()), Some(person));
        }
        assert_eq!(Person::from_id("u999"), Some(Person::Whale));
        for id in ["", "u", "u1000", "u01", "u+1", "f50000", "x1", "é1", "me", "u-1"] {
            assert_eq!(Person::from_id(id), None, "{id}");
        }
        for handle in ["", "_", "ada_1", "ada_999", "fan_50000", "fan_01"] {
            assert_eq!(Person::from_handle(handle), None, "{handle}");
        }
    }

    #[test]
    fn nobody_is_followed_twice_and_nobody_follows_themselves() {
        for person in Person::users() {
            let following: Vec<Person> = person.following().collect();
            assert_eq!(following.iter().collect::<HashSet<_>>().len(), following.len(), "{person:?}");
            assert!(!following.contains(&person), "{person:?}");
        }
        assert_eq!(Person::Whale.following().count(), 50_000);
    }

    #[test]
    fn posts_lead_back_and_lie_in_the_seeds_time() {
        for post in Person::users().flat_map(Person::posts) {
            let id = format!("s{}", post.index);
            assert_eq!(SeedPost::from_id(post.author, &id), Some(post));
            assert!((END_OF_SEED - SPAN_SECONDS as i64..END_OF_SEED).contains(&post.seconds));
        }
        assert_eq!(SeedPost::from_id(Person::User(1), "s20"), None);
        assert_eq!(SeedPost::from_id(Person::User(1), "s01"), None);
    }
}
