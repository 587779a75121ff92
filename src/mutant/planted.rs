//! Bugs that are planted inside of the code. There are none here: `cargo bench --bench mutants` makes a copy of
//! this crate in which there are, and writes their table in the place of this file.

use super::Mutant;

/// What is planted in this build.
pub const PLANTED: &[Mutant] = &[];
