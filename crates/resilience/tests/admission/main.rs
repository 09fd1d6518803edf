//! Admission simulated: a service of known capacity, callers that do not wait for each other, every dice seeded. `--nocapture` prints tables.

mod capacity;
mod limit;
mod queue;
mod service;
