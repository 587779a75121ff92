//! The kill matrix: which invariant finds which mutant, and after how many seeds.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rayon::prelude::*;

use super::Mutant;
use super::search::{Catch, Search, Way};

/// Starting points are this far apart.
const APART: u64 = 1 << 32;

/// One mutant in the matrix.
#[derive(Clone)]
pub struct Row {
    /// The mutant.
    pub mutant: &'static Mutant,
    /// What came of each starting point; none where it survived.
    pub catches: Vec<Option<Catch>>,
}

impl Row {
    /// Whether it was found from every starting point.
    pub fn is_killed(&self) -> bool {
        self.catches.iter().all(Option::is_some)
    }

    /// How many starting points each invariant was the first to find it from.
    pub fn by_invariant(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for catch in self.catches.iter().flatten() {
            *counts.entry(catch.invariant).or_default() += 1;
        }
        counts
    }

    /// The median number of seeds; a survivor counts as more than all.
    pub fn seeds(&self) -> Option<u64> {
        let seeds = self.catches.iter().map(|catch| catch.as_ref().map_or(u64::MAX, |c| c.seeds));
        median(seeds.collect()).filter(|seeds| *seeds < u64::MAX)
    }

    /// The median of the virtual time that it took.
    pub fn simulated(&self) -> Option<Duration> {
        let never = Duration::MAX;
        let times = self.catches.iter().map(|catch| catch.as_ref().map_or(never, |c| c.simulated));
        median(times.collect()).filter(|time| *time < never)
    }
}

/// The middle one; the lower of two.
pub fn median<T: Ord>(mut values: Vec<T>) -> Option<T> {
    values.sort();
    let middle = values.len().checked_sub(1)? / 2;
    Some(values.swap_remove(middle))
}

/// Every mutant against every invariant.
#[derive(Clone)]
pub struct Matrix {
    /// The mutants, in the order they were asked for.
    pub rows: Vec<Row>,
    /// From how many starting points each was sought.
    pub starts: u64,
    /// After how many seeds a search was given up.
    pub most: u64,
}

impl Matrix {
    /// Seeks each mutant from several starting points, on all cores. `done` is called after each search.
    pub fn measure(
        mutants: &[&'static Mutant],
        (starts, most): (u64, u64),
        way: Way,
        stop: &AtomicBool,
        done: &(dyn Fn(&Mutant) + Sync),
    ) -> Matrix {
        let searches: Vec<(&'static Mutant, u64)> = mutants
            .iter()
            .flat_map(|mutant| (0..starts).map(move |start| (*mutant, start)))
            .collect();
        let catches: Vec<Option<Catch>> = searches
            .par_iter()
            .with_max_len(1)
            .map(|(mutant, start)| {
                let search = Search { way, ..Search::new(mutant, stop) };
                let catch = search.run(start * APART, most);
                if !stop.load(Ordering::Relaxed) {
                    done(mutant);
                }
                catch
            })
            .collect();
        let mut catches = catches.into_iter();
        let mut row = |mutant: &&'static Mutant| Row {
            mutant,
            catches: catches.by_ref().take(starts as usize).collect(),
        };
        Matrix { rows: mutants.iter().map(&mut row).collect(), starts, most }
    }

    /// Those that were not found from every starting point.
    pub fn survivors(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| !row.is_killed())
    }
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_is_one_of_the_values() {
        assert_eq!(median(vec![9, 1, 5]), Some(5));
        assert_eq!(median(vec![4, 1, 2, 3]), Some(2));
        assert_eq!(median::<u64>(vec![]), None);
    }
}
