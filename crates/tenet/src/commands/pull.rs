//! `tenet contract pull`: the contracts of a running server by reflection, v1 first, v1alpha where that is all it has.

mod reflection;

use crate::cli::Failed;
use reflection::Files;
use std::path::Path;
use std::time::Duration;
use tenet_contract::{Contract, LoadOptions};
use tonic::transport::{Channel, Endpoint};

/// The whole exchange: a server that reflects at all does so in milliseconds.
const TIME: Duration = Duration::from_secs(30);

/// Fetches every service of `server` and writes the descriptor set to `output`.
pub fn run(server: &str, output: &Path) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failed::new)?;
    let files = runtime.block_on(async {
        match tokio::time::timeout(TIME, fetch(server)).await {
            Ok(result) => result,
            Err(_) => Err(Failed(format!("error: {server} did not answer within {TIME:?}"))),
        }
    })?;
    let bytes = files.descriptor_set();
    // What was pulled must also load: a set with holes is found now rather than at the next `tenet check`.
    let contract = Contract::from_descriptor_set(&bytes, &LoadOptions::default())
        .map_err(|found| Failed(format!("{found}\n\nthe contracts of {server} do not load")))?;
    std::fs::write(output, &bytes)
        .map_err(|error| Failed::while_doing(&format!("cannot write {}", output.display()), &error))?;
    println!("{}: {} files, {} services", output.display(), files.len(), contract.services.len());
    println!("name it in tenet.toml:  [contracts] descriptor_sets = [{:?}]", output.display().to_string());
    Ok(())
}

async fn fetch(server: &str) -> Result<Files, Failed> {
    let channel = connect(server).await?;
    match reflection::v1::pull(channel.clone()).await {
        Err(status) if status.code() == tonic::Code::Unimplemented => {
            reflection::v1alpha::pull(channel).await
        }
        result => result,
    }
    .map_err(|status| {
        let hint = if status.code() == tonic::Code::Unimplemented {
            "; it has no reflection service: compile its .proto files, or name a descriptor set"
        } else {
            ""
        };
        Failed(format!("error: {server} answered {:?}: {}{hint}", status.code(), status.message()))
    })
}

async fn connect(server: &str) -> Result<Channel, Failed> {
    let authority = server.strip_prefix("http://").unwrap_or(server);
    let endpoint = Endpoint::from_shared(format!("http://{authority}")).map_err(|_| {
        Failed(format!("error: found {server:?}, expected HOST:PORT such as 127.0.0.1:50051"))
    })?;
    endpoint
        .connect_timeout(TIME)
        .connect()
        .await
        .map_err(|error| Failed::while_doing(&format!("cannot connect to {server}"), &error))
}
