//! One role a process: what `tenet up` starts, and what an operator starts on machines of their own.

mod child;
mod console;
mod follow;
mod gateway;
mod store;

pub use child::{ChildArgs, run as child};
pub use console::{ConsoleArgs, run as console};
pub use gateway::{GatewayArgs, run as gateway};
pub use store::{ACCESS as STORE_ACCESS, FOLDER as STORE_FOLDER, StoreCommand, run as store};
pub use store::{
    engine as store_engine, follow as store_release, namespaces as store_namespaces,
    operator as store_operator,
};
