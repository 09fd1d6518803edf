//! Every method of the example over real gRPC, with timeline calling accounts.
#![allow(clippy::unwrap_used)] // a panic in a test is its report

#[path = "support/kept.rs"]
mod kept;
#[path = "it/state.rs"]
mod state;

use kept::Kept;
use std::collections::HashSet;
use std::net::SocketAddr;
use tenet_example_feed::api::accounts::v1::accounts_client::AccountsClient;
use tenet_example_feed::api::accounts::v1::accounts_internal_client::AccountsInternalClient;
use tenet_example_feed::api::accounts::v1::*;
use tenet_example_feed::api::payments::v1::payments_client::PaymentsClient;
use tenet_example_feed::api::payments::v1::*;
use tenet_example_feed::api::timeline::v1::media_client::MediaClient;
use tenet_example_feed::api::timeline::v1::post::Content;
use tenet_example_feed::api::timeline::v1::timelines_client::TimelinesClient;
use tenet_example_feed::api::timeline::v1::*;
use tenet_example_feed::google::api::HttpBody;
use tenet_example_feed::google::r#type::{LatLng, Money};
use tenet_example_feed::timeline::Accounts;
use tenet_service::details::{BadRequest, ErrorInfo, ResourceInfo, RetryInfo, read};
use tenet_service::{Channel, Facts, Service, channel_to};
use tokio_stream::StreamExt;
use tonic::{Code, Request, Status};

/// Serves until the test's runtime ends.
async fn serve(service: Service) -> Channel {
    channel_to(format!("http://{}", serve_at(service).await).parse().unwrap())
}

/// Where it serves.
async fn serve_at(service: Service) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let facts = Facts::from_lookup("feed", |_| None).unwrap();
    tokio::spawn(service.serve_on(listener, facts, std::future::pending()));
    address
}

/// Accounts over a store.
async fn accounts_over(kept: &Kept) -> Channel {
    serve(tenet_example_feed::accounts::service(&kept.seen_by("accounts")).unwrap()).await
}

async fn timeline_over(kept: &Kept, accounts: Channel) -> Channel {
    let store = kept.seen_by("timeline");
    serve(tenet_example_feed::timeline::service(&store, &Accounts::over(accounts)).unwrap()).await
}

async fn payments_over(kept: &Kept) -> PaymentsClient<Channel> {
    let service = tenet_example_feed::payments::service(&kept.seen_by("payments")).unwrap();
    PaymentsClient::new(serve(service).await)
}

async fn accounts() -> AccountsClient<Channel> {
    AccountsClient::new(accounts_over(&Kept::start().await).await)
}

async fn timeline_channel() -> Channel {
    let kept = Kept::start().await;
    let accounts = accounts_over(&kept).await;
    timeline_over(&kept, accounts).await
}

async fn timeline() -> TimelinesClient<Channel> {
    TimelinesClient::new(timeline_channel().await)
}

async fn payments() -> PaymentsClient<Channel> {
    payments_over(&Kept::start().await).await
}

fn fields(status: &Status) -> Vec<String> {
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    read::<BadRequest>(status)
        .unwrap()
        .field_violations
        .into_iter()
        .map(|violation| violation.field)
        .collect()
}

fn reason(status: &Status) -> String {
    read::<ErrorInfo>(status).unwrap_or_else(|| panic!("{status:?}")).reason
}

fn user_id(id: &str) -> GetUserRequest {
    GetUserRequest { user_id: id.into(), ..Default::default() }
}

fn user(handle: &str) -> User {
    User { handle: handle.into(), display_name: "New".into(), ..Default::default() }
}

fn text(text: &str) -> Option<Post> {
    Some(Post { content: Some(Content::Text(text.into())), ..Default::default() })
}

fn eur(units: i64) -> Option<Money> {
    Some(Money { currency_code: "EUR".into(), units, nanos: 0 })
}

