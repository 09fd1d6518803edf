//! The quotas on the page of metrics, as OpenMetrics text 1.0.

use super::{Limit, Quota, Quotas};
use crate::metrics;
use std::fmt::{self, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl Quotas {
    /// Appends what each namespace may take, has, and was refused.
    pub fn write(&self, out: &mut String) {
        // Writing into a string does not fail.
        let _ = families(&self.all(), out);
    }
}

fn families(quotas: &[Arc<Quota>], out: &mut String) -> fmt::Result {
    let mut family = |name: &str, kind: &str, help: &str, rows: Vec<(String, u64)>| -> fmt::Result {
        metrics::family(out, name, kind, help)?;
        let suffix = if kind == "counter" { "_total" } else { "" };
        rows.into_iter().try_for_each(|(labels, value)| writeln!(out, "{name}{suffix}{{{labels}}} {value}"))
    };
    // Names of the store need no escaping.
    let of = |quota: &Quota| format!("namespace=\"{}\"", quota.name());
    let with = |quota: &Quota, limit: Limit| format!("{},limit=\"{}\"", of(quota), limit.name());
    let each = |count: fn(&Quota) -> u64| quotas.iter().map(|quota| (of(quota), count(quota))).collect();

    let limits = quotas.iter().flat_map(|quota| {
        let limits = quota.limits().into_iter();
        limits.filter_map(|(limit, allowed)| Some((with(quota, limit), allowed?))).collect::<Vec<_>>()
    });
    let help = "What a namespace may take, where that is bounded; a second of all processes together.";
    family("tenet_store_quota", "gauge", help, limits.collect())?;
    let used = quotas.iter().filter_map(|quota| {
        let used = quota.room.used()?;
        Some([(with(quota, Limit::Bytes), used.bytes), (with(quota, Limit::Items), used.items)])
    });
    let help = "What a bounded namespace kept when it was measured last.";
    family("tenet_store_quota_used", "gauge", help, used.flatten().collect())?;
    let refused = quotas.iter().flat_map(|quota| {
        let count = |limit: Limit| quota.refused[limit as usize].load(Ordering::Relaxed);
        let rows = Limit::ALL.into_iter().map(|limit| (with(quota, limit), count(limit)));
        rows.filter(|(_, count)| *count > 0).collect::<Vec<_>>()
    });
    let help = "Calls refused because a limit of their namespace was reached.";
    family("tenet_store_quota_refused", "counter", help, refused.collect())?;
    let help = "Calls of a namespace that began, each read of a BatchGet one.";
    family("tenet_store_namespace_requests", "counter", help, each(|q| q.asked.load(Ordering::Relaxed)))?;
    let help = "Bytes of keys and values that a namespace wrote and read.";
    family("tenet_store_namespace_bytes", "counter", help, each(|q| q.moved.load(Ordering::Relaxed)))
}

impl Quota {
    /// Every limit, and what it allows.
    fn limits(&self) -> [(Limit, Option<u64>); Limit::ALL.len()] {
        let rate = |rate: &super::Rate| Some(rate.allowed()).filter(|allowed| *allowed > 0);
        let [bytes, items] = self.room.limits();
        let (requests, bytes_per_second) = (rate(&self.requests), rate(&self.bytes));
        [bytes, items, (Limit::Requests, requests), (Limit::BytesPerSecond, bytes_per_second)]
    }
}
