//! Design for failure as pure policies: what was observed, `now` and randomness come in, decisions come out.
//!
//! ```text
//!   one call      call ── may it be repeated, when, within which allowance ──▶ budget · allowance · backoff · delay
//!   one service   balance ── which instance ──▶ ewma · affinity · orca        eject · health ── who is left out
//!   one process   limit ── how many at once ──▶ queue ── who waits, who is refused     capacity ── what is left after N−1
//! ```
//!
//! Nothing here reads a clock, rolls dice or does IO, so that every policy can be simulated, alone in its own tests and with all others in
//! `simulation/`. What threads of a process share is made of atomics and states its bound; what one thread owns is plain.

pub mod affinity;
pub mod allowance;
pub mod backoff;
pub mod balance;
pub mod budget;
pub mod call;
pub mod capacity;
pub mod delay;
pub mod eject;
pub mod ewma;
pub mod health;
pub mod limit;
mod moment;
pub mod orca;
pub mod queue;
pub mod timeout;

pub use moment::Moment;
