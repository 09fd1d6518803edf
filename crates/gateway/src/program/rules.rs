//! From `[resilience]` to the rules that upstream follows.

use http::uri::PathAndQuery;
use std::time::Duration;
use tenet_release::config::Resilience;
use tenet_release::config::resilience::{AdmissionLimit, HealthCheck as Check};
use tenet_resilience::backoff::Backoff;
use tenet_resilience::balance::{BalanceRules, SpillRules};
use tenet_resilience::budget::BudgetRules;
use tenet_resilience::call::CallRules;
use tenet_resilience::delay::DelayRules;
use tenet_resilience::eject::EjectionRules;
use tenet_resilience::ewma::LoadRules;
use tenet_resilience::health::HealthRules;
use tenet_resilience::limit::LimitRules;
use tenet_resilience::queue::QueueRules;
use tenet_upstream::{HealthCheck, HealthChecks, PoolOptions, ServiceRules};

/// The rules of a service with these values. What `tenet.toml` does not name keeps its default.
pub fn of(values: &Resilience) -> ServiceRules {
    let Resilience { retry, hedge, balance, health, ejection, bulkhead, admission } = values;
    ServiceRules {
        pool: PoolOptions {
            connect_timeout: bulkhead.connect_timeout.duration(),
            max_connections_per_instance: bulkhead.connections as usize,
            h2_max_connections_per_instance: bulkhead.h2_connections as usize,
            h2_streams_per_connection: bulkhead.streams as usize,
            max_pending: bulkhead.pending as usize,
            ..PoolOptions::default()
        },
        call: CallRules {
            attempts: retry.attempts,
            backoff: Backoff { base: retry.backoff.duration(), max: retry.max_backoff.duration() },
            hedge_min: hedge.min_delay.duration(),
            halfway: hedge.halfway,
        },
        budget: BudgetRules {
            percent: retry.budget_percent,
            floor_per_second: retry.budget_floor,
            ..BudgetRules::default()
        },
        hedge: DelayRules { quantile: f64::from(hedge.percentile) / 100.0, ..DelayRules::default() },
        balance: BalanceRules {
            load: LoadRules {
                decay: balance.decay.duration(),
                slow_start: balance.slow_start.duration(),
                ..LoadRules::default()
            },
            spill: SpillRules { ratio: f64::from(balance.spill_percent) / 100.0, ..SpillRules::default() },
        },
        ejection: EjectionRules {
            consecutive_failures: ejection.consecutive,
            interval: ejection.interval.duration(),
            base: ejection.base.duration(),
            longest: ejection.max.duration(),
            cap_percent: percent(ejection.cap_percent),
            panic_percent: percent(ejection.panic_percent),
            success_rate_sigmas: f64::from(ejection.success_rate_deviation_percent) / 100.0,
            failure_percent: if ejection.failure_percent == 0 {
                100
            } else {
                percent(ejection.failure_percent)
            },
            latency_factor: f64::from(ejection.latency_factor_percent) / 100.0,
            ..EjectionRules::default()
        },
        health: HealthChecks {
            check: match health.check {
                Check::Grpc => HealthCheck::Grpc,
                Check::Http => HealthCheck::Http {
                    // Checked when the release was loaded.
                    path: health.path.parse().unwrap_or(PathAndQuery::from_static("/healthz")),
                },
                Check::Connect => HealthCheck::Connect,
                Check::Off => HealthCheck::Off,
            },
            rules: HealthRules {
                interval: health.interval.duration(),
                timeout: health.timeout.duration(),
                unhealthy_after: health.unhealthy_after,
                healthy_after: health.healthy_after,
            },
        },
        limit: match admission.limit {
            AdmissionLimit::Adaptive => LimitRules {
                adaptive: true,
                initial: admission.initial,
                min: admission.min,
                max: admission.max.min(bulkhead.in_flight),
                tolerance: f64::from(admission.tolerance_percent) / 100.0,
                ..LimitRules::default()
            },
            AdmissionLimit::Off => LimitRules::fixed(bulkhead.in_flight),
        },
        queue: QueueRules {
            capacity: bulkhead.queue as usize,
            longest: bulkhead.queue_time.duration().max(Duration::from_millis(1)),
            ..QueueRules::default()
        },
    }
}

fn percent(value: u32) -> u8 {
    u8::try_from(value.min(100)).unwrap_or(100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenet_release::config::resilience::Health;

    /// Clients without a gateway and the simulations go by the defaults of the rules themselves.
    #[test]
    fn what_tenet_toml_says_without_a_word_is_what_the_policies_do_by_themselves() {
        // How health is checked follows what a service speaks, so it is said for each.
        let values = Resilience {
            health: Health { check: Check::Grpc, ..Health::default() },
            ..Resilience::default()
        };
        assert_eq!(of(&values), ServiceRules::default());
    }
}
