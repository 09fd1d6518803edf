//! Posts: the seeded ones, with what was written on top.

use crate::api::timeline::v1::post::Content;
use crate::api::timeline::v1::{Picture, Post, PostKind, StoredPost};
use crate::check::{is_word, missing, now};
use crate::replica::{Replica, Rows};
use crate::seed::{Person, SeedPost};
use prost_types::Timestamp;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use tenet_client::store::{Change, Collection, Range};
use tonic::Status;

/// Most posts of a user that a list looks at, the latest first.
const MAX_LISTED: u32 = 20_000;

/// Bytes that a list takes from the store at a time: a page of it is some two hundred posts.
const PAGE_BYTES: u32 = 64 << 10;

/// All posts, in the store, and by `user/post` in memory: a timeline asks for those of many.
pub(super) struct Posts {
    stored: Collection<StoredPost>,
    replica: Replica<StoredPost>,
}

impl Posts {
    pub(super) fn of(stored: Collection<StoredPost>) -> Posts {
        let replica = Replica::of(&stored, |post| Some(format!("{}/{}", post.user_id, post.post_id)));
        Posts { stored, replica }
    }

    /// What was written, some milliseconds ago or before: what lies over the seed.
    pub(super) async fn written(&self) -> Result<&Rows<StoredPost>, Status> {
        self.replica.rows().await
    }

    /// The post with this name.
    pub(super) async fn get(&self, name: &str) -> Result<Post, Status> {
        let at = Place::of(name)?;
        let stored = self.stored.get((&at.user, &at.post)).await?.map(|kept| kept.value);
        at.over_seed(stored).ok_or_else(|| at.nothing())
    }

    /// The latest posts of a user, the latest first: at least `count`, if there are so many.
    pub(super) async fn latest(&self, user: &str, count: usize) -> Result<Vec<Post>, Status> {
        let person = Person::from_id(user);
        // Names begin with the time. Only those that lie over the seed do not: they come first.
        let enough = count.saturating_add(person.map_or(0, Person::post_count) as usize);
        let range = Range::record(user).reverse().limit(MAX_LISTED).page_bytes(PAGE_BYTES);
        let mut stored = self.stored.scan(range);
        let mut changed: HashSet<String> = HashSet::new();
        let mut posts: Vec<Post> = Vec::new();
        while posts.len() < enough
            && let Some(kept) = stored.next().await
        {
            let kept = kept?.value;
            changed.insert(kept.name());
            posts.extend(kept.post);
        }
        let seeded =
            person.into_iter().flat_map(Person::posts).filter(|post| !changed.contains(&post.name()));
        posts.extend(seeded.map(|post| from_seed(&post)));
        posts.sort_by(|a, b| order(b).cmp(&order(a)));
        Ok(posts)
    }

    /// Adds a post of a user who exists; its content was checked.
    pub(super) async fn add(
        &self,
        user: &str,
        mut post: Post,
        time: Option<Timestamp>,
    ) -> Result<Post, Status> {
        let time = time.unwrap_or_else(now);
        // Time first, so that those of a user lie in its order; random digits, so that instances need not agree.
        let number = rand::random::<u32>() >> 8;
        let id = format!("p{:09x}{:08x}{number:06x}", time.seconds.max(0), time.nanos.max(0));
        let at = Place { user: user.to_owned(), post: id };
        post.name = at.name();
        post.author_id = user.to_owned();
        post.author_handle = String::new();
        post.create_time = Some(time);
        post.like_count = 0;
        finish(&mut post);
        let stored = at.stored(Some(post.clone()));
        let version = self.stored.insert(&stored).await?;
        self.replica.wrote(stored, version);
        Ok(post)
    }

    /// Changes a post by `change`, which may refuse, and is asked again where another was faster.
    pub(super) async fn change(
        &self,
        name: &str,
        change: impl Fn(&mut Post) -> Result<(), Status>,
    ) -> Result<Post, Status> {
        let at = Place::of(name)?;
        let written = self.set(&at, |mut post| {
            change(&mut post)?;
            finish(&mut post);
            Ok(Some(post))
        });
        written.await?.ok_or_else(|| at.nothing())
    }

    /// Removes a post.
    pub(super) async fn remove(&self, name: &str) -> Result<(), Status> {
        self.set(&Place::of(name)?, |_| Ok(None)).await.map(drop)
    }

    /// Writes what becomes of a post that is there.
    async fn set(
        &self,
        at: &Place,
        change: impl Fn(Post) -> Result<Option<Post>, Status>,
    ) -> Result<Option<Post>, Status> {
        let written = self.stored.update((&at.user, &at.post), |stored| {
            let post = at.over_seed(stored).ok_or_else(|| at.nothing())?;
            Ok::<_, Status>(Change::Put(at.stored(change(post)?)))
        });
        let Some(kept) = written.await? else { return Ok(None) };
        let post = kept.value.post.clone();
        self.replica.wrote(kept.value, kept.version);
        Ok(post)
    }
}

impl StoredPost {
    /// `users/{user}/posts/{post}`.
    pub(super) fn name(&self) -> String {
        format!("users/{}/posts/{}", self.user_id, self.post_id)
    }
}

/// Where a post is, in the one spelling: `users/u999` is the whale.
struct Place {
    user: String,
    post: String,
}

impl Place {
    /// Of a name. What cannot be one names nothing, and the store is not asked for it.
    fn of(name: &str) -> Result<Place, Status> {
        match name.strip_prefix("users/").and_then(|rest| rest.split_once("/posts/")) {
            Some((user, post)) if is_word(user, 1, 32, "_") && is_word(post, 1, 32, "") => {
                let user = Person::from_id(user).map_or_else(|| user.to_owned(), Person::id);
                Ok(Place { user, post: post.to_owned() })
            }
            _ => Err(no_post(name)),
        }
    }

    fn name(&self) -> String {
        format!("users/{}/posts/{}", self.user, self.post)
    }

    fn stored(&self, post: Option<Post>) -> StoredPost {
        StoredPost { user_id: self.user.clone(), post_id: self.post.clone(), post }
    }

    /// The post that is stored, where something is, or the seed's.
    fn over_seed(&self, stored: Option<StoredPost>) -> Option<Post> {
        match stored {
            Some(stored) => stored.post,
            None => {
                let seed = SeedPost::from_id(Person::from_id(&self.user)?, &self.post);
                seed.map(|seed| from_seed(&seed))
            }
        }
    }

    fn nothing(&self) -> Status {
        no_post(&self.name())
    }
}

/// What posts are sorted by: the time in nanoseconds, then the name, so that no two are equal.
pub(super) fn order(post: &Post) -> (i128, &str) {
    (post.create_time.as_ref().map_or(0, crate::check::nanos), &post.name)
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
