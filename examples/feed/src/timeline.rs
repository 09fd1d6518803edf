//! The timeline service: posts, the timelines made of them, and media.

mod accounts;
mod build;
mod import;
mod live;
mod media;
mod posts;
mod public;
mod read_mask;
mod rules;
mod search;
mod stats;

use crate::DESCRIPTOR_SET;
use crate::api::accounts::v1::accounts_internal_client::AccountsInternalClient;
use crate::api::accounts::v1::{BatchGetAccountsRequest, StreamFollowingRequest};
use crate::api::timeline::v1::Post;
use crate::api::timeline::v1::media_server::MediaServer;
use crate::api::timeline::v1::timelines_server::TimelinesServer;
use crate::check::missing;
use media::Media;
use posts::Posts;
use std::collections::HashMap;
use std::sync::Arc;
use tenet_client::store::{OpenError, Store};
use tenet_service::Service;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::http::{Request, Response};
use tower::util::BoxCloneSyncService;

pub use accounts::Accounts;

/// Most identities a user may follow for the timeline to be built: twice what the whale does.
const MAX_FOLLOWED: usize = 100_000;

/// What a generated client calls accounts through.
type Calls = BoxCloneSyncService<Request<Body>, Response<Body>, Status>;

/// What the protobuf service is served from.
#[derive(Clone)]
struct Timelines {
    posts: Arc<Posts>,
    accounts: AccountsInternalClient<Calls>,
}

/// The service, ready to serve, over what it has in the store, with the way to accounts.
///
/// # Errors
/// A stored message is no collection.
///
/// # Panics
/// Outside of a runtime.
pub fn service(store: &Store, accounts: &Accounts) -> Result<Service, OpenError> {
    let timelines = Timelines {
        posts: Arc::new(Posts::of(store.collection(DESCRIPTOR_SET)?)),
        accounts: AccountsInternalClient::new(accounts.calls.clone()),
    };
    let media = Media { stored: store.collection(DESCRIPTOR_SET)? };
    let service = Service::new("timeline")
        .descriptor_set(DESCRIPTOR_SET)
        .add(TimelinesServer::new(timelines))
        .add(MediaServer::new(media));
    Ok(crate::show(service, [accounts.client.clone(), store.client().cloned()], |_| ()))
}

impl Timelines {
    /// Whom a user follows, as accounts says it.
    async fn followed_by(&self, user_id: &str) -> Result<Vec<String>, Status> {
        let request = StreamFollowingRequest { user_id: user_id.to_owned() };
        let mut chunks = self
            .accounts
            .clone()
            .stream_following(request)
            .await
            .map_err(|status| from_below(&status))?
            .into_inner();
        let mut followed = Vec::new();
        while let Some(chunk) = chunks.message().await.map_err(|status| from_below(&status))? {
            followed.extend(chunk.user_ids);
            if followed.len() > MAX_FOLLOWED {
                return Err(Status::resource_exhausted("The user follows too many for a timeline."));
            }
        }
        Ok(followed)
    }

    /// The identity of a user who must exist, in its one spelling.
    async fn existing(&self, user_id: &str) -> Result<String, Status> {
        let request = BatchGetAccountsRequest { user_ids: vec![user_id.to_owned()] };
        let answer =
            self.accounts.clone().batch_get_accounts(request).await.map_err(|status| from_below(&status))?;
        match answer.into_inner().accounts.pop() {
            Some(account) => Ok(account.user_id),
            None => Err(missing("USER_NOT_FOUND", "feed.accounts.v1.User", &format!("users/{user_id}"))),
        }
    }

    /// Fills in the handles of authors, by one question for all of them.
    async fn name_authors(&self, posts: &mut [Post]) -> Result<(), Status> {
        let mut user_ids: Vec<String> = posts.iter().map(|post| post.author_id.clone()).collect();
        user_ids.sort_unstable();
        user_ids.dedup();
        if user_ids.is_empty() {
            return Ok(());
        }
        let request = BatchGetAccountsRequest { user_ids };
        let answer =
            self.accounts.clone().batch_get_accounts(request).await.map_err(|status| from_below(&status))?;
        let handles: HashMap<String, String> = answer
            .into_inner()
            .accounts
            .into_iter()
            .map(|account| (account.user_id, account.handle))
            .collect();
        for post in posts {
            // Someone who was deleted has no name any more.
            post.author_handle = handles.get(&post.author_id).cloned().unwrap_or_default();
        }
        Ok(())
    }
}

/// A failure of accounts as a failure of ours: code, text and details go on, metadata of the answer does not.
fn from_below(status: &Status) -> Status {
    Status::with_details(status.code(), status.message(), status.details().to_vec().into())
}
