//! Each script under `sims/regress/` is a test. The scripts are former findings, shrunk by
//! `groupsim shrink`.
//!
//! A script must hold. If its head names the mutant that it was found with, then with that mutant
//! it must violate the invariant that its first line names.

use std::fs;
use std::path::{Path, PathBuf};

use groupsim::mutant::{self, Mutant};
use groupsim::run::Run;
use groupsim::script;
use groupsim::swarm::parts;
use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> std::process::ExitCode {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sims/regress");
    let entries = fs::read_dir(&folder).expect("the folder can be read");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let trials = paths.into_iter().map(|path| {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Trial::test(name, move || check(&path))
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}

fn check(path: &Path) -> Result<(), Failed> {
    let schedule = script::load(path).map_err(|error| error.to_string())?;
    if let Some(finding) = Run::of(&schedule).run().finding {
        return Err(format!("the script does not hold: {finding:?}").into());
    }
    let text = fs::read_to_string(path)?;
    let Some(mutant) = mutant_of(&text)? else { return Ok(()) };
    let expected = invariant_of(&text).ok_or("the first line names no invariant")?;
    let finding = Run::of(&schedule).systems(&mutant.systems()).run().finding;
    match finding.as_ref().map(|finding| parts(finding).name) {
        Some(found) if found == expected => Ok(()),
        found => {
            let name = mutant.name;
            Err(format!("mutant {name}: expected {expected} to fail, found {found:?}").into())
        }
    }
}

/// The mutant of the line `# mutant NAME: what it does`.
fn mutant_of(text: &str) -> Result<Option<&'static Mutant>, Failed> {
    let head = text.lines().take_while(|line| line.starts_with('#'));
    let Some(name) = head.filter_map(|line| line.strip_prefix("# mutant ")).next() else {
        return Ok(None);
    };
    let name = name.split(':').next().unwrap_or_default();
    Ok(Some(mutant::find(name).ok_or_else(|| format!("there is no mutant {name}"))?))
}

/// The invariant of the first line, `# violation (NAME) at 1.234567`.
fn invariant_of(text: &str) -> Option<&str> {
    let first = text.lines().next()?.strip_prefix("# ")?;
    Some(first.split_once('(')?.1.split_once(')')?.0)
}
