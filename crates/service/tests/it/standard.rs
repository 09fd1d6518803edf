//! What every gRPC tool expects: health and reflection in both versions.

use crate::probe::{OPTION, start_default};
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

fn about(service: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: service.to_owned() }
}

#[tokio::test]
async fn health_knows_the_process_and_each_service() {
    let running = start_default().await;
    let mut client = HealthClient::new(running.channel());
    for name in ["", "probe.v1.Probe"] {
        let answer = client.check(about(name)).await.unwrap();
        assert_eq!(answer.get_ref().status(), ServingStatus::Serving, "{name}");
    }
    assert_eq!(client.check(about("other")).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn a_health_watch_hears_of_the_drain_and_does_not_hold_it() {
    let mut running = start_default().await;
    let mut client = HealthClient::new(running.channel());
    let mut watch = client.watch(about("probe.v1.Probe")).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    running.stop();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    assert_eq!(watch.message().await.unwrap(), None);
    running.ended().await;
}

macro_rules! reflection {
    ($test:ident, $version:ident) => {
        #[tokio::test]
        async fn $test() {
            use tonic_reflection::pb::$version::ServerReflectionRequest;
            use tonic_reflection::pb::$version::server_reflection_client::ServerReflectionClient;
            use tonic_reflection::pb::$version::server_reflection_request::MessageRequest;
            use tonic_reflection::pb::$version::server_reflection_response::MessageResponse;
            let running = start_default().await;
            let mut client = ServerReflectionClient::new(running.channel());
            let requests = [
                MessageRequest::ListServices(String::new()),
                MessageRequest::FileContainingSymbol("probe.v1.Probe".into()),
                MessageRequest::FileContainingSymbol("no.Such".into()),
            ]
            .map(|request| ServerReflectionRequest { host: String::new(), message_request: Some(request) });
            let mut answers =
                client.server_reflection_info(tokio_stream::iter(requests)).await.unwrap().into_inner();
            let Some(MessageResponse::ListServicesResponse(list)) =
                answers.message().await.unwrap().unwrap().message_response
            else {
                panic!("no list")
            };
            let names: Vec<String> = list.service.into_iter().map(|service| service.name).collect();
            assert!(names.contains(&"probe.v1.Probe".to_owned()), "{names:?}");
            assert!(names.contains(&"grpc.health.v1.Health".to_owned()), "{names:?}");
            let Some(MessageResponse::FileDescriptorResponse(files)) =
                answers.message().await.unwrap().unwrap().message_response
            else {
                panic!("no file")
            };
            let bytes = &files.file_descriptor_proto[0];
            assert!(
                bytes.windows(OPTION.len()).any(|window| window == OPTION.as_bytes()),
                "options must come as they were compiled"
            );
        }
    };
}

reflection!(reflection_v1_lists_services_and_keeps_options, v1);
reflection!(reflection_v1alpha_lists_services_and_keeps_options, v1alpha);
