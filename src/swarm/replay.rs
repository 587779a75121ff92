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
            Replay::Test => test_command(seed, &test_name(), package().as_deref()),
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

/// How a test can be named to `cargo test`.
#[derive(Debug, PartialEq, Eq)]
enum Named {
    /// By its whole name.
    Whole(String),
    /// By what it was selected by, which may be a part of its name.
    Part(String),
    /// Not at all.
    No,
}

/// `GROUPSIM_SEED=17 cargo test holds -- --nocapture --exact`
fn test_command(seed: u64, test: &Named, package: Option<&str>) -> String {
    let package = package.map(|name| format!(" -p {name}")).unwrap_or_default();
    let (test, exact) = match test {
        Named::Whole(name) => (format!(" {name}"), " --exact"),
        Named::Part(name) => (format!(" {name}"), ""),
        Named::No => (String::new(), ""),
    };
    format!("GROUPSIM_SEED={seed} cargo test{package}{test} -- --nocapture{exact}")
}

/// The test that is running: the harness names its thread after it. On a single thread it does not, but then
/// what it was selected by may be among the arguments.
fn test_name() -> Named {
    match thread::current().name().filter(|name| *name != "main") {
        Some(name) => Named::Whole(name.to_owned()),
        None => selected(env::args().skip(1)),
    }
}

/// The options of the test harness that are followed by a value.
const WITH_VALUE: [&str; 7] =
    ["--test-threads", "--skip", "--logfile", "--color", "--format", "--shuffle-seed", "-Z"];

fn selected(args: impl Iterator<Item = String>) -> Named {
    let (mut filter, mut exact, mut is_value) = (None, false, false);
    for arg in args {
        exact |= arg == "--exact";
        if !is_value && !arg.starts_with('-') {
            filter.get_or_insert(arg.clone());
        }
        is_value = WITH_VALUE.contains(&arg.as_str());
    }
    match filter {
        Some(name) if exact => Named::Whole(name),
        Some(name) => Named::Part(name),
        None => Named::No,
    }
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
        // On a single thread the harness names none; this one is named as it would be.
        let name = "swarm::replay::tests::a_test_names_itself";
        let named = thread::Builder::new().name(name.to_owned());
        let command = named.spawn(|| Replay::Test.command(17, Conditions::default()));
        let command = command.expect("a thread").join().expect("a command");
        assert_eq!(command, format!("GROUPSIM_SEED=17 cargo test {name} -- --nocapture --exact"));
    }

    #[test]
    fn a_test_without_a_name_is_one_of_all() {
        let command = test_command(3, &Named::No, Some("mine"));
        assert_eq!(command, "GROUPSIM_SEED=3 cargo test -p mine -- --nocapture");
    }

    #[test]
    fn on_one_thread_a_test_is_named_by_what_selected_it() {
        let selected = |line: &str| selected(line.split_whitespace().map(str::to_owned));
        assert_eq!(selected("--test-threads 1"), Named::No);
        assert_eq!(selected("holds --test-threads 1"), Named::Part("holds".to_owned()));
        assert_eq!(selected("--exact a::holds --nocapture"), Named::Whole("a::holds".to_owned()));
        let command = test_command(3, &Named::Part("holds".to_owned()), None);
        assert_eq!(command, "GROUPSIM_SEED=3 cargo test holds -- --nocapture");
    }

    #[test]
    fn the_command_line_names_its_conditions() {
        let command = Replay::Cli.command(17, Conditions::default());
        assert!(command.ends_with(" replay 17 --profile default"), "{command}");
    }
}
