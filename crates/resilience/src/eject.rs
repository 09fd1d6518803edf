//! (stub of eject)
