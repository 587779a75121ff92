//! All that a run reached.

use crate::sometimes::{Mark, Marks};

use super::cells::Cells;
use super::moments::{Moment, Moments};

/// Cells, moments and marks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// The (group state × event × fault) cells.
    pub cells: Cells,
    /// What met.
    pub moments: Moments,
    /// The corners of the code.
    pub marks: Marks,
}

impl Reached {
    /// Adds everything that was reached elsewhere.
    pub fn union(&mut self, other: &Reached) {
        self.cells.union(&other.cells);
        self.moments.union(other.moments);
        self.marks.union(other.marks);
    }

    /// How much it is.
    pub fn len(&self) -> usize {
        self.cells.len() + self.moments.len() + self.marks.len()
    }

    /// Whether it is nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How much of it is not in `known`.
    pub fn beyond(&self, known: &Reached) -> usize {
        let mut all = known.clone();
        all.union(self);
        all.len() - known.len()
    }

    /// Every moment and every mark that is not reached.
    pub fn missing(&self) -> Vec<String> {
        let moments = Moment::ALL.into_iter().filter(|moment| !self.moments.contains(*moment));
        let marks = Mark::ALL.into_iter().filter(|mark| !self.marks.contains(*mark));
        moments.map(|it| it.to_string()).chain(marks.map(|it| it.to_string())).collect()
    }
}
