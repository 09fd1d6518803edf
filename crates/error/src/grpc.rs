//! The sixteen gRPC status codes (`google/rpc/code.proto`) as a closed set.

/// A gRPC status code. The discriminant is the number on the wire (`grpc-status`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[allow(missing_docs)] // the names are the standard's own
pub enum GrpcCode {
    Ok = 0,
    Cancelled = 1,
    Unknown = 2,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    AlreadyExists = 6,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    FailedPrecondition = 9,
    Aborted = 10,
    OutOfRange = 11,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    DataLoss = 15,
    Unauthenticated = 16,
}

impl GrpcCode {
    /// All codes in the order of their numbers.
    pub const ALL: [GrpcCode; 17] = [
        GrpcCode::Ok,
        GrpcCode::Cancelled,
        GrpcCode::Unknown,
        GrpcCode::InvalidArgument,
        GrpcCode::DeadlineExceeded,
        GrpcCode::NotFound,
        GrpcCode::AlreadyExists,
        GrpcCode::PermissionDenied,
        GrpcCode::ResourceExhausted,
        GrpcCode::FailedPrecondition,
        GrpcCode::Aborted,
        GrpcCode::OutOfRange,
        GrpcCode::Unimplemented,
        GrpcCode::Internal,
        GrpcCode::Unavailable,
        GrpcCode::DataLoss,
        GrpcCode::Unauthenticated,
    ];

    /// The code of a number, or `None` outside 0..=16.
    pub fn from_number(number: u32) -> Option<GrpcCode> {
        GrpcCode::ALL.get(number as usize).copied()
    }

    /// Reads the value of a `grpc-status` header; anything but a known decimal number is `Unknown`, as the gRPC
    /// wire specification asks of clients.
    pub fn from_header(value: &[u8]) -> GrpcCode {
        match value {
            [d @ b'0'..=b'9'] => GrpcCode::from_number(u32::from(d - b'0')),
            [b'1', d @ b'0'..=b'9'] => GrpcCode::from_number(10 + u32::from(d - b'0')),
            _ => None,
        }
        .unwrap_or(GrpcCode::Unknown)
    }

    /// The number on the wire.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The name as `google/rpc/code.proto` spells it, for example `INVALID_ARGUMENT`.
    pub fn name(self) -> &'static str {
        match self {
            GrpcCode::Ok => "OK",
            GrpcCode::Cancelled => "CANCELLED",
            GrpcCode::Unknown => "UNKNOWN",
            GrpcCode::InvalidArgument => "INVALID_ARGUMENT",
            GrpcCode::DeadlineExceeded => "DEADLINE_EXCEEDED",
            GrpcCode::NotFound => "NOT_FOUND",
            GrpcCode::AlreadyExists => "ALREADY_EXISTS",
            GrpcCode::PermissionDenied => "PERMISSION_DENIED",
            GrpcCode::ResourceExhausted => "RESOURCE_EXHAUSTED",
            GrpcCode::FailedPrecondition => "FAILED_PRECONDITION",
            GrpcCode::Aborted => "ABORTED",
            GrpcCode::OutOfRange => "OUT_OF_RANGE",
            GrpcCode::Unimplemented => "UNIMPLEMENTED",
            GrpcCode::Internal => "INTERNAL",
            GrpcCode::Unavailable => "UNAVAILABLE",
            GrpcCode::DataLoss => "DATA_LOSS",
            GrpcCode::Unauthenticated => "UNAUTHENTICATED",
        }
    }

    /// The ASCII digits of the number, for a `grpc-status` header without formatting.
    pub fn header(self) -> &'static str {
        const DIGITS: [&str; 17] =
            ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16"];
        DIGITS[self as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_round_trips_and_the_unknown_is_unknown() {
        for code in GrpcCode::ALL {
            assert_eq!(GrpcCode::from_header(code.header().as_bytes()), code);
            assert_eq!(GrpcCode::from_number(u32::from(code.number())), Some(code));
        }
        for bad in ["", "17", "99", "-1", "x", "1x", "100", "+1", " 1"] {
            assert_eq!(GrpcCode::from_header(bad.as_bytes()), GrpcCode::Unknown, "{bad:?}");
        }
    }
}
