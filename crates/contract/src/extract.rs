//! From linked descriptors to services, methods, endpoints and collections.

mod collection;
pub(crate) mod comments;
mod hash_by;
pub(crate) mod options;
mod place;
mod policy;
mod rule;

pub(crate) use rule::is_scalar_message;

use crate::load::Texts;
use crate::{Contract, Diagnostic, Endpoint, LoadOptions, Method, Router, Service};
use comments::Comments;
use place::Place;
use prost_reflect::{DescriptorPool, MethodDescriptor, ServiceDescriptor};

/// Reads everything the platform wants to know; what is wrong is added to `found`.
pub(crate) fn contract(
    pool: &DescriptorPool,
    texts: &Texts,
    options: &LoadOptions,
    found: &mut Vec<Diagnostic>,
) -> Contract {
    let mut work = Work { texts, comments: Comments::new(pool), found, places: Vec::new() };
    let mut contract = Contract {
        pool: pool.clone(),
        services: Vec::new(),
        methods: Vec::new(),
        endpoints: Vec::new(),
        collections: work.collections(pool),
    };
    let mut services: Vec<ServiceDescriptor> = pool.services().collect();
    services.sort_by(|a, b| a.full_name().cmp(b.full_name()));
    for service in services {
        let first = contract.methods.len();
        let endpoints = contract.endpoints.len();
        for method in service.methods() {
            work.method(&service, &method, &mut contract, options);
        }
        if options.served.as_ref().is_some_and(|served| !served.contains(service.full_name())) {
            contract.endpoints.truncate(endpoints);
            work.places.truncate(endpoints);
        }
        let methods = first..contract.methods.len();
        let service = work.service(&service, methods);
        let public = service.visibility == crate::Visibility::Public;
        let methods = service.methods.clone();
        contract.endpoints.iter_mut().filter(|e| methods.contains(&e.method)).for_each(|e| e.public = public);
        contract.services.push(service);
    }
    work.conflicts(&contract);
    contract
}

struct Work<'a> {
    texts: &'a Texts,
    comments: Comments,
    found: &'a mut Vec<Diagnostic>,
    /// Where each endpoint's template is written, in step with `Contract::endpoints`.
    places: Vec<(Place, String)>,
}

impl Work<'_> {
    fn service(&mut self, service: &ServiceDescriptor, methods: std::ops::Range<usize>) -> Service {
        let place = Place::new(&service.parent_file(), service.path());
        let options = service.options();
        let policy = policy::service(&options, |message, token, hint| {
            self.found.push(place.finding(self.texts, Diagnostic::error(message).hint(hint), token));
        });
        let package = service.package_name();
        Service {
            full_name: service.full_name().to_owned(),
            group: [policy.group.as_str(), package, service.full_name()]
                .into_iter()
                .find(|name| !name.is_empty())
                .unwrap_or_default()
                .to_owned(),
            owner: policy.owner,
            visibility: policy.visibility,
            comment: self.comments.of(&service.parent_file(), service.path()),
            deprecated: options::boolean(&options, "deprecated") || file_is_deprecated(service),
            methods,
            file: service.parent_file().name().to_owned(),
            line: place.line(),
        }
    }

    fn method(
        &mut self,
        service: &ServiceDescriptor,
        method: &MethodDescriptor,
        contract: &mut Contract,
        options: &LoadOptions,
    ) {
        let file = method.parent_file();
        let place = Place::new(&file, method.path());
        let set = method.options();
        let policy = policy::method(method, &set, |message, token, hint| {
            self.found.push(place.finding(self.texts, Diagnostic::error(message).hint(hint), token));
        });
        let index = contract.methods.len();
        let full_name = format!("{}/{}", service.full_name(), method.name());
        let grpc_path = format!("/{full_name}");
        let mut bindings = rule::bindings(method, &set, |message, token, offset, hint| {
            let finding = Diagnostic::error(format!("{full_name}: {message}")).hint(hint);
            self.found.push(place.finding_at(self.texts, finding, token, offset));
        });
        let mut automatic = false;
        if bindings.is_empty() && !rule::is_bound(&set) && options.auto_bindings.contains(service.full_name())
        {
            automatic = true;
            bindings.extend(rule::automatic(&grpc_path));
        }
        for binding in bindings {
            self.places.push((place.clone(), binding.template.as_str().to_owned()));
            contract.endpoints.push(Endpoint {
                name: format!("{} {}", binding.verb, binding.template),
                method: index,
                public: true,
                verb: binding.verb,
                template: binding.template,
                body: binding.body,
                response_body: binding.response_body,
                automatic,
                file: file.name().to_owned(),
                line: place.line(),
            });
        }
        contract.methods.push(Method {
            full_name,
            grpc_path,
            service: contract.services.len(),
            input: method.input(),
            output: method.output(),
            client_streaming: method.is_client_streaming(),
            server_streaming: method.is_server_streaming(),
            deadline: policy.deadline,
            idempotency: policy.idempotency,
            priority: policy.priority,
            scopes: policy.scopes,
            cache: policy.cache,
            cost: policy.cost,
            errors: policy.errors,
            hedge: policy.hedge,
            hash_by: policy.hash_by,
            deprecated: options::boolean(&set, "deprecated")
                || options::boolean(&service.options(), "deprecated")
                || file_is_deprecated(service),
            comment: self.comments.of(&file, method.path()),
            file: file.name().to_owned(),
            line: place.line(),
        });
    }

    /// Two bindings of one shape, public or not: the private listener routes both kinds.
    fn conflicts(&mut self, contract: &Contract) {
        let mut router = Router::builder();
        for (endpoint, (place, token)) in contract.endpoints.iter().zip(&self.places) {
            let method = &contract.methods[endpoint.method];
            let name =
                format!("{} ({}, {}:{})", endpoint.name, method.full_name, endpoint.file, endpoint.line);
            if let Err(conflict) = router.insert(&endpoint.verb, &endpoint.template, (), &name) {
                let finding = Diagnostic::error(conflict.to_string()).hint(
                    "variable names do not tell paths apart; change a literal, the HTTP method or remove one",
                );
                self.found.push(place.finding(self.texts, finding, token));
            }
        }
    }
}

fn file_is_deprecated(service: &ServiceDescriptor) -> bool {
    options::boolean(&service.parent_file().options(), "deprecated")
}
