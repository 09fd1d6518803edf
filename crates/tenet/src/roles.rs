//! One role a process: what `tenet up` starts, and what an operator starts on machines of their own.

mod child;
mod console;
mod follow;
mod gateway;
mod store;

pub use child::{ChildArgs, run as child};
pub use console::{ConsoleArgs, run as console};
pub use gateway::{GatewayArgs, run as gateway};
pub use store::{ACCESS as STORE_ACCESS, StoreCommand, run as store};
