//! (stub of queue)
