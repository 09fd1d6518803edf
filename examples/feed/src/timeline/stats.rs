//! Figures about what a user posts.

use super::posts::kind;
use crate::api::timeline::v1::{Post, PostKind, Stats};
use prost::Message;
use prost_types::value::Kind;
use prost_types::{Any, Struct, Value};

/// The figures of these posts, the latest first.
pub(super) fn stats(user: &str, posts: &[Post]) -> Stats {
    let count = posts.len();
    let mut stats = Stats { post_count: count as u64, ..Stats::default() };
    let mut likes = 0;
    for post in posts {
        likes += post.like_count;
        for tag in &post.tags {
            *stats.posts_by_tag.entry(tag.clone()).or_default() += 1;
        }
        let seconds = post.create_time.as_ref().map_or(0, |time| time.seconds);
        *stats.posts_by_hour.entry((seconds.rem_euclid(86_400) / 3600) as i32).or_default() += 1;
        let kind = match kind(post) {
            PostKind::Unspecified => "none",
            PostKind::Text => "text",
            PostKind::Picture => "picture",
            PostKind::Poll => "poll",
        };
        *stats.share_by_kind.entry(kind.to_owned()).or_default() += 1.0 / count as f32;
    }
    stats.mean_likes = likes as f64 / count as f64;
    let times: Vec<i64> = posts.iter().filter_map(|post| Some(post.create_time.as_ref()?.seconds)).collect();
    let mut gaps: Vec<i64> = times.windows(2).map(|pair| pair[0] - pair[1]).collect();
    gaps.sort_unstable();
    stats.usual_gap = gaps.get(gaps.len() / 2).map(|gap| prost_types::Duration { seconds: *gap, nanos: 0 });
    stats.latest = posts.first().map(|post| Any {
        type_url: "type.googleapis.com/feed.timeline.v1.Post".to_owned(),
        value: post.encode_to_vec(),
    });
    let value = |kind| Value { kind: Some(kind) };
    let extra = [
        ("user", value(Kind::StringValue(user.to_owned()))),
        ("quiet", value(Kind::BoolValue(count == 0))),
        (
            "span_seconds",
            match (times.first(), times.last()) {
                (Some(last), Some(first)) => value(Kind::NumberValue((last - first) as f64)),
                _ => value(Kind::NullValue(0)),
            },
        ),
    ];
    stats.extra = Some(Struct { fields: extra.map(|(key, value)| (key.to_owned(), value)).into() });
    stats
}
