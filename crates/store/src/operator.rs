//! What an operator asks of a store: to read what is there at one moment, and to bring in what was exported.
//!
//! ```text
//!   tenet store … ──Unix socket, mode 0600──▶ serve: order ▶ snapshot ▶ walk ▶ frames ──▶ file, JSON lines, terminal
//!                                                                 ▲
//!                  a snapshot is held for a while after its reader is gone, so that a backup goes on at the same moment
//! ```
//!
//! It has no place beside the contract: who may open the socket may open the data. Each use is an event in the log, with the user and what was
//! read. Where no process serves, the command line serves itself over a pair of sockets.

mod order;
mod read;
mod wire;
mod write;

pub use order::{
    CollectionSize, CopyOrder, Described, Order, RangeOrder, ReadOrder, Refusal, Resume, Written,
};
pub use wire::{Wire, WireError};

use crate::owner::Owner;
use crate::service::StoreService;
use read::Held;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use tokio::net::UnixStream;

/// Serves operators. Clones are the same.
#[derive(Clone)]
pub struct Operator {
    owner: Owner,
    service: StoreService,
    project: Arc<str>,
    held: Arc<Mutex<HashMap<String, Held>>>,
}

impl Operator {
    /// Over this owner and what serves it, of the fleet called `project`.
    pub fn new(owner: Owner, service: StoreService, project: &str) -> Operator {
        Operator { owner, service, project: project.into(), held: Arc::default() }
    }

    /// Does what is ordered on this connection. `user` is who is at its other end, for the log.
    pub async fn serve(&self, stream: UnixStream, user: &str) {
        let mut wire = Wire::new(stream);
        let order = match wire.order().await {
            Ok(order) => order,
            // Somebody looked whether anybody serves.
            Err(WireError::Ended) => return,
            Err(error) => {
                tracing::warn!(user, "an operator's order cannot be read: {error}");
                return;
            }
        };
        tracing::info!(user, purpose = order.purpose(), what = order.what(), "an operator uses the store");
        let done = match order {
            Order::Describe => self.describe(&mut wire).await,
            Order::Copy(order) => self.copy(&mut wire, order).await,
            Order::Read(order) => self.read(&mut wire, order).await,
            Order::Write => self.write(&mut wire, user).await,
        };
        if let Err(error) = done {
            tracing::warn!(user, "an operator's order ended: {error}");
            let _ = wire.refuse(&Refusal { anew: false, text: error.to_string() }).await;
        }
    }
}
