//! (stub of ewma)
