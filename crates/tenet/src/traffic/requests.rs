//! What is sent: the requests of `[traffic]`, or the simple GET endpoints of the contract.

use crate::up::sample_path;
use bytes::Bytes;
use http::header::{HOST, HeaderName, HeaderValue};
use http::{Method, Request, Uri};
use http_body_util::Full;
use rand::Rng;
use tenet_contract::{Contract, Verb};
use tenet_release::config::{Traffic, TrafficRequest};

/// Requests by weight.
#[derive(Clone, Debug)]
pub struct Requests {
    all: Vec<TrafficRequest>,
    weights: u64,
}

impl Requests {
    /// Those that `tenet.toml` names; if it names none, every public GET of the contract with numbers for captures.
    pub fn new(traffic: &Traffic, contract: &Contract) -> Requests {
        let all = if traffic.requests.is_empty() { derived(contract) } else { traffic.requests.clone() };
        Requests::of(all)
    }

    fn of(all: Vec<TrafficRequest>) -> Requests {
        let weights = all.iter().map(|request| u64::from(request.weight)).sum();
        Requests { all, weights }
    }

    /// Those that change nothing (RFC 9110 §9.2.1).
    pub fn safe(self) -> Requests {
        let safe = |request: &TrafficRequest| matches!(request.method.as_str(), "GET" | "HEAD");
        Requests::of(self.all.into_iter().filter(safe).collect())
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.weights == 0
    }

    /// Method and path of each, as `tenet.toml` has them.
    pub fn names(&self) -> Vec<String> {
        self.all.iter().map(|request| format!("{} {}", request.method, request.path)).collect()
    }

    /// The place of one of them, by weight.
    pub fn choose(&self, random: &mut impl Rng) -> usize {
        let mut point = random.random_range(0..self.weights.max(1));
        let chosen = self.all.iter().position(|request| {
            let weight = u64::from(request.weight);
            let here = point < weight;
            point = point.saturating_sub(weight);
            here
        });
        // The weights add up to more than the point: there is always one.
        chosen.unwrap_or_default()
    }

    /// The request at a place, about `user`, the `number`th of the run.
    pub fn build(&self, place: usize, user: u32, number: u64) -> Request<Full<Bytes>> {
        self.all.get(place).map_or_else(Request::default, |template| build(template, user, number))
    }
}

fn build(template: &TrafficRequest, user: u32, number: u64) -> Request<Full<Bytes>> {
    let fill = |text: &str| text.replace("{user}", &user.to_string()).replace("{n}", &number.to_string());
    let body = template.body.as_deref().map(fill);
    let has_body = body.is_some();
    let mut request = Request::new(Full::new(Bytes::from(body.unwrap_or_default())));
    // Both were checked when the release was loaded; a path that only its replacement makes invalid is sent as `/`.
    *request.method_mut() = Method::from_bytes(template.method.as_bytes()).unwrap_or_default();
    *request.uri_mut() = fill(&template.path).parse().unwrap_or(Uri::from_static("/"));
    let headers = request.headers_mut();
    if has_body {
        headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    for (name, value) in &template.headers {
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(&fill(value)))
        {
            headers.insert(name, value);
        }
    }
    headers.entry(HOST).or_insert(HeaderValue::from_static("localhost"));
    request
}

fn derived(contract: &Contract) -> Vec<TrafficRequest> {
    let gets = contract.endpoints.iter().filter(|endpoint| {
        let method = &contract.methods[endpoint.method];
        endpoint.public
            && endpoint.verb == Verb::Method("GET".into())
            && !method.client_streaming
            && !method.server_streaming
    });
    gets.map(|endpoint| TrafficRequest {
        weight: 1,
        method: "GET".into(),
        path: sample_path(&endpoint.template, "{user}"),
        body: None,
        headers: std::collections::BTreeMap::new(),
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt as _;
    use rand::SeedableRng as _;
    use rand::rngs::SmallRng;

    fn request(weight: u32, path: &str, body: Option<&str>) -> TrafficRequest {
        TrafficRequest {
            weight,
            method: if body.is_some() { "POST" } else { "GET" }.into(),
            path: path.into(),
            body: body.map(str::to_owned),
            headers: [("idempotency-key".to_owned(), "k-{n}".to_owned())].into(),
        }
    }

    #[tokio::test]
    async fn requests_are_chosen_by_weight_and_filled() {
        let all = vec![
            request(3, "/a/{user}", None),
            request(0, "/never", None),
            request(1, "/b", Some("[{user},{n}]")),
        ];
        let requests = Requests { weights: 4, all };
        assert_eq!(requests.clone().safe().weights, 3);
        assert_eq!(requests.names(), ["GET /a/{user}", "GET /never", "POST /b"]);
        let mut random = SmallRng::seed_from_u64(1);
        let mut posts = 0;
        for number in 0..4000 {
            let place = requests.choose(&mut random);
            let request = requests.build(place, 7, number);
            assert_eq!(request.headers()["idempotency-key"], format!("k-{number}").as_str());
            match request.uri().path() {
                "/a/7" => assert_eq!(request.method(), Method::GET),
                "/b" => {
                    posts += 1;
                    let body = request.into_body().collect().await.unwrap().to_bytes();
                    assert_eq!(body, format!("[7,{number}]").as_bytes());
                }
                other => panic!("{other}"),
            }
        }
        assert!((900..1100).contains(&posts), "{posts}");
    }
}
