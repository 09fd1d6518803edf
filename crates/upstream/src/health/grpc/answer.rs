//! The answer of `grpc.health.v1.Health/Check`, read by hand: one frame around a message of one field. Pure.

/// Longest answer that is read, frame and all: the message has two bytes, and a later version may have some fields more.
pub(super) const ANSWER_MAX: usize = 4 << 10;

/// `grpc.health.v1.HealthCheckRequest` without a service's name, which asks after the server as a whole, in its frame.
pub(super) const REQUEST: &[u8] = &[0, 0, 0, 0, 0];

/// Bytes of a gRPC frame before its message: a flag and a length.
const FRAME_HEAD: usize = 5;

/// `HealthCheckResponse.ServingStatus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Serving,
    NotServing,
    /// UNKNOWN, SERVICE_UNKNOWN, or what a later version brings.
    Other(u64),
}

/// Reads a whole answer. The error says what is wrong with it.
pub(super) fn read(bytes: &[u8]) -> Result<Status, &'static str> {
    let Some((&[flag, a, b, c, d], message)) = bytes.split_first_chunk::<FRAME_HEAD>() else {
        return Err("no gRPC frame");
    };
    if flag != 0 {
        return Err("compressed although nothing was offered");
    }
    if usize::try_from(u32::from_be_bytes([a, b, c, d])) != Ok(message.len()) {
        return Err("a gRPC frame whose length is not that of the answer");
    }
    Ok(match status(message).ok_or("a malformed HealthCheckResponse")? {
        1 => Status::Serving,
        2 => Status::NotServing,
        other => Status::Other(other),
    })
}

/// Field 1 of the message, the last where there are several; 0 where there is none (protobuf wire format).
fn status(mut rest: &[u8]) -> Option<u64> {
    let mut status = 0;
    while !rest.is_empty() {
        let tag = varint(&mut rest)?;
        match tag & 7 {
            0 => {
                let value = varint(&mut rest)?;
                if tag >> 3 == 1 {
                    status = value;
                }
            }
            1 => rest = rest.get(8..)?,
            2 => {
                let length = usize::try_from(varint(&mut rest)?).ok()?;
                rest = rest.get(length..)?;
            }
            5 => rest = rest.get(4..)?,
            _ => return None,
        }
    }
    Some(status)
}

/// Takes a varint of at most ten bytes.
fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, tail) = rest.split_first()?;
        *rest = tail;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(message: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0, 0, 0, message.len() as u8];
        bytes.extend_from_slice(message);
        bytes
    }

    #[test]
    fn answers_are_read_as_protobuf_says() {
        let check = |message: &[u8], expected| assert_eq!(read(&framed(message)), expected, "{message:?}");
        check(&[], Ok(Status::Other(0)));
        check(&[8, 1], Ok(Status::Serving));
        check(&[8, 2], Ok(Status::NotServing));
        check(&[8, 3], Ok(Status::Other(3)));
        check(&[8, 2, 8, 1], Ok(Status::Serving));
        check(&[8, 0x81, 0], Ok(Status::Serving));
        check(&[16, 2, 8, 1], Ok(Status::Serving));
        check(&[26, 2, 8, 2, 8, 1, 33, 1, 2, 3, 4, 5, 6, 7, 8, 45, 1, 2, 3, 4], Ok(Status::Serving));
        let bad = Err("a malformed HealthCheckResponse");
        check(&[8], bad);
        check(&[8, 0x80], bad);
        check(&[26, 9, 1], bad);
        check(&[11], bad);
        check(&[33, 1], bad);
        check(&[0xff; 11], bad);
    }

    #[test]
    fn frames_that_are_none_are_refused() {
        let check = |bytes: &[u8], part: &str| {
            let error = read(bytes).unwrap_err();
            assert!(error.contains(part), "{bytes:?}: {error}");
        };
        check(&[], "no gRPC frame");
        check(&[0, 0, 0, 0], "no gRPC frame");
        check(&[1, 0, 0, 0, 0], "compressed");
        check(&[0, 0, 0, 0, 1], "length");
        check(&[0, 0, 0, 0, 1, 8, 1], "length");
        check(&[0, 255, 255, 255, 255, 8, 1], "length");
    }

    #[test]
    fn no_bytes_make_it_panic() {
        // Every message of up to three bytes out of those that mean something, framed and bare.
        let bytes = [0, 1, 2, 7, 8, 10, 13, 0x7f, 0x80, 0xff];
        for a in bytes {
            for b in bytes {
                for c in bytes {
                    let _ = read(&framed(&[a, b, c]));
                    let _ = read(&[a, b, c, a, b, c, a]);
                }
            }
        }
    }
}
