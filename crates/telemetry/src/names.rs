//! What the indices of a [`crate::Key`] stand for: the label tables of one program.

/// What an endpoint is called.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EndpointName {
    /// As people write it: `GET /v1/users/{user_id}`.
    pub name: String,
    /// Full name of the method behind it, `feed.accounts.v1.Accounts/GetUser`; empty for plain HTTP routes.
    pub method: String,
    /// Group it is measured with; empty if none.
    pub group: String,
    /// Name of the service that is called; empty if none.
    pub service: String,
}

impl EndpointName {
    /// The endpoint of requests that never reached a route.
    pub fn none() -> EndpointName {
        EndpointName {
            name: "(none)".into(),
            method: String::new(),
            group: String::new(),
            service: String::new(),
        }
    }
}

/// The label tables of one program. Each begins with an entry for "none", which index 0 stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// Endpoints; the first is [`EndpointName::none`].
    pub endpoints: Vec<EndpointName>,
    /// Consumers; the first is empty.
    pub consumers: Vec<String>,
    /// Versions; the first is empty.
    pub versions: Vec<String>,
    /// Zones; the first is empty.
    pub zones: Vec<String>,
}

impl Names {
    /// Tables that hold nothing but "none".
    pub fn new() -> Names {
        Names {
            endpoints: vec![EndpointName::none()],
            consumers: vec![String::new()],
            versions: vec![String::new()],
            zones: vec![String::new()],
        }
    }
}

impl Default for Names {
    fn default() -> Names {
        Names::new()
    }
}