#[tokio::test]
async fn users_are_read_by_identity_and_handle() {
    let mut client = accounts().await;
    let one = client.get_user(user_id("u1")).await.unwrap().into_inner();
    let by_handle = GetUserRequest { handle: one.handle.clone(), ..Default::default() };
    assert_eq!(client.get_user(by_handle).await.unwrap().into_inner(), one);
    assert_eq!(client.get_me(GetMeRequest {}).await.unwrap().into_inner(), one);
    let whale = client.get_user(user_id("u999")).await.unwrap().into_inner();
    assert_eq!((whale.user_id.as_str(), whale.following_count), ("whale", 50_000));
    let status = client.get_user(user_id("nobody")).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::NotFound, "USER_NOT_FOUND"));
    assert_eq!(read::<ResourceInfo>(&status).unwrap().resource_name, "users/nobody");
    assert_eq!(fields(&client.get_user(user_id("")).await.unwrap_err()), ["user_id"]);
    let request = BatchGetUsersRequest { user_ids: vec!["u2".into(), "x".into(), "u1".into()] };
    let batch = client.batch_get_users(request).await.unwrap().into_inner();
    assert_eq!(batch.users.iter().map(|user| &*user.user_id).collect::<Vec<_>>(), ["u2", "u1"]);
    assert_eq!(batch.missing_user_ids, ["x"]);
    assert_eq!(
        fields(&client.batch_get_users(BatchGetUsersRequest::default()).await.unwrap_err()),
        ["user_ids"]
    );
}

