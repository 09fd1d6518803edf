//! Watching: what changes in a collection, from a token on, going on by itself after a break.

use super::collection::Place;
use super::scan::PAUSE;
use super::steps::{Step, Steps};
use super::{Collection, IntoKey, Kept, Key, StoreError, StoreErrorKind, schema};
use futures_util::Stream;
use std::collections::VecDeque;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tenet_api::store::v1 as api;
use tenet_collection::Address;
use tokio::time::{sleep, timeout};
use tonic::Streaming;

/// The longest the store may be silent. It says where it is at least each 10 s; whoever says nothing for three times as long is gone, even
/// where the connection does not know it.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// Times in a row that it is asked for until the first answer: whoever begins a watch learns that there is none to be had.
const OPENINGS_MAX: u32 = 3;

/// What changed of one message.
#[derive(Clone, Debug, PartialEq)]
pub struct Changed<T> {
    /// The message's key.
    pub key: Key,
    /// As it is after the change, or later; `None`: it was removed, or has expired.
    pub value: Option<Kept<T>>,
    /// The version that the change has made.
    pub version: u64,
    /// What a watch begins with that is to go on behind this change. It may tell some again that came before it.
    pub token: Vec<u8>,
}

/// What changes in a collection: each change at least once, those of one record in order. It ends only with an error, or when it is
/// dropped.
///
/// A message that cannot be read is an error in its place, and the watch goes on behind it; any other error is its end.
pub struct Watch<T> {
    steps: Steps<Run<T>, Result<Told<T>, StoreError>>,
    ready: VecDeque<Result<Changed<T>, StoreError>>,
    token: Vec<u8>,
    over: bool,
}

impl<T: prost::Message + Default + 'static> Collection<T> {
    /// Watches the collection from a token on: of a [`scan`](super::Scan::watch_from), of a [`Changed`] or of [`Watch::token`]. `None`: from now on, and
    /// now is before this returns.
    ///
    /// What breaks is asked for again where it was, for as long as somebody waits. In a call that is being served its deadline
    /// ends it: watch in a task of its own.
    ///
    /// # Errors
    /// [`TooOld`](StoreErrorKind::TooOld) where changes after the token are no longer kept; [`Invalid`](StoreErrorKind::Invalid) where the
    /// collection keeps none; else as of [`get`](Self::get).
    pub async fn watch(&self, from: Option<&[u8]>) -> Result<Watch<T>, StoreError> {
        self.watch_of(Vec::new(), from).await
    }

    /// Watches one record.
    ///
    /// # Errors
    /// As of [`watch`](Self::watch).
    pub async fn watch_record(&self, key: impl IntoKey, from: Option<&[u8]>) -> Result<Watch<T>, StoreError> {
        let record = self.at.record_id(&key.into_key())?;
        self.watch_of(record, from).await
    }

    async fn watch_of(&self, record_id: Vec<u8>, from: Option<&[u8]>) -> Result<Watch<T>, StoreError> {
        let token = from.unwrap_or_default().to_vec();
        let asked = api::WatchRequest { collection: Some(self.at.wire.clone()), record_id, token };
        let mut run = Run {
            at: self.at.clone(),
            asked,
            answers: None,
            breaks: 0,
            breaks_max: OPENINGS_MAX,
            of: PhantomData,
        };
        let first = run.changes().await?;
        run.breaks_max = u32::MAX;
        let token = run.asked.token.clone();
        Ok(Watch { steps: Steps::Between(run), ready: first.ready.into(), token, over: false })
    }
}

impl<T: prost::Message + Default + 'static> Watch<T> {
    /// The next change.
    ///
    /// # Errors
    /// As of [`Collection::watch`].
    pub async fn next(&mut self) -> Option<Result<Changed<T>, StoreError>> {
        std::future::poll_fn(|cx| self.poll(cx)).await
    }

    /// Where it goes on behind all that it has told, also while nothing changes.
    pub fn token(&self) -> &[u8] {
        &self.token
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Changed<T>, StoreError>>> {
        loop {
            if let Some(changed) = self.ready.pop_front() {
                if let Ok(changed) = &changed {
                    self.token.clone_from(&changed.token);
                }
                return Poll::Ready(Some(changed));
            }
            if self.over {
                return Poll::Ready(None);
            }
            match ready!(self.steps.poll(cx)) {
                Some(Ok(told)) => {
                    if told.ready.is_empty() {
                        self.token = told.token;
                    }
                    self.ready = told.ready.into();
                }
                Some(Err(error)) => {
                    self.over = true;
                    return Poll::Ready(Some(Err(error)));
                }
                None => self.over = true,
            }
        }
    }
}

