//! The verdicts: written as they are reached, read by a run that continues an interrupted one, and
//! counted.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::list::{Mutant, RINGS};
use crate::stage::Stage;

/// The verdict on a mutant.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// A stage detected it.
    Found(Stage),
    /// A program exceeded its time limit.
    TimedOut(Stage),
    /// No stage detected it.
    Survived,
    /// It does not compile.
    Unviable,
    /// It cannot be planted beside the others, for this reason.
    LeftOut(String),
}

/// One line of the file.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    /// The first line: the digest of the code that was judged.
    Source { source: u64 },
    /// Every other line.
    Verdict { mutant: String, fate: Fate },
}

/// The stored verdicts.
pub struct Verdicts {
    fates: BTreeMap<String, Fate>,
    file: File,
}

impl Verdicts {
    /// Opens the file. Verdicts on other code are dropped, and so is a truncated line.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
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

    /// The verdict on this mutant.
    pub fn of(&self, mutant: &Mutant) -> Option<&Fate> {
        self.fates.get(&mutant.name)
    }

    /// Adds a verdict, unless it is there already. The last verdict on a mutant counts.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn add(&mut self, mutant: &str, fate: Fate) -> Result<()> {
        if self.fates.insert(mutant.to_owned(), fate.clone()).as_ref() != Some(&fate) {
            self.append(&Line::Verdict { mutant: mutant.to_owned(), fate })?;
        }
        Ok(())
    }

    fn append(&mut self, line: &Line) -> Result<()> {
        writeln!(self.file, "{}", serde_json::to_string(line)?).context("the verdicts")
    }

    /// The survivors by name, the mutants that timed out or were left out, and a table of all
    /// verdicts.
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

/// The number of mutants with each verdict, and the share that was detected of those that ran.
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
    let detected: usize = found.iter().sum();
    let score = 100.0 * detected as f64 / (detected + survived).max(1) as f64;
    let counts = [fates.len()].into_iter().chain(found).chain(rest);
    let counts: Vec<String> = counts.map(|count| count.to_string()).collect();
    format!("{} | {score:.1} %", counts.join(" | "))
}