#[tokio::test]
async fn users_are_listed_filtered_and_paged() {
    let mut client = accounts().await;
    let mut seen = HashSet::new();
    let mut request = ListUsersRequest { page_size: 300, ..Default::default() };
    for _ in 0..5 {
        let page = client.list_users(request.clone()).await.unwrap().into_inner();
        assert_eq!(page.total_size, 1000);
        seen.extend(page.users.into_iter().map(|user| user.user_id));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    assert_eq!((seen.len(), request.page_token.as_str()), (1000, ""));
    let filter = UserFilter {
        handle_prefix: "ada_".into(),
        roles: vec![Role::Moderator.into()],
        verified: None,
        created_after: None,
    };
    let request =
        ListUsersRequest { filter: Some(filter), order: UserOrder::NewestFirst.into(), ..Default::default() };
    let page = client.list_users(request).await.unwrap().into_inner();
    assert!(!page.users.is_empty());
    assert!(page.users.iter().all(|user| user.handle.starts_with("ada_") && user.role() == Role::Moderator));
    let times: Vec<i64> = page.users.iter().map(|user| user.create_time.unwrap().seconds).collect();
    assert!(times.is_sorted_by(|a, b| a >= b));
    for (request, field) in [
        (ListUsersRequest { page_size: -1, ..Default::default() }, "page_size"),
        (ListUsersRequest { page_token: "x".into(), ..Default::default() }, "page_token"),
        (ListUsersRequest { order: 9, ..Default::default() }, "order"),
    ] {
        assert_eq!(fields(&client.list_users(request).await.unwrap_err()), [field]);
    }
}

#[tokio::test]
async fn users_are_created_changed_and_deleted() {
    let mut client = accounts().await;
    let create = |user: User| CreateUserRequest { user: Some(user), ..Default::default() };
    let bad = User {
        handle: "a b".into(),
        bio: Some("x".repeat(301)),
        contact: Some(Contact { email: "no".into(), urls: vec![] }),
        ..Default::default()
    };
    let mut found = fields(&client.create_user(create(bad)).await.unwrap_err());
    found.sort();
    assert_eq!(found, ["user.bio", "user.contact.email", "user.handle", "user_id"]);

    let check = CreateUserRequest { validate_only: true, ..create(user("Newcomer")) };
    client.create_user(check).await.unwrap();
    let made = client.create_user(create(user("Newcomer"))).await.unwrap().into_inner();
    assert_eq!(made.user_id, "newcomer");
    for again in [user("Newcomer"), User { user_id: "newcomer".into(), ..user("Other") }] {
        let status = client.create_user(create(again)).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::AlreadyExists, "USER_EXISTS"));
    }

    let new = User {
        user_id: "newcomer".into(),
        display_name: "Renamed".into(),
        contact: Some(Contact { email: "n@feed.example".into(), urls: vec!["https://n".into()] }),
        ..Default::default()
    };
    let update = |paths: &[&str]| UpdateUserRequest {
        user: Some(new.clone()),
        update_mask: Some(prost_types::FieldMask {
            paths: paths.iter().map(|path| (*path).into()).collect(),
        }),
    };
    let changed = client.update_user(update(&["contact.email"])).await.unwrap().into_inner();
    assert_eq!(changed.display_name, "New");
    assert_eq!(changed.contact.unwrap(), Contact { email: "n@feed.example".into(), urls: vec![] });
    assert_ne!(changed.etag, made.etag);
    assert_eq!(fields(&client.update_user(update(&["etag"])).await.unwrap_err()), ["update_mask"]);
    let no_mask = UpdateUserRequest { user: Some(new), update_mask: None };
    assert_eq!(client.update_user(no_mask).await.unwrap().into_inner().display_name, "Renamed");

    let delete = DeleteUserRequest { user_id: "newcomer".into() };
    client.delete_user(delete.clone()).await.unwrap();
    assert_eq!(client.delete_user(delete).await.unwrap_err().code(), Code::NotFound);
    client.delete_user(DeleteUserRequest { user_id: "u5".into() }).await.unwrap();
    assert_eq!(client.get_user(user_id("u5")).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn following_is_idempotent_and_unfollowing_is_not_for_strangers() {
    let mut client = accounts().await;
    let follow = |follower: &str| FollowUserRequest { user_id: "u500".into(), follower_id: follower.into() };
    let first = client.follow_user(follow("u1")).await.unwrap().into_inner();
    let second = client.follow_user(follow("u1")).await.unwrap().into_inner();
    assert_eq!((first.changed, second.changed), (true, false));
    assert_eq!(first.following_count, second.following_count);
    let list = ListFollowingRequest { user_id: "u1".into(), page_size: Some(1000) };
    assert!(client.list_following(list).await.unwrap().into_inner().user_ids.contains(&"u500".to_owned()));
    let unfollow = UnfollowUserRequest { user_id: "u500".into(), follower_id: "u1".into() };
    client.unfollow_user(unfollow.clone()).await.unwrap();
    let status = client.unfollow_user(unfollow).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::FailedPrecondition, "NOT_FOLLOWING"));
    assert_eq!(fields(&client.follow_user(follow("u500")).await.unwrap_err()), ["follower_id"]);
    assert_eq!(fields(&client.follow_user(follow("")).await.unwrap_err()), ["follower_id"]);
    assert_eq!(client.follow_user(follow("nobody")).await.unwrap_err().code(), Code::NotFound);
    let seeded =
        client.list_following(ListFollowingRequest { user_id: "f7".into(), page_size: None }).await.unwrap();
    assert_eq!(seeded.into_inner().user_ids, ["whale", "u7"]);
    let unfollow = UnfollowUserRequest { user_id: "whale".into(), follower_id: "f7".into() };
    client.unfollow_user(unfollow).await.unwrap();
    let left =
        client.list_following(ListFollowingRequest { user_id: "f7".into(), page_size: None }).await.unwrap();
    assert_eq!(left.into_inner().user_ids, ["u7"]);
    let pong = client.ping(PingRequest { text: "hey".into() }).await.unwrap().into_inner();
    assert_eq!(pong.text, "hey");
}

#[tokio::test]
async fn services_ask_for_accounts_in_bulk() {
    let mut client = AccountsInternalClient::new(accounts_over(&Kept::start().await).await);
    let request = BatchGetAccountsRequest { user_ids: vec!["whale".into(), "x".into()] };
    let accounts = client.batch_get_accounts(request).await.unwrap().into_inner().accounts;
    assert_eq!(accounts.iter().map(|account| &*account.handle).collect::<Vec<_>>(), ["the_whale"]);
    let too_many = BatchGetAccountsRequest { user_ids: vec!["u1".into(); 1001] };
    assert_eq!(fields(&client.batch_get_accounts(too_many).await.unwrap_err()), ["user_ids"]);
    let request = StreamFollowingRequest { user_id: "whale".into() };
    let chunks: Vec<_> = client.stream_following(request).await.unwrap().into_inner().collect().await;
    let sizes: Vec<usize> = chunks.into_iter().map(|chunk| chunk.unwrap().user_ids.len()).collect();
    assert_eq!(sizes, [1000; 50]);
}

