//! The `groupsim` command. Everything except the scripts is in the library.

use include_dir::{Dir, include_dir};

/// The scripts of the project, compiled in so that an installed program has them. They are not in
/// the library, so that a changed script does not cause the library to be rebuilt.
static SIMS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/sims");

fn main() -> std::process::ExitCode {
    groupsim::cli::main(&SIMS)
}
