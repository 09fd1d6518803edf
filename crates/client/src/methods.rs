//! What the contract says of the methods that are called: which may be repeated, which stream, how long they may take, and what
//! chooses their instance.

use crate::Error;
use prost_reflect::DescriptorPool;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tenet_api::descriptors;
use tenet_transcode::FieldLocator;
use tenet_upstream::{MethodHandle, ServiceHandle};

/// What the contract says of one method.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Method {
    /// One message in, one out, and the contract says so.
    pub(crate) unary: bool,
    /// One message in at most, so that it can be held and sent a second time.
    pub(crate) one_in: bool,
    /// Running it twice is running it once.
    pub(crate) repeatable: bool,
    /// Set where a second attempt is wanted beside a silent first one.
    pub(crate) hedge: Option<MethodHandle>,
    /// The longest it may take.
    pub(crate) deadline: Option<Duration>,
    /// Where the value lies in a request whose hash chooses the instance.
    pub(crate) hash_by: Option<Arc<FieldLocator>>,
}

/// Methods by path (`/package.Service/Method`). A method that no descriptor set describes may be anything, so nothing is held or
/// repeated of it but what provably never ran.
#[derive(Debug, Default)]
pub(crate) struct Methods(HashMap<Box<str>, Method>);

impl Methods {
    /// Reads encoded descriptor sets.
    pub(crate) fn read(sets: &[Vec<u8>], service: &ServiceHandle) -> Result<Methods, Error> {
        let mut methods = HashMap::new();
        for (index, set) in sets.iter().enumerate() {
            let failed = |source| Error::DescriptorSet { service: service.name().to_owned(), index, source };
            // Read as a whole, with its messages, only where a method is hashed by a field of one.
            let mut pool = None;
            for found in descriptors::methods(set).map_err(failed)? {
                let path = format!("/{}/{}", found.service, found.name);
                let mut method = Method::of(&found, service);
                if !found.policy.hash_by.is_empty() && method.one_in {
                    let pool = pool.get_or_insert_with(|| DescriptorPool::decode(&set[..]).ok());
                    let locator = pool.as_ref().and_then(|pool| locator(pool, &found)).ok_or_else(|| {
                        let field = found.policy.hash_by.clone();
                        Error::HashBy { service: service.name().to_owned(), method: path.clone(), field }
                    })?;
                    method.hash_by = Some(Arc::new(locator));
                }
                methods.insert(path.into_boxed_str(), method);
            }
        }
        Ok(Methods(methods))
    }

    /// What is known of the method at this path.
    pub(crate) fn at(&self, path: &str) -> Method {
        self.0.get(path).cloned().unwrap_or_default()
    }
}

/// Where the field lies that the method's policy names.
fn locator(pool: &DescriptorPool, method: &descriptors::Method) -> Option<FieldLocator> {
    let service = pool.get_service_by_name(&method.service)?;
    let input = service.methods().find(|of| of.name() == method.name)?.input();
    let names: Vec<&str> = method.policy.hash_by.split('.').collect();
    FieldLocator::compile(&input, &names)
}

impl Method {
    fn of(found: &descriptors::Method, service: &ServiceHandle) -> Method {
        let one_in = !found.client_streaming;
        let policy = &found.policy;
        // A hedge is a repetition nobody waited to need, so it needs the promise that repetitions need.
        let hedge = policy.hedge && found.repeatable && one_in;
        Method {
            unary: one_in && !found.server_streaming,
            one_in,
            repeatable: found.repeatable,
            hedge: hedge.then(|| service.method(&format!("{}/{}", found.service, found.name))),
            hash_by: None,
            deadline: policy.deadline.as_ref().and_then(|deadline| Duration::try_from(*deadline).ok()),
        }
    }
}