fn timeline_of(user_id: &str) -> GetTimelineRequest {
    GetTimelineRequest { user_id: user_id.into(), ..Default::default() }
}

#[tokio::test]
async fn a_timeline_is_sorted_named_filtered_and_paged() {
    let mut client = timeline().await;
    let whole = client
        .get_timeline(GetTimelineRequest { page_size: 200, ..timeline_of("u7") })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(whole.candidate_count, i64::from(whole.followed_count) * 20);
    assert_eq!(whole.posts.len(), 200);
    assert!(
        whole.posts.is_sorted_by(|a, b| a.create_time.unwrap().seconds >= b.create_time.unwrap().seconds)
    );
    assert!(whole.posts.iter().all(|post| !post.author_handle.is_empty()));

    let mut paged = Vec::new();
    let mut request = GetTimelineRequest { page_size: 33, ..timeline_of("u7") };
    while paged.len() < 200 {
        let page = client.get_timeline(request.clone()).await.unwrap().into_inner();
        assert!(!page.posts.is_empty());
        paged.extend(page.posts);
        request.page_token = page.next_page_token;
    }
    paged.truncate(200);
    assert_eq!(paged, whole.posts);

    let middle = whole.posts[100].create_time;
    let request = GetTimelineRequest {
        kinds: vec![PostKind::Picture.into()],
        window: Some(TimeWindow { start: middle, end: None }),
        min_likes: Some(100),
        read_mask: Some(prost_types::FieldMask {
            paths: vec!["name".into(), "like_count".into(), "picture".into()],
        }),
        ..timeline_of("u7")
    };
    let some = client.get_timeline(request).await.unwrap().into_inner().posts;
    let expected = whole.posts[..=100]
        .iter()
        .filter(|post| post.like_count >= 100 && matches!(post.content, Some(Content::Picture(_))));
    assert_eq!(
        some.iter().map(|post| &post.name).collect::<Vec<_>>(),
        expected.map(|post| &post.name).take(20).collect::<Vec<_>>()
    );
    assert!(some.iter().all(|post| post.author_id.is_empty() && post.tags.is_empty()));

    for (request, field) in [
        (GetTimelineRequest { kinds: vec![7], ..timeline_of("u7") }, "kinds"),
        (GetTimelineRequest { page_token: "x".into(), ..timeline_of("u7") }, "page_token"),
        (
            GetTimelineRequest {
                window: Some(TimeWindow { start: middle, end: middle }),
                ..timeline_of("u7")
            },
            "window",
        ),
        (
            GetTimelineRequest {
                read_mask: Some(prost_types::FieldMask { paths: vec!["nope".into()] }),
                ..timeline_of("u7")
            },
            "read_mask",
        ),
    ] {
        assert_eq!(fields(&client.get_timeline(request).await.unwrap_err()), [field]);
    }
    let status = client.get_timeline(timeline_of("nobody")).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::NotFound, "USER_NOT_FOUND"));
}

#[tokio::test]
async fn the_whales_timeline_looks_at_two_hundred_thousand_posts() {
    let built = timeline().await.get_timeline(timeline_of("whale")).await.unwrap().into_inner();
    assert_eq!((built.followed_count, built.candidate_count, built.posts.len()), (50_000, 200_000, 20));
}

