//! The verdicts: written as they come, read by a run that goes on where another stopped, and counted.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::list::{Mutant, RINGS};
use crate::stage::Stage;

/// What became of a mutant.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// Somebody noticed.
    Found(Stage),
    /// A program did not end.
    TimedOut(Stage),
    /// Nobody noticed.
    Survived,
    /// The compiler noticed.
    Unviable,
    /// It cannot be planted beside the others.
    LeftOut(String),
}

/// One line of the file.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    /// The first: what was judged.
    Source { source: u64 },
    /// All others.
    Verdict { mutant: String, fate: Fate },
}

/// The verdicts there are.
pub struct Verdicts {
    fates: BTreeMap<String, Fate>,
    file: File,
}

impl Verdicts {
    /// Opens the file. What it says of another source is forgotten, and so is a line that was not finished.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn open(path: &Path, source: u64) -> Result<Verdicts> {
        let text = fs::read_to_string(path).unwrap_or_default();
        let mut lines = text.lines().filter_map(|line| serde_json::from_str(line).ok());
        let same =
            matches!(lines.next(), Some(Line::Source { source: judged }) if judged == source);
        let verdicts = lines.filter(|_| same).filter_map(|line| match line {
            Line::Verdict { mutant, fate } => Some((mutant, fate)),
            Line::Source { .. } => None,
        });
        let before: Vec<(String, Fate)> = verdicts.collect();
        let file = File::create(path).with_context(|| format!("{}", path.display()))?;
        let mut verdicts = Verdicts { fates: BTreeMap::new(), file };
        verdicts.append(&Line::Source { source })?;
        before.into_iter().try_for_each(|(mutant, fate)| verdicts.add(&mutant, fate))?;
        Ok(verdicts)
    }

    /// What became of this one.
    pub fn of(&self, mutant: &Mutant) -> Option<&Fate> {
        self.fates.get(&mutant.name)
    }

    /// Adds one, unless it is there already. The last word on a mutant counts.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn add(&mut self, mutant: &str, fate: Fate) -> Result<()> {
        if self.fates.insert(mutant.to_owned(), fate.clone()).as_ref() != Some(&fate) {
            self.append(&Line::Verdict { mutant: mutant.to_owned(), fate })?;
        }
        Ok(())
    }

    fn append(&mut self, line: &Line) -> Result<()> {
        writeln!(self.file, "{}", serde_json::to_string(line)?).context("the verdicts")
    }

    /// The survivors by name, what timed out or was left out, and a table of what became of all.
    pub fn summary(&self, mutants: &[Mutant]) -> String {
        let mut out = String::new();
        for mutant in mutants {
            let _ = match self.of(mutant) {
                Some(Fate::Survived) => writeln!(out, "survived  {}", mutant.name),
                Some(Fate::TimedOut(stage)) => writeln!(out, "timed out {} ({stage})", mutant.name),
                Some(Fate::LeftOut(why)) => writeln!(out, "left out  {} ({why})", mutant.name),
                _ => Ok(()),
            };
        }
        out.push_str(&self.table(mutants));
        out
    }

    fn table(&self, mutants: &[Mutant]) -> String {
        let heads = [
            "unit tests",
            "seeds",
            "scripts",
            "timed out",
            "survived",
            "unviable",
            "left out",
            "score",
        ];
        let mut out = format!(
            "\n| ring | mutants | {} |\n|---|{}\n",
            heads.join(" | "),
            "---:|".repeat(heads.len() + 1)
        );
        for ring in RINGS {
            let of_ring = || mutants.iter().filter(|mutant| mutant.ring() == ring);
            let fates: Vec<&Fate> = of_ring().filter_map(|mutant| self.of(mutant)).collect();
            if !fates.is_empty() {
                let _ = writeln!(out, "| {ring} | {} |", row(&fates));
            }
        }
        let all: Vec<&Fate> = mutants.iter().filter_map(|mutant| self.of(mutant)).collect();
        let _ = writeln!(out, "| all | {} |", row(&all));
        out
    }
}

/// How many there are of each, and how many of those that ran were noticed.
fn row(fates: &[&Fate]) -> String {
    let count = |is: fn(&Fate) -> bool| fates.iter().filter(|fate| is(fate)).count();
    let found = [
        count(|fate| *fate == Fate::Found(Stage::Unit)),
        count(|fate| *fate == Fate::Found(Stage::Seeds)),
        count(|fate| *fate == Fate::Found(Stage::Scripts)),
        count(|fate| matches!(fate, Fate::TimedOut(_))),
    ];
    let survived = count(|fate| *fate == Fate::Survived);
    let rest = [
        survived,
        count(|fate| *fate == Fate::Unviable),
        count(|fate| matches!(fate, Fate::LeftOut(_))),
    ];
    let noticed: usize = found.iter().sum();
    let score = 100.0 * noticed as f64 / (noticed + survived).max(1) as f64;
    let counts = [fates.len()].into_iter().chain(found).chain(rest);
    let counts: Vec<String> = counts.map(|count| count.to_string()).collect();
    format!("{} | {score:.1} %", counts.join(" | "))
}
