//! A gateway over several scripted instances of one service.

use tenet_tests::gateway::Gateway;
use tenet_tests::{Answer, Call, GrpcBackend, Project};

const CONTRACT: &str = r#"syntax = "proto3";
package survive.v1;
import "google/api/annotations.proto";
import "tenet/policy/v1/policy.proto";

service Shop {
  rpc Read(Words) returns (Words) {
    option (google.api.http) = { get: "/v1/read" };
    option idempotency_level = NO_SIDE_EFFECTS;
    option (tenet.policy.v1.method) = { deadline: { seconds: 4 } };
  }
  rpc Quick(Words) returns (Words) {
    option (google.api.http) = { get: "/v1/quick" };
    option idempotency_level = NO_SIDE_EFFECTS;
    option (tenet.policy.v1.method) = { deadline: { nanos: 600000000 } };
  }
  rpc Keyed(Words) returns (Words) {
    option (google.api.http) = { get: "/v1/keyed" };
    option (tenet.policy.v1.method) = { hash_by: "text" };
  }
  rpc Buy(Words) returns (Words) {
    option (google.api.http) = { post: "/v1/buy" body: "*" };
    option (tenet.policy.v1.method) = { priority: CRITICAL };
  }
  rpc Suggest(Words) returns (Words) {
    option (google.api.http) = { get: "/v1/suggest" };
    option (tenet.policy.v1.method) = { priority: SHEDDABLE };
  }
}
message Words { string text = 1; }
"#;

pub const READ: &str = "/survive.v1.Shop/Read";

pub struct Stage {
    pub gateway: Gateway,
    pub instances: Vec<GrpcBackend>,
    _project: Project,
}

impl Stage {
    /// One instance for each closure, each in a zone of its own; `settings` goes to the end of `tenet.toml`.
    pub fn open(instances: Vec<GrpcBackend>, settings: &str) -> Stage {
        Stage::open_with(instances, settings, &[])
    }

    pub fn open_with(instances: Vec<GrpcBackend>, settings: &str, facts: &[(&str, &str)]) -> Stage {
        let listed: Vec<_> = instances
            .iter()
            .zip('a'..)
            .map(|(one, zone)| format!("{{ address = \"{}\", zone = \"{zone}\" }}", one.address()))
            .collect();
        let config = format!(
            "[services.shop]\nserves = [\"survive.v1.Shop\"]\ninstances = [{}]\n{settings}\n",
            listed.join(", ")
        );
        let project = Project::new().with("proto/survive.proto", CONTRACT).with("tenet.toml", &config);
        Stage { gateway: Gateway::start_with(&project, facts), instances, _project: project }
    }

    /// Calls of the method at `path` over all instances.
    pub fn calls(&self, path: &str) -> usize {
        self.instances.iter().map(|one| one.calls().iter().filter(|call| call.path == path).count()).sum()
    }
}

/// Serves well.
pub fn good() -> GrpcBackend {
    scripted(|call| Answer::grpc(&call.message()))
}

/// Answers by `answer`.
pub fn scripted(answer: impl Fn(&Call) -> Answer + Send + Sync + 'static) -> GrpcBackend {
    GrpcBackend::start(answer)
}
