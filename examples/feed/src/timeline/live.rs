//! Streams: watching a timeline, and keeping reads in step.

use super::Timelines;
use super::build::{Wanted, author, build};
use crate::api::timeline::v1::{
    Post, StoredPost, SyncReadsRequest, SyncReadsResponse, TimelineEvent, WatchTimelineRequest,
};
use crate::check::{DOMAIN, wrong};
use futures_util::stream::{self, BoxStream, StreamExt};
use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use tenet_service::Fault;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tonic::{Status, Streaming};

/// Marks kept of one stream of reads.
const MAX_MARKS: usize = 10_000;

/// A watch that runs.
struct Watch {
    followed: HashSet<String>,
    /// Posts to send before what is new.
    ready: VecDeque<Post>,
    /// What is written, here and elsewhere.
    news: Receiver<Arc<StoredPost>>,
    sequence: i64,
    /// Events still to send; `None`: without end.
    left: Option<i64>,
}

impl Watch {
    async fn next(mut self) -> Option<(Result<TimelineEvent, Status>, Watch)> {
        if self.left == Some(0) {
            return None;
        }
        let (post, live) = match self.ready.pop_front() {
            Some(post) => (post, false),
            None => match self.live().await? {
                Ok(post) => (post, true),
                Err(status) => {
                    self.left = Some(0);
                    return Some((Err(status), self));
                }
            },
        };
        self.sequence += 1;
        self.left = self.left.map(|left| left - 1);
        Some((Ok(TimelineEvent { sequence: self.sequence, post: Some(post), live }), self))
    }

    /// The next post of somebody followed; what is changed is shown again.
    async fn live(&mut self) -> Option<Result<Post, Status>> {
        loop {
            match self.news.recv().await {
                Ok(stored) if self.followed.contains(&stored.user_id) => {
                    // What is removed is not shown.
                    let Some(post) = stored.post.clone() else { continue };
                    return Some(Ok(post));
                }
                Ok(_) => {}
                Err(RecvError::Lagged(missed)) => {
                    let fault = Fault::aborted("Posts come faster than they are read; watch anew.");
                    let fault = fault.reason("FELL_BEHIND", DOMAIN);
                    return Some(Err(fault.metadata("missed", missed.to_string()).into()));
                }
                // The service ends.
                Err(RecvError::Closed) => return None,
            }
        }
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
        let written = self.posts.written().await?;
        let news = written.news();
        let mut built = build(written, &followed, &Wanted { size: backlog, ..Wanted::default() });
        self.name_authors(&mut built.posts).await?;
        let watch = Watch {
            followed: followed.into_iter().collect(),
            ready: built.posts.into_iter().rev().collect(),
            news,
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
