//! Randomness, split by purpose.
//!
//! Every part of a run that needs randomness has a stream of its own, named by its purpose
//! (`network/c1→b0`, `faults`, `members`). A stream depends only on the seed and its name. So
//! adding or deleting one action of a schedule leaves all other randomness unchanged, which makes
//! schedules shrinkable. The algorithm is frozen (xoshiro256++, seeded through XXH3), because a
//! committed script must replay the same way after an upgrade. There are no floats here.

use std::ops::RangeInclusive;
use std::time::Duration;

use rand_core::{Rng as _, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// One named stream of random numbers.
#[derive(Clone, Debug)]
pub struct Rng(Xoshiro256PlusPlus);

impl Rng {
    /// The stream of `seed` for `purpose`.
    pub fn stream(seed: u64, purpose: &str) -> Rng {
        Rng(Xoshiro256PlusPlus::seed_from_u64(xxh3_64_with_seed(purpose.as_bytes(), seed)))
    }

    /// The next 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number less than `bound`, which must not be zero. The bias of the multiply-shift method is
    /// below 2⁻³² for every bound in use here.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "there is no random number below zero");
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }

    /// A number in the range, both ends included.
    pub fn within(&mut self, range: RangeInclusive<u64>) -> u64 {
        range.start() + self.below(range.end() - range.start() + 1)
    }

    /// A duration in the range, both ends included, to the microsecond.
    pub fn duration(&mut self, range: RangeInclusive<Duration>) -> Duration {
        let micros = |d: &Duration| d.as_micros() as u64;
        Duration::from_micros(self.within(micros(range.start())..=micros(range.end())))
    }

    /// True with a probability of `permille` in 1,000.
    pub fn chance(&mut self, permille: u64) -> bool {
        self.below(1_000) < permille
    }

    /// A random element of a slice, which must not be empty.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u64) as usize]
    }

    /// Shuffles the slice (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u64 + 1) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The algorithm is frozen: if this fails, every committed seed has changed its meaning.
    #[test]
    fn the_streams_are_frozen() {
        let mut rng = Rng::stream(42, "network/c1→b0");
        assert_eq!([rng.bits(), rng.bits()], FROZEN);
    }

    const FROZEN: [u64; 2] = [990_224_313_687_026_736, 10_207_064_800_633_437_657];

    #[test]
    fn streams_of_one_seed_differ_by_purpose() {
        assert_ne!(Rng::stream(1, "a").bits(), Rng::stream(1, "b").bits());
        assert_ne!(Rng::stream(1, "a").bits(), Rng::stream(2, "a").bits());
    }

    #[test]
    fn ranges_reach_both_ends() {
        let mut rng = Rng::stream(7, "test");
        let drawn: std::collections::BTreeSet<u64> = (0..200).map(|_| rng.within(3..=5)).collect();
        assert_eq!(drawn.into_iter().collect::<Vec<_>>(), [3, 4, 5]);
    }
}
