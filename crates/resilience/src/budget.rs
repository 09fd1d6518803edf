//! (stub of budget)
