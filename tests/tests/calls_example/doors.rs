//! INTERNAL methods: out of reach from outside by every road, within reach of services on the private listener.

use prost::Message;
use tenet_example_feed::api::accounts::v1::{
    BatchGetAccountsRequest, BatchGetAccountsResponse, GetUserRequest, StreamFollowingRequest,
    StreamFollowingResponse, User,
};
use tenet_tests::h2c::H2;
use tenet_tests::{Caller, example};

const BATCH: &str = "/feed.accounts.v1.AccountsInternal/BatchGetAccounts";
const STREAM: &str = "/feed.accounts.v1.AccountsInternal/StreamFollowing";
const UNIMPLEMENTED: u32 = 12;

#[test]
fn internal_methods_are_reached_through_the_private_listener_alone() {
    let (_project, up) = example::up(|text| text);
    let private = up.private();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let request = BatchGetAccountsRequest { user_ids: vec!["u1".into(), "nobody".into()] }.encode_to_vec();
    let follow = StreamFollowingRequest { user_id: "whale".into() }.encode_to_vec();
    runtime.block_on(async {
        let outside = H2::connect(up.public).await;
        for (path, message) in [(BATCH, &request), (STREAM, &follow)] {
            let reply = outside.grpc(path, &[], message).await.unwrap();
            assert_eq!((reply.grpc_status(), reply.messages().len()), (Some(UNIMPLEMENTED), 0), "{path}");
            // Not told apart from a method that does not exist.
            let absent = outside.grpc(&format!("{path}X"), &[], message).await.unwrap();
            let said = absent.grpc_message().unwrap_or_default().replace(&format!("{path}X"), path);
            assert_eq!(Some(said), reply.grpc_message(), "{path}");
        }
        let known = GetUserRequest { user_id: "u1".into(), ..Default::default() }.encode_to_vec();
        let reply = outside.grpc("/feed.accounts.v1.Accounts/GetUser", &[], &known).await.unwrap();
        assert_eq!(User::decode(reply.messages()[0].clone()).unwrap().handle, "ben_1");

        let inside = H2::connect(private).await;
        let reply = inside.grpc(BATCH, &[], &request).await.unwrap();
        assert_eq!(reply.grpc_status(), Some(0), "{reply:?}");
        let accounts = BatchGetAccountsResponse::decode(reply.messages()[0].clone()).unwrap().accounts;
        assert_eq!((accounts.len(), accounts[0].handle.as_str()), (1, "ben_1"));
        let reply = inside.grpc(STREAM, &[], &follow).await.unwrap();
        let chunks = reply.messages();
        let ids: usize = chunks
            .iter()
            .map(|chunk| StreamFollowingResponse::decode(chunk.clone()).unwrap().user_ids.len())
            .sum();
        assert_eq!((reply.grpc_status(), chunks.len(), ids), (Some(0), 50, 50_000));
    });
    // The binding of an INTERNAL method is no way in either; nor are spellings of its path.
    let internal = "/v1/internal/accounts:batchGet?user_ids=u1";
    for caller in [Caller::Http1(up.public), Caller::http2(up.public)] {
        for path in [internal, "/v1/%69nternal/accounts:batchGet", "/v1//internal/accounts:batchGet", BATCH] {
            let answer = caller.call("GET", path, &[], None);
            assert_eq!(answer.status, 404, "{path}: {}", answer.text());
        }
        let answer = caller.call("POST", BATCH, &[("content-type", "application/json")], Some(b"{}"));
        assert_eq!(answer.status, 404, "{}", answer.text());
    }
    for caller in [Caller::Http1(private), Caller::http2(private)] {
        let answer = caller.call("GET", internal, &[], None);
        assert_eq!((answer.status, &answer.json()["accounts"][0]["handle"]), (200, &"ben_1".into()));
        assert_eq!(caller.call("GET", "/v1/users/u1", &[], None).status, 200);
    }
}
