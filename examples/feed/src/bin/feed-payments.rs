//! The payments service of the example feed.

#[tokio::main]
async fn main() -> Result<(), tenet_service::Error> {
    tenet_example_feed::payments::service(tenet_example_feed::journal().as_deref()).serve().await
}
