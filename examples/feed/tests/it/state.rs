//! What is stored: two instances are one service, names are somebody's alone, keys of callers count once, and lists lie over the seed.

use super::*;
use futures_util::future::join_all;
use std::time::{Duration, Instant};

/// Asks until the answer is what it is to become: what another instance has written is seen some milliseconds later.
async fn eventually(what: &str, mut ask: impl AsyncFnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(20);
    while !ask().await {
        assert!(Instant::now() < until, "{what} was not to be seen");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn two_instances_are_one_service() {
    let kept = Kept::start().await;
    let mut accounts = Vec::new();
    let mut timelines = Vec::new();
    for _ in 0..2 {
        let channel = accounts_over(&kept).await;
        timelines.push(timeline_over(&kept, channel.clone()).await);
        accounts.push(AccountsClient::new(channel));
    }
    let create = |user: User| CreateUserRequest { user: Some(user), ..Default::default() };
    let made = accounts[0].create_user(create(user("Newcomer"))).await.unwrap().into_inner();
    // What is asked of one thing is seen at once, whoever wrote it.
    assert_eq!(accounts[1].get_user(user_id("newcomer")).await.unwrap().into_inner(), made);
    let by_handle = GetUserRequest { handle: "Newcomer".into(), ..Default::default() };
    assert_eq!(accounts[1].get_user(by_handle).await.unwrap().into_inner(), made);
    let mut writers: Vec<_> = timelines.iter().cloned().map(TimelinesClient::new).collect();
    let post = CreatePostRequest { parent: "users/newcomer".into(), post: text("hello") };
    let post = writers[1].create_post(post).await.unwrap().into_inner();
    for client in &mut writers {
        let like = LikePostRequest { name: post.name.clone(), times: 2 };
        client.like_post(like).await.unwrap();
    }
    let get = GetPostRequest { name: post.name.clone() };
    assert_eq!(writers[0].get_post(get).await.unwrap().into_inner().like_count, 4);
    let list = ListPostsRequest { parent: "users/newcomer".into(), ..Default::default() };
    assert_eq!(writers[0].list_posts(list).await.unwrap().into_inner().posts.len(), 1);

    // What concerns many is seen a little later.
    let follow = FollowUserRequest { user_id: "newcomer".into(), follower_id: "u3".into() };
    accounts[0].follow_user(follow.clone()).await.unwrap();
    assert!(
        !accounts[1].follow_user(follow).await.unwrap().into_inner().changed,
        "that is decided in the store"
    );
    for (account, client) in accounts.iter_mut().zip(&mut writers) {
        let listed = async || {
            let list = ListUsersRequest { page_size: 1000, ..Default::default() };
            account.list_users(list).await.unwrap().into_inner().total_size == 1001
        };
        eventually("the new user", listed).await;
        let read = async || {
            let found = client.get_timeline(timeline_of("u3")).await.unwrap().into_inner().posts;
            found.first().is_some_and(|first| first.name == post.name && first.like_count == 4)
        };
        eventually("the post on a timeline", read).await;
    }

    let mut media: Vec<_> = timelines.into_iter().map(MediaClient::new).collect();
    // As much as may be: longer than an item of the store, with what is beside it.
    let data: Vec<u8> = (0..1u32 << 20).map(|at| (at % 251) as u8).collect();
    let body = HttpBody { content_type: "image/png".into(), data, extensions: vec![] };
    let put = PutMediaRequest { path: "big.png".into(), body: Some(body.clone()) };
    media[0].put_media(put).await.unwrap();
    let get = GetMediaRequest { path: "big.png".into() };
    assert!(media[1].get_media(get).await.unwrap().into_inner() == body);
}

#[tokio::test]
async fn a_handle_is_somebodys_alone() {
    let kept = Kept::start().await;
    let clients = [accounts_over(&kept).await, accounts_over(&kept).await].map(AccountsClient::new);
    // Of many who want it at one moment, through two instances, one gets it.
    let racers = (0..8).map(|number| {
        let mut client = clients[number % 2].clone();
        let new = User { user_id: format!("racer{number}"), ..user("Speedy") };
        async move { client.create_user(CreateUserRequest { user: Some(new), ..Default::default() }).await }
    });
    let (won, lost): (Vec<_>, Vec<_>) = join_all(racers).await.into_iter().partition(Result::is_ok);
    assert_eq!((won.len(), lost.len()), (1, 7));
    assert!(lost.iter().all(|lost| reason(lost.as_ref().unwrap_err()) == "USER_EXISTS"), "{lost:?}");
    let winner = won.into_iter().next().unwrap().unwrap().into_inner().user_id;

    let [mut one, mut two] = clients;
    let rename = |user_id: &str, handle: &str| UpdateUserRequest {
        user: Some(User { user_id: user_id.into(), ..user(handle) }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["handle".into()] }),
    };
    let whose = |handle: &str| GetUserRequest { handle: handle.into(), ..Default::default() };
    // A seeded handle is given up with its user's next one, and free then.
    let seeded = one.get_user(user_id("u4")).await.unwrap().into_inner().handle;
    assert_eq!(reason(&two.update_user(rename("u4", "Speedy")).await.unwrap_err()), "USER_EXISTS");
    one.update_user(rename("u4", "Renamed")).await.unwrap();
    assert_eq!(two.get_user(whose("Renamed")).await.unwrap().into_inner().user_id, "u4");
    assert_eq!(two.get_user(whose(&seeded)).await.unwrap_err().code(), Code::NotFound);
    two.update_user(rename(&winner, &seeded)).await.unwrap();
    assert_eq!(one.get_user(whose(&seeded)).await.unwrap().into_inner().user_id, winner);
    // Who goes leaves theirs.
    one.delete_user(DeleteUserRequest { user_id: winner.clone() }).await.unwrap();
    assert_eq!(two.get_user(whose(&seeded)).await.unwrap_err().code(), Code::NotFound);
    two.update_user(rename("u4", &seeded)).await.unwrap();
    assert_eq!(one.get_user(whose(&seeded)).await.unwrap().into_inner().user_id, "u4");
}

#[tokio::test]
async fn calls_with_one_idempotency_key_are_one_charge() {
    let kept = Kept::start().await;
    let mut addresses = Vec::new();
    for _ in 0..2 {
        addresses
            .push(serve_at(tenet_example_feed::payments::service(&kept.seen_by("payments")).unwrap()).await);
    }
    let client = |number: usize| {
        PaymentsClient::new(channel_to(format!("http://{}", addresses[number]).parse().unwrap()))
    };
    let clients = [client(0), client(1)];
    let keyed = |charge: CreateChargeRequest, key: &str| {
        let mut request = Request::new(charge);
        request.metadata_mut().insert("idempotency-key", key.parse().unwrap());
        request
    };
    let attempts = (0..8).map(|number| {
        let mut client = clients[number % 2].clone();
        async move { client.create_charge(keyed(charge("tok_1"), "k-1")).await.unwrap().into_inner() }
    });
    let made = join_all(attempts).await;
    assert!(made.iter().all(|one| *one == made[0]), "{made:?}");
    let mut asked = 0;
    for address in &addresses {
        asked += times_asked(*address).await;
    }
    assert_eq!(asked, 1, "the bank moved money once");
    let [mut one, mut two] = clients;
    let list = ListChargesRequest { user_id: "u1".into(), ..Default::default() };
    assert_eq!(two.list_charges(list.clone()).await.unwrap().into_inner().charges.len(), 4);

    let more = CreateChargeRequest { amount: eur(21), ..charge("tok_1") };
    let status = two.create_charge(keyed(more.clone(), "k-1")).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::AlreadyExists, "KEY_USED"));
    // Another's key is another key, and so is none.
    let other = CreateChargeRequest { user_id: "u2".into(), ..more.clone() };
    two.create_charge(keyed(other, "k-1")).await.unwrap();
    one.create_charge(more.clone()).await.unwrap();
    one.create_charge(more).await.unwrap();
    assert_eq!(two.list_charges(list).await.unwrap().into_inner().charges.len(), 6);
    // A refusal is not kept: the card may be good the next time.
    assert_eq!(
        reason(&one.create_charge(keyed(charge("tok_declined"), "k-2")).await.unwrap_err()),
        "CARD_DECLINED"
    );
    one.create_charge(keyed(charge("tok_1"), "k-2")).await.unwrap();
}

