//! From a release to a program.

use super::rules;
use super::{Grpc, Http, Plan, Policy, Program, Rest};
use crate::reference::Reference;
use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use tenet_contract::{Body, Endpoint, Idempotency, Router};
use tenet_release::config::{self, Cidr, Config};
use tenet_release::{Release, Roster};
use tenet_resilience::allowance;
use tenet_resilience::limit::Priority;
use tenet_telemetry::{EndpointName, Names};
use tenet_transcode::{Binding, BodyRule, Codec, ParseOptions, PrintOptions, Variable};
use tenet_upstream::{Instance, Protocol, ServiceHandle, ServiceRoster, Shared};

/// Why a release cannot be served. One sentence that names the place.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BuildError(pub String);

/// Compiles `release`; zones in `known` keep their numbers. Its services get the instances in `roster`, or those fixed in `tenet.toml`.
///
/// # Errors
/// Names the endpoint, template or setting that cannot be compiled. Nothing has changed then, but that upstream knows
/// the release's services.
pub fn build(
    release: &Arc<Release>,
    epoch: u64,
    roster: &Roster,
    known: &[String],
    shared: &Shared,
) -> Result<Program, BuildError> {
    let config = &release.config;
    let contract = &release.contract;
    let codec = Codec::compile(&contract.pool).map_err(|error| BuildError(error.to_string()))?;
    let zones = zones(config, roster, known);
    let services = shared.apply(&upstream_roster(config, roster, &zones));
    let handles: BTreeMap<&str, &ServiceHandle> =
        config.services.keys().map(String::as_str).zip(&services).collect();

    let mut builder = Builder {
        config,
        release,
        codec: &codec,
        handles,
        names: vec![EndpointName::none()],
        plans: Vec::new(),
    };
    let reference_endpoint = builder.name("(reference)", "", "", "");
    let (mut public, mut private) = (Router::builder(), Router::builder());
    for endpoint in &contract.endpoints {
        let Some(plan) = builder.rest(endpoint)? else { continue };
        let conflict = |conflict: tenet_contract::Conflict| BuildError(conflict.to_string());
        if endpoint.public {
            public.insert(&endpoint.verb, &endpoint.template, plan, &endpoint.name).map_err(conflict)?;
        }
        private.insert(&endpoint.verb, &endpoint.template, plan, &endpoint.name).map_err(conflict)?;
    }
    let mut grpc = HashMap::new();
    for index in 0..contract.methods.len() {
        if let Some(plan) = builder.grpc(index)? {
            grpc.insert(contract.methods[index].grpc_path.as_str().into(), plan);
        }
    }
    let mut prefixes = Vec::new();
    for route in &config.http {
        prefixes.push((route.prefix.as_str().into(), builder.http(route)?));
    }
    prefixes.sort_by_key(|(prefix, _): &(Box<str>, u32)| std::cmp::Reverse(prefix.len()));
    let Builder { names, plans, .. } = builder;

    let trusted = config.gateway.trusted_proxies.iter().map(|block| {
        let wrong = |expected| format!("gateway.trusted_proxies: found {block:?}, expected {expected}");
        block.parse::<Cidr>().map_err(|expected: String| BuildError(wrong(expected)))
    });
    let trusted = trusted.collect::<Result<_, _>>()?;
    let limits = &config.gateway.limits;
    Ok(Program {
        hash: release.hash,
        epoch,
        names: Arc::new(Names { endpoints: names, zones, ..Names::new() }),
        plans,
        public: public.build(),
        private: private.build(),
        grpc,
        prefixes,
        reference: Reference::new(release),
        reference_endpoint,
        allowance: config.resilience("").retry.allowance.min(allowance::MAX),
        head_limits: tenet_http1::Limits {
            head: limits.head.bytes(),
            target: limits.target.bytes(),
            headers: limits.headers as usize,
            trailers: limits.head.bytes(),
            trailer_fields: limits.headers as usize,
            extension_methods: true,
            ..tenet_http1::Limits::default()
        },
        config: config.gateway.clone(),
        codec,
        trusted,
        release: release.clone(),
    })
}

/// Compiles `release` and throws the program away: whether it can be served.
///
/// # Errors
/// As [`build`].
pub fn check(release: &Arc<Release>) -> Result<(), BuildError> {
    build(release, 0, &Roster::default(), &[], &Shared::new()).map(drop)
}

