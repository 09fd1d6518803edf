//! Builds a timeline: looks at every post of everyone followed and keeps the latest few. The cost is that of looking,
//! so it grows with whom one follows; nothing is made ready beforehand.

use super::posts::{from_seed, kind, order};
use crate::api::timeline::v1::{Post, PostKind, StoredPost, TimeWindow};
use crate::check::nanos;
use crate::replica::Rows;
use crate::seed::{Person, SeedPost};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::sync::Arc;

/// Which posts are wanted.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// At most so many.
    pub(super) size: usize,
    /// Only of these kinds; empty: all.
    pub(super) kinds: HashSet<PostKind>,
    /// At least so many likes.
    pub(super) min_likes: i64,
    /// From this time on, in nanoseconds.
    pub(super) start: Option<i128>,
    /// Up to, but not including, this time.
    pub(super) end: Option<i128>,
    /// Only what comes after this post, by time in nanoseconds and name.
    pub(super) after: Option<(i128, String)>,
}

impl Wanted {
    /// Only posts of this time.
    pub(super) fn within(mut self, window: Option<&TimeWindow>) -> Wanted {
        self.start = window.and_then(|window| window.start.as_ref()).map(nanos);
        self.end = window.and_then(|window| window.end.as_ref()).map(nanos);
        self
    }

    fn takes(&self, kind: PostKind, likes: i64, time: i128) -> bool {
        (self.kinds.is_empty() || self.kinds.contains(&kind))
            && likes >= self.min_likes
            && self.start.is_none_or(|start| time >= start)
            && self.end.is_none_or(|end| time < end)
            && self.after.as_ref().is_none_or(|(after, _)| time <= *after)
    }

    fn is_after(&self, time: i128, name: &str) -> bool {
        self.after.as_ref().is_none_or(|(after, last)| (time, name) < (*after, last.as_str()))
    }
}

/// The latest posts, and what it took to find them.
#[derive(Debug, Default)]
pub(super) struct Built {
    pub(super) posts: Vec<Post>,
    pub(super) candidates: i64,
    /// Whether there are more.
    pub(super) more: bool,
}

/// The latest posts of these users that are wanted.
pub(super) fn build(rows: &Rows<StoredPost>, users: &[String], wanted: &Wanted) -> Built {
    let written = written_by(rows, users);
    let mut built = Built::default();
    // One more than wanted, to know whether there is a next page; posts that were written over are taken out below.
    let keep = wanted.size + 1 + written.len();
    let mut latest: BinaryHeap<Reverse<(i64, SeedKey)>> = BinaryHeap::with_capacity(keep.min(1024) + 1);
    for person in users.iter().filter_map(|id| Person::from_id(id)) {
        for post in person.posts() {
            built.candidates += 1;
            let kind = if post.is_picture() { PostKind::Picture } else { PostKind::Text };
            if !wanted.takes(kind, post.likes, i128::from(post.seconds) * 1_000_000_000) {
                continue;
            }
            if latest.len() == keep
                && latest.peek().is_some_and(|Reverse((oldest, _))| *oldest > post.seconds)
            {
                continue;
            }
            // The name is made only where a page before must be told from this one.
            if wanted.after.is_some()
                && !wanted.is_after(i128::from(post.seconds) * 1_000_000_000, &post.name())
            {
                continue;
            }
            latest.push(Reverse((post.seconds, SeedKey(post))));
            if latest.len() > keep {
                latest.pop();
            }
        }
    }
    built.candidates += written.len() as i64;
    let seeded = latest.into_iter().map(|Reverse((_, key))| from_seed(&key.0));
    let mut found: Vec<Post> = seeded.filter(|post| !written.contains_key(&post.name)).collect();
    let posts = written.values().filter_map(|stored| stored.post.as_ref()).filter(|post| {
        let (time, name) = order(post);
        wanted.takes(kind(post), post.like_count, time) && wanted.is_after(time, name)
    });
    found.extend(posts.cloned());
    found.sort_by(|a, b| order(b).cmp(&order(a)));
    built.more = found.len() > wanted.size;
    found.truncate(wanted.size);
    built.posts = found;
    built
}

/// What was written of these users' posts, by name.
fn written_by(rows: &Rows<StoredPost>, users: &[String]) -> HashMap<String, Arc<StoredPost>> {
    // Whichever is less to do: to look for those of each user, or at all there are.
    let found: Vec<Arc<StoredPost>> = if users.len() < rows.len() {
        users.iter().flat_map(|user| rows.beginning(&format!("{user}/"))).collect()
    } else {
        let followed: HashSet<&str> = users.iter().map(String::as_str).collect();
        rows.filter(|post| followed.contains(post.user_id.as_str()))
    };
    found.into_iter().map(|stored| (stored.name(), stored)).collect()
}

/// The author in a post's name.
pub(super) fn author(name: &str) -> Option<&str> {
    Some(name.strip_prefix("users/")?.split_once('/')?.0)
}

/// A seeded post ordered by its name, which settles posts of the same second as [`order`] does.
#[derive(PartialEq, Eq)]
struct SeedKey(SeedPost);

impl Ord for SeedKey {
    fn cmp(&self, other: &SeedKey) -> std::cmp::Ordering {
        self.0.name().cmp(&other.0.name())
    }
}

impl PartialOrd for SeedKey {
    fn partial_cmp(&self, other: &SeedKey) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
