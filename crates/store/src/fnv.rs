//! FNV-1a of 64 bits (draft-eastlake-fnv), spelled out: what it makes is stored or asked for by other processes, so it must be the same in every
//! build.

/// What a hash begins with.
pub(crate) const BASIS: u64 = 0xCBF2_9CE4_8422_2325;

/// The hash with these bytes behind what is in it.
pub(crate) fn with(hash: u64, bytes: impl IntoIterator<Item = u8>) -> u64 {
    bytes.into_iter().fold(hash, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3))
}
