//! The accounts service: users, and who follows whom.

mod graph;
mod internal;
mod public;
mod users;

use crate::DESCRIPTOR_SET;
use crate::api::accounts::v1::accounts_internal_server::AccountsInternalServer;
use crate::api::accounts::v1::accounts_server::AccountsServer;
use crate::shelf::Shelf;
use graph::Graph;
use std::path::Path;
use std::sync::Arc;
use tenet_service::Service;
use users::Users;

/// What both protobuf services are served from.
#[derive(Clone)]
struct Accounts {
    users: Arc<Users>,
    graph: Arc<Graph>,
}

/// The service, ready to serve.
///
/// # Panics
/// When the journal's folder cannot be used: without it there is nothing to serve.
#[must_use]
pub fn service(journal: Option<&Path>) -> Service {
    let open = "FEED_JOURNAL names a folder that can be written";
    let accounts = Accounts {
        users: Arc::new(Users { shelf: Shelf::open(journal, "users").expect(open) }),
        graph: Arc::new(Graph { shelf: Shelf::open(journal, "edges").expect(open) }),
    };
    Service::new("accounts")
        .descriptor_set(DESCRIPTOR_SET)
        .add(AccountsServer::new(accounts.clone()))
        .add(AccountsInternalServer::new(accounts))
}
