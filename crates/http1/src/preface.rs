//! Tells HTTP/2 by prior knowledge from HTTP/1 by a connection's first bytes (RFC 9113 §3.4).

const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What the first bytes of a connection are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preface {
    /// The whole client preface of HTTP/2.
    Yes,
    /// Not HTTP/2.
    No,
    /// Too few bytes to tell, all of them fitting so far.
    Partial,
}

/// Compares the first bytes of a connection with the HTTP/2 client preface. Consumes nothing.
pub fn is_h2_preface(buf: &[u8]) -> Preface {
    let shared = buf.len().min(PREFACE.len());
    if buf[..shared] != PREFACE[..shared] {
        Preface::No
    } else if shared == PREFACE.len() {
        Preface::Yes
    } else {
        Preface::Partial
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_prefix_is_partial_and_any_other_byte_is_no() {
        for end in 0..PREFACE.len() {
            assert_eq!(is_h2_preface(&PREFACE[..end]), Preface::Partial);
            let mut wrong = PREFACE[..=end].to_vec();
            wrong[end] ^= 1;
            assert_eq!(is_h2_preface(&wrong), Preface::No);
        }
        let mut more = PREFACE.to_vec();
        assert_eq!(is_h2_preface(&more), Preface::Yes);
        more.extend_from_slice(b"\0\0\0\x04");
        assert_eq!(is_h2_preface(&more), Preface::Yes);
    }
}
