//! `feed.accounts.v1.Accounts`, as its contract says.

use super::Accounts;
use super::users::{canonical, check, no_user};
use crate::api::accounts::v1::accounts_server::Accounts as Contract;
use crate::api::accounts::v1::{
    BatchGetUsersRequest, BatchGetUsersResponse, CreateUserRequest, DeleteUserRequest, FollowUserRequest,
    FollowUserResponse, GetMeRequest, GetUserRequest, ListFollowingRequest, ListFollowingResponse,
    ListUsersRequest, ListUsersResponse, PingRequest, PingResponse, UnfollowUserRequest, UpdateUserRequest,
    User, UserFilter, UserOrder,
};
use crate::check::{Check, is_word, nanos, wrong};
use crate::page;
use std::cmp::Reverse;
use tonic::{Request, Response, Status};

/// Most users read at once.
const MAX_BATCH: usize = 100;
/// Longest text a ping takes.
const MAX_PING: usize = 1000;

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl Contract for Accounts {
    async fn list_users(&self, request: Request<ListUsersRequest>) -> Answer<ListUsersResponse> {
        let request = request.into_inner();
        let size = page::size(request.page_size, 50, 1000)?;
        let offset = page::offset(&request.page_token)?;
        let order = UserOrder::try_from(request.order)
            .map_err(|_| wrong("order", format!("is {}, which is no order", request.order)))?;
        let filter = request.filter.unwrap_or_default();
        let mut users: Vec<User> =
            self.users.all().await?.into_iter().filter(|user| matches(user, &filter)).collect();
        if order == UserOrder::NewestFirst {
            users.sort_by_key(|user| Reverse(user.create_time.as_ref().map(nanos)));
        }
        let total_size = i32::try_from(users.len()).unwrap_or(i32::MAX);
        let (users, next_page_token) = page::cut(users.into_iter(), offset, size);
        Ok(Response::new(ListUsersResponse { users, next_page_token, total_size }))
    }

    async fn get_user(&self, request: Request<GetUserRequest>) -> Answer<User> {
        let request = request.into_inner();
        let user = match (request.user_id.as_str(), request.handle.as_str()) {
            ("", "") => return Err(wrong("user_id", "is empty, and so is handle; expected one of them")),
            ("", handle) => self.users.by_handle(handle).await?,
            (id, _) => self.users.get(id).await?,
        };
        Ok(Response::new(self.counted(user).await?))
    }

    async fn get_me(&self, _: Request<GetMeRequest>) -> Answer<User> {
        Ok(Response::new(self.counted(self.users.get("u1").await?).await?))
    }

    async fn batch_get_users(&self, request: Request<BatchGetUsersRequest>) -> Answer<BatchGetUsersResponse> {
        let ids = request.into_inner().user_ids;
        if ids.is_empty() || ids.len() > MAX_BATCH {
            return Err(wrong(
                "user_ids",
                format!("has {} identities; expected 1 to {MAX_BATCH}", ids.len()),
            ));
        }
        let mut answer = BatchGetUsersResponse::default();
        let users = self.users.get_many(&ids).await?;
        for (id, user) in ids.into_iter().zip(users) {
            match user {
                Some(user) => answer.users.push(user),
                None => answer.missing_user_ids.push(id),
            }
        }
        Ok(Response::new(answer))
    }

    async fn create_user(&self, request: Request<CreateUserRequest>) -> Answer<User> {
        let request = request.into_inner();
        let mut user = request.user.ok_or_else(|| wrong("user", "is missing"))?;
        user.user_id = match (request.user_id, user.user_id) {
            (id, _) | (_, id) if !id.is_empty() => id,
            _ => user.handle.to_lowercase(),
        };
        let mut faults = Check::default();
        check(&user, &mut faults);
        faults
            .that(is_word(&user.user_id, 1, 32, "_"), "user_id", || {
                format!("is {:?}; expected 1 to 32 lower-case letters, digits or `_`", user.user_id)
            })
            .that(user.user_id != "me", "user_id", || "is `me`, which means whoever calls".to_owned())
            .done()?;
        (user.verified, user.following_count) = (None, 0);
        self.users.create(user, request.validate_only).await.map(Response::new)
    }

    async fn update_user(&self, request: Request<UpdateUserRequest>) -> Answer<User> {
        let request = request.into_inner();
        let new = request.user.ok_or_else(|| wrong("user", "is missing"))?;
        let paths = request.update_mask.map_or_else(|| set_fields(&new), |mask| mask.paths);
        let user = self.users.change(&new.user_id, |user| {
            for path in &paths {
                assign(user, &new, path)?;
            }
            let mut faults = Check::default();
            check(user, &mut faults);
            faults.done()
        });
        let user = user.await?;
        Ok(Response::new(self.counted(user).await?))
    }

    async fn delete_user(&self, request: Request<DeleteUserRequest>) -> Answer<()> {
        self.users.remove(&request.into_inner().user_id).await.map(Response::new)
    }

    async fn follow_user(&self, request: Request<FollowUserRequest>) -> Answer<FollowUserResponse> {
        let request = request.into_inner();
        let (followed, follower) = self.pair(&request.user_id, &request.follower_id).await?;
        let changed = self.graph.follow(&follower, &followed).await?;
        let following_count = self.graph.following_count(&follower).await? as i64;
        Ok(Response::new(FollowUserResponse { changed, following_count }))
    }

    async fn unfollow_user(&self, request: Request<UnfollowUserRequest>) -> Answer<()> {
        let request = request.into_inner();
        let (followed, follower) = self.pair(&request.user_id, &request.follower_id).await?;
        self.graph.unfollow(&follower, &followed).await.map(Response::new)
    }

    async fn list_following(&self, request: Request<ListFollowingRequest>) -> Answer<ListFollowingResponse> {
        let request = request.into_inner();
        let size = page::size(request.page_size.unwrap_or_default(), 50, 1000)?;
        // As old as the graph itself: read in memory, where the user is not new.
        let known = self.users.known(std::slice::from_ref(&request.user_id)).await?;
        let user = known.into_iter().next().flatten().ok_or_else(|| no_user(&request.user_id))?;
        let user_ids = self.graph.following(&user.user_id, size).await?;
        Ok(Response::new(ListFollowingResponse { user_ids }))
    }

    async fn ping(&self, request: Request<PingRequest>) -> Answer<PingResponse> {
        let text = request.into_inner().text;
        Check::default().length(&text, MAX_PING, "text").done()?;
        let instance = std::env::var("TENET_INSTANCE").unwrap_or_default();
        Ok(Response::new(PingResponse { text, instance }))
    }
}