/// Zone names by number; number 0 is none. Known ones keep their numbers: programs of one process share instances, and
/// an instance has one number.
pub fn zones(config: &Config, roster: &Roster, known: &[String]) -> Vec<String> {
    let fixed = config.services.values().flat_map(|service| service.instances.iter().map(|i| &i.zone));
    let planned = config.services.values().flat_map(|service| service.zones.iter().flatten());
    let live = roster.services.values().flatten().map(|instance| &instance.zone);
    let named: BTreeSet<&String> = fixed.chain(planned).chain(live).filter(|zone| !zone.is_empty()).collect();
    let mut zones = if known.is_empty() { vec![String::new()] } else { known.to_vec() };
    let new: Vec<String> = named.into_iter().filter(|zone| !zones.contains(zone)).cloned().collect();
    zones.extend(new);
    zones
}

/// The roster as upstream takes it: one row a service of the configuration, in its order.
pub fn upstream_roster(config: &Config, roster: &Roster, zones: &[String]) -> tenet_upstream::Roster {
    let fixed = Roster::from_config(config);
    let services = config.services.iter().map(|(name, service)| {
        let live = roster.services.get(name).or_else(|| fixed.services.get(name));
        let instances = live.into_iter().flatten().map(|instance| Instance {
            id: instance.id.as_str().into(),
            address: instance.address,
            zone: zones.iter().position(|zone| *zone == instance.zone).unwrap_or(0) as u16,
            zone_name: instance.zone.as_str().into(),
            weight_percent: instance.weight,
        });
        ServiceRoster {
            name: name.clone(),
            protocol: protocol(service),
            instances: instances.collect(),
            rules: Arc::new(rules::of(&config.resilience(name))),
        }
    });
    tenet_upstream::Roster { services: services.collect() }
}

fn protocol(service: &config::Service) -> Protocol {
    match service.protocol() {
        config::Protocol::Http1 => Protocol::H1,
        config::Protocol::Grpc | config::Protocol::Http2 => Protocol::H2,
    }
}

struct Builder<'a> {
    config: &'a Config,
    release: &'a Release,
    codec: &'a Codec,
    handles: BTreeMap<&'a str, &'a ServiceHandle>,
    names: Vec<EndpointName>,
    plans: Vec<Plan>,
}

