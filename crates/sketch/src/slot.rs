//! Which bucket a value belongs to, by its bits and one small table: no logarithm on the recording path.
//!
//! Slot `s` holds the values in (2^((s-1)/32), 2^(s/32)]: upper edges are inclusive as in the OpenTelemetry data
//! model, whose index at scale 5 is `s - 1`. Slot 0 thus holds only the value 1, and zero has no slot.

/// How many slots there are: 32 for each of the 64 octaves, and slot 0.
pub const SLOTS: usize = 64 * PER_OCTAVE + 1;

/// Buckets per octave, 2^scale.
const PER_OCTAVE: usize = 32;

/// ⌊2^(63 + k/32)⌋: where the buckets of an octave begin, for a value shifted left until its top bit is set.
/// All but the first are irrational, so the floor divides the integers exactly as the real edge does.
const EDGES: [u64; PER_OCTAVE] = [
    0x8000_0000_0000_0000,
    0x82cd_8698_ac2b_a1d7,
    0x85aa_c367_cc48_7b14,
    0x8898_0e80_92da_8527,
    0x8b95_c1e3_ea8b_d6e6,
    0x8ea4_398b_45cd_53c0,
    0x91c3_d373_ab11_c336,
    0x94f4_efa8_fef7_0961,
    0x9837_f051_8db8_a96f,
    0x9b8d_39b9_d54e_5538,
    0x9ef5_3260_91a1_11ad,
    0xa270_4303_0c49_6818,
    0xa5fe_d6a9_b151_38ea,
    0xa9a1_5ab4_ea7c_0ef8,
    0xad58_3eea_42a1_4ac6,
    0xb123_f581_d2ac_258f,
    0xb504_f333_f9de_6484,
    0xb8fb_af47_62fb_9ee9,
    0xbd08_a39f_580c_36be,
    0xc12c_4cca_6670_9456,
    0xc567_2a11_5506_dadd,
    0xc9b9_bd86_6e2f_27a2,
    0xce24_8c15_1f84_80e3,
    0xd2a8_1d91_f12a_e45a,
    0xd744_fcca_d69d_6af4,
    0xdbfb_b797_daf2_3755,
    0xe0cc_deec_2a94_e111,
    0xe5b9_06e7_7c83_48a8,
    0xeac0_c6e7_dd24_392e,
    0xefe4_b99b_dcda_f5cb,
    0xf525_7d15_2486_cc2c,
    0xfa83_b2db_722a_033a,
];

/// Cells of the look-up: the six bits below the top one. A cell is 1/64 octave-start wide, narrower than the
/// narrowest bucket (0.0219), so that at most one edge falls into it and one comparison settles the rest.
const CELLS: usize = 64;

/// For each cell the last edge at or below its start.
static CELL_EDGE: [u8; CELLS] = cell_edges();

const fn cell_edges() -> [u8; CELLS] {
    let mut table = [0; CELLS];
    let mut cell = 0;
    while cell < CELLS {
        let start = (1 << 63) | ((cell as u64) << 57);
        let mut edge = 0;
        while edge + 1 < PER_OCTAVE && EDGES[edge + 1] < start {
            edge += 1;
        }
        table[cell] = edge as u8;
        cell += 1;
    }
    table
}

/// The slot of a value; zero, which has none, is put with 1.
#[inline]
pub fn slot_of(value: u64) -> usize {
    let value = value | u64::from(value == 0);
    let shift = value.leading_zeros();
    let normal = value << shift;
    let octave = 63 - shift as usize;
    let cell = ((normal >> 57) & 63) as usize;
    let edge = usize::from(CELL_EDGE[cell]);
    // An edge of 32 would be the next octave, which no normalised value reaches.
    let next = EDGES.get(edge + 1).copied().unwrap_or(u64::MAX);
    let sub = edge + usize::from(normal > next);
    // A power of two is the inclusive upper edge of the bucket below.
    octave * PER_OCTAVE + sub + usize::from(normal != 1 << 63)
}

/// The inclusive upper edge of a slot, 2^(slot/32).
pub fn slot_upper(slot: usize) -> f64 {
    let mantissa = EDGES[slot % PER_OCTAVE] as f64 / (1u64 << 63) as f64;
    mantissa * ((slot / PER_OCTAVE) as f64).exp2()
}

/// What a percentile in this slot is said to be: the harmonic mean of the edges, from which neither edge is
/// further away than [`crate::RELATIVE_ERROR`] of itself.
pub(crate) fn middle(slot: usize) -> f64 {
    if slot == 0 {
        return 1.0;
    }
    let (lower, upper) = (slot_upper(slot - 1), slot_upper(slot));
    2.0 * lower * upper / (lower + upper)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: u64) {
        let slot = slot_of(value);
        assert!(slot < SLOTS, "{value}");
        // 1e-12: what the edges lose when they are written as f64.
        assert!(value as f64 <= slot_upper(slot) * (1.0 + 1e-12), "{value} above slot {slot}");
        if slot > 0 {
            assert!(value as f64 > slot_upper(slot - 1) * (1.0 - 1e-12), "{value} below slot {slot}");
        }
    }

    #[test]
    fn every_small_value_and_every_edge_lies_in_its_slot() {
        (1..200_000).for_each(check);
        for octave in 0..64 {
            for edge in EDGES {
                let at = edge >> (63 - octave);
                for value in [at.saturating_sub(1), at, at.saturating_add(1)] {
                    check(value.max(1));
                }
            }
        }
        check(u64::MAX);
    }

    #[test]
    fn an_edge_splits_exactly() {
        // At the top octave the integers are the edges' own precision: the floor belongs below, one more above.
        for (k, edge) in EDGES.iter().enumerate() {
            assert_eq!(slot_of(*edge), 63 * 32 + k, "edge {k}");
            assert_eq!(slot_of(edge + 1), 63 * 32 + k + 1, "above edge {k}");
        }
    }

    #[test]
    fn powers_of_two_are_inclusive_upper_edges() {
        for octave in 0..64 {
            assert_eq!(slot_of(1 << octave), octave * PER_OCTAVE);
        }
        assert_eq!(slot_of(0), 0);
        assert_eq!(slot_of(u64::MAX), SLOTS - 1);
    }

    #[test]
    fn the_table_agrees_with_a_logarithm() {
        for (k, edge) in EDGES.iter().enumerate() {
            let expected = (63.0 + k as f64 / 32.0).exp2();
            assert!((*edge as f64 / expected - 1.0).abs() < 1e-14, "edge {k}");
        }
    }
}
