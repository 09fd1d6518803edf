//! The fleet in virtual time: thousands of seeds of gateways, clients and instances in zones that fail.
//!
//! ```text
//!   seed, scenario ──▶ plan (zones, gateways, instances, load) + faults ──▶ world: events over the real policies ──▶ Run
//!                                                                             │ properties that must hold             │ figures
//!                                                                             ▼                                       ▼
//!                                                                         findings, each with how to replay it      table
//! ```
//!
//! Every decision is made by `tenet-resilience`, in the way `tenet-upstream` and `tenet-gateway` ask for it. Nothing depends on a
//! clock, a thread or the order of a hash table: a seed is always the same run.

mod check;
mod dice;
mod event;
mod fault;
mod figures;
mod plan;
mod report;
mod scenario;
mod world;

pub use check::Findings;
pub use figures::{Figures, Phase};
pub use report::Report;
pub use scenario::Scenario;

use world::World;

/// What came out of one seed.
#[derive(Clone, Debug)]
pub struct Run {
    /// The kind of run.
    pub scenario: Scenario,
    /// The seed.
    pub seed: u64,
    /// What was measured.
    pub figures: Figures,
    /// Properties that did not hold.
    pub findings: Findings,
}

/// Runs one seed; `trace` prints what happens to standard output.
pub fn run(scenario: Scenario, seed: u64, trace: bool) -> Run {
    let mut world = World::new(scenario, seed, trace);
    world.run();
    world.budgets_hold();
    let figures = Figures::of(&world);
    check::after::check(&mut world, scenario, &figures);
    if trace {
        println!("{figures:#?}");
    }
    Run { scenario, seed, figures, findings: world.findings }
}
