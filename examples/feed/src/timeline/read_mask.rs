//! `read_mask`: which fields of a post are filled.

use crate::api::timeline::v1::Post;
use crate::check::wrong;
use prost_types::FieldMask;
use tonic::Status;

const FIELDS: [&str; 12] = [
    "name",
    "author_id",
    "author_handle",
    "create_time",
    "tags",
    "like_count",
    "place",
    "text",
    "picture",
    "poll",
    "word_count",
    "etag",
];

/// Clears what a mask does not name; an absent or empty mask, or `*`, names everything.
pub(super) fn apply(mask: Option<&FieldMask>, posts: &mut [Post]) -> Result<(), Status> {
    let Some(mask) = mask.filter(|mask| !mask.paths.is_empty() && mask.paths != ["*"]) else { return Ok(()) };
    if let Some(unknown) = mask.paths.iter().find(|path| !FIELDS.contains(&path.as_str())) {
        return Err(wrong("read_mask", format!("names {unknown:?}; expected some of {}", FIELDS.join(", "))));
    }
    let named = |field: &str| mask.paths.iter().any(|path| path == field);
    for post in posts {
        let full = std::mem::take(post);
        let content = full.content.filter(|content| {
            use crate::api::timeline::v1::post::Content;
            match content {
                Content::Text(_) => named("text"),
                Content::Picture(_) => named("picture"),
                Content::Poll(_) => named("poll"),
            }
        });
        *post = Post {
            name: if named("name") { full.name } else { String::new() },
            author_id: if named("author_id") { full.author_id } else { String::new() },
            author_handle: if named("author_handle") { full.author_handle } else { String::new() },
            create_time: full.create_time.filter(|_| named("create_time")),
            tags: if named("tags") { full.tags } else { Vec::new() },
            like_count: if named("like_count") { full.like_count } else { 0 },
            place: full.place.filter(|_| named("place")),
            content,
            word_count: full.word_count.filter(|_| named("word_count")),
            etag: if named("etag") { full.etag } else { String::new() },
        };
    }
    Ok(())
}