#[tokio::test]
async fn posts_are_made_changed_liked_and_removed() {
    let mut client = timeline().await;
    let create = |parent: &str, post| CreatePostRequest { parent: parent.into(), post };
    for (request, field) in [
        (create("users/u3", Some(Post::default())), "post"),
        (create("users/u3", text(" ")), "post.text"),
        (create("u3", text("hi")), "parent"),
        (
            create("users/u3", text("hi").map(|post| Post { tags: vec!["Big".into()], ..post })),
            "post.tags[0]",
        ),
        (
            create(
                "users/u3",
                text("hi")
                    .map(|post| Post { place: Some(LatLng { latitude: 91.0, longitude: 0.0 }), ..post }),
            ),
            "post.place.latitude",
        ),
        (
            create(
                "users/u3",
                Some(Post {
                    content: Some(Content::Poll(Poll {
                        question: "?".into(),
                        answers: vec!["a".into()],
                        open_for: None,
                    })),
                    ..Default::default()
                }),
            ),
            "post.poll.answers",
        ),
    ] {
        assert_eq!(fields(&client.create_post(request).await.unwrap_err()), [field]);
    }
    assert_eq!(
        client.create_post(create("users/nobody", text("hi"))).await.unwrap_err().code(),
        Code::NotFound
    );
    let made = client.create_post(create("users/u3", text("four words in here"))).await.unwrap().into_inner();
    assert_eq!(made.word_count, Some(4));
    let get = |name: &str| GetPostRequest { name: name.into() };
    assert_eq!(client.get_post(get(&made.name)).await.unwrap().into_inner(), made);

    let list = ListPostsRequest { parent: "users/u3".into(), page_size: 200, ..Default::default() };
    let posts = client.list_posts(list).await.unwrap().into_inner().posts;
    assert_eq!((posts.len(), &posts[0]), (21, &made));

    let mut new = Post { name: made.name.clone(), etag: made.etag.clone(), ..text("two words").unwrap() };
    let update = |post: &Post, paths: &[&str]| UpdatePostRequest {
        post: Some(post.clone()),
        update_mask: Some(prost_types::FieldMask {
            paths: paths.iter().map(|path| (*path).into()).collect(),
        }),
    };
    let changed = client.update_post(update(&new, &["text"])).await.unwrap().into_inner();
    assert_eq!(changed.word_count, Some(2));
    let status = client.update_post(update(&new, &["text"])).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Aborted, "ETAG_MISMATCH"));
    new.etag.clear();
    assert_eq!(fields(&client.update_post(update(&new, &["name"])).await.unwrap_err()), ["update_mask"]);

    let like = |times| LikePostRequest { name: made.name.clone(), times };
    assert_eq!(client.like_post(like(0)).await.unwrap().into_inner().like_count, 1);
    assert_eq!(client.like_post(like(10)).await.unwrap().into_inner().like_count, 11);
    assert_eq!(fields(&client.like_post(like(11)).await.unwrap_err()), ["times"]);

    for name in [made.name.as_str(), "users/u3/posts/s0"] {
        client.delete_post(DeletePostRequest { name: name.into() }).await.unwrap();
        let status = client.get_post(get(name)).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::NotFound, "POST_NOT_FOUND"));
    }
}

#[tokio::test]
async fn search_suggestions_and_figures() {
    let mut client = timeline().await;
    let berlin = LatLng { latitude: 52.5, longitude: 13.4 };
    let here = text("Rain over tea").map(|post| Post { place: Some(berlin), ..post });
    client.create_post(CreatePostRequest { parent: "users/u1".into(), post: here }).await.unwrap();
    let search = |request: SearchPostsRequest| {
        let mut client = client.clone();
        async move { client.search_posts(request).await.map(tonic::Response::into_inner) }
    };
    let near = search_posts_request::Near {
        centre: Some(LatLng { latitude: 52.6, longitude: 13.4 }),
        radius_km: 20.0,
    };
    let found = search(SearchPostsRequest { near: Some(near), ..Default::default() }).await.unwrap();
    assert_eq!((found.posts.len(), found.candidate_count), (1, 999 * 20 + 50 + 1));
    let found = search(SearchPostsRequest {
        query: "TEA".into(),
        tags: vec!["tea".into()],
        page_size: 7,
        ..Default::default()
    });
    assert_eq!(found.await.unwrap().posts.len(), 7);
    assert_eq!(fields(&search(SearchPostsRequest::default()).await.unwrap_err()), ["query"]);

    let request = SuggestUsersRequest { user_id: "u7".into(), limit: 3 };
    let suggested = client.suggest_users(request).await.unwrap().into_inner().suggestions;
    assert_eq!(suggested.len(), 3);
    assert!(suggested.windows(2).all(|pair| pair[0].score >= pair[1].score && pair[0].followed_by > 0));

    let stats = client.get_stats(GetStatsRequest { user_id: "u1".into() }).await.unwrap().into_inner();
    assert_eq!(stats.post_count, 21);
    assert_eq!(stats.posts_by_tag.values().sum::<i64>(), 40);
    assert_eq!(stats.posts_by_hour.values().sum::<u32>(), 21);
    assert!((stats.share_by_kind.values().sum::<f32>() - 1.0).abs() < 0.001);
    assert!(stats.latest.unwrap().type_url.ends_with("feed.timeline.v1.Post"));
}

