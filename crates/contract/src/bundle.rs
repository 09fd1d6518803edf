//! Definitions that come with Tenet, so that a contract can import them without carrying copies.
//!
//! `google/protobuf/*.proto` are not listed: they come with the protobuf compiler.

/// Files every contract's pool holds whether it imports them or not: any answer may carry `google.rpc` details, and
/// options can only be read once their definitions are there.
pub(crate) const ALWAYS: &[&str] = &[
    "google/api/annotations.proto",
    "google/api/field_behavior.proto",
    "google/api/httpbody.proto",
    "google/protobuf/any.proto",
    "google/protobuf/descriptor.proto",
    "google/protobuf/duration.proto",
    "google/protobuf/empty.proto",
    "google/protobuf/field_mask.proto",
    "google/protobuf/struct.proto",
    "google/protobuf/timestamp.proto",
    "google/protobuf/wrappers.proto",
    "google/rpc/code.proto",
    "google/rpc/error_details.proto",
    "google/rpc/status.proto",
    POLICY,
];

/// Import name of the policy options.
const POLICY: &str = "tenet/policy/v1/policy.proto";

/// Import name of the contract of the data service. It is in the pool of a contract whose [`LoadOptions`](crate::LoadOptions) ask for it,
/// or that imports it.
pub const STORE_PROTO: &str = "tenet/store/v1/store.proto";

/// The text of a bundled file by its import name.
pub(crate) fn text(name: &str) -> Option<&'static str> {
    let at = FILES.binary_search_by(|(known, _)| (*known).cmp(name)).ok()?;
    Some(FILES[at].1)
}

/// Import names of all bundled files, sorted.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|(name, _)| *name)
}

macro_rules! google {
    ($name:literal) => {
        ($name, include_str!(concat!("../protos/", $name)))
    };
}

/// Sorted by name.
static FILES: &[(&str, &str)] = &[
    google!("google/api/annotations.proto"),
    google!("google/api/auth.proto"),
    google!("google/api/backend.proto"),
    google!("google/api/billing.proto"),
    google!("google/api/client.proto"),
    google!("google/api/config_change.proto"),
    google!("google/api/consumer.proto"),
    google!("google/api/context.proto"),
    google!("google/api/control.proto"),
    google!("google/api/distribution.proto"),
    google!("google/api/documentation.proto"),
    google!("google/api/endpoint.proto"),
    google!("google/api/error_reason.proto"),
    google!("google/api/field_behavior.proto"),
    google!("google/api/field_info.proto"),
    google!("google/api/http.proto"),
    google!("google/api/httpbody.proto"),
    google!("google/api/label.proto"),
    google!("google/api/launch_stage.proto"),
    google!("google/api/log.proto"),
    google!("google/api/logging.proto"),
    google!("google/api/metric.proto"),
    google!("google/api/monitored_resource.proto"),
    google!("google/api/monitoring.proto"),
    google!("google/api/policy.proto"),
    google!("google/api/quota.proto"),
    google!("google/api/resource.proto"),
    google!("google/api/routing.proto"),
    google!("google/api/service.proto"),
    google!("google/api/source_info.proto"),
    google!("google/api/system_parameter.proto"),
    google!("google/api/usage.proto"),
    google!("google/api/visibility.proto"),
    google!("google/rpc/code.proto"),
    google!("google/rpc/error_details.proto"),
    google!("google/rpc/http.proto"),
    google!("google/rpc/status.proto"),
    google!("google/type/calendar_period.proto"),
    google!("google/type/color.proto"),
    google!("google/type/date.proto"),
    google!("google/type/datetime.proto"),
    google!("google/type/dayofweek.proto"),
    google!("google/type/decimal.proto"),
    google!("google/type/expr.proto"),
    google!("google/type/fraction.proto"),
    google!("google/type/interval.proto"),
    google!("google/type/latlng.proto"),
    google!("google/type/localized_text.proto"),
    google!("google/type/money.proto"),
    google!("google/type/month.proto"),
    google!("google/type/phone_number.proto"),
    google!("google/type/postal_address.proto"),
    google!("google/type/quaternion.proto"),
    google!("google/type/timeofday.proto"),
    (POLICY, include_str!("../../../proto/tenet/policy/v1/policy.proto")),
    (STORE_PROTO, include_str!("../../../proto/tenet/store/v1/store.proto")),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_sorted_so_that_they_can_be_found() {
        assert!(FILES.is_sorted_by_key(|(name, _)| *name));
        for (name, content) in FILES {
            assert_eq!(text(name), Some(*content));
        }
        assert_eq!(text("google/api/nothing.proto"), None);
    }
}
