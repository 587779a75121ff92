//! `report merge DIR…`: merges ledgers and judges the campaign.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::campaign::{Canary, Entry, KeptFinding, Merged, Script, script};
use crate::mutant::Mutant;

use super::args;
use super::exit::Exit;
use super::human;
use super::markdown::{self, Verdict};
use super::mutants::named;
use super::out::{Failure, Out, complain, warn};

/// The environment variable with the path of GitHub's job summary.
const JOB_SUMMARY: &str = "GITHUB_STEP_SUMMARY";

/// A bug or a found canary, and its script.
pub struct Scripted<'a> {
    /// Its findings.
    pub kept: &'a KeptFinding,
    /// The script or the reason why there is none; `None` if no scripts were requested.
    pub script: Option<Result<Script, String>>,
}

/// Merges ledgers, writes scripts and a summary, and prints the verdict.
pub fn merge(args: &args::Merge, out: &mut Out) -> Result<Exit, Failure> {
    let canary = args.expect_canary.as_deref().map(named).transpose()?;
    let usage = |error: &dyn ToString| Failure::Usage(error.to_string());
    let merged = Merged::read(&args.folders).map_err(|error| usage(&error))?;
    let warnings = merged.warnings();
    warnings.iter().for_each(|warning| warn(warning));
    let canary = canary.map(|mutant| (mutant, merged.canary(mutant)));
    let (bugs, canary_scripts) =
        scripts(&merged, canary.as_ref(), args.shrink, args.out.as_deref())?;
    let unmet = unmet(args, &merged, canary.as_ref());
    let verdict = Verdict {
        bugs: &bugs,
        canary: canary.as_ref(),
        canary_scripts: &canary_scripts,
        unmet: &unmet,
    };
    let summary = markdown::summary(&merged, &verdict, &warnings);
    if let Some(folder) = &args.out {
        write(&folder.join("summary.md"), &summary)?;
    }
    append_to_job_summary(&summary)?;
    if out.is_json() {
        out.object(&as_json(&merged, &bugs, canary.as_ref(), &unmet))?;
    } else {
        out.text(&summary)?;
    }
    out.flush()?;
    unmet.iter().for_each(|why| complain(why));
    Ok(if bugs.is_empty() && unmet.is_empty() { Exit::Held } else { Exit::Violation })
}

/// The expectations that the campaign did not meet.
fn unmet(
    args: &args::Merge,
    merged: &Merged,
    canary: Option<&(&'static Mutant, Canary<'_>)>,
) -> Vec<String> {
    let mut unmet = Vec::new();
    if let Some((Mutant { name, caught_by, .. }, Canary { seeds, found: None })) = canary {
        let by = caught_by.join(" or ");
        unmet.push(format!(
            "the canary {name} was not found by {by} in {}: \
             a campaign that misses a planted bug proves nothing",
            human::number(*seeds, "seed")
        ));
    }
    let seeds = merged.tally(None).seeds;
    if seeds == 0 {
        unmet.push("no seed was run without a mutant: the campaign proves nothing".to_owned());
    } else if seeds < args.expect_seeds {
        let least = args.expect_seeds;
        let ran = human::number(seeds, "seed");
        unmet.push(format!("only {ran} of {least} were run: the campaign was too short"));
    }
    unmet
}

/// Writes a script for each bug, then for the canary. Each gets an equal share of the remaining
/// time.
fn scripts<'a>(
    merged: &'a Merged,
    canary: Option<&(&'static Mutant, Canary<'a>)>,
    time: Duration,
    folder: Option<&Path>,
) -> Result<(Vec<Scripted<'a>>, Vec<Scripted<'a>>), Failure> {
    let bugs: Vec<&KeptFinding> = merged.bugs().map(|(_, kept)| kept).collect();
    let caught: Vec<&KeptFinding> = canary.iter().filter_map(|(_, canary)| canary.found).collect();
    let Some(folder) = folder else {
        let bare = |kept| Scripted { kept, script: None };
        return Ok((bugs.into_iter().map(bare).collect(), caught.into_iter().map(bare).collect()));
    };
    fs::create_dir_all(folder).map_err(|error| cannot_write(folder, &error))?;
    let end = now() + time;
    let mut left = (bugs.len() + caught.len()) as u32;
    let mut one = |kept: &'a KeptFinding| {
        let share = now() + end.saturating_duration_since(now()) / left;
        left -= 1;
        let script = script(&kept.fastest, &mut |_, _| now() < share);
        if let Ok(script) = &script {
            write(&folder.join(&script.file), &script.text)?;
        }
        Ok(Scripted { kept, script: Some(script) })
    };
    let bugs = bugs.into_iter().map(&mut one).collect::<Result<_, Failure>>()?;
    Ok((bugs, caught.into_iter().map(one).collect::<Result<_, Failure>>()?))
}

#[allow(clippy::disallowed_methods, reason = "the limit on shrinking is wall time")]
fn now() -> Instant {
    Instant::now()
}

fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    Failure::Usage(format!("cannot write {}: {error}", path.display()))
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(|error| cannot_write(path, &error))
}

/// Appends, because other steps of the job may have written to the summary.
fn append_to_job_summary(text: &str) -> Result<(), Failure> {
    let Some(path) = std::env::var_os(JOB_SUMMARY).filter(|path| !path.is_empty()) else {
        return Ok(());
    };
    let path = Path::new(&path);
    let file = OpenOptions::new().append(true).create(true).open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| cannot_write(path, &error))
}

fn as_json(
    merged: &Merged,
    bugs: &[Scripted<'_>],
    canary: Option<&(&'static Mutant, Canary<'_>)>,
    unmet: &[String],
) -> Value {
    let mutants = merged.findings.iter().filter(|(key, _)| key.mutant.is_some());
    let of_mutants = mutants.map(|(_, kept)| of_entry(&kept.fastest, kept.times));
    json!({
        "type": "campaign",
        "ledgers": merged.ledgers.len(),
        "killed": merged.ledgers.iter().filter(|ledger| ledger.ended.is_none()).count(),
        "torn": merged.ledgers.iter().filter(|ledger| ledger.torn).count(),
        "missing": merged.missing(),
        "total": merged.tally(None),
        "findings": bugs.iter().map(finding).collect::<Vec<_>>(),
        "of_mutants": of_mutants.collect::<Vec<_>>(),
        "canary": canary.map(|(mutant, canary)| json!({
            "mutant": mutant.name,
            "seeds": canary.seeds,
            "found": canary.found.map(|kept| &kept.fastest),
        })),
        "wrong": unmet,
    })
}

fn finding(Scripted { kept, script }: &Scripted<'_>) -> Value {
    let mut object = of_entry(&kept.fastest, kept.times);
    if let Some(Ok(script)) = script {
        object["script"] = script.file.clone().into();
        object["steps"] = script.steps.into();
        object["steps_before"] = script.steps_before.into();
    }
    object
}

fn of_entry(entry: &Entry, times: u64) -> Value {
    let mut object = json!(entry);
    object["times"] = times.into();
    object["replay"] = markdown::replay(entry).into();
    object
}
