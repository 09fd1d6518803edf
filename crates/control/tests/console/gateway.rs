//! A gateway as far as the console can tell: a collector behind its telemetry service, which can be cut off.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tenet_api::telemetry::v1::Store;
use tenet_error::Code;
use tenet_telemetry::{
    Collector, EndpointName, InstanceView, Key, Names, ProcessInfo, Recorder, Sample, keep_time,
    watch_service,
};
use tokio::runtime::Runtime;
use tokio_stream::wrappers::TcpListenerStream;

pub struct Gateway {
    pub address: SocketAddr,
    listener: TcpListener,
    collector: Arc<Collector>,
    /// Its own, so that dropping it cuts every connection as a crash would.
    runtime: Option<Runtime>,
}

impl Gateway {
    pub fn start(name: &str) -> Gateway {
        Gateway::of_role(name, "gateway")
    }

    /// Another process of the platform.
    pub fn of_role(name: &str, role: &str) -> Gateway {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let collector = Arc::new(Collector::new(ProcessInfo {
            name: name.into(),
            role: role.into(),
            zone: "a".into(),
            release: "r".into(),
            epoch: 1,
            version: "0".into(),
            started: SystemTime::now(),
        }));
        let address = listener.local_addr().unwrap();
        let mut gateway = Gateway { address, listener, collector, runtime: None };
        gateway.listen();
        gateway
    }

    pub fn listen(&mut self) {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.spawn(keep_time(Arc::clone(&self.collector)));
        let (listener, collector) = (self.listener.try_clone().unwrap(), Arc::clone(&self.collector));
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let server = tonic::transport::Server::builder().add_service(watch_service(collector));
            server.serve_with_incoming(TcpListenerStream::new(listener)).await
        });
        self.runtime = Some(runtime);
    }

    /// Knows this one as an instance of a service.
    pub fn know(&self, service: &str, id: &str, address: SocketAddr) {
        self.collector.set_instances(vec![InstanceView {
            service: service.into(),
            id: id.into(),
            address: address.to_string(),
            ..InstanceView::default()
        }]);
    }

    /// Says that it is a process of the store, in every second from now on.
    pub fn keep(&self, engine: &'static str) {
        let collector = Arc::clone(&self.collector);
        tokio::spawn(async move {
            loop {
                collector.set_store(Store { engine: engine.into(), ..Store::default() });
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
    }

    /// Ends every connection, and answers no new one.
    pub fn cut(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }

    /// Ends so many requests.
    pub fn serve(&self, requests: u64) {
        let mut names = Names::new();
        names.endpoints.push(EndpointName {
            name: "GET /a".into(),
            method: String::new(),
            group: "g".into(),
            service: "s".into(),
        });
        let mut recorder = Recorder::new(0);
        for i in 1..=requests {
            let key = Key { endpoint: 1, code: Code::Ok, consumer: 0, version: 0, zone: 0 };
            recorder.record(&Sample {
                key,
                latency_ns: i,
                request_bytes: 0,
                response_bytes: 0,
                attempts: 1,
                hedged: false,
                hedge_won: false,
            });
        }
        self.collector.submit(&Arc::new(names), recorder.take());
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.cut();
    }
}
