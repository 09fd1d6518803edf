//! Which children a configuration asks for. Pure: the difference of two plans is what a reload does.

use std::collections::BTreeMap;
use tenet_release::Config;

/// One child of a service, before it has a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// `accounts-a-1`: service, zone and number.
    pub id: String,
    /// The service.
    pub service: String,
    /// The zone.
    pub zone: String,
    /// Program and arguments.
    pub words: Vec<String>,
    /// Additional environment.
    pub env: BTreeMap<String, String>,
    /// Services it may call.
    pub calls: Vec<String>,
    /// Whether it keeps something in the store, for which it needs a secret.
    pub keeps: bool,
}

/// Every child of every service with a `command`, in the order of names and zones.
pub fn children(config: &Config) -> Vec<Planned> {
    let mut out = Vec::new();
    for (name, service) in &config.services {
        // A command that cannot be split was refused when the release was loaded.
        let Some(words) = service.command.as_deref().and_then(shlex::split) else { continue };
        for zone in service.zones() {
            for number in 1..=service.per_zone() {
                out.push(Planned {
                    id: format!("{name}-{zone}-{number}"),
                    service: name.clone(),
                    zone: zone.to_owned(),
                    words: words.clone(),
                    env: service.env.clone(),
                    calls: service.calls.clone(),
                    keeps: !service.keeps.is_empty(),
                });
            }
        }
    }
    out
}

/// The variable that tells a service where to call another: `TENET_USER_DATA_URL` for `user-data`.
pub fn url_variable(service: &str) -> String {
    format!("TENET_{}_URL", service.to_uppercase().replace('-', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenet_release::config::Service;

    #[test]
    fn a_service_with_a_command_has_children_in_every_zone() {
        let mut config = Config::default();
        let service = Service {
            command: Some("bin/run --name 'a b'".into()),
            per_zone: Some(2),
            zones: Some(vec!["x".into(), "y".into()]),
            keeps: vec!["a.v1.Kept".into()],
            ..Service::default()
        };
        config.services.insert("user-data".into(), service);
        config.services.insert("elsewhere".into(), Service::default());
        let plan = children(&config);
        let ids: Vec<_> = plan.iter().map(|child| child.id.as_str()).collect();
        assert_eq!(ids, ["user-data-x-1", "user-data-x-2", "user-data-y-1", "user-data-y-2"]);
        assert_eq!(plan[0].words, ["bin/run", "--name", "a b"]);
        assert!(plan[0].keeps);
        assert_eq!(url_variable("user-data"), "TENET_USER_DATA_URL");
    }
}
