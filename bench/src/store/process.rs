//! A store process: the store's service over the SDK for services, as `tenet store serve` has it, on an engine that the bench names.

use super::workload::{RECORDS, VALUE_BYTES, key};
use crate::Outcome;
use crate::resilience::attached::end_with_parent;
use bytes::Bytes;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tenet_api::store::v1::store_server::StoreServer;
use tenet_service::{Facts, Service};
use tenet_store::catalogue::{Catalogue, Declared, Namespace, SecretHash};
use tenet_store::commit::{Action, Commit, RecordChange, Write};
use tenet_store::engine::embedded::{Embedded, EmbeddedOptions};
use tenet_store::engine::postgres::{CONNECTIONS, Postgres, PostgresConfig};
use tenet_store::engine::{Engine, MAX_BATCH};
use tenet_store::item::Value;
use tenet_store::name::{CollectionId, Name};
use tenet_store::owner::{Owner, Width};
use tenet_store::service::StoreService;
use tokio::net::TcpListener;

/// The one namespace, and its collection.
pub const NAMESPACE: &str = "bench";
/// See [`NAMESPACE`].
pub const COLLECTION: &str = "records";
/// By which the bench is known as the namespace's owner; as long as the ones that the runner makes.
pub const SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
/// Where it is sent.
pub const SECRET_METADATA: &str = tenet_store::service::SECRET;

/// The hidden command that [`run`] is.
pub const COMMAND: &str = "store-process";

/// What it serves.
#[derive(clap::Args)]
pub struct Arguments {
    /// PostgreSQL's URL.
    #[arg(long, conflicts_with = "folder")]
    url: Option<String>,
    /// The embedded engine's folder.
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Fill the collection first.
    #[arg(long)]
    load: bool,
    /// Batches of writes at a time. Default: the engine's.
    #[arg(long)]
    write_lanes: Option<usize>,
    /// Batches of reads at a time. Default: the engine's.
    #[arg(long)]
    read_lanes: Option<usize>,
    /// Connections to PostgreSQL.
    #[arg(long, default_value_t = CONNECTIONS)]
    connections: usize,
}

/// Serves until the bench ends; its address is the first line it prints.
pub fn run(arguments: &Arguments) -> Outcome {
    end_with_parent()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| error.to_string())?.block_on(serve(arguments))
}

async fn serve(arguments: &Arguments) -> Outcome {
    let engine = engine(arguments).await?;
    let namespace = Namespace {
        name: name(NAMESPACE)?,
        owner: "bench".into(),
        secrets: vec![SecretHash::of(SECRET.as_bytes())],
        collections: vec![Declared {
            name: name(COLLECTION)?,
            atomic_across_records: false,
            ttl: None,
            retention: Duration::ZERO,
            schema: None,
        }],
    };
    let catalogue = Catalogue::declare(&*engine, vec![namespace]).await.map_err(|error| error.to_string())?;
    if arguments.load {
        let known = catalogue.collection(SecretHash::of(SECRET.as_bytes()), NAMESPACE, COLLECTION);
        load(&*engine, known.map_err(|refused| format!("{refused:?}"))?.id).await?;
    }
    let usual = Width::of(&*engine);
    let width = Width {
        write_lanes: arguments.write_lanes.unwrap_or(usual.write_lanes),
        read_lanes: arguments.read_lanes.unwrap_or(usual.read_lanes),
        ..usual
    };
    let service = StoreService::new(Owner::start(engine, width), catalogue);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(|error| error.to_string())?;
    let address: SocketAddr = listener.local_addr().map_err(|error| error.to_string())?;
    println!("{address}");
    let facts = Facts::from_lookup("store", |_| None).map_err(|error| error.to_string())?;
    Service::new("store")
        .descriptor_set(tenet_store::service::FILE_DESCRIPTOR_SET)
        .add(StoreServer::new(service))
        .limits(tenet_store::service::limits())
        .serve_on(listener, facts, std::future::pending())
        .await
        .map_err(|error| error.to_string())
}

async fn engine(arguments: &Arguments) -> Outcome<Arc<dyn Engine>> {
    if let Some(folder) = &arguments.folder {
        let engine = Embedded::open(folder, EmbeddedOptions::default());
        return Ok(Arc::new(engine.map_err(|error| error.to_string())?));
    }
    let url = arguments.url.clone().ok_or("a store process needs --url or --folder")?;
    let config = PostgresConfig { connections: arguments.connections, ..PostgresConfig::new(url) };
    Ok(Arc::new(Postgres::open(config).await.map_err(|error| error.to_string())?))
}

/// Writes every record once.
async fn load(engine: &dyn Engine, collection: CollectionId) -> Outcome {
    let value = Bytes::from(vec![b'a'; VALUE_BYTES]);
    let commit = |number: &usize| {
        let action = Action::Put(Value::Inline(value.clone()));
        let writes = vec![Write { key: Bytes::new(), action, ttl: None }];
        let change = RecordChange { record: key(*number).into(), conditions: Vec::new(), writes };
        Commit { collection, token: None, fence: None, typed: None, changes: vec![change] }
    };
    let numbers: Vec<usize> = (0..RECORDS).collect();
    for batch in numbers.chunks(MAX_BATCH) {
        engine.commit(batch.iter().map(commit).collect()).await.map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn name(name: &str) -> Outcome<Name> {
    Name::new(name).map_err(|error| error.to_string())
}
