//! `feed.timeline.v1.Timelines`, as its contract says.

use super::build::{Wanted, build};
use super::posts::{order, parent};
use super::rules::check;
use super::{Timelines, live, read_mask, search, stats};
use crate::api::timeline::v1::post::Content;
use crate::api::timeline::v1::timelines_server::Timelines as Contract;
use crate::api::timeline::v1::{
    CreatePostRequest, DeletePostRequest, GetPostRequest, GetStatsRequest, GetTimelineRequest,
    ImportPostsRequest, ImportPostsResponse, LikePostRequest, LikePostResponse, ListPostsRequest,
    ListPostsResponse, Post, PostKind, SearchPostsRequest, SearchPostsResponse, Stats, SuggestUsersRequest,
    SuggestUsersResponse, Suggestion, SyncReadsRequest, SyncReadsResponse, Timeline, TimelineEvent,
    UpdatePostRequest, WatchTimelineRequest,
};
use crate::check::{Check, DOMAIN, wrong};
use crate::page;
use crate::seed::Person;
use futures_util::stream::BoxStream;
use std::collections::{HashMap, HashSet};
use std::time::Instant;
use tenet_service::Fault;
use tonic::{Request, Response, Status, Streaming};

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl Contract for Timelines {
    async fn get_timeline(&self, request: Request<GetTimelineRequest>) -> Answer<Timeline> {
        let request = request.into_inner();
        let began = Instant::now();
        let wanted = wanted(&request)?;
        read_mask::apply(request.read_mask.as_ref(), &mut [])?;
        let followed = self.followed_by(&request.user_id).await?;
        let mut built = build(self.posts.written().await?, &followed, &wanted);
        let next_page_token = match built.posts.last() {
            Some(last) if built.more => token(last),
            _ => String::new(),
        };
        self.name_authors(&mut built.posts).await?;
        read_mask::apply(request.read_mask.as_ref(), &mut built.posts)?;
        Ok(Response::new(Timeline {
            posts: built.posts,
            next_page_token,
            followed_count: i32::try_from(followed.len()).unwrap_or(i32::MAX),
            candidate_count: built.candidates,
            build_time: prost_types::Duration::try_from(began.elapsed()).ok(),
        }))
    }

    type WatchTimelineStream = BoxStream<'static, Result<TimelineEvent, Status>>;

    async fn watch_timeline(
        &self,
        request: Request<WatchTimelineRequest>,
    ) -> Answer<Self::WatchTimelineStream> {
        self.watch(request.into_inner()).await.map(Response::new)
    }

    async fn suggest_users(&self, request: Request<SuggestUsersRequest>) -> Answer<SuggestUsersResponse> {
        let request = request.into_inner();
        let limit = page::size(request.limit, 5, 50).map_err(|_| wrong("limit", "is less than nothing"))?;
        let followed = self.followed_by(&request.user_id).await?;
        let known: HashSet<&str> =
            followed.iter().map(String::as_str).chain([request.user_id.as_str()]).collect();
        // Friends of friends, counted by how many friends they are friends of.
        let mut counts: HashMap<Person, u32> = HashMap::new();
        for friend in followed.iter().filter_map(|id| Person::from_id(id)) {
            for other in friend.following().filter(|other| !known.contains(other.id().as_str())) {
                *counts.entry(other).or_default() += 1;
            }
        }
        let mut ranked: Vec<(Person, u32)> = counts.into_iter().collect();
        ranked.sort_by_key(|(person, count)| (std::cmp::Reverse(*count), *person));
        let suggestions = ranked.into_iter().take(limit).map(|(person, count)| Suggestion {
            user_id: person.id(),
            handle: person.handle(),
            score: f64::from(count) / followed.len() as f64,
            followed_by: count,
        });
        Ok(Response::new(SuggestUsersResponse { suggestions: suggestions.collect() }))
    }

    async fn get_stats(&self, request: Request<GetStatsRequest>) -> Answer<Stats> {
        let user = self.existing(&request.into_inner().user_id).await?;
        let posts = self.posts.latest(&user, usize::MAX).await?;
        Ok(Response::new(stats::stats(&user, &posts)))
    }

    async fn list_posts(&self, request: Request<ListPostsRequest>) -> Answer<ListPostsResponse> {
        let request = request.into_inner();
        let size = page::size(request.page_size, 20, 200)?;
        let offset = page::offset(&request.page_token)?;
        let user = self.existing(parent(&request.parent)?).await?;
        // One more than is shown says whether there is a next page.
        let latest = self.posts.latest(&user, offset.saturating_add(size + 1)).await?;
        let (posts, next_page_token) = page::cut(latest.into_iter(), offset, size);
        Ok(Response::new(ListPostsResponse { posts, next_page_token }))
    }

    async fn get_post(&self, request: Request<GetPostRequest>) -> Answer<Post> {
        self.posts.get(&request.into_inner().name).await.map(Response::new)
    }

    async fn create_post(&self, request: Request<CreatePostRequest>) -> Answer<Post> {
        let request = request.into_inner();
        let post = request.post.ok_or_else(|| wrong("post", "is missing"))?;
        let mut faults = Check::default();
        check(&post, &mut faults);
        faults.done()?;
        let user = self.existing(parent(&request.parent)?).await?;
        self.posts.add(&user, post, None).await.map(Response::new)
    }

    async fn update_post(&self, request: Request<UpdatePostRequest>) -> Answer<Post> {
        let request = request.into_inner();
        let new = request.post.ok_or_else(|| wrong("post", "is missing"))?;
        let paths = request.update_mask.map_or_else(|| set_fields(&new), |mask| mask.paths);
        let post = self.posts.change(&new.name, |post| {
            if !new.etag.is_empty() && new.etag != post.etag {
                return Err(Fault::aborted("The post was changed since it was read.")
                    .reason("ETAG_MISMATCH", DOMAIN)
                    .metadata("current_etag", &post.etag)
                    .into());
            }
            for path in &paths {
                assign(post, &new, path)?;
            }
            let mut faults = Check::default();
            check(post, &mut faults);
            faults.done()
        });
        post.await.map(Response::new)
    }

    async fn delete_post(&self, request: Request<DeletePostRequest>) -> Answer<()> {
        self.posts.remove(&request.into_inner().name).await.map(Response::new)
    }

    async fn like_post(&self, request: Request<LikePostRequest>) -> Answer<LikePostResponse> {
        let LikePostRequest { name, times } = request.into_inner();
        Check::default()
            .that((0..=10).contains(&times), "times", || format!("is {times}; expected 1 to 10"))
            .done()?;
        let post = self.posts.change(&name, |post| {
            post.like_count += i64::from(times.max(1));
            Ok(())
        });
        Ok(Response::new(LikePostResponse { like_count: post.await?.like_count }))
    }

    async fn search_posts(&self, request: Request<SearchPostsRequest>) -> Answer<SearchPostsResponse> {
        search::search(self.posts.written().await?, request.get_ref()).map(Response::new)
    }

    async fn import_posts(
        &self,
        request: Request<Streaming<ImportPostsRequest>>,
    ) -> Answer<ImportPostsResponse> {
        self.import(request.into_inner()).await.map(Response::new)
    }

    type SyncReadsStream = BoxStream<'static, Result<SyncReadsResponse, Status>>;

    async fn sync_reads(
        &self,
        request: Request<Streaming<SyncReadsRequest>>,
    ) -> Answer<Self::SyncReadsStream> {
        Ok(Response::new(live::sync_reads(request.into_inner())))
    }
}

