//! Discovery, pools and attempts: the only crate that opens upstream connections.
