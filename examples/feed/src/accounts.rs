//! The accounts service: users, and who follows whom.

mod graph;
mod internal;
mod names;
mod public;
mod users;

use crate::DESCRIPTOR_SET;
use crate::api::accounts::v1::accounts_internal_server::AccountsInternalServer;
use crate::api::accounts::v1::accounts_server::AccountsServer;
use graph::Graph;
use std::sync::Arc;
use tenet_client::store::{OpenError, Store};
use tenet_service::Service;
use users::Users;

/// What both protobuf services are served from.
#[derive(Clone)]
struct Accounts {
    users: Arc<Users>,
    graph: Arc<Graph>,
}

/// The service, ready to serve, over what it has in the store.
///
/// # Errors
/// A stored message is no collection.
///
/// # Panics
/// Outside of a runtime.
pub fn service(store: &Store) -> Result<Service, OpenError> {
    let accounts = Accounts {
        users: Arc::new(Users::of(store.collection(DESCRIPTOR_SET)?)),
        graph: Arc::new(Graph::of(store.collection(DESCRIPTOR_SET)?)),
    };
    let service = Service::new("accounts")
        .descriptor_set(DESCRIPTOR_SET)
        .add(AccountsServer::new(accounts.clone()))
        .add(AccountsInternalServer::new(accounts));
    Ok(crate::show(service, [store.client().cloned()], |_| ()))
}
