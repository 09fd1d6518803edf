//! The timeline service of the example feed. It asks accounts whom a user follows.

#[tokio::main]
async fn main() -> Result<(), tenet_service::Error> {
    let accounts = tenet_service::channel("accounts")?;
    tenet_example_feed::timeline::service(tenet_example_feed::journal().as_deref(), accounts).serve().await
}
