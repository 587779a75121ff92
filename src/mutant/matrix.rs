//! The kill matrix: which invariant detects which mutant, and after how many seeds.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rayon::prelude::*;

use super::Mutant;
use super::search::{Detection, Search, SearchMode};

/// The distance between two starting points, in seeds.
const START_DISTANCE: u64 = 1 << 32;

/// One mutant in the matrix.
#[derive(Clone)]
pub struct Row {
    /// The mutant.
    pub mutant: &'static Mutant,
    /// The outcome of the search from each starting point; none where the mutant survived.
    pub detections: Vec<Option<Detection>>,
}

impl Row {
    /// Whether the mutant was detected from every starting point.
    pub fn is_killed(&self) -> bool {
        self.detections.iter().all(Option::is_some)
    }

    /// From how many starting points each invariant was the first to detect it.
    pub fn by_invariant(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for detection in self.detections.iter().flatten() {
            *counts.entry(detection.invariant).or_default() += 1;
        }
        counts
    }

    /// The median number of seeds; a survivor counts as more than all others.
    pub fn seeds(&self) -> Option<u64> {
        let seeds = self
            .detections
            .iter()
            .map(|detection| detection.as_ref().map_or(u64::MAX, |c| c.seeds));
        median(seeds.collect()).filter(|seeds| *seeds < u64::MAX)
    }

    /// The median of the virtual time until detection.
    pub fn simulated(&self) -> Option<Duration> {
        let never = Duration::MAX;
        let times = self
            .detections
            .iter()
            .map(|detection| detection.as_ref().map_or(never, |c| c.simulated));
        median(times.collect()).filter(|time| *time < never)
    }
}

/// The median of the values; the lower of the two middle ones.
pub fn median<T: Ord>(mut values: Vec<T>) -> Option<T> {
    values.sort();
    let middle = values.len().checked_sub(1)? / 2;
    Some(values.swap_remove(middle))
}

/// Every mutant against every invariant.
#[derive(Clone)]
pub struct Matrix {
    /// The mutants, in the requested order.
    pub rows: Vec<Row>,
    /// The number of starting points of each search.
    pub starts: u64,
    /// The number of seeds after which a search was given up.
    pub most: u64,
}

impl Matrix {
    /// Searches for each mutant from several starting points, on all cores. Calls `done` after each
    /// search.
    pub fn measure(
        mutants: &[&'static Mutant],
        (starts, most): (u64, u64),
        mode: SearchMode,
        stop: &AtomicBool,
        done: &(dyn Fn(&Mutant) + Sync),
    ) -> Matrix {
        let searches: Vec<(&'static Mutant, u64)> = mutants
            .iter()
            .flat_map(|mutant| (0..starts).map(move |start| (*mutant, start)))
            .collect();
        let detections: Vec<Option<Detection>> = searches
            .par_iter()
            .with_max_len(1)
            .map(|(mutant, start)| {
                let search = Search { mode, ..Search::new(mutant, stop) };
                let detection = search.run(start * START_DISTANCE, most);
                if !stop.load(Ordering::Relaxed) {
                    done(mutant);
                }
                detection
            })
            .collect();
        let mut detections = detections.into_iter();
        let mut row = |mutant: &&'static Mutant| Row {
            mutant,
            detections: detections.by_ref().take(starts as usize).collect(),
        };
        Matrix { rows: mutants.iter().map(&mut row).collect(), starts, most }
    }

    /// The mutants that were not detected from every starting point.
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
