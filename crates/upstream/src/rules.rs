//! How the calls of one service are treated: what a release says of it, resolved.

use crate::{HealthChecks, PoolOptions};
use tenet_resilience::balance::BalanceRules;
use tenet_resilience::budget::BudgetRules;
use tenet_resilience::call::CallRules;
use tenet_resilience::delay::DelayRules;
use tenet_resilience::eject::EjectionRules;
use tenet_resilience::limit::LimitRules;
use tenet_resilience::queue::QueueRules;

/// The rules of one service. All defaults are those of `[resilience]` in `tenet.toml`, which a test of the gateway holds them to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServiceRules {
    /// Its connections.
    pub pool: PoolOptions,
    /// When an attempt is followed by another.
    pub call: CallRules,
    /// What repetitions are paid from.
    pub budget: BudgetRules,
    /// The quantile after which methods that ask for it get a second attempt.
    pub hedge: DelayRules,
    /// Which instance is called.
    pub balance: BalanceRules,
    /// Which instance is left out because of how it answers.
    pub ejection: EjectionRules,
    /// How instances are asked whether they serve.
    pub health: HealthChecks,
    /// How many calls there may be at once, over all threads.
    pub limit: LimitRules,
    /// Who waits where there are more.
    pub queue: QueueRules,
}
