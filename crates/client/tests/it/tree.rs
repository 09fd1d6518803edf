//! A service that calls another through a client: what it was granted is divided, and what was spent is told above.

use crate::stage::{Instance, call, client, eventually, say};
use tonic::Request;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_allowance_is_divided_below_and_accounted_for_above() {
    let bottom = Instance::start("bottom");
    let top = Instance::start_above("top", Some(client([&bottom]).build().unwrap()));
    // What the top was granted, what the bottom may spend, what the top reports. A bottom that copies its baggage to all its calls copies
    // an allowance of nothing: what is its own stands in a field beside it.
    for (granted, below, spent) in [
        ("tenet-allowance=3", "tenet-allowance=0; may spend 1", Some("0")),
        ("a=b,tenet-allowance=8", "a=b,tenet-allowance=0; may spend 2", Some("0")),
        ("tenet-allowance=1", "tenet-allowance=0; may spend 0", Some("0")),
        // In a gateway's ledger, and nothing says that it is the top's alone: it is not for a client to spend.
        ("tenet-allowance=3.0a1f00c0ffee1234", "tenet-allowance=0; may spend 0", None),
        // The gateway says so (`share` below): the top divides it, and nobody below learns the place.
        ("share=3,tenet-allowance=3.0a1f00c0ffee1234", "share=3,tenet-allowance=0; may spend 1", Some("0")),
        ("a=b", "a=b,tenet-allowance=0; may spend 0", None),
        // Only a gateway or a client begins a tree: to a service that was told no number, there is nothing to spend.
        ("tenet-allowance=*", "tenet-allowance=0; may spend 0", Some("0")),
    ] {
        let mut request = Request::new(say("Context"));
        request.metadata_mut().insert("baggage", granted.parse().unwrap());
        if granted.starts_with("share") {
            request.metadata_mut().insert("tenet-allowance", "3".parse().unwrap());
        }
        // Straight to the service: what is asked here is what a gateway would send.
        let uri: http::Uri = format!("http://{}", top.address).parse().unwrap();
        let answer = call(tonic::transport::Endpoint::from(uri).connect_lazy(), "Below", request);
        let answer = answer.await.unwrap();
        assert_eq!(answer.get_ref().text, below, "{granted}");
        let told = answer.metadata().get("tenet-retries-spent").map(|value| value.to_str().unwrap());
        assert_eq!(told, spent, "{granted}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repetition_below_is_told_above() {
    let mut bottom = ["a", "b"].map(Instance::start);
    let top = Instance::start_above("top", Some(client(&bottom).build().unwrap()));
    let uri: http::Uri = format!("http://{}", top.address).parse().unwrap();
    let mut request = Request::new(say("Wait"));
    request.metadata_mut().insert("baggage", "tenet-allowance=8".parse().unwrap());
    let channel = tonic::transport::Endpoint::from(uri).connect_lazy();
    let calling = tokio::spawn(call(channel, "Below", request));
    eventually("it runs", async || bottom.iter().map(Instance::begun).sum::<u32>() == 1).await;
    let first = usize::from(bottom[0].begun() == 0);
    bottom[1 - first].seen.release.add_permits(1);
    bottom[first].kill();
    let answer = calling.await.unwrap().unwrap();
    // 8 above, 4 for the client: 2 were lost with the instance that had them, and one was the repetition.
    assert_eq!(answer.metadata().get("tenet-retries-spent").unwrap(), "3");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_of_a_service_shows_its_clients() {
    let bottom = Instance::start("bottom");
    let top = Instance::start_above("top", Some(client([&bottom]).build().unwrap()));
    let uri: http::Uri = format!("http://{}", top.address).parse().unwrap();
    let channel = tonic::transport::Endpoint::from(uri).connect_lazy();
    call(channel, "Below", say("Echo")).await.unwrap();
    let page = top.metrics().await;
    let id = format!("probe-{}", bottom.address);
    let state = format!(
        "tenet_instance_state{{service=\"probe\",instance_id=\"{id}\",address=\"{}\",zone=\"\",state=\"up\"}} 1\n",
        bottom.address
    );
    for line in [
        "# TYPE tenet_upstream_calls counter\n",
        "tenet_upstream_calls_total{service=\"probe\"} 1\n",
        "tenet_client_refused_total{service=\"probe\"} 0\n",
        "tenet_upstream_retries_refused_total{service=\"probe\",by=\"budget\"} 0\n",
        &state,
    ] {
        assert!(page.contains(line), "{line}{page}");
    }
    assert_eq!(page.matches("# EOF\n").count(), 1);
    assert!(page.ends_with("# EOF\n"));
}
