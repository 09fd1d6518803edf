//! `feed.payments.v1.Payments`, as its contract says.

use super::bank::Bank;
use super::charges::{Charges, is_user, no_charge};
use super::money;
use crate::api::payments::v1::payments_server::Payments as Contract;
use crate::api::payments::v1::{
    CaptureChargeRequest, Card, Charge, ChargeFilter, ChargeState, CreateChargeRequest, GetChargeRequest,
    ListChargesRequest, ListChargesResponse, PayRequest, RefundChargeRequest, charge, create_charge_request,
};
use crate::check::{Check, DOMAIN, is_word, nanos, wrong};
use crate::page;
use std::sync::Arc;
use tenet_client::store::Held;
use tenet_service::Fault;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status};

/// Longest Idempotency-Key: it is a part of a key in the store.
const MAX_KEY: usize = 128;

type Answer<T> = Result<Response<T>, Status>;

/// What the protobuf service is served from.
#[derive(Clone)]
pub(super) struct Payments {
    pub(super) charges: Arc<Charges>,
    pub(super) bank: Arc<Bank>,
}

#[tonic::async_trait]
impl Contract for Payments {
    async fn create_charge(&self, request: Request<CreateChargeRequest>) -> Answer<Charge> {
        let key = key(request.metadata())?;
        self.create(request.into_inner(), key.as_deref()).await.map(Response::new)
    }

    async fn get_charge(&self, request: Request<GetChargeRequest>) -> Answer<Charge> {
        let GetChargeRequest { charge_id, user_id } = request.into_inner();
        let charge = self.charges.get(&charge_id).await?;
        if !user_id.is_empty() && charge.user_id != user_id {
            // The same answer as for one that does not exist: whose it is, is nobody's business.
            return Err(no_charge(&charge_id));
        }
        Ok(Response::new(charge))
    }

    async fn list_charges(&self, request: Request<ListChargesRequest>) -> Answer<ListChargesResponse> {
        let request = request.into_inner();
        let size = page::size(request.page_size, 20, 200)?;
        let offset = page::offset(&request.page_token)?;
        let filter = request.filter.unwrap_or_default();
        let mut faults = Check::default();
        for (index, state) in filter.states.iter().enumerate() {
            faults.that(ChargeState::try_from(*state).is_ok(), &format!("filter.states[{index}]"), || {
                format!("is {state}, which is no state")
            });
        }
        faults.done()?;
        // One more than is shown says whether there is a next page.
        let count = offset.saturating_add(size + 1);
        let latest = self.charges.latest(&request.user_id, count, |charge| matches(charge, &filter));
        let (charges, next_page_token) = page::cut(latest.await?.into_iter(), offset, size);
        Ok(Response::new(ListChargesResponse { charges, next_page_token }))
    }

    async fn capture_charge(&self, request: Request<CaptureChargeRequest>) -> Answer<Charge> {
        let id = request.into_inner().charge_id;
        let charge = self.charges.change(&id, |charge| match charge.state() {
            ChargeState::Authorized => {
                charge.set_state(ChargeState::Captured);
                Ok(())
            }
            ChargeState::Captured => Ok(()),
            _ => Err(state("NOT_CAPTURABLE", &id, "was refunded and cannot be taken any more")),
        });
        charge.await.map(Response::new)
    }

    async fn refund_charge(&self, request: Request<RefundChargeRequest>) -> Answer<Charge> {
        let RefundChargeRequest { charge_id, amount, reason } = request.into_inner();
        let mut faults = Check::default();
        faults.length(&reason, 200, "reason");
        if let Some(amount) = &amount {
            money::check(amount, "amount", &mut faults);
        }
        faults.done()?;
        let charge = self.charges.change(&charge_id, |charge| {
            if !matches!(charge.state(), ChargeState::Captured | ChargeState::PartlyRefunded) {
                return Err(state("NOT_REFUNDABLE", &charge_id, "has nothing left to refund"));
            }
            let currency =
                charge.amount.as_ref().map(|amount| amount.currency_code.clone()).unwrap_or_default();
            let charged = charge.amount.as_ref().map_or(0, money::total);
            let before = charge.refunded.as_ref().map_or(0, money::total);
            let back = amount.as_ref().map_or(charged - before, money::total);
            Check::default()
                .that(
                    amount.as_ref().is_none_or(|amount| amount.currency_code == currency),
                    "amount.currency_code",
                    || format!("differs from the charge's, which is {currency}"),
                )
                .done()?;
            if before + back > charged {
                return Err(Fault::out_of_range("More would be refunded than is left of the charge.")
                    .reason("MORE_THAN_CHARGED", DOMAIN)
                    .metadata("left", format!("{} {currency}", (charged - before) as f64 / 1e9))
                    .into());
            }
            charge.refunded = Some(money::of(before + back, &currency));
            let all = before + back == charged;
            charge.set_state(if all { ChargeState::Refunded } else { ChargeState::PartlyRefunded });
            Ok(())
        });
        charge.await.map(Response::new)
    }

    async fn pay(&self, request: Request<PayRequest>) -> Answer<Charge> {
        let key = key(request.metadata())?;
        let PayRequest { user_id, cents, token } = request.into_inner();
        let asked = CreateChargeRequest {
            user_id,
            amount: Some(money::of(i128::from(cents) * 10_000_000, "EUR")),
            source: Some(create_charge_request::Source::Card(Card { token, last4: String::new() })),
            ..CreateChargeRequest::default()
        };
        self.create(asked, key.as_deref()).await.map(Response::new)
    }
}