/// How often the bank was asked, as an instance says it.
async fn times_asked(address: SocketAddr) -> u64 {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("GET /metrics HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).await.unwrap();
    let line = page.lines().find_map(|line| line.strip_prefix("feed_bank_asked_total "));
    line.unwrap_or_else(|| panic!("{page}")).parse().unwrap()
}

#[tokio::test]
async fn lists_are_paged_without_gap_or_double_over_what_is_stored_and_the_seed() {
    let kept = Kept::start().await;
    let accounts = accounts_over(&kept).await;
    let mut client = TimelinesClient::new(timeline_over(&kept, accounts).await);
    let mut charges = payments_over(&kept).await;
    for number in 0..12 {
        let post = CreatePostRequest { parent: "users/u6".into(), post: text(&format!("post {number}")) };
        let made = client.create_post(post).await.unwrap().into_inner();
        if number % 4 == 0 {
            client.delete_post(DeletePostRequest { name: made.name }).await.unwrap();
        }
        let reserved = CreateChargeRequest { authorize_only: number % 3 == 0, ..charge("tok_1") };
        charges.create_charge(reserved).await.unwrap();
    }
    for id in ["s1", "s7"] {
        client.like_post(LikePostRequest { name: format!("users/u6/posts/{id}"), times: 1 }).await.unwrap();
    }
    client.delete_post(DeletePostRequest { name: "users/u6/posts/s3".into() }).await.unwrap();
    let mut list = ListPostsRequest { parent: "users/u6".into(), page_size: 200, ..Default::default() };
    let whole = client.list_posts(list.clone()).await.unwrap().into_inner().posts;
    assert_eq!(whole.len(), 9 + 19);
    assert!(whole.is_sorted_by(|a, b| time(&a.create_time) >= time(&b.create_time)));
    let mut paged = Vec::new();
    list.page_size = 5;
    loop {
        let page = client.list_posts(list.clone()).await.unwrap().into_inner();
        paged.extend(page.posts);
        list.page_token = page.next_page_token;
        if list.page_token.is_empty() || paged.len() > whole.len() {
            break;
        }
    }
    assert_eq!(paged, whole);

    let captured = ChargeFilter { states: vec![ChargeState::Captured.into()], ..Default::default() };
    let mut list = ListChargesRequest {
        user_id: "u1".into(),
        page_size: 3,
        filter: Some(captured),
        ..Default::default()
    };
    let mut paged = Vec::new();
    loop {
        let page = charges.list_charges(list.clone()).await.unwrap().into_inner();
        paged.extend(page.charges);
        list.page_token = page.next_page_token;
        if list.page_token.is_empty() || paged.len() > 20 {
            break;
        }
    }
    assert_eq!(paged.len(), 8 + 2);
    assert!(paged.is_sorted_by(|a, b| time(&a.create_time) >= time(&b.create_time)));
}

fn time(time: &Option<prost_types::Timestamp>) -> (i64, i32) {
    time.map_or((0, 0), |time| (time.seconds, time.nanos))
}
