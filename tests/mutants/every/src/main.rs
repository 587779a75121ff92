//! Runs groupsim with every mutant that `cargo mutants` names, from one build.
//!
//! ```text
//! cargo run --release --manifest-path tests/mutants/every/Cargo.toml -- [--only TEXT] [--sample 1/N] [--jobs N] [--again]
//! ```
//!
//! `cargo mutants` builds the crate once for each mutant, which for the coordinator, the client and
//! the assignors takes a day. Here all of them are planted in one copy of the crate, each behind a
//! switch that the environment variable `GROUPSIM_MUTANT` sets when a process starts; so the same
//! programs serve for all. Each mutant runs the unit tests of its ring, then seeds, then scripts
//! and other tests, until one of them fails.
//!
//! | file | what it does |
//! |---|---|
//! | `list` | lists the mutants with `cargo mutants` |
//! | `site` | finds the syntax that mutants change |
//! | `plant` | plants all mutants of a file |
//! | `copy` | writes the copy of the crate |
//! | `compile` | builds it |
//! | `charge` | finds the mutant that a compile error belongs to |
//! | `stage` | the programs that may detect a mutant, with a time limit |
//! | `judge` | runs all mutants through all stages |
//! | `verdict` | stores and counts the outcomes |
//!
//! This program does *not* invent bugs. Those that real coordinators and clients have had are
//! beside it, in `tests/mutants/planted/`. It is not part of `cargo test` either.
//!
//! The copy is `target/tmp/every`, and the verdicts are in its `verdicts.jsonl`; a run that was
//! interrupted continues from there while the code is the same. `--again` judges the survivors once
//! more, for use after new tests were written.
//!
//! Read next: `plant.rs`, then `stage.rs`.

mod charge;
mod compile;
mod copy;
mod judge;
mod list;
mod plant;
mod site;
mod stage;
#[cfg(test)]
mod tests;
mod verdict;

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use anyhow::{Result, ensure};
use clap::Parser;

use compile::{CompileError, BuildFolders};
use copy::Source;
use judge::Judge;
use list::Mutant;
use verdict::{Fate, Verdicts};

#[derive(Parser)]
struct Arguments {
    /// Judges only mutants whose name contains this, such as `src/assignor` or `replace ==`.
    #[arg(long)]
    only: Option<String>,
    /// Judges one mutant in N.
    #[arg(long, value_name = "1/N", value_parser = sample, default_value = "1/1")]
    sample: usize,
    /// The number of mutants that are judged at a time.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Judges the survivors again.
    #[arg(long)]
    again: bool,
}

fn sample(text: &str) -> Result<usize, String> {
    let wrong = || format!("{text:?} is not like 1/10");
    let every = text.strip_prefix("1/").and_then(|number| number.parse().ok());
    every.filter(|every| *every > 0).ok_or_else(wrong)
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..").canonicalize()?;
    let target = env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), PathBuf::from);
    let copy = target.join("tmp/every");
    let source = Source::read(&root)?;
    let mutants = list::mutants(&root)?;
    eprintln!("{} mutants", mutants.len());
    std::fs::create_dir_all(&copy)?;
    let mut verdicts = Verdicts::open(&copy.join("verdicts.jsonl"), source.digest())?;
    let folders = BuildFolders { copy: &copy, target: &target.join("every") };
    plant(&source, &mutants, &folders, &mut verdicts)?;
    let programs = folders.build()?;
    let judge = Judge::new(&programs, &copy)?;
    let named =
        |mutant: &&Mutant| arguments.only.as_ref().is_none_or(|only| mutant.name.contains(only));
    let is_left = |mutant: &&Mutant| match verdicts.of(mutant) {
        None => true,
        Some(fate) => arguments.again && *fate == Fate::Survived,
    };
    let sampled = mutants.iter().filter(named).step_by(arguments.sample);
    let left: Vec<&Mutant> = sampled.filter(is_left).collect();
    judge.judge(&left, arguments.jobs, &Mutex::new(&mut verdicts))?;
    print!("{}", verdicts.summary(&mutants));
    Ok(())
}

/// Plants the mutants that compile. It takes several rounds: the compiler reports borrowing errors
/// only when all types fit.
fn plant(
    source: &Source,
    mutants: &[Mutant],
    folders: &BuildFolders<'_>,
    verdicts: &mut Verdicts,
) -> Result<()> {
    loop {
        let planted = files(source, mutants, verdicts)?;
        source.write(folders.copy, &planted)?;
        let errors = folders.check()?;
        if errors.is_empty() {
            return Ok(());
        }
        let mut charged: Vec<u32> =
            errors.iter().flat_map(|compile_error| owners(compile_error, &planted)).collect();
        charged.sort_unstable();
        charged.dedup();
        let text: Vec<&str> = errors.iter().map(|compile_error| compile_error.text.as_str()).collect();
        ensure!(!charged.is_empty(), "no mutant is to blame for this:\n{}", text.join("\n"));
        eprintln!("{} do not compile", charged.len());
        for mutant in mutants.iter().filter(|mutant| charged.contains(&mutant.number)) {
            verdicts.add(&mutant.name, Fate::Unviable)?;
        }
    }
}

/// The files that have mutants, with all mutants planted that have compiled so far.
fn files(
    source: &Source,
    mutants: &[Mutant],
    verdicts: &mut Verdicts,
) -> Result<Vec<(String, String)>> {
    let mut by_file: BTreeMap<&str, Vec<&Mutant>> = BTreeMap::new();
    for mutant in mutants {
        let of_file = by_file.entry(&mutant.file).or_default();
        if !matches!(verdicts.of(mutant), Some(Fate::Unviable | Fate::LeftOut(_))) {
            of_file.push(mutant);
        }
    }
    let mut planted = Vec::new();
    for (file, of_file) in by_file {
        let text = source.text(file)?;
        let found = site::sites(text, &of_file)?;
        for (number, why) in found.left_out {
            let mutant = of_file.iter().find(|mutant| mutant.number == number);
            let mutant = mutant.expect("only these were sought");
            verdicts.add(&mutant.name, Fate::LeftOut(why.to_owned()))?;
        }
        planted.push((file.to_owned(), plant::planted(text, &found.sites)));
    }
    Ok(planted)
}

/// The mutants that a compile error belongs to, by the first of its places inside a planted piece.
fn owners(compile_error: &CompileError, planted: &[(String, String)]) -> Vec<u32> {
    let owners = compile_error.places.iter().map(|(file, byte)| {
        let text = planted.iter().find(|(name, _)| name == file);
        text.map(|(_, text)| charge::owners(text, *byte)).unwrap_or_default()
    });
    owners.into_iter().find(|owners| !owners.is_empty()).unwrap_or_default()
}
