//! Everything that a run reached.

use crate::marks::{Mark, Marks};

use super::cells::Cells;
use super::races::{Race, Races};

/// Cells, races and marks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// The (group state × event × fault) cells.
    pub cells: Cells,
    /// The races.
    pub races: Races,
    /// The marks in the code.
    pub marks: Marks,
}

impl Reached {
    /// Adds everything that another run reached.
    pub fn union(&mut self, other: &Reached) {
        self.cells.union(&other.cells);
        self.races.union(other.races);
        self.marks.union(other.marks);
    }

    /// How many cells, races and marks there are.
    pub fn len(&self) -> usize {
        self.cells.len() + self.races.len() + self.marks.len()
    }

    /// Whether nothing was reached.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many of them are not in `known`.
    pub fn beyond(&self, known: &Reached) -> usize {
        let mut all = known.clone();
        all.union(self);
        all.len() - known.len()
    }

    /// The names of all races and marks that were not reached.
    pub fn missing(&self) -> Vec<String> {
        let races = Race::ALL.into_iter().filter(|race| !self.races.contains(*race));
        let marks = Mark::ALL.into_iter().filter(|mark| !self.marks.contains(*mark));
        races.map(|it| it.to_string()).chain(marks.map(|it| it.to_string())).collect()
    }
}
