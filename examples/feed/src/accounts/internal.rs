//! `feed.accounts.v1.AccountsInternal`: what other services ask.

use super::Accounts;
use super::users::no_user;
use crate::api::accounts::v1::accounts_internal_server::AccountsInternal;
use crate::api::accounts::v1::{
    Account, BatchGetAccountsRequest, BatchGetAccountsResponse, StreamFollowingRequest,
    StreamFollowingResponse,
};
use crate::check::wrong;
use futures_util::stream::{self, BoxStream, StreamExt};
use tonic::{Request, Response, Status};

/// Most accounts read at once.
const MAX_BATCH: usize = 1000;
/// Identities in one message of a stream: some 8 KB, small beside the windows of HTTP/2.
const CHUNK: usize = 1000;

#[tonic::async_trait]
impl AccountsInternal for Accounts {
    async fn batch_get_accounts(
        &self,
        request: Request<BatchGetAccountsRequest>,
    ) -> Result<Response<BatchGetAccountsResponse>, Status> {
        let ids = request.into_inner().user_ids;
        if ids.len() > MAX_BATCH {
            return Err(wrong(
                "user_ids",
                format!("has {} identities; at most {MAX_BATCH} are allowed", ids.len()),
            ));
        }
        let users = self.users.known(&ids).await?.into_iter().flatten();
        let accounts = users.map(|user| Account {
            user_id: user.user_id,
            handle: user.handle,
            display_name: user.display_name,
        });
        let accounts = accounts.collect();
        Ok(Response::new(BatchGetAccountsResponse { accounts }))
    }

    type StreamFollowingStream = BoxStream<'static, Result<StreamFollowingResponse, Status>>;

    async fn stream_following(
        &self,
        request: Request<StreamFollowingRequest>,
    ) -> Result<Response<Self::StreamFollowingStream>, Status> {
        let ids = [request.into_inner().user_id];
        let user = self.users.known(&ids).await?.pop().flatten().ok_or_else(|| no_user(&ids[0]))?;
        let ids = self.graph.following(&user.user_id, usize::MAX).await?;
        let mut rest = ids.into_iter();
        let chunks = std::iter::from_fn(move || {
            let user_ids: Vec<String> = rest.by_ref().take(CHUNK).collect();
            (!user_ids.is_empty()).then_some(Ok(StreamFollowingResponse { user_ids }))
        });
        Ok(Response::new(stream::iter(chunks).boxed()))
    }
}
