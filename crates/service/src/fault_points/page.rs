//! `GET`, `PUT` and `DELETE /-/faults`: how a drill sees, sets and ends fault points.

use super::settings::Wanted;
use super::{Active, FaultPoints, SlotRule};
use http::Method;
use http_body_util::{BodyExt, Limited};
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;
use tenet_error::{Code, Failure};

/// Where fault points are set.
pub(crate) const PATH: &str = "/-/faults";

/// Bytes of JSON that are read: the longest sensible setting has about 150.
const MAX_BODY_BYTES: usize = 4096;

/// Time the JSON may take to arrive; it fits one packet.
const BODY_TIME: Duration = Duration::from_secs(5);

/// What is in force, as `GET` shows it.
#[derive(Serialize)]
struct Shown {
    slots: Option<ShownSlots>,
    delay_ms: u32,
    error: Option<ShownError>,
    black_hole: bool,
    /// Milliseconds until delay, error and black hole end by themselves.
    left_ms: u64,
}

#[derive(Serialize)]
struct ShownSlots {
    #[serde(flatten)]
    rule: SlotRule,
    busy: usize,
    waiting: usize,
}

#[derive(Serialize)]
struct ShownError {
    code: &'static str,
    share: f64,
}

impl FaultPoints {
    /// Answers a request for [`PATH`]: JSON of what is in force afterwards.
    pub(crate) async fn answer<B>(
        self: &Arc<FaultPoints>,
        method: &Method,
        body: B,
    ) -> Result<Vec<u8>, Failure>
    where
        B: http_body::Body,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        match *method {
            Method::GET | Method::HEAD => {}
            Method::DELETE => self.clear(),
            Method::PUT => {
                let read = Limited::new(body, MAX_BODY_BYTES).collect();
                let json = match tokio::time::timeout(BODY_TIME, read).await {
                    Ok(Ok(json)) => json.to_bytes(),
                    Ok(Err(_)) => return Err(Code::BodyTooLarge.into()),
                    Err(_) => return Err(Code::BodyTimeout.into()),
                };
                let wanted = Wanted::parse(&json).map_err(|text| Failure::new(Code::InvalidJson, text))?;
                self.put(&wanted);
            }
            _ => {
                let allow = "GET, HEAD, PUT, DELETE".into();
                return Err(Failure::new(Code::MethodNotAllowed, "").with_allow(allow));
            }
        }
        serde_json::to_vec(&Shown::from(self.active()))
            .map_err(|_| Failure::new(Code::ServiceInternal, "The fault points cannot be written."))
    }
}

impl From<Active> for Shown {
    fn from(active: Active) -> Shown {
        Shown {
            slots: active.slots.map(|slots| ShownSlots {
                rule: slots.rule,
                busy: slots.busy(),
                waiting: slots.waiting(),
            }),
            delay_ms: active.leased.delay_ms,
            error: active.leased.error.map(|rule| ShownError { code: rule.code.name(), share: rule.share }),
            black_hole: active.leased.black_hole,
            left_ms: u64::try_from(active.left.as_millis()).unwrap_or(u64::MAX),
        }
    }
}
