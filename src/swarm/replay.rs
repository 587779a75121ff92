//! How a seed is run again by whoever reads what it found.

use std::path::Path;
use std::{env, thread};

use super::conditions::Conditions;

/// Who ran the seed, and so can run it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replay {
    /// The command line of this crate.
    Cli,
    /// A test, of this crate or of any other: the seed is chosen by `GROUPSIM_SEED`.
    Test,
}

impl Replay {
    /// The one command that shows the seed again, where it was run.
    pub fn command(self, seed: u64, conditions: Conditions) -> String {
        match self {
            Replay::Cli => format!("{} replay {seed} {conditions}", program()),
            Replay::Test => test_command(seed, test_name().as_deref(), package().as_deref()),
        }
    }
}

/// How this program is called. Started by cargo in its own crate, it is cargo's: then there may be no
/// `groupsim` to be called by its name.
fn program() -> &'static str {
    let package = env::var("CARGO_PKG_NAME");
    match env::var_os("CARGO").is_some() && package.as_deref() == Ok(env!("CARGO_PKG_NAME")) {
        true => "cargo run --release --",
        false => "groupsim",
    }
}

/// `GROUPSIM_SEED=17 cargo test holds -- --exact --nocapture`
fn test_command(seed: u64, test: Option<&str>, package: Option<&str>) -> String {
    let package = package.map(|name| format!(" -p {name}")).unwrap_or_default();
    let (test, exact) = match test {
        Some(name) => (format!(" {name}"), " --exact"),
        None => (String::new(), ""),
    };
    format!("GROUPSIM_SEED={seed} cargo test{package}{test} -- --nocapture{exact}")
}

/// The test that is running: the harness names its thread after it. On a single thread it does not, but then a
/// name may be among the arguments.
fn test_name() -> Option<String> {
    let thread = thread::current().name().filter(|name| *name != "main").map(str::to_owned);
    let filter = || env::args().skip(1).find(|arg| !arg.starts_with('-'));
    thread.or_else(filter)
}

/// The package of the test, where cargo must be told: it shares a workspace, whose root has the lock file.
fn package() -> Option<String> {
    let folder = env::var_os("CARGO_MANIFEST_DIR")?;
    let alone = Path::new(&folder).join("Cargo.lock").exists();
    env::var("CARGO_PKG_NAME").ok().filter(|_| !alone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_names_itself() {
        let command = Replay::Test.command(17, Conditions::default());
        let name = "swarm::replay::tests::a_test_names_itself";
        assert_eq!(command, format!("GROUPSIM_SEED=17 cargo test {name} -- --nocapture --exact"));
    }

    #[test]
    fn a_test_without_a_name_is_one_of_all() {
        let command = test_command(3, None, Some("mine"));
        assert_eq!(command, "GROUPSIM_SEED=3 cargo test -p mine -- --nocapture");
    }

    #[test]
    fn the_command_line_names_its_conditions() {
        let command = Replay::Cli.command(17, Conditions::default());
        assert!(command.ends_with(" replay 17 --profile default"), "{command}");
    }
}
