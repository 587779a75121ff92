//! `groupsim` with the engine madsim: `cargo run --release --example madsim -- swarm --engine madsim`.
//!
//! madsim replaces the clock and the random numbers of the whole process, so the program that
//! people install does not have it. This one has the same commands.

use include_dir::{Dir, include_dir};

#[cfg(madsim)]
mod engine;

/// The scripts of the project.
static SIMS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/sims");

fn main() -> std::process::ExitCode {
    #[cfg(madsim)]
    groupsim::engine::plug::plug_in(&engine::MADSIM);
    #[cfg(not(madsim))]
    eprintln!(
        "warning: built without madsim: it needs `--cfg madsim`, which .cargo/config.toml sets and \
         RUSTFLAGS in the environment overrides"
    );
    groupsim::cli::main(&SIMS)
}
