//! Taking many posts at once.

use super::Timelines;
use super::posts::parent;
use super::rules::check;
use crate::api::timeline::v1::{ImportPostsRequest, ImportPostsResponse};
use crate::check::{Check, wrong};
use std::collections::HashMap;
use tonic::{Status, Streaming};

/// Most posts in one stream.
const MAX_POSTS: i64 = 10_000;

impl Timelines {
    /// Takes posts until the stream ends or one is wrong.
    pub(super) async fn import(
        &self,
        mut posts: Streaming<ImportPostsRequest>,
    ) -> Result<ImportPostsResponse, Status> {
        let mut answer = ImportPostsResponse::default();
        let mut parents: HashMap<String, String> = HashMap::new();
        while let Some(request) = posts.message().await? {
            if answer.imported_count == MAX_POSTS {
                return Err(wrong(
                    "post",
                    format!("is one too many; at most {MAX_POSTS} are taken in one stream"),
                ));
            }
            let post = request.post.ok_or_else(|| wrong("post", "is missing"))?;
            let mut faults = Check::default();
            check(&post, &mut faults);
            faults.done()?;
            let user = match parents.get(&request.parent) {
                Some(user) => user.clone(),
                None => {
                    let user = self.existing(parent(&request.parent)?).await?;
                    parents.insert(request.parent, user.clone());
                    user
                }
            };
            let time = post.create_time;
            answer.last_name = self.posts.add(&user, post, time).await?.name;
            if answer.imported_count == 0 {
                answer.first_name.clone_from(&answer.last_name);
            }
            answer.imported_count += 1;
        }
        Ok(answer)
    }
}
