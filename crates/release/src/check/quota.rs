//! Quotas: of those who keep something, and each bound one that lets something through.

use super::Check;
use crate::config::Quota;

pub(super) fn check(check: &mut Check<'_>) {
    for (name, service) in &check.config.services {
        let quota = &service.quota;
        if quota.is_none() {
            continue;
        }
        if service.keeps.is_empty() {
            let message = "the service keeps nothing in the store that it could bound";
            let hint = "write what it keeps under `keeps`, or take the quota away".to_owned();
            check.wrong_with_hint(&["services", name, "quota"], message, Some(hint));
        }
        for (key, found) in bounds(quota) {
            if found == Some(0) {
                let message =
                    "found 0, expected more: nothing could be done; without the key there is no bound";
                check.wrong(&["services", name, "quota", key], message);
            }
        }
        if quota.burst.is_some() && quota.requests.is_none() {
            let message = "it is how many `requests` may come at once, and there is no bound of them";
            let hint = "write `requests`, how many may come a second".to_owned();
            check.wrong_with_hint(&["services", name, "quota", "burst"], message, Some(hint));
        }
    }
}

fn bounds(quota: &Quota) -> [(&'static str, Option<u64>); 5] {
    [
        ("bytes", quota.bytes.map(|size| size.0)),
        ("items", quota.items),
        ("requests", quota.requests),
        ("burst", quota.burst),
        ("bytes_per_second", quota.bytes_per_second.map(|size| size.0)),
    ]
}
