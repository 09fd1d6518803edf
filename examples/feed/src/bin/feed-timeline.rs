//! The timeline service of the example feed. It asks accounts whom a user follows.

use tenet_client::store::Store;
use tenet_example_feed::timeline::{self, Accounts};
use tenet_service::PropagateLayer;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = Store::from_env(PropagateLayer)?;
    let accounts = Accounts::from_env()?;
    timeline::service(&store, &accounts)?.serve().await?;
    Ok(())
}
