//! The `groupsim` command; everything but the scripts is in the library.

use include_dir::{Dir, include_dir};

/// The scripts of the project, so that an installed program has them. They are here and not in the library, which
/// need not be built again when one of them changes.
static SIMS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/sims");

fn main() -> std::process::ExitCode {
    groupsim::cli::main(&SIMS)
}
