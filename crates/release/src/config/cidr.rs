//! Address blocks whose hops are believed.

use std::net::IpAddr;
use std::str::FromStr;

/// A block of addresses (RFC 4632): `10.0.0.0/8`, `2001:db8::/32`, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    address: IpAddr,
    /// Bits of the prefix, at most those of the address.
    length: u32,
}

impl Cidr {
    /// Whether `ip` lies in the block. An IPv4 address mapped into IPv6 is taken as IPv4.
    pub fn contains(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        let (network, width) = bits(self.address);
        let (found, found_width) = bits(ip);
        width == found_width && (network ^ found) & !host_mask(width - self.length) == 0
    }
}

impl FromStr for Cidr {
    /// What was expected instead.
    type Err = String;

    /// Bits behind the prefix must be zero: set, they are a typing error.
    fn from_str(text: &str) -> Result<Cidr, String> {
        let (address, length) = text.split_once('/').map_or((text, None), |(a, l)| (a, Some(l)));
        let address: IpAddr = address
            .parse()
            .map_err(|_| "a CIDR block such as \"10.0.0.0/8\" or one IP address".to_owned())?;
        let (found, width) = bits(address);
        let Some(length) = length else { return Ok(Cidr { address, length: width }) };
        let length: u32 =
            length.parse().ok().filter(|l| *l <= width).ok_or(format!("a prefix length of 0 to {width}"))?;
        let mask = host_mask(width - length);
        if found & mask == 0 {
            return Ok(Cidr { address, length });
        }
        let network = found & !mask;
        let network = match address {
            IpAddr::V4(_) => IpAddr::V4(u32::try_from(network).unwrap_or_default().into()),
            IpAddr::V6(_) => IpAddr::V6(network.into()),
        };
        Err(format!("the block's first address: \"{network}/{length}\""))
    }
}

/// An address as a number, and how many bits it has.
fn bits(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()), 32),
        IpAddr::V6(v6) => (v6.to_bits(), 128),
    }
}

/// The low `count` bits.
fn host_mask(count: u32) -> u128 {
    1u128.checked_shl(count).map_or(u128::MAX, |one| one - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_an_address_or_a_network() {
        for block in ["10.0.0.0/8", "127.0.0.1", "0.0.0.0/0", "::/0", "fd00::/8", "::1/128", "10.1.2.3/32"] {
            assert!(block.parse::<Cidr>().is_ok(), "{block}");
        }
        for (block, expected) in [
            ("10.0.0.1/8", "\"10.0.0.0/8\""),
            ("fd00::1/64", "\"fd00::/64\""),
            ("10.0.0.0/33", "0 to 32"),
            ("10.0.0.0/", "0 to 32"),
            ("10.0.0/8", "CIDR block"),
            ("::/129", "0 to 128"),
            ("example.com", "CIDR block"),
            ("", "CIDR block"),
        ] {
            let error = block.parse::<Cidr>().unwrap_err();
            assert!(error.contains(expected), "{block}: {error}");
        }
    }

    #[test]
    fn blocks_contain_what_they_should() {
        for (block, ip, expected) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.0/8", "::ffff:10.0.0.1", true),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "127.0.0.2", false),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("::/0", "2001:db8::1", true),
            ("::/0", "10.0.0.1", false),
        ] {
            let block: Cidr = block.parse().unwrap();
            assert_eq!(block.contains(ip.parse().unwrap()), expected, "{block:?} {ip}");
        }
    }
}