// Nothing in it is pinned but what is boxed.
impl<T> Unpin for Watch<T> {}

impl<T: prost::Message + Default + 'static> Stream for Watch<T> {
    type Item = Result<Changed<T>, StoreError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll(cx)
    }
}

/// One answer, with its messages decoded.
struct Told<T> {
    ready: Vec<Result<Changed<T>, StoreError>>,
    token: Vec<u8>,
}

/// A watch under way.
struct Run<T> {
    at: Arc<Place>,
    /// As it is asked for now: from the last token that came.
    asked: api::WatchRequest,
    answers: Option<Streaming<api::WatchResponse>>,
    /// Times in a row that it broke without an answer.
    breaks: u32,
    breaks_max: u32,
    of: PhantomData<fn() -> T>,
}

impl<T: prost::Message + Default + 'static> Step for Run<T> {
    type Given = Result<Told<T>, StoreError>;

    async fn step(mut self) -> (Run<T>, Self::Given) {
        let told = self.changes().await;
        (self, told)
    }
}

impl<T: prost::Message + Default> Run<T> {
    async fn changes(&mut self) -> Result<Told<T>, StoreError> {
        loop {
            let error = match timeout(SILENCE_MAX, self.receive()).await {
                Ok(Ok(Some(answer))) => {
                    self.breaks = 0;
                    let before = std::mem::replace(&mut self.asked.token, answer.token.clone());
                    let ready = self.decode(answer.changes, before).await?;
                    return Ok(Told { ready, token: answer.token });
                }
                Ok(Err(error)) if error.may_pass() => error,
                Ok(Err(error)) => return Err(error),
                // It ended, which a watch has no reason to, or is silent.
                Ok(Ok(None)) | Err(_) => self.at.error(StoreErrorKind::Unavailable),
            };
            self.answers = None;
            self.breaks = self.breaks.saturating_add(1);
            if self.breaks >= self.breaks_max {
                return Err(error);
            }
            if self.breaks == 1 {
                tracing::info!(collection = self.at.name, ?error, "a watch broke off and goes on");
            }
            sleep(PAUSE.pause(self.breaks, rand::random())).await;
        }
    }

    async fn receive(&mut self) -> Result<Option<api::WatchResponse>, StoreError> {
        let failed = |status| self.at.failed(status);
        let answers = match &mut self.answers {
            Some(answers) => answers,
            None => {
                let asked = self.at.link.request(self.asked.clone());
                let answers = self.at.link.client().watch(asked).await.map_err(failed)?;
                self.answers.insert(answers.into_inner())
            }
        };
        answers.message().await.map_err(failed)
    }

    /// The changes of an answer. Who comes back with the token of one of them gets the whole answer again, unless it was the last.
    async fn decode(
        &self,
        changes: Vec<api::Change>,
        before: Vec<u8>,
    ) -> Result<Vec<Result<Changed<T>, StoreError>>, StoreError> {
        let count = changes.len();
        let mut ready = Vec::with_capacity(count);
        for (index, change) in changes.into_iter().enumerate() {
            let token = if index + 1 == count { &self.asked.token } else { &before };
            ready.push(self.changed(change, token.clone()).await?);
        }
        Ok(ready)
    }

    /// A change; what is outside fails the watch, what is inside only the change.
    async fn changed(
        &self,
        change: api::Change,
        token: Vec<u8>,
    ) -> Result<Result<Changed<T>, StoreError>, StoreError> {
        let item = change.item.unwrap_or_default();
        let address = Address { record: change.record_id, item: item.key.clone() };
        let Some(key) = schema::key(&self.at.schema, &address) else {
            return Ok(Err(self.at.error(StoreErrorKind::Damaged).at(self.at.schema.show(&address))));
        };
        let version = item.version;
        let found = match change.deleted {
            true => None,
            // A long value is not sent along: it is the one there is now, which may be a later one.
            false => self.at.whole(&address, item, Duration::ZERO).await?,
        };
        let value = found.map_or(Ok(None), |found| self.at.decode(&address, &found));
        Ok(value.map(|value| Changed { key, value, version, token }))
    }
}
