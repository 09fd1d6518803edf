//! A store that never was: two collections under a load, one of them with an index that is built, and an engine that is away now and then.

use super::Dice;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;
use tenet_api::telemetry::v1::{
    HotRecord, Store, StoreCalls, StoreCollection, StoreIndex, StoreOperation, StoreSize, Tally,
};
use tenet_sketch::Sketch;
use tenet_telemetry::{Collector, InstanceView, ProcessInfo, second_close, sketch_to_wire, watch_service};
use tokio_stream::wrappers::TcpListenerStream;

/// Items of the collection whose index is built.
const ITEMS: u64 = 48_000;

/// As the gateways know it.
pub fn instance(address: SocketAddr) -> InstanceView {
    InstanceView {
        service: "store".into(),
        id: "store-1".into(),
        address: address.to_string(),
        zone: "a".into(),
        healthy: true,
        state: "up".into(),
        ..InstanceView::default()
    }
}

/// Starts it in the background.
pub async fn start(quiet: bool) -> std::io::Result<SocketAddr> {
    let collector = Arc::new(Collector::new(ProcessInfo {
        name: "store-1".into(),
        role: "store".into(),
        zone: "a".into(),
        release: "3f9c2ab1d04e".into(),
        epoch: 7,
        version: "0.1.0".into(),
        started: SystemTime::now(),
    }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = tonic::transport::Server::builder().add_service(watch_service(Arc::clone(&collector)));
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    tokio::spawn(async move {
        let mut dice = Dice(0x5109_ab2d);
        for second in 1.. {
            second_close().await;
            collector.set_store(store(second, quiet, &mut dice));
            collector.tick(SystemTime::now());
        }
    });
    Ok(address)
}

fn store(second: u64, quiet: bool, dice: &mut Dice) -> Store {
    let away = second % 90 > 70 && second % 90 < 80;
    let calls = if quiet { 0 } else { 900 };
    let mut sketch = |count: u64, usual: f64| {
        let values = (0..count).map(|_| (usual * (dice.normal() * 0.5).exp()) as u64);
        sketch_to_wire(&values.collect::<Sketch>())
    };
    let operation = |operation: &str, latency, sizes| StoreOperation {
        operation: operation.into(),
        latency: Some(latency),
        sizes,
        failures: vec![Tally { name: "unavailable".into(), count: if away { second * 40 } else { 0 } }],
    };
    let operations = vec![
        operation("read", sketch(calls / 4, 380e3), Some(sketch(calls / 4, 2.0))),
        operation("commit", sketch(calls / 10, 2.1e6), Some(sketch(calls / 10, 4.0))),
        operation("scan", sketch(calls / 50, 900e3), None),
    ];
    let mut kind = |kind: &str, count, usual| StoreCalls {
        kind: kind.into(),
        latency: Some(sketch(count, usual)),
        failures: 0,
    };
    let tally = |name: &str, each: u64| Tally { name: name.into(), count: second * each };
    let users = StoreCollection {
        namespace: "accounts".into(),
        collection: "users".into(),
        calls: vec![
            kind("get", calls, 300e3),
            kind("put", calls / 8, 2.4e6),
            kind("scan", calls / 40, 1.2e6),
        ],
        commits: vec![
            tally("done", calls / 8),
            tally("conflict", calls / 200),
            tally("replayed", calls / 300),
        ],
        items_from_memory: second * calls * 3 / 4,
        items_from_engine: second * calls / 4,
        size: Some(StoreSize {
            records: ITEMS,
            items: ITEMS,
            bytes: ITEMS * 212,
            age_ms: 1000 * (second % 60),
        }),
        hot_records: vec![
            HotRecord { name: "(\"u7\")".into(), share: 0.17 },
            HotRecord { name: "(\"u1204\")".into(), share: 0.03 },
        ],
        indexes: vec![StoreIndex {
            name: "by-handle".into(),
            state: if second < 120 { "BUILDING" } else { "READY" }.into(),
            items_done: (second * ITEMS / 120).min(ITEMS),
            ..StoreIndex::default()
        }],
        watches: 2,
        ..StoreCollection::default()
    };
    let keys = StoreCollection {
        namespace: "payments".into(),
        collection: "by-key".into(),
        calls: vec![kind("mutate", calls / 30, 2.9e6), kind("lease", calls / 300, 2.0e6)],
        commits: vec![tally("done", calls / 30)],
        leases: 1,
        ..StoreCollection::default()
    };
    let problem = if away { "connection refused by 10.0.0.9:5432" } else { "" };
    Store {
        engine: "postgres".into(),
        near_bytes: 18 << 20,
        operations,
        collections: vec![users, keys],
        problem: problem.into(),
    }
}
