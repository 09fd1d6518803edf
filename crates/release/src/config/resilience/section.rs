//! One list of keys makes a section of `[resilience]` whole: what may be written, what holds, the defaults, and where each came from.

use std::fmt;

/// Who said the value of a key, the most specific first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `[services.NAME.resilience]`.
    Service,
    /// `[resilience]`.
    Fleet,
    /// Nobody, or the fleet said what would hold anyway: a bundle has its defaults filled in, so the two cannot be told apart there.
    Default,
}

/// One key of a section with the value that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The section: `retry`.
    pub section: &'static str,
    /// The key: `attempts`.
    pub key: &'static str,
    /// The value as `tenet.toml` spells it, without quotation marks.
    pub value: String,
    /// Who said it.
    pub origin: Origin,
    /// The fleet's value, where somebody wrote one and the service's beat it.
    pub beaten: Option<String>,
}

/// What holds of a key: the service's word, else the fleet's, else the default.
pub(super) fn choose<T: Clone>(service: Option<&T>, fleet: Option<&T>, default: &T) -> T {
    service.or(fleet).unwrap_or(default).clone()
}

/// The key as [`choose`] decided it, with who said it.
pub(super) fn entry<T: fmt::Display + PartialEq>(
    (section, key): (&'static str, &'static str),
    service: Option<&T>,
    fleet: Option<&T>,
    default: &T,
) -> Entry {
    let (value, origin) = match (service, fleet) {
        (Some(value), _) => (value, Origin::Service),
        (None, Some(value)) if value != default => (value, Origin::Fleet),
        _ => (default, Origin::Default),
    };
    let beaten = fleet.filter(|value| origin == Origin::Service && *value != default).map(T::to_string);
    Entry { section, key, value: value.to_string(), origin, beaten }
}

/// Declares a section twice from one list: the struct of what holds, and the struct of what was written, in which every key may be
/// missing. Two hand-written structs, their defaults, their merge and their explanation would be five lists to keep equal.
macro_rules! section {
    (
        $(#[$about:meta])*
        $name:ident / $keys:ident in $section:literal {
            $( $(#[$doc:meta])* $key:ident: $kind:ty = $default:expr, )*
        }
    ) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize)]
        pub struct $name {
            $( $(#[$doc])* pub $key: $kind, )*
        }

        impl Default for $name {
            fn default() -> Self {
                $name { $( $key: $default, )* }
            }
        }

        $(#[$about])*
        /// As written: a missing key is said elsewhere, or by nobody.
        #[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct $keys {
            $( $(#[$doc])* #[serde(skip_serializing_if = "Option::is_none")] pub $key: Option<$kind>, )*
        }

        impl $keys {
            /// The values that hold where `service` and the fleet (`self`) said this.
            pub(super) fn resolve(&self, service: Option<&$keys>, default: &$name) -> $name {
                $name {
                    $( $key: $crate::config::resilience::section::choose(
                        service.and_then(|keys| keys.$key.as_ref()),
                        self.$key.as_ref(),
                        &default.$key,
                    ), )*
                }
            }

            /// Every key in the order of the documentation, with who said its value.
            pub(super) fn explain(&self, service: Option<&$keys>, default: &$name) -> Vec<$crate::config::resilience::section::Entry> {
                vec![ $( $crate::config::resilience::section::entry(
                    ($section, stringify!($key)),
                    service.and_then(|keys| keys.$key.as_ref()),
                    self.$key.as_ref(),
                    &default.$key,
                ), )* ]
            }

            /// The same with every default written down.
            pub(super) fn filled(&self) -> $keys {
                let $name { $( $key, )* } = self.resolve(None, &$name::default());
                $keys { $( $key: Some($key), )* }
            }
        }
    };
}

pub(super) use section;