impl Payments {
    async fn create(&self, request: CreateChargeRequest, key: Option<&str>) -> Result<Charge, Status> {
        let mut faults = Check::default();
        faults
            .that(is_user(&request.user_id), "user_id", || {
                format!("is {:?}, which is no identity of a user", request.user_id)
            })
            .that(request.amount.is_some(), "amount", || "is missing".to_owned())
            .length(&request.description, 200, "description");
        if let Some(amount) = &request.amount {
            money::check(amount, "amount", &mut faults);
        }
        match &request.source {
            None => {
                faults.that(false, "source", || "is missing; expected card or wallet_id".to_owned());
            }
            Some(create_charge_request::Source::Card(card)) => check_card(card, &mut faults),
            Some(create_charge_request::Source::WalletId(id)) => {
                faults
                    .that(is_word(id, 1, 64, "_-"), "wallet_id", || format!("is {id:?}, which is no wallet"));
            }
        }
        faults.done()?;
        let currency = request.amount.as_ref().map(|amount| amount.currency_code.clone()).unwrap_or_default();
        let state = if request.authorize_only { ChargeState::Authorized } else { ChargeState::Captured };
        let asked = Charge {
            user_id: request.user_id,
            amount: request.amount,
            refunded: Some(money::of(0, &currency)),
            state: state.into(),
            description: request.description,
            source: request.source.as_ref().map(shown),
            ..Charge::default()
        };
        let card = match &request.source {
            Some(create_charge_request::Source::Card(card)) => Some(card),
            _ => None,
        };
        match key {
            Some(key) => self.create_once(asked, card, key).await,
            None => {
                self.ask_bank(card).await?;
                self.charges.add(asked, None).await
            }
        }
    }

    /// Of calls that come with one key, also at one moment and through several instances, one asks the bank, and all have its answer.
    async fn create_once(&self, asked: Charge, card: Option<&Card>, key: &str) -> Result<Charge, Status> {
        if let Some(made) = self.charges.by_key(&asked.user_id, key).await? {
            return same(made, &asked, key);
        }
        let held = self.charges.hold(&asked.user_id, key).await?;
        let made = self.create_under(&asked, card, (key, &held)).await;
        // Where the store does not answer, the key is free when its time is over.
        drop(held.release().await);
        same(made?, &asked, key)
    }

    async fn create_under(
        &self,
        asked: &Charge,
        card: Option<&Card>,
        (key, held): (&str, &Held),
    ) -> Result<Charge, Status> {
        // Made while the key was waited for.
        if let Some(made) = self.charges.by_key(&asked.user_id, key).await? {
            return Ok(made);
        }
        self.ask_bank(card).await?;
        self.charges.add(asked.clone(), Some((key, held))).await
    }

    async fn ask_bank(&self, card: Option<&Card>) -> Result<(), Status> {
        match card {
            Some(card) => self.bank.charge(card).await,
            None => Ok(()),
        }
    }
}

/// The caller's Idempotency-Key (draft-ietf-httpapi-idempotency-key-header), by which it promises that calls with the same are one.
fn key(metadata: &MetadataMap) -> Result<Option<String>, Status> {
    let Some(key) = metadata.get("idempotency-key") else { return Ok(None) };
    match key.to_str() {
        Ok(key) if (1..=MAX_KEY).contains(&key.len()) => Ok(Some(key.to_owned())),
        _ => Err(wrong("idempotency-key", format!("expected 1 to {MAX_KEY} visible characters"))),
    }
}

/// The charge that a key has led to before, if it is what is asked for now.
fn same(made: Charge, asked: &Charge, key: &str) -> Result<Charge, Status> {
    let said = |charge: &Charge| (charge.amount.clone(), charge.source.clone(), charge.description.clone());
    if said(&made) == said(asked) {
        return Ok(made);
    }
    let fault = Fault::already_exists("The Idempotency-Key has led to another charge.");
    Err(fault.reason("KEY_USED", DOMAIN).metadata("key", key).metadata("charge", made.charge_id).into())
}

/// Where the money comes from, without what is secret of it.
fn shown(source: &create_charge_request::Source) -> charge::Source {
    match source {
        create_charge_request::Source::Card(card) => charge::Source::CardLast4(card.last4.clone()),
        create_charge_request::Source::WalletId(id) => charge::Source::WalletId(id.clone()),
    }
}

fn check_card(card: &Card, faults: &mut Check) {
    let name = card.token.strip_prefix("tok_");
    faults
        .that(name.is_some_and(|name| is_word(&name.to_lowercase(), 1, 60, "_")), "card.token", || {
            "is no token; expected `tok_` and 1 to 60 letters, digits or `_`".to_owned()
        })
        .that(
            card.last4.is_empty() || card.last4.len() == 4 && is_word(&card.last4, 4, 4, ""),
            "card.last4",
            || "is not four digits".to_owned(),
        );
}

fn matches(charge: &Charge, filter: &ChargeFilter) -> bool {
    (filter.states.is_empty() || filter.states.contains(&charge.state))
        && filter.min_amount.as_ref().is_none_or(|least| {
            charge.amount.as_ref().is_some_and(|amount| {
                amount.currency_code == least.currency_code && money::total(amount) >= money::total(least)
            })
        })
        && filter
            .created_after
            .as_ref()
            .is_none_or(|after| charge.create_time.as_ref().is_some_and(|time| nanos(time) >= nanos(after)))
}

fn state(reason: &str, id: &str, why: &str) -> Status {
    Fault::failed_precondition(format!("The charge {why}."))
        .reason(reason, DOMAIN)
        .precondition("STATE", format!("charges/{id}"), why)
        .into()
}
