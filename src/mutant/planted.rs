//! The table of bugs that are planted inside the code. It is empty here: `cargo bench --bench
//! mutants` makes a copy of this crate with planted bugs and replaces this file by their table.

use super::Mutant;

/// The planted bugs of this build.
pub const PLANTED: &[Mutant] = &[];
