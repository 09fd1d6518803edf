//! PROXY protocol version 2: the balancer in front says who the client is.
//!
//! Only read on listeners where it is enabled, and required there: a listener that accepted both would let a client lie about
//! its address. Version 1 (text) is refused; see docs/exceptions.md.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Address block and TLVs; senders use a few hundred bytes at most.
const MAX_LENGTH: usize = 1024;

/// What the start of a connection holds.
#[derive(Debug, PartialEq, Eq)]
pub enum Header {
    /// More bytes are needed.
    Partial,
    /// A whole header of `length` bytes; `source` is `None` for LOCAL connections (the balancer's own health checks).
    Whole {
        /// Bytes to remove from the stream.
        length: usize,
        /// The client's address.
        source: Option<SocketAddr>,
    },
}

/// Reads a version 2 header from the start of `bytes`.
///
/// # Errors
/// What rule was broken, for the log: nothing can be answered on such a connection.
pub fn parse(bytes: &[u8]) -> Result<Header, &'static str> {
    let known = bytes.len().min(SIGNATURE.len());
    if bytes[..known] != SIGNATURE[..known] {
        return Err("the connection does not begin with a PROXY protocol v2 signature");
    }
    if bytes.len() < 16 {
        return Ok(Header::Partial);
    }
    if bytes[12] >> 4 != 2 {
        return Err("the PROXY header's version is not 2");
    }
    let length = usize::from(u16::from_be_bytes([bytes[14], bytes[15]]));
    if length > MAX_LENGTH {
        return Err("the PROXY header is longer than 1024 bytes");
    }
    if bytes.len() < 16 + length {
        return Ok(Header::Partial);
    }
    let block = &bytes[16..16 + length];
    let source = match (bytes[12] & 15, bytes[13]) {
        (0, _) => None,
        (1, 0x11) if block.len() >= 12 => {
            let ip: [u8; 4] = [block[0], block[1], block[2], block[3]];
            Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::from(ip)), u16::from_be_bytes([block[8], block[9]])))
        }
        (1, 0x21) if block.len() >= 36 => {
            let mut ip = [0; 16];
            ip.copy_from_slice(&block[..16]);
            Some(SocketAddr::new(IpAddr::V6(Ipv6Addr::from(ip)), u16::from_be_bytes([block[32], block[33]])))
        }
        // UNSPEC and datagram families: the receiver uses the real connection's address (§2.2).
        (1, 0x00) => None,
        (1, 0x11 | 0x21) => return Err("the PROXY header's address block is too short for its family"),
        (1, _) => return Err("the PROXY header's address family is not TCP over IPv4 or IPv6"),
        _ => return Err("the PROXY header's command is neither LOCAL nor PROXY"),
    };
    Ok(Header::Whole { length: 16 + length, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(version_command: u8, family: u8, block: &[u8]) -> Vec<u8> {
        let mut out = SIGNATURE.to_vec();
        out.extend_from_slice(&[version_command, family]);
        out.extend_from_slice(&(block.len() as u16).to_be_bytes());
        out.extend_from_slice(block);
        out
    }

    #[test]
    fn headers_are_read_whole_or_refused() {
        let v4 = header(0x21, 0x11, &[192, 0, 2, 7, 10, 0, 0, 1, 0x1f, 0x90, 0, 80, 1, 2, 3]);
        for cut in 0..v4.len() {
            assert_eq!(parse(&v4[..cut]), Ok(Header::Partial), "{cut}");
        }
        let source = Some("192.0.2.7:8080".parse().unwrap());
        assert_eq!(parse(&v4), Ok(Header::Whole { length: v4.len(), source }));
        let mut block = [0u8; 36];
        block[15] = 1;
        block[33] = 9;
        let v6 = header(0x21, 0x21, &block);
        assert_eq!(parse(&v6), Ok(Header::Whole { length: 52, source: Some("[::1]:9".parse().unwrap()) }));
        assert_eq!(parse(&header(0x20, 0, &[])), Ok(Header::Whole { length: 16, source: None }));
        for bad in [
            b"GET / HTTP/1.1\r\n".to_vec(),
            b"PROXY TCP4 ".to_vec(),
            header(0x11, 0x11, &[0; 12]),
            header(0x22, 0x11, &[0; 12]),
            header(0x21, 0x11, &[0; 11]),
            header(0x21, 0x31, &[0; 216]),
            header(0x21, 0x11, &[0; 1025]),
        ] {
            assert!(parse(&bad).is_err(), "{bad:?}");
        }
    }
}
