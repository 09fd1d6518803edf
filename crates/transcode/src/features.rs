//! Editions features: what a file says once, resolved down to each field (protobuf's "Feature Settings for Editions").

use crate::descriptor::{FeatureSet, FieldProto, FileProto};

/// The features of one scope, all decided.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Features {
    pub presence: Presence,
    pub closed_enums: bool,
    pub packed: bool,
    pub utf8: bool,
    pub delimited: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    Explicit,
    Implicit,
    Required,
}

impl Features {
    const PROTO2: Features = Features {
        presence: Presence::Explicit,
        closed_enums: true,
        packed: false,
        utf8: false,
        delimited: false,
    };
    const PROTO3: Features = Features {
        presence: Presence::Implicit,
        closed_enums: false,
        packed: true,
        utf8: true,
        delimited: false,
    };
    /// Editions 2023 and 2024 agree on the features that reach the wire.
    const EDITIONS: Features = Features { presence: Presence::Explicit, ..Features::PROTO3 };

    /// What holds at the top of a file. An unknown syntax is returned as the text to report.
    pub fn of_file(file: &FileProto) -> Result<Features, String> {
        // The highest edition whose defaults are known here (`google.protobuf.Edition`: EDITION_2024 = 1001).
        const LATEST_EDITION: i32 = 1001;
        let base = match file.syntax.as_str() {
            "" | "proto2" => Features::PROTO2,
            "proto3" => Features::PROTO3,
            "editions" if file.edition <= LATEST_EDITION => Features::EDITIONS,
            "editions" => {
                return Err(format!("edition {} is newer than 2024, the latest known", file.edition));
            }
            other => return Err(format!("syntax \"{other}\" is none of proto2, proto3, editions")),
        };
        Ok(base.within(file.options.as_ref().and_then(|options| options.features)))
    }

    /// These features as changed by a narrower scope.
    pub fn within(mut self, scope: Option<FeatureSet>) -> Features {
        let Some(scope) = scope else { return self };
        match scope.field_presence {
            1 => self.presence = Presence::Explicit,
            2 => self.presence = Presence::Implicit,
            3 => self.presence = Presence::Required,
            _ => {}
        }
        let decided = |value: i32, on: i32, off: i32, before: bool| match value {
            value if value == on => true,
            value if value == off => false,
            _ => before,
        };
        self.closed_enums = decided(scope.enum_type, 2, 1, self.closed_enums);
        self.packed = decided(scope.repeated_field_encoding, 1, 2, self.packed);
        self.utf8 = decided(scope.utf8_validation, 2, 3, self.utf8);
        self.delimited = decided(scope.message_encoding, 2, 1, self.delimited);
        self
    }

    /// The features of one field, where proto2 and proto3 speak through labels, types and options instead.
    pub fn of_field(self, field: &FieldProto) -> Features {
        let options = field.options.as_ref();
        let mut features = self.within(options.and_then(|options| options.features));
        if field.label == FieldProto::LABEL_REQUIRED {
            features.presence = Presence::Required;
        }
        if field.proto3_optional {
            features.presence = Presence::Explicit;
        }
        if field.r#type == FieldProto::TYPE_GROUP {
            features.delimited = true;
        }
        if let Some(packed) = options.and_then(|options| options.packed) {
            features.packed = packed;
        }
        features
    }
}