impl Builder<'_> {
    fn name(&mut self, name: &str, method: &str, group: &str, service: &str) -> u32 {
        self.names.push(EndpointName {
            name: name.into(),
            method: method.into(),
            group: group.into(),
            service: service.into(),
        });
        self.names.len() as u32 - 1
    }

    fn plan(&mut self, plan: Plan) -> u32 {
        self.plans.push(plan);
        self.plans.len() as u32 - 1
    }

    /// Name and settings of the service that serves a method; `None` when nobody does, and then nothing routes to it.
    fn served_by(&self, method: &tenet_contract::Method) -> Option<(String, config::Service, ServiceHandle)> {
        let proto_service = &self.release.contract.service_of(method).full_name;
        let name = self.release.service_of(proto_service)?;
        let handle = self.handles.get(name)?;
        Some((name.to_owned(), self.config.services.get(name)?.clone(), (*handle).clone()))
    }

    /// How calls of `method` are made.
    fn policy(&self, method: &tenet_contract::Method, service: ServiceHandle) -> Policy {
        Policy {
            priority: priority(method.priority),
            idempotent: method.idempotency != Idempotency::Unknown,
            hedge: method.hedge.then(|| service.method(&method.full_name)),
            hash_by: method.hash_by.clone(),
            service,
        }
    }

    fn rest(&mut self, endpoint: &Endpoint) -> Result<Option<u32>, BuildError> {
        let method = &self.release.contract.methods[endpoint.method];
        let Some((service_name, service, handle)) = self.served_by(method) else { return Ok(None) };
        let at = |message: String| {
            BuildError(format!("{} ({}:{}): {message}", endpoint.name, endpoint.file, endpoint.line))
        };
        let message =
            |name: &str| self.codec.message(name).ok_or_else(|| at(format!("message {name} has no tables")));
        let variables: Vec<Variable> = endpoint
            .template
            .variables()
            .iter()
            .map(|v| Variable { field_path: v.field_path.to_string(), multi_segment: v.multi_segment })
            .collect();
        let body = match &endpoint.body {
            Body::None => BodyRule::None,
            Body::Whole => BodyRule::Whole,
            Body::Field(path) => BodyRule::Field(path.to_string()),
        };
        let takes_body = body != BodyRule::None;
        let response_body = endpoint.response_body.as_ref().map(ToString::to_string);
        let binding = Binding::compile(
            self.codec,
            message(method.input.full_name())?,
            message(method.output.full_name())?,
            &variables,
            body,
            response_body.as_deref(),
        )
        .map_err(|error| at(error.to_string()))?;
        let limits = &self.config.gateway.limits;
        let max_response = service.max_response.unwrap_or(limits.max_response_message).bytes();
        let uri = call_uri(&service_name, &method.grpc_path)?;
        let deadline = self.release.deadline(method).unwrap_or(self.config.gateway.deadline().duration());
        let group = self.release.contract.service_of(method).group.clone();
        let streaming = method.client_streaming || method.server_streaming;
        let full_name = method.full_name.clone();
        let index = self.name(&endpoint.name, &full_name, &group, &service_name);
        Ok(Some(self.plan(Plan::Rest(Box::new(Rest {
            endpoint: index,
            policy: self.policy(method, handle),
            uri,
            binding,
            takes_body,
            parse: ParseOptions {
                strict: service.json.strict,
                depth: self.config.gateway.limits.json_depth,
                max_output: self.config.gateway.limits.body.bytes(),
            },
            print: PrintOptions {
                preserve_names: service.json.preserve_field_names,
                print_defaults: service.json.always_print_fields_without_presence,
                enums_as_numbers: service.json.enums_as_numbers,
                depth: self.config.gateway.limits.json_depth,
                // JSON spells out names: four times the wire size covers all but adversarial messages.
                max_output: max_response.saturating_mul(4),
            },
            deadline,
            max_body: self.config.gateway.limits.body.bytes(),
            max_response,
            streaming,
        })))))
    }

    fn grpc(&mut self, index: usize) -> Result<Option<u32>, BuildError> {
        let contract = &self.release.contract;
        let method = &contract.methods[index];
        let Some((service_name, _, handle)) = self.served_by(method) else { return Ok(None) };
        let deadline = self.release.deadline(method);
        let group = contract.service_of(method).group.clone();
        let public = contract.endpoints_of(index).any(|endpoint| endpoint.public);
        let uri = call_uri(&service_name, &method.grpc_path)?;
        let endpoint =
            self.name(&format!("gRPC {}", method.full_name), &method.full_name, &group, &service_name);
        let plan = Grpc {
            endpoint,
            policy: self.policy(method, handle),
            uri,
            public,
            deadline,
            client_streaming: method.client_streaming,
            server_streaming: method.server_streaming,
        };
        Ok(Some(self.plan(Plan::Grpc(plan))))
    }

    fn http(&mut self, route: &config::HttpRoute) -> Result<u32, BuildError> {
        let at = |message: &str| BuildError(format!("http route {}: {message}", route.prefix));
        let handle =
            self.handles.get(route.service.as_str()).ok_or_else(|| at("its service does not exist"))?;
        let policy = Policy {
            service: (*handle).clone(),
            priority: Priority::Normal,
            idempotent: false,
            hedge: None,
            hash_by: None,
        };
        let methods = route.methods.iter().map(|method| method.parse());
        let methods = methods.collect::<Result<_, _>>().map_err(|_| at("a method is not a token"))?;
        let of_service = self.config.services.get(&route.service).and_then(|service| service.deadline);
        let deadline = route.deadline.or(of_service).unwrap_or(self.config.gateway.deadline()).duration();
        let prefix = route.prefix.trim_end_matches('/');
        let group = route.group.clone().unwrap_or_else(|| route.service.clone());
        let endpoint = self.name(&format!("{prefix}/**"), "", &group, &route.service);
        let strip = if route.strip_prefix { prefix.len() } else { 0 };
        Ok(self.plan(Plan::Http(Http { endpoint, policy, strip, methods, deadline })))
    }
}

fn priority(priority: tenet_contract::Priority) -> Priority {
    match priority {
        tenet_contract::Priority::Critical => Priority::Critical,
        tenet_contract::Priority::Normal => Priority::Normal,
        tenet_contract::Priority::Sheddable => Priority::Sheddable,
    }
}

/// The URI of a gRPC call: the service's name stands in for an authority, which no gRPC server routes by.
fn call_uri(service: &str, path: &str) -> Result<Uri, BuildError> {
    let error = |error: http::Error| BuildError(format!("{service}{path}: {error}"));
    let authority = Authority::try_from(service).map_err(|e| error(e.into()))?;
    let path = PathAndQuery::try_from(path).map_err(|e| error(e.into()))?;
    Uri::builder().scheme(Scheme::HTTP).authority(authority).path_and_query(path).build().map_err(error)
}
