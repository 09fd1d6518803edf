//! What is counted of finding instances and asking whether they serve.

use crate::stage::{Stage, good};
use tenet_tests::eventually;

#[test]
fn checks_and_questions_to_dns_are_counted_by_how_they_end() {
    // Nobody answers questions at the discard port.
    let settings = "[services.far]\ndns = { name = \"far.example\", port = 80, resolver = \"127.0.0.1:9\" }\n\
                    [[http]]\nprefix = \"/far\"\nservice = \"far\"\n\
                    [resilience.health]\ninterval = \"100ms\"\ntimeout = \"100ms\"";
    let stage = Stage::open(vec![good(), good()], settings);
    let counted = |family: &str, service: &str, result: &str| {
        let labels = [format!("service=\"{service}\""), format!("result=\"{result}\"")];
        stage.gateway.metric(family, &[&labels[0], &labels[1]])
    };
    eventually("checks to pass", || {
        (counted("tenet_upstream_health_checks_total", "shop", "passed") >= 4.0).then_some(())
    });
    assert_eq!(counted("tenet_upstream_health_checks_total", "shop", "refused"), 0.0);
    eventually("DNS to be found away", || {
        (counted("tenet_upstream_dns_lookups_total", "far", "away") >= 1.0).then_some(())
    });
    assert_eq!(counted("tenet_upstream_dns_lookups_total", "far", "answered"), 0.0);
    let text = stage.gateway.metrics();
    assert!(!text.contains("tenet_upstream_dns_answer_age_seconds{"), "there is no answer to be of an age");
    assert!(!text.contains("tenet_upstream_dns_lookups_total{process=\"gateway\",service=\"shop\""));
}
