//! The kill matrix of every mutant, including those that are planted inside the code.
//!
//! Makes the copy with the planted bugs under the target folder, builds it, and runs its `groupsim
//! mutants` with the arguments of this bench. `-- --only-copy` stops after the build and prints the
//! path of the program.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, exit};

#[path = "../mutants/copy.rs"]
mod copy;
#[path = "../mutants/plant.rs"]
mod plant;

fn main() {
    let mut arguments: Vec<String> = env::args().skip(1).filter(|word| word != "--bench").collect();
    let only_copy = arguments.iter().position(|word| word == "--only-copy");
    let program = planted();
    if let Some(place) = only_copy {
        arguments.remove(place);
        println!("{}", program.display());
        return;
    }
    let status = Command::new(program).arg("mutants").args(arguments).status();
    exit(status.expect("the copy runs").code().unwrap_or(1));
}

/// Builds the program with all planted bugs; returns its path.
fn planted() -> PathBuf {
    let temporary = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let copy = temporary.join("planted");
    copy::copy_to(&copy).expect("the copy can be written");
    let cargo = env::var_os("CARGO").expect("cargo runs benches");
    // One target folder, so that the dependencies of this crate are built once.
    let target = temporary.parent().expect("it is a folder of the target folder");
    let built = Command::new(cargo)
        .current_dir(&copy)
        .args(["build", "--quiet", "--bin", "groupsim", "--target-dir"])
        .arg(target.join("planted"))
        .status();
    assert!(built.expect("cargo runs").success(), "the copy in {} does not build", copy.display());
    target.join("planted/debug/groupsim")
}
