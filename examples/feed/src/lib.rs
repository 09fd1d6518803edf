//! A small social feed with a whale: what Tenet is shown and tested with.
//!
//! ```text
//!              ┌─▶ accounts ◀──────┐ whom does a user follow, what are they called
//!   gateway ───┼─▶ timeline ───────┘ (straight, or through the gateways' private listener)
//!              └─▶ payments            what each has written: store
//! ```
//!
//! A thousand users, one of whom is a whale that follows fifty thousand fans, exist by arithmetic ([`seed`]); what is
//! written on top is kept in the store, which all instances share. What concerns one user, post, charge or file is read there; what
//! concerns many, from a copy in memory that follows it.

pub mod accounts;
mod check;
mod page;
pub mod payments;
mod replica;
pub mod seed;
pub mod timeline;

/// Generated from `proto/`.
#[allow(missing_docs, clippy::all)]
mod contracts {
    include!(concat!(env!("OUT_DIR"), "/contracts.rs"));
}

pub use contracts::feed as api;
pub use contracts::google;

/// The compiled contracts of all three services, with comments and options.
pub const DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/contracts.bin"));

/// Puts what is known of the calls of these clients onto a service's page of metrics, and `more` behind it.
fn show(
    service: tenet_service::Service,
    clients: impl IntoIterator<Item = Option<tenet_client::Client>>,
    more: impl Fn(&mut String) + Send + Sync + 'static,
) -> tenet_service::Service {
    let clients: Vec<tenet_client::Client> = clients.into_iter().flatten().collect();
    service.metrics(move |out| {
        let views: Vec<_> = clients.iter().map(tenet_client::Client::views).collect();
        tenet_client::Views::write(&views, out);
        more(out);
    })
}
