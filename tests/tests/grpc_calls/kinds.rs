//! The four kinds of calls over the example with a client that knows nothing of us.

use prost::Message;
use tenet_example_feed::api::accounts::v1::GetUserRequest;
use tenet_example_feed::api::accounts::v1::accounts_client::AccountsClient;
use tenet_example_feed::api::timeline::v1::post::Content;
use tenet_example_feed::api::timeline::v1::timelines_client::TimelinesClient;
use tenet_example_feed::api::timeline::v1::{
    ImportPostsRequest, Post, SyncReadsRequest, TimelineEvent, WatchTimelineRequest,
};
use tenet_tests::{example, http1};
use tokio::time::timeout;
use tokio_stream::StreamExt;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Streaming};

async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(tenet_tests::PATIENCE, future).await.unwrap_or_else(|_| panic!("no {what}"))
}

fn text(text: &str) -> Option<Post> {
    Some(Post { content: Some(Content::Text(text.into())), ..Post::default() })
}

#[test]
fn a_generated_client_calls_all_four_kinds() {
    let (_project, up) = example::up(|text| text);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let endpoint = Endpoint::from_shared(format!("http://{}", up.public)).unwrap();
        let channel = within("connection", endpoint.connect()).await.unwrap();
        unary(channel.clone()).await;
        let mut client = TimelinesClient::new(channel);
        server_streaming(&mut client, up.public).await;
        client_streaming(&mut client).await;
        bidirectional(&mut client).await;
    });
}

async fn unary(channel: Channel) {
    let mut client = AccountsClient::new(channel);
    let request = |id: &str| GetUserRequest { user_id: id.into(), ..Default::default() };
    let answer = within("user", client.get_user(request("u1"))).await.unwrap();
    assert!(answer.metadata().get("x-request-id").is_some(), "{:?}", answer.metadata());
    assert_eq!(answer.into_inner().handle, "ben_1");
    let mut strange = Request::new(request("nobody"));
    strange.metadata_mut().insert("x-request-id", "strange-1".parse().unwrap());
    let status = within("refusal", client.get_user(strange)).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::NotFound, "There is no users/nobody."));
    // google.rpc.Status with its details, byte for byte as the service made it.
    #[derive(prost::Message)]
    struct Details {
        #[prost(int32, tag = "1")]
        code: i32,
        #[prost(message, repeated, tag = "3")]
        details: Vec<prost_types::Any>,
    }
    let details = Details::decode(status.details()).unwrap();
    let types: Vec<_> = details.details.iter().map(|any| any.type_url.rsplit('.').next().unwrap()).collect();
    assert_eq!((details.code, types), (5, vec!["ErrorInfo", "ResourceInfo"]));
    assert_eq!(
        within("health of the connection", client.get_user(request("u2")))
            .await
            .unwrap()
            .into_inner()
            .user_id,
        "u2"
    );
}

async fn next(stream: &mut Streaming<TimelineEvent>) -> Option<TimelineEvent> {
    within("event", stream.message()).await.unwrap()
}

async fn server_streaming(client: &mut TimelinesClient<Channel>, public: std::net::SocketAddr) {
    let request = WatchTimelineRequest { user_id: "u0".into(), backlog: 3, limit: 4 };
    let mut events = within("stream", client.watch_timeline(request)).await.unwrap().into_inner();
    for sequence in 1..=3 {
        let event = next(&mut events).await.unwrap();
        assert_eq!((event.sequence, event.live), (sequence, false));
    }
    // What someone they follow posts now arrives while the call is open.
    let author = tokio::task::spawn_blocking(move || {
        let author =
            http1::get(public, "/v1/users/u0/following?page_size=1").json()[0].as_str().unwrap().to_owned();
        let json = [("content-type", "application/json")];
        let path = format!("/v1/users/{author}/posts");
        assert_eq!(http1::call(public, "POST", &path, &json, br#"{"text": "news"}"#).status, 200);
        author
    });
    let author = author.await.unwrap();
    let event = next(&mut events).await.unwrap();
    assert_eq!((event.sequence, event.live, event.post.unwrap().author_id), (4, true, author));
    assert_eq!(next(&mut events).await, None, "the limit ends the stream");
}

async fn client_streaming(client: &mut TimelinesClient<Channel>) {
    let posts = |count: usize| {
        tokio_stream::iter(0..count)
            .map(|n| ImportPostsRequest { parent: "users/u9".into(), post: text(&format!("moved {n}")) })
    };
    let answer = within("answer", client.import_posts(posts(500))).await.unwrap().into_inner();
    assert_eq!(answer.imported_count, 500);
    assert!(answer.first_name.starts_with("users/u9/posts/p") && answer.last_name != answer.first_name);
    let wrong =
        posts(3).chain(tokio_stream::iter([ImportPostsRequest { parent: "users/u9".into(), post: None }]));
    let status = within("refusal", client.import_posts(wrong)).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
}

/// Message by message: each answer must come before the next question is sent.
async fn bidirectional(client: &mut TimelinesClient<Channel>) {
    let (send, marks) = tokio::sync::mpsc::channel(1);
    let stream = tokio_stream::wrappers::ReceiverStream::new(marks);
    let call = client.sync_reads(stream);
    let mut states = within("stream", call).await.unwrap().into_inner();
    for (round, post) in ["s1", "s2", "s1", "s3"].into_iter().enumerate() {
        let post_name = format!("users/u7/posts/{post}");
        send.send(SyncReadsRequest { user_id: "u1".into(), post_name: post_name.clone() }).await.unwrap();
        let state = within("state", states.message()).await.unwrap().unwrap();
        assert_eq!((state.post_name, state.repeated_mark), (post_name, round == 2));
    }
    drop(send);
    assert!(within("end", states.message()).await.unwrap().is_none());
}
