//! The timeline service of the example feed. It asks accounts whom a user follows.

use tenet_example_feed::timeline::{self, Accounts};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let accounts = Accounts::from_env()?;
    timeline::service(tenet_example_feed::journal().as_deref(), &accounts).serve().await?;
    Ok(())
}
