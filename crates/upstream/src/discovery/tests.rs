//! The rounds under a stopped clock, and the resolver against a real name server.

mod rounds;
mod server;
mod wire;