fn wanted(request: &GetTimelineRequest) -> Result<Wanted, Status> {
    let mut kinds = HashSet::new();
    for &number in &request.kinds {
        let kind = PostKind::try_from(number).ok().filter(|kind| *kind != PostKind::Unspecified);
        kinds
            .insert(kind.ok_or_else(|| wrong("kinds", format!("names {number}, which is no kind of post")))?);
    }
    let window = request.window.as_ref();
    let wanted = Wanted {
        size: page::size(request.page_size, 20, 200)?,
        kinds,
        min_likes: request.min_likes.unwrap_or(i64::MIN),
        after: cursor(&request.page_token)?,
        ..Wanted::default()
    }
    .within(window);
    Check::default()
        .that(wanted.start.is_none() || wanted.end.is_none() || wanted.start < wanted.end, "window", || {
            "ends before it begins".to_owned()
        })
        .done()?;
    Ok(wanted)
}

/// Where a page ended: time and name of its last post, so that posts made meanwhile shift nothing.
fn token(last: &Post) -> String {
    let (time, name) = order(last);
    format!("{time}-{name}")
}

fn cursor(token: &str) -> Result<Option<(i128, String)>, Status> {
    if token.is_empty() {
        return Ok(None);
    }
    let parts = token.split_once('-').and_then(|(time, name)| Some((time.parse().ok()?, name.to_owned())));
    parts.map(Some).ok_or_else(|| wrong("page_token", "is not a next_page_token of this method"))
}

fn set_fields(post: &Post) -> Vec<String> {
    let content = match &post.content {
        Some(Content::Text(_)) => Some("text"),
        Some(Content::Picture(_)) => Some("picture"),
        Some(Content::Poll(_)) => Some("poll"),
        None => None,
    };
    let tags = (!post.tags.is_empty()).then_some("tags");
    let place = post.place.is_some().then_some("place");
    content.into_iter().chain(tags).chain(place).map(str::to_owned).collect()
}

fn assign(post: &mut Post, new: &Post, path: &str) -> Result<(), Status> {
    let same = match &new.content {
        Some(Content::Text(_)) => path == "text",
        Some(Content::Picture(_)) => path == "picture",
        Some(Content::Poll(_)) => path == "poll",
        None => false,
    };
    match path {
        "text" | "picture" | "poll" if same => post.content.clone_from(&new.content),
        "text" | "picture" | "poll" => post.content = None,
        "tags" => post.tags.clone_from(&new.tags),
        "place" => post.place = new.place,
        other => {
            return Err(wrong(
                "update_mask",
                format!("names {other:?}; expected some of text, picture, poll, tags, place"),
            ));
        }
    }
    Ok(())
}
