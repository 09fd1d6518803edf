//! The bank, which is not there: tokens say what it would do.

use crate::api::payments::v1::Card;
use crate::check::DOMAIN;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tenet_service::Fault;
use tonic::Status;

/// How long the bank takes for `tok_slow`: longer than any deadline in the contract.
const SLOW: Duration = Duration::from_secs(10);

/// The way to the bank.
#[derive(Debug, Default)]
pub(super) struct Bank {
    asked: AtomicU64,
}

impl Bank {
    /// Asks the bank to move money from a card.
    pub(super) async fn charge(&self, card: &Card) -> Result<(), Status> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        answer(card).await
    }

    /// Appends how often it was asked, as OpenMetrics.
    pub(super) fn write_metrics(&self, out: &mut String) {
        let (name, asked) = ("feed_bank_asked", self.asked.load(Ordering::Relaxed));
        // Writing into a string does not fail.
        let _ = write!(
            out,
            "# TYPE {name} counter\n# HELP {name} Times that the bank was asked to move money.\n{name}_total {asked}\n"
        );
    }
}

/// What the bank does with a card.
async fn answer(card: &Card) -> Result<(), Status> {
    match card.token.as_str() {
        "tok_declined" => Err(Fault::failed_precondition("The bank declined the card.")
            .reason("CARD_DECLINED", DOMAIN)
            .metadata("last4", &card.last4)
            .precondition("CARD", "card", "use another card, or ask the bank")
            .into()),
        "tok_unreachable" => Err(Fault::unavailable("The bank cannot be reached; nothing was charged.")
            .reason("BANK_UNREACHABLE", DOMAIN)
            .retry_after(Duration::from_secs(2))
            .cause("rehearsed by tok_unreachable")
            .into()),
        "tok_slow" => {
            tokio::time::sleep(SLOW).await;
            Ok(())
        }
        "tok_crash" => panic!("rehearsed by tok_crash"),
        _ => Ok(()),
    }
}
