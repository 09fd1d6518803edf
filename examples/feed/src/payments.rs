//! The payments service: charges and refunds.

mod bank;
mod charges;
mod money;
mod public;

use crate::DESCRIPTOR_SET;
use crate::api::payments::v1::payments_server::PaymentsServer;
use bank::Bank;
use charges::Charges;
use std::sync::Arc;
use tenet_client::store::{OpenError, Store};
use tenet_service::Service;

/// The service, ready to serve, over what it has in the store.
///
/// # Errors
/// The stored message is no collection.
pub fn service(store: &Store) -> Result<Service, OpenError> {
    let charges = Arc::new(Charges { stored: store.collection(DESCRIPTOR_SET)?, keys: store.clone() });
    let bank = Arc::new(Bank::default());
    let asked = bank.clone();
    let service = Service::new("payments")
        .descriptor_set(DESCRIPTOR_SET)
        .add(PaymentsServer::new(public::Payments { charges, bank }));
    Ok(crate::show(service, [store.client().cloned()], move |out| asked.write_metrics(out)))
}
