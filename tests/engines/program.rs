//! The `groupsim` program that has an engine: for madsim the example, for the others the program
//! itself.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use groupsim::engine::EngineKind;

pub fn program(engine: EngineKind) -> &'static Path {
    match engine {
        EngineKind::Madsim => madsim(),
        EngineKind::Sim | EngineKind::Turmoil | EngineKind::Tcp => {
            Path::new(env!("CARGO_BIN_EXE_groupsim"))
        }
    }
}

/// The example, which cargo does not build for `cargo test --test engines`. Where `cargo test` has
/// built it, this takes no time.
fn madsim() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let groupsim = Path::new(env!("CARGO_BIN_EXE_groupsim"));
        let folder = groupsim.parent().expect("the program is in a folder");
        let target = folder.parent().expect("the folder of a profile is in the target folder");
        let mut cargo = Command::new(env!("CARGO"));
        cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
        cargo.args(["build", "--quiet", "--example", "madsim", "--target-dir"]).arg(target);
        if folder.ends_with("release") {
            cargo.arg("--release");
        }
        let status = cargo.status().expect("cargo runs");
        assert!(status.success(), "cargo does not build the example madsim");
        folder.join("examples").join("madsim")
    })
}
