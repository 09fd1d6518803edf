//! What a post may say: checked of everything that a caller sets of one.

use crate::api::timeline::v1::Post;
use crate::api::timeline::v1::post::Content;
use crate::check::{Check, is_word};
use crate::google::r#type::LatLng;

/// Most tags of a post.
const MAX_TAGS: usize = 8;

/// Checks what a caller may set of a post.
pub(super) fn check(post: &Post, check: &mut Check) {
    match &post.content {
        None => {
            check.that(false, "post", || "says nothing; expected one of text, picture and poll".to_owned());
        }
        Some(Content::Text(text)) => {
            check.that(!text.trim().is_empty(), "post.text", || "is empty".to_owned()).length(
                text,
                500,
                "post.text",
            );
        }
        Some(Content::Picture(picture)) => {
            check
                .that(super::media::is_path(&picture.path), "post.picture.path", || {
                    format!("is {:?}, which is no path among the media", picture.path)
                })
                .length(&picture.description, 500, "post.picture.description");
        }
        Some(Content::Poll(poll)) => {
            check
                .that(!poll.question.trim().is_empty(), "post.poll.question", || "is empty".to_owned())
                .length(&poll.question, 200, "post.poll.question")
                .that((2..=6).contains(&poll.answers.len()), "post.poll.answers", || {
                    format!("has {} answers; expected 2 to 6", poll.answers.len())
                })
                .that(poll.open_for.is_none_or(|open| open.seconds > 0), "post.poll.open_for", || {
                    "is not more than a second".to_owned()
                });
            for (index, answer) in poll.answers.iter().enumerate() {
                check.length(answer, 80, &format!("post.poll.answers[{index}]"));
            }
        }
    }
    check.that(post.tags.len() <= MAX_TAGS, "post.tags", || {
        format!("has {} tags; at most {MAX_TAGS} are allowed", post.tags.len())
    });
    for (index, tag) in post.tags.iter().enumerate() {
        check.that(is_word(tag, 1, 32, "-"), &format!("post.tags[{index}]"), || {
            format!("is {tag:?}; expected 1 to 32 lower-case letters, digits or `-`")
        });
    }
    if let Some(place) = &post.place {
        check_place(place, "post.place", check);
    }
}

/// Checks that a place is on earth.
pub(super) fn check_place(place: &LatLng, field: &str, check: &mut Check) {
    check
        .that((-90.0..=90.0).contains(&place.latitude), &format!("{field}.latitude"), || {
            format!("is {}; expected -90 to 90", place.latitude)
        })
        .that((-180.0..=180.0).contains(&place.longitude), &format!("{field}.longitude"), || {
            format!("is {}; expected -180 to 180", place.longitude)
        });
}
