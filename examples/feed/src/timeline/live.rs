//! Streams: watching a timeline, and keeping reads in step.

use super::Timelines;
use super::build::{Wanted, author, build};
use super::posts::Posts;
use crate::api::timeline::v1::{
    Post, SyncReadsRequest, SyncReadsResponse, TimelineEvent, WatchTimelineRequest,
};
use crate::check::wrong;
use futures_util::stream::{self, BoxStream, StreamExt};
use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tonic::{Status, Streaming};

/// How often a watch looks for new posts: instances share a journal, which tells nobody.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Marks kept of one stream of reads.
const MAX_MARKS: usize = 10_000;

/// A watch that runs.
struct Watch {
    posts: Arc<Posts>,
    followed: HashSet<String>,
    /// Posts to send before looking again.
    ready: VecDeque<(Post, bool)>,
    /// Writes on the shelf that were looked at.
    seen: u64,
    sequence: i64,
    /// Events still to send; `None`: without end.
    left: Option<i64>,
}

impl Watch {
    async fn next(mut self) -> Option<(Result<TimelineEvent, Status>, Watch)> {
        if self.left == Some(0) {
            return None;
        }
        loop {
            if let Some((post, live)) = self.ready.pop_front() {
                self.sequence += 1;
                self.left = self.left.map(|left| left - 1);
                return Some((Ok(TimelineEvent { sequence: self.sequence, post: Some(post), live }), self));
            }
            tokio::time::sleep(LOOK_EVERY).await;
            if let Err(status) = self.look() {
                self.left = Some(0);
                return Some((Err(status), self));
            }
        }
    }

    fn look(&mut self) -> Result<(), Status> {
        let (names, seen) = self.posts.shelf.since(self.seen)?;
        self.seen = seen;
        for name in
            names.iter().filter(|name| author(name).is_some_and(|author| self.followed.contains(author)))
        {
            // What was removed meanwhile is not shown; what was changed is shown again.
            if let Ok(post) = self.posts.get(name) {
                self.ready.push_back((post, true));
            }
        }
        Ok(())
    }
}

impl Timelines {
    /// The newest posts of a timeline, the oldest of them first, then every new one.
    pub(super) async fn watch(
        &self,
        request: WatchTimelineRequest,
    ) -> Result<BoxStream<'static, Result<TimelineEvent, Status>>, Status> {
        let backlog = match request.backlog {
            0 => 10,
            some => crate::page::size(some, 10, 200).map_err(|_| wrong("backlog", "is less than nothing"))?,
        };
        let limit = u32::try_from(request.limit).map_err(|_| wrong("limit", "is less than nothing"))?;
        let followed = self.followed_by(&request.user_id).await?;
        let (_, seen) = self.posts.shelf.since(u64::MAX)?;
        let mut built = build(&self.posts, &followed, &Wanted { size: backlog, ..Wanted::default() })?;
        self.name_authors(&mut built.posts).await?;
        let watch = Watch {
            posts: self.posts.clone(),
            followed: followed.into_iter().collect(),
            ready: built.posts.into_iter().rev().map(|post| (post, false)).collect(),
            seen,
            sequence: 0,
            left: (limit > 0).then_some(i64::from(limit)),
        };
        Ok(stream::unfold(watch, Watch::next).boxed())
    }
}

/// Answers every mark with the state after it.
pub(super) fn sync_reads(
    marks: Streaming<SyncReadsRequest>,
) -> BoxStream<'static, Result<SyncReadsResponse, Status>> {
    let mut read: HashSet<String> = HashSet::new();
    let answers = marks.map(move |mark| {
        let post_name = mark?.post_name;
        if author(&post_name).is_none() {
            return Err(wrong(
                "post_name",
                format!("is {post_name:?}; expected users/{{user}}/posts/{{post}}"),
            ));
        }
        if read.len() == MAX_MARKS {
            return Err(wrong(
                "post_name",
                format!("is one too many; at most {MAX_MARKS} are kept in one stream"),
            ));
        }
        let repeated_mark = !read.insert(post_name.clone());
        Ok(SyncReadsResponse { read_count: read.len() as i64, post_name, repeated_mark })
    });
    answers.boxed()
}
