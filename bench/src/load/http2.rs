//! HTTP/2 callers: several requests at a time on each connection.

use super::http1::spend;
use super::{Shared, Target};
use crate::Outcome;
use bytes::Bytes;
use http::{Method, Request};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::net::TcpStream;

/// One connection whose streams each ask again as soon as they are answered.
pub(super) async fn closed(
    target: Target,
    streams: usize,
    shared: Arc<Shared>,
    budget: Rc<RefCell<Option<u64>>>,
) {
    let asked = async {
        let stream = TcpStream::connect(target.address).await.map_err(|error| error.to_string())?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        let (sender, connection) = h2::client::handshake(stream).await.map_err(|error| error.to_string())?;
        let driver = tokio::task::spawn_local(connection);
        let mut callers = Vec::new();
        for _ in 0..streams {
            callers.push(tokio::task::spawn_local(caller(
                target,
                sender.clone(),
                shared.clone(),
                budget.clone(),
            )));
        }
        drop(sender);
        for caller in callers {
            caller.await.map_err(|error| error.to_string())??;
        }
        driver.abort();
        Outcome::Ok(())
    };
    // One message is enough; all failures are counted.
    if let Err(why) = asked.await
        && shared.failed.fetch_add(1, Ordering::Relaxed) == 0
    {
        eprintln!("{}: {why}", target.address);
    }
}

async fn caller(
    target: Target,
    sender: h2::client::SendRequest<Bytes>,
    shared: Arc<Shared>,
    budget: Rc<RefCell<Option<u64>>>,
) -> Outcome {
    let failed = |error: h2::Error| error.to_string();
    let path = target.case.path();
    while !shared.stop.load(Ordering::Relaxed) && spend(&budget) {
        let request = Request::builder().method(Method::GET).uri(format!("http://bench.example{path}"));
        let request = request.body(()).map_err(|error| error.to_string())?;
        let mut sender = sender.clone().ready().await.map_err(failed)?;
        let (answer, _) = sender.send_request(request, true).map_err(failed)?;
        let answer = answer.await.map_err(failed)?;
        let status = answer.status().as_u16();
        let mut body = answer.into_body();
        while let Some(data) = body.data().await {
            let data = data.map_err(failed)?;
            body.flow_control().release_capacity(data.len()).map_err(failed)?;
        }
        if status != target.case.status() {
            return Err(format!("answered {status}"));
        }
        shared.answered.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}
