//! XXH64 as its specification says (`xxhash_spec.md` of Yann Collet's xxHash, version 0.1.1).
//!
//! Written out because the algorithm is 60 lines that never change, while a crate for it would be one more to keep.

const PRIME_1: u64 = 0x9e37_79b1_85eb_ca87;
const PRIME_2: u64 = 0xc2b2_ae3d_27d4_eb4f;
const PRIME_3: u64 = 0x1656_67b1_9e37_79f9;
const PRIME_4: u64 = 0x85eb_ca77_c2b2_ae63;
const PRIME_5: u64 = 0x27d4_eb2f_1656_67c5;

/// The 64-bit hash of `input`.
pub(super) fn xxh64(input: &[u8], seed: u64) -> u64 {
    let (stripes, tail) = input.as_chunks::<32>();
    let hash = if stripes.is_empty() { seed.wrapping_add(PRIME_5) } else { long(stripes, seed) };
    avalanche(rest(hash.wrapping_add(input.len() as u64), tail))
}

/// Steps 1 to 3: four lanes over stripes of 32 bytes, then merged.
fn long(stripes: &[[u8; 32]], seed: u64) -> u64 {
    let mut lanes = [
        seed.wrapping_add(PRIME_1).wrapping_add(PRIME_2),
        seed.wrapping_add(PRIME_2),
        seed,
        seed.wrapping_sub(PRIME_1),
    ];
    for stripe in stripes {
        for (lane, word) in lanes.iter_mut().zip(stripe.as_chunks::<8>().0) {
            *lane = round(*lane, u64::from_le_bytes(*word));
        }
    }
    let [a, b, c, d] = lanes;
    let hash = a
        .rotate_left(1)
        .wrapping_add(b.rotate_left(7))
        .wrapping_add(c.rotate_left(12))
        .wrapping_add(d.rotate_left(18));
    lanes.iter().fold(hash, |hash, lane| (hash ^ round(0, *lane)).wrapping_mul(PRIME_1).wrapping_add(PRIME_4))
}

/// Step 5: what is left after the stripes, by 8, by 4 and by single bytes.
fn rest(mut hash: u64, tail: &[u8]) -> u64 {
    let (words, tail) = tail.as_chunks::<8>();
    for word in words {
        hash ^= round(0, u64::from_le_bytes(*word));
        hash = hash.rotate_left(27).wrapping_mul(PRIME_1).wrapping_add(PRIME_4);
    }
    let (halves, tail) = tail.as_chunks::<4>();
    for half in halves {
        hash ^= u64::from(u32::from_le_bytes(*half)).wrapping_mul(PRIME_1);
        hash = hash.rotate_left(23).wrapping_mul(PRIME_2).wrapping_add(PRIME_3);
    }
    for byte in tail {
        hash ^= u64::from(*byte).wrapping_mul(PRIME_5);
        hash = hash.rotate_left(11).wrapping_mul(PRIME_1);
    }
    hash
}

fn round(lane: u64, word: u64) -> u64 {
    lane.wrapping_add(word.wrapping_mul(PRIME_2)).rotate_left(31).wrapping_mul(PRIME_1)
}

/// Step 6: every bit of the input reaches every bit of the hash.
fn avalanche(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 33)).wrapping_mul(PRIME_2);
    hash = (hash ^ (hash >> 29)).wrapping_mul(PRIME_3);
    hash ^ (hash >> 32)
}

#[cfg(test)]
mod tests {
    use super::xxh64;

    /// The sanity check of xxHash: the first `len` bytes of a generated sequence.
    fn sanity(len: usize) -> Vec<u8> {
        let mut generator: u64 = 2_654_435_761;
        let step = |_| {
            let byte = (generator >> 56) as u8;
            generator = generator.wrapping_mul(11_400_714_785_074_694_797);
            byte
        };
        (0..len).map(step).collect()
    }

    #[test]
    fn the_published_vectors_hold() {
        let check = |input: &[u8], seed, expected: u64| {
            assert_eq!(xxh64(input, seed), expected, "{} bytes, seed {seed}", input.len());
        };
        // xxHash, `cli/xsum_sanity_check.c`.
        const PRIME_32: u64 = 2_654_435_761;
        check(&sanity(0), 0, 0xef46_db37_51d8_e999);
        check(&sanity(0), PRIME_32, 0xac75_fda2_929b_17ef);
        check(&sanity(1), 0, 0xe934_a84a_db05_2768);
        check(&sanity(1), PRIME_32, 0x5014_6076_43a9_b4c3);
        check(&sanity(4), 0, 0x9136_a0dc_a574_57ee);
        check(&sanity(14), 0, 0x8282_dcc4_994e_35c8);
        check(&sanity(14), PRIME_32, 0xc3bd_6bf6_3deb_6df0);
        check(&sanity(222), 0, 0xb641_ae8c_b691_c174);
        check(&sanity(222), PRIME_32, 0x20cb_8ab7_ae10_c14a);
        // python-xxhash, README.
        check(b"Nobody inspects the spammish repetition", 0, 0xfbce_a83c_8a37_8bf1);
    }
}