#[tokio::test]
async fn the_three_kinds_of_streams() {
    let mut client = timeline().await;
    let watch = WatchTimelineRequest { user_id: "u0".into(), backlog: 2, limit: 4 };
    let mut events = client.watch_timeline(watch).await.unwrap().into_inner();
    for sequence in 1..=2 {
        let event = events.message().await.unwrap().unwrap();
        assert_eq!((event.sequence, event.live), (sequence, false));
    }
    // u0 follows u41 and u82, not u1.
    let posts = ["u41", "u1", "u82"].map(|user| ImportPostsRequest {
        parent: format!("users/{user}"),
        post: text(&format!("by {user}")),
    });
    let imported = client.import_posts(tokio_stream::iter(posts)).await.unwrap().into_inner();
    assert_eq!(imported.imported_count, 3);
    assert!(imported.first_name.starts_with("users/u41/") && imported.last_name.starts_with("users/u82/"));
    for author in ["u41", "u82"] {
        let event = events.message().await.unwrap().unwrap();
        assert_eq!((event.live, event.post.unwrap().author_id.as_str()), (true, author));
    }
    assert_eq!(events.message().await.unwrap(), None);
    let wrong = tokio_stream::iter([ImportPostsRequest { parent: "users/u1".into(), post: text("") }]);
    assert_eq!(fields(&client.import_posts(wrong).await.unwrap_err()), ["post.text"]);

    let marks = ["users/a/posts/1", "users/a/posts/2", "users/a/posts/1", "nonsense"];
    let marks = marks.map(|name| SyncReadsRequest { user_id: "u1".into(), post_name: name.into() });
    let mut states = client.sync_reads(tokio_stream::iter(marks)).await.unwrap().into_inner();
    for (count, repeated) in [(1, false), (2, false), (2, true)] {
        let state = states.message().await.unwrap().unwrap();
        assert_eq!((state.read_count, state.repeated_mark), (count, repeated));
    }
    assert_eq!(fields(&states.message().await.unwrap_err()), ["post_name"]);
}

#[tokio::test]
async fn media_keep_bytes_and_type() {
    let mut client = MediaClient::new(timeline_channel().await);
    let get = |path: &str| GetMediaRequest { path: path.into() };
    let avatar = client.get_media(get("avatars/u1.svg")).await.unwrap().into_inner();
    assert_eq!(avatar.content_type, "image/svg+xml");
    assert_eq!(client.get_media(get("a/b")).await.unwrap_err().code(), Code::NotFound);
    let body = HttpBody { content_type: "image/png".into(), data: b"123456789".to_vec(), extensions: vec![] };
    let put = |path: &str, body: &HttpBody| PutMediaRequest { path: path.into(), body: Some(body.clone()) };
    let info = client.put_media(put("a/b", &body)).await.unwrap().into_inner();
    assert_eq!((info.size_bytes, info.crc32), (9, 0xcbf4_3926));
    assert_eq!(client.get_media(get("a/b")).await.unwrap().into_inner(), body);
    let large = HttpBody { data: vec![0; (1 << 20) + 1], ..body };
    assert_eq!(fields(&client.put_media(put("../x", &large)).await.unwrap_err()), ["path", "body.data"]);
}

fn charge(token: &str) -> CreateChargeRequest {
    let card = Card { token: token.into(), last4: "4242".into() };
    CreateChargeRequest {
        user_id: "u1".into(),
        amount: eur(20),
        source: Some(create_charge_request::Source::Card(card)),
        ..Default::default()
    }
}