impl Accounts {
    /// Fills in what is counted rather than stored.
    async fn counted(&self, mut user: User) -> Result<User, Status> {
        user.following_count = self.graph.following_count(&user.user_id).await? as i64;
        Ok(user)
    }

    /// The two ends of an edge, which must exist and differ.
    async fn pair(&self, followed: &str, follower: &str) -> Result<(String, String), Status> {
        let mut faults = Check::default();
        faults.that(!follower.is_empty(), "follower_id", || "is missing".to_owned());
        faults.that(canonical(followed) != canonical(follower), "follower_id", || {
            format!("is {follower:?}, the same as user_id; nobody follows themselves")
        });
        faults.done()?;
        Ok((self.users.get(followed).await?.user_id, self.users.get(follower).await?.user_id))
    }
}

fn matches(user: &User, filter: &UserFilter) -> bool {
    let came = |after| user.create_time.as_ref().is_some_and(|at| nanos(at) >= nanos(after));
    user.handle.starts_with(&filter.handle_prefix)
        && filter.created_after.as_ref().is_none_or(came)
        && (filter.roles.is_empty() || filter.roles.contains(&user.role))
        && filter.verified.is_none_or(|verified| user.verified == Some(verified))
}

/// What an update without a mask changes: every field that is set (AIP-134).
fn set_fields(user: &User) -> Vec<String> {
    let set = [
        ("handle", !user.handle.is_empty()),
        ("display_name", !user.display_name.is_empty()),
        ("bio", user.bio.is_some()),
        ("role", user.role != 0),
        ("contact", user.contact.is_some()),
        ("labels", !user.labels.is_empty()),
    ];
    set.into_iter().filter(|(_, set)| *set).map(|(path, _)| path.to_owned()).collect()
}

#[allow(deprecated)] // the old field follows the new one
fn assign(user: &mut User, new: &User, path: &str) -> Result<(), Status> {
    let contact = || new.contact.clone().unwrap_or_default();
    match path {
        "handle" => user.handle.clone_from(&new.handle),
        "display_name" => {
            user.display_name.clone_from(&new.display_name);
            user.full_name.clone_from(&new.display_name);
        }
        "bio" => user.bio.clone_from(&new.bio),
        "role" => user.role = new.role,
        "contact" => user.contact.clone_from(&new.contact),
        "contact.email" => user.contact.get_or_insert_default().email = contact().email,
        "contact.urls" => user.contact.get_or_insert_default().urls = contact().urls,
        "labels" => user.labels.clone_from(&new.labels),
        other => {
            let known = "handle, display_name, bio, role, contact, contact.email, contact.urls, labels";
            return Err(wrong("update_mask", format!("names {other:?}; expected some of {known}")));
        }
    }
    Ok(())
}
