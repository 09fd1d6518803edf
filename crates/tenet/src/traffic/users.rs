//! Whom requests are about: Zipf's law over all users, and a whale beside it.

use rand::Rng;

/// Zipf's exponent: what popularity on the web is measured at.
const EXPONENT: f64 = 1.0;

/// Chooses users.
#[derive(Clone, Debug)]
pub struct Users {
    /// Cumulative weights; the last is the sum.
    cumulative: Vec<f64>,
    whale: u32,
    whale_share: f64,
}

impl Users {
    /// `count` users; `whale` is chosen in `whale_per_mille` of 1000 draws beside its share by Zipf's law.
    pub fn new(count: u32, whale: u32, whale_per_mille: u32) -> Users {
        let mut sum = 0.0;
        let cumulative = (1..=count.max(1)).map(|rank| {
            sum += 1.0 / f64::from(rank).powf(EXPONENT);
            sum
        });
        Users { cumulative: cumulative.collect(), whale, whale_share: f64::from(whale_per_mille) / 1000.0 }
    }

    /// One user.
    pub fn choose(&self, random: &mut impl Rng) -> u32 {
        if random.random::<f64>() < self.whale_share {
            return self.whale;
        }
        let sum = self.cumulative.last().copied().unwrap_or(1.0);
        let point = random.random::<f64>() * sum;
        let rank = self.cumulative.partition_point(|below| *below < point).min(self.cumulative.len() - 1);
        u32::try_from(rank).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;
    use rand::rngs::SmallRng;

    #[test]
    fn the_first_is_twice_as_frequent_as_the_second_and_the_whale_has_its_share() {
        let users = Users::new(1000, 999, 100);
        let mut random = SmallRng::seed_from_u64(3);
        let mut counts = vec![0f64; 1000];
        for _ in 0..200_000 {
            counts[users.choose(&mut random) as usize] += 1.0;
        }
        let ratio = counts[0] / counts[1];
        assert!((1.85..2.15).contains(&ratio), "{ratio}");
        let whale = counts[999] / 200_000.0;
        assert!((0.095..0.105).contains(&whale), "{whale}");
        assert!(counts.iter().all(|count| *count > 0.0));
    }
}
