//! Posts: the seeded ones, with what was written on top.

use crate::api::timeline::v1::post::Content;
use crate::api::timeline::v1::{Picture, Post, PostKind};
use crate::check::{Check, is_word, missing, now};
use crate::google::r#type::LatLng;
use crate::seed::{Person, SeedPost};
use crate::shelf::Shelf;
use prost_types::Timestamp;
use std::hash::{DefaultHasher, Hash, Hasher};
use tonic::Status;

/// Most tags of a post.
const MAX_TAGS: usize = 8;

/// All posts, by name.
pub(super) struct Posts {
    pub(super) shelf: Shelf<Post>,
}

impl Posts {
    /// The post with this name.
    pub(super) fn get(&self, name: &str) -> Result<Post, Status> {
        let name = canonical(name);
        self.shelf.get(&name)?.or_seed(|| seeded(&name)).ok_or_else(|| no_post(&name))
    }

    /// All posts of a user, the latest first.
    pub(super) fn of(&self, user: &str) -> Result<Vec<Post>, Status> {
        let written = self.shelf.range(&format!("users/{user}/posts/"))?;
        let seeded = Person::from_id(user).into_iter().flat_map(Person::posts);
        let untouched = seeded.filter(|post| {
            let name = post.name();
            !written.iter().any(|(key, _)| *key == name)
        });
        let mut posts: Vec<Post> = untouched.map(|post| from_seed(&post)).collect();
        posts.extend(written.iter().filter_map(|(_, post)| post.clone()));
        posts.sort_by(|a, b| order(b).cmp(&order(a)));
        Ok(posts)
    }

    /// Adds a post of a user who exists; its content was checked.
    pub(super) fn add(&self, user: &str, mut post: Post, time: Option<Timestamp>) -> Result<Post, Status> {
        let time = time.unwrap_or_else(now);
        // Time first, so that names sort as they were made; random digits, so that instances need not agree.
        post.name = format!("users/{user}/posts/p{:x}{:06x}", time.seconds, rand::random::<u32>() >> 8);
        post.author_id = user.to_owned();
        post.author_handle = String::new();
        post.create_time = Some(time);
        post.like_count = 0;
        finish(&mut post);
        self.shelf.update(&post.name.clone(), |_| Ok((Some(post.clone()), ())))?;
        Ok(post)
    }

    /// Changes a post by `change`, which may refuse.
    pub(super) fn change(
        &self,
        name: &str,
        change: impl FnOnce(&mut Post) -> Result<(), Status>,
    ) -> Result<Post, Status> {
        let name = canonical(name);
        self.shelf.update(&name, |known| {
            let mut post = known.or_seed(|| seeded(&name)).ok_or_else(|| no_post(&name))?;
            change(&mut post)?;
            finish(&mut post);
            Ok((Some(post.clone()), post))
        })
    }

    /// Removes a post.
    pub(super) fn remove(&self, name: &str) -> Result<(), Status> {
        let name = canonical(name);
        self.shelf.update(&name, |known| {
            known.or_seed(|| seeded(&name)).ok_or_else(|| no_post(&name))?;
            Ok((None, ()))
        })
    }
}

/// What posts are sorted by: the time in nanoseconds, then the name, so that no two are equal.
pub(super) fn order(post: &Post) -> (i128, &str) {
    (post.create_time.as_ref().map_or(0, crate::check::nanos), &post.name)
}

/// One spelling for each name: `users/u999` is the whale.
fn canonical(name: &str) -> String {
    match split(name) {
        Some((user, post)) => match Person::from_id(user) {
            Some(person) => format!("users/{}/posts/{post}", person.id()),
            None => name.to_owned(),
        },
        None => name.to_owned(),
    }
}

/// User and post of `users/{user}/posts/{post}`.
fn split(name: &str) -> Option<(&str, &str)> {
    name.strip_prefix("users/")?.split_once("/posts/")
}

/// User of `users/{user}`.
pub(super) fn parent(parent: &str) -> Result<&str, Status> {
    match parent.strip_prefix("users/") {
        Some(user) if is_word(user, 1, 32, "_") => Ok(user),
        _ => Err(crate::check::wrong("parent", format!("is {parent:?}; expected users/{{user}}"))),
    }
}

fn no_post(name: &str) -> Status {
    missing("POST_NOT_FOUND", "feed.timeline.v1.Post", name)
}

fn seeded(name: &str) -> Option<Post> {
    let (user, post) = split(name)?;
    SeedPost::from_id(Person::from_id(user)?, post).map(|post| from_seed(&post))
}

/// A seeded post in full.
pub(super) fn from_seed(seed: &SeedPost) -> Post {
    let content = if seed.is_picture() {
        let path = format!("avatars/{}.svg", seed.author.id());
        Content::Picture(Picture { path, description: seed.text() })
    } else {
        Content::Text(seed.text())
    };
    let mut post = Post {
        name: seed.name(),
        author_id: seed.author.id(),
        create_time: Some(Timestamp { seconds: seed.seconds, nanos: 0 }),
        tags: seed.tags().map(str::to_owned).to_vec(),
        like_count: seed.likes,
        content: Some(content),
        ..Post::default()
    };
    finish(&mut post);
    post
}

/// Kind of what a post says.
pub(super) fn kind(post: &Post) -> PostKind {
    match &post.content {
        None => PostKind::Unspecified,
        Some(Content::Text(_)) => PostKind::Text,
        Some(Content::Picture(_)) => PostKind::Picture,
        Some(Content::Poll(_)) => PostKind::Poll,
    }
}

/// Fills in what follows from the rest.
fn finish(post: &mut Post) {
    post.word_count = match &post.content {
        Some(Content::Text(text)) => u32::try_from(text.split_whitespace().count()).ok(),
        _ => None,
    };
    let bare = Post { etag: String::new(), author_handle: String::new(), ..post.clone() };
    let mut hasher = DefaultHasher::new();
    prost::Message::encode_to_vec(&bare).hash(&mut hasher);
    post.etag = format!("{:016x}", hasher.finish());
}

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
