//! The payments service of the example feed.

use tenet_client::store::Store;
use tenet_service::PropagateLayer;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = Store::from_env(PropagateLayer)?;
    tenet_example_feed::payments::service(&store)?.serve().await?;
    Ok(())
}
