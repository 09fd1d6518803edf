//! The payments service: charges and refunds.

mod bank;
mod charges;
mod money;
mod public;

use crate::DESCRIPTOR_SET;
use crate::api::payments::v1::payments_server::PaymentsServer;
use crate::shelf::Shelf;
use charges::Charges;
use std::path::Path;
use std::sync::Arc;
use tenet_service::Service;

/// The service, ready to serve.
///
/// # Panics
/// When the journal's folder cannot be used: without it there is nothing to serve.
#[must_use]
pub fn service(journal: Option<&Path>) -> Service {
    let shelf = Shelf::open(journal, "charges").expect("FEED_JOURNAL names a folder that can be written");
    Service::new("payments")
        .descriptor_set(DESCRIPTOR_SET)
        .add(PaymentsServer::new(public::Payments { charges: Arc::new(Charges { shelf }) }))
}
