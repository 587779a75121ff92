//! The command that replays a seed.

use std::path::Path;
use std::{env, thread};

use super::conditions::Conditions;

/// The program that ran the seed and can replay it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replay {
    /// The command line of this crate.
    Cli,
    /// A test of this crate or of another one. `GROUPSIM_SEED` selects the seed.
    Test,
}

impl Replay {
    /// The command that replays the seed.
    pub fn command(self, seed: u64, conditions: Conditions) -> String {
        match self {
            Replay::Cli => format!("{} replay {seed} {conditions}", program()),
            Replay::Test => test_command(seed, &test_name(), package().as_deref()),
        }
    }
}

/// The command for this program. If cargo started it in its own crate, `groupsim` may not be
/// installed.
fn program() -> &'static str {
    let package = env::var("CARGO_PKG_NAME");
    match env::var_os("CARGO").is_some() && package.as_deref() == Ok(env!("CARGO_PKG_NAME")) {
        true => "cargo run --release --",
        false => "groupsim",
    }
}

/// The filter that selects a test with `cargo test`.
#[derive(Debug, PartialEq, Eq)]
enum Filter {
    /// The whole name of the test.
    Exact(String),
    /// The filter of the current process, possibly a part of the name.
    Part(String),
    /// The name is not known.
    None,
}

/// The command of a test, such as `GROUPSIM_SEED=17 cargo test holds -- --nocapture --exact`.
fn test_command(seed: u64, test: &Filter, package: Option<&str>) -> String {
    let package = package.map(|name| format!(" -p {name}")).unwrap_or_default();
    let (test, exact) = match test {
        Filter::Exact(name) => (format!(" {name}"), " --exact"),
        Filter::Part(name) => (format!(" {name}"), ""),
        Filter::None => (String::new(), ""),
    };
    format!("GROUPSIM_SEED={seed} cargo test{package}{test} -- --nocapture{exact}")
}

/// The running test. The harness names the thread after the test. With a single thread it does not,
/// but the arguments of the process may have a filter.
fn test_name() -> Filter {
    match thread::current().name().filter(|name| *name != "main") {
        Some(name) => Filter::Exact(name.to_owned()),
        None => selected(env::args().skip(1)),
    }
}

/// The options of the test harness that take a value.
const WITH_VALUE: [&str; 7] =
    ["--test-threads", "--skip", "--logfile", "--color", "--format", "--shuffle-seed", "-Z"];

fn selected(args: impl Iterator<Item = String>) -> Filter {
    let (mut filter, mut exact, mut is_value) = (None, false, false);
    for arg in args {
        exact |= arg == "--exact";
        if !is_value && !arg.starts_with('-') {
            filter.get_or_insert(arg.clone());
        }
        is_value = WITH_VALUE.contains(&arg.as_str());
    }
    match filter {
        Some(name) if exact => Filter::Exact(name),
        Some(name) => Filter::Part(name),
        None => Filter::None,
    }
}

/// The package of the test, if cargo needs `-p`: in a workspace, where the root has the lock file.
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
        // With a single test thread the harness sets no name, so the test starts a named thread.
        let name = "swarm::replay::tests::a_test_names_itself";
        let named = thread::Builder::new().name(name.to_owned());
        let command = named.spawn(|| Replay::Test.command(17, Conditions::default()));
        let command = command.expect("a thread").join().expect("a command");
        assert_eq!(command, format!("GROUPSIM_SEED=17 cargo test {name} -- --nocapture --exact"));
    }

    #[test]
    fn without_a_name_the_command_runs_all_tests() {
        let command = test_command(3, &Filter::None, Some("mine"));
        assert_eq!(command, "GROUPSIM_SEED=3 cargo test -p mine -- --nocapture");
    }

    #[test]
    fn on_one_thread_a_test_is_selected_by_the_filter_of_the_process() {
        let selected = |line: &str| selected(line.split_whitespace().map(str::to_owned));
        assert_eq!(selected("--test-threads 1"), Filter::None);
        assert_eq!(selected("holds --test-threads 1"), Filter::Part("holds".to_owned()));
        assert_eq!(selected("--exact a::holds --nocapture"), Filter::Exact("a::holds".to_owned()));
        let command = test_command(3, &Filter::Part("holds".to_owned()), None);
        assert_eq!(command, "GROUPSIM_SEED=3 cargo test holds -- --nocapture");
    }

    #[test]
    fn the_command_line_names_its_conditions() {
        let command = Replay::Cli.command(17, Conditions::default());
        assert!(command.ends_with(" replay 17 --profile default"), "{command}");
    }
}