#[tokio::test]
async fn charges_go_their_way() {
    let mut client = payments().await;
    let reserved = CreateChargeRequest { authorize_only: true, ..charge("tok_1") };
    let made = client.create_charge(reserved).await.unwrap().into_inner();
    assert_eq!(made.state(), ChargeState::Authorized);
    let id = &made.charge_id;
    let get = |user_id: &str| GetChargeRequest { charge_id: id.clone(), user_id: user_id.into() };
    assert_eq!(client.get_charge(get("u1")).await.unwrap().into_inner(), made);
    assert_eq!(client.get_charge(get("u2")).await.unwrap_err().code(), Code::NotFound);

    let refund = |amount| RefundChargeRequest { charge_id: id.clone(), amount, reason: String::new() };
    assert_eq!(reason(&client.refund_charge(refund(None)).await.unwrap_err()), "NOT_REFUNDABLE");
    for _ in 0..2 {
        let taken =
            client.capture_charge(CaptureChargeRequest { charge_id: id.clone() }).await.unwrap().into_inner();
        assert_eq!((taken.state(), taken.steps.len()), (ChargeState::Captured, 2));
    }
    let part = client.refund_charge(refund(eur(5))).await.unwrap().into_inner();
    assert_eq!((part.state(), part.refunded), (ChargeState::PartlyRefunded, eur(5)));
    let status = client.refund_charge(refund(eur(16))).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::OutOfRange, "MORE_THAN_CHARGED"));
    let all = client.refund_charge(refund(None)).await.unwrap().into_inner();
    assert_eq!((all.state(), all.refunded), (ChargeState::Refunded, eur(20)));
    let status = client.capture_charge(CaptureChargeRequest { charge_id: id.clone() }).await.unwrap_err();
    assert_eq!(reason(&status), "NOT_CAPTURABLE");

    let list =
        |filter| ListChargesRequest { user_id: "u1".into(), filter: Some(filter), ..Default::default() };
    let everything = client.list_charges(list(ChargeFilter::default())).await.unwrap().into_inner().charges;
    assert_eq!((everything.len(), &everything[0].charge_id), (4, id));
    let filter = ChargeFilter {
        states: vec![ChargeState::Refunded.into()],
        min_amount: eur(20),
        ..Default::default()
    };
    assert_eq!(client.list_charges(list(filter)).await.unwrap().into_inner().charges.len(), 1);
    let filter = ChargeFilter { states: vec![99], ..Default::default() };
    assert_eq!(fields(&client.list_charges(list(filter)).await.unwrap_err()), ["filter.states[0]"]);
}

#[tokio::test]
async fn charges_are_refused_with_reasons() {
    let mut client = payments().await;
    let bad =
        CreateChargeRequest { user_id: "Me!".into(), amount: eur(0), source: None, ..Default::default() };
    assert_eq!(fields(&client.create_charge(bad).await.unwrap_err()), ["user_id", "amount.units", "source"]);
    assert_eq!(fields(&client.create_charge(charge("4242424242424242")).await.unwrap_err()), ["card.token"]);
    assert_eq!(reason(&client.create_charge(charge("tok_declined")).await.unwrap_err()), "CARD_DECLINED");
    let status = client.create_charge(charge("tok_unreachable")).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "BANK_UNREACHABLE"));
    assert_eq!(read::<RetryInfo>(&status).unwrap().retry_delay.unwrap().seconds, 2);
    assert_eq!(client.create_charge(charge("tok_crash")).await.unwrap_err().code(), Code::Internal);
    let mut slow = Request::new(charge("tok_slow"));
    slow.set_timeout(std::time::Duration::from_millis(100));
    assert_eq!(client.create_charge(slow).await.unwrap_err().code(), Code::DeadlineExceeded);
    #[allow(deprecated)] // old clients still call it
    let paid =
        client.pay(PayRequest { user_id: "u1".into(), cents: 150, token: "tok_1".into() }).await.unwrap();
    assert_eq!(
        paid.into_inner().amount,
        Some(Money { currency_code: "EUR".into(), units: 1, nanos: 500_000_000 })
    );
}
