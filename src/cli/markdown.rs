//! The summary of a campaign, in Markdown.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use crate::campaign::{Canary, Entry, LedgerSummary, Merged, ProcessStarted, Tally};
use crate::engine::EngineKind;
use crate::mutant::{self, Mutant};
use crate::swarm::{Conditions, Profile, Replay};

use super::human;
use super::report::Scripted;

/// The verdict on a campaign.
pub struct Verdict<'a> {
    /// The bugs.
    pub bugs: &'a [Scripted<'a>],
    /// The mutant that the campaign had to find, and whether it did.
    pub canary: Option<&'a (&'static Mutant, Canary<'a>)>,
    /// The finding of the canary and its script, if it was found.
    pub canary_scripts: &'a [Scripted<'a>],
    /// The expectations that were not met.
    pub unmet: &'a [String],
}

/// The whole summary.
pub fn summary(merged: &Merged, verdict: &Verdict<'_>, warnings: &[String]) -> String {
    let mut text = format!("# {}\n\n", headline(merged, verdict));
    totals(&mut text, merged);
    for why in verdict.unmet {
        let _ = writeln!(text, "**{why}**\n");
    }
    if !verdict.bugs.is_empty() {
        findings(&mut text, verdict.bugs);
    }
    canary(&mut text, verdict);
    processes(&mut text, merged);
    if !warnings.is_empty() {
        text.push_str("## Warnings\n\n");
        warnings.iter().for_each(|warning| text.push_str(&format!("- {}\n", cell(warning))));
        text.push('\n');
    }
    text
}

fn headline(merged: &Merged, verdict: &Verdict<'_>) -> String {
    let proves = verdict.unmet.is_empty() && merged.tally(None).seeds > 0;
    match (verdict.bugs.len(), proves) {
        (0, true) => "The campaign held".to_owned(),
        (0, false) => "The campaign proves nothing".to_owned(),
        (1, _) => "The campaign found 1 bug".to_owned(),
        (bugs, _) => format!("The campaign found {bugs} bugs"),
    }
}

fn totals(text: &mut String, merged: &Merged) {
    let Tally { seeds, vacuous, findings, simulated_us, wall_ms } = merged.tally(None);
    let machine = Duration::from_millis(wall_ms);
    let rows = [
        ("seeds", human::thousands(seeds)),
        ("simulated time", human::duration(Duration::from_micros(simulated_us))),
        ("machine time", human::duration(machine)),
        ("vacuous seeds", human::thousands(vacuous)),
        ("seeds with findings", human::thousands(findings)),
    ];
    text.push_str("| | |\n|---|---|\n");
    for (name, value) in rows {
        let _ = writeln!(text, "| {name} | {value} |");
    }
    text.push('\n');
}

/// The bugs: their number by invariant, then each with the command that replays it.
fn findings(text: &mut String, bugs: &[Scripted<'_>]) {
    let mut by_invariant: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for Scripted { kept, .. } in bugs {
        let counts = by_invariant.entry(&kept.fastest.invariant).or_default();
        *counts = (counts.0 + 1, counts.1 + kept.times);
    }
    text.push_str("## Findings\n\n| invariant | bugs | times |\n|---|---|---|\n");
    for (invariant, (bugs, times)) in by_invariant {
        let _ = writeln!(text, "| `{invariant}` | {bugs} | {} |", human::thousands(times));
    }
    text.push_str("\n| invariant | message | times | found after | commit | replay | script |\n");
    text.push_str("|---|---|---|---|---|---|---|\n");
    for Scripted { kept, script } in bugs {
        let entry = &kept.fastest;
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} | `{}` | `{}` | {} |",
            entry.invariant,
            cell(&entry.message),
            human::thousands(kept.times),
            found_after(entry),
            entry.commit.get(..10).unwrap_or(&entry.commit),
            replay(entry),
            script_cell(script.as_ref()),
        );
    }
    text.push('\n');
}

fn script_cell(script: Option<&Result<crate::campaign::Script, String>>) -> String {
    match script {
        None => String::new(),
        Some(Err(why)) => format!("none: {}", cell(why)),
        Some(Ok(script)) => match script.not_shrunk {
            Some(why) => {
                format!("`{}`, {}: {why}", script.file, human::number(script.steps as u64, "step"))
            }
            None => {
                let before = human::number(script.steps_before as u64, "step");
                format!("`{}`, {} of {before}", script.file, script.steps)
            }
        },
    }
}

fn canary(text: &mut String, verdict: &Verdict<'_>) {
    let Some((mutant, Canary { seeds, found })) = verdict.canary else { return };
    let seeds = human::number(*seeds, "seed");
    let _ = write!(text, "## Canary\n\n`{}`: ", mutant.name);
    match found {
        None => text.push_str(&format!("**not found** in {seeds}.\n\n")),
        Some(kept) => {
            let entry = &kept.fastest;
            let (invariant, after) = (&entry.invariant, found_after(entry));
            let _ = writeln!(text, "found in {seeds}, by `{invariant}` after {after}:");
            let _ = writeln!(text, "`{}`.", replay(entry));
            for scripted in verdict.canary_scripts.iter().filter(|each| each.script.is_some()) {
                let _ = writeln!(text, "Script: {}.", script_cell(scripted.script.as_ref()));
            }
            text.push('\n');
        }
    }
}

fn processes(text: &mut String, merged: &Merged) {
    text.push_str("<details><summary>Shards</summary>\n\n");
    text.push_str("| shard | swarm | from seed | seeds | simulated | took | ended |\n");
    text.push_str("|---|---|---|---|---|---|---|\n");
    for LedgerSummary { started, tally, ended, .. } in &merged.ledgers {
        let (shard, of, from) = started.as_ref().map_or_else(Default::default, task);
        let ended = ended.map_or("killed", |reason| reason.word());
        let simulated = human::duration(Duration::from_micros(tally.simulated_us));
        let took = human::duration(Duration::from_millis(tally.wall_ms));
        let seeds = human::thousands(tally.seeds);
        let _ = writeln!(
            text,
            "| {shard} | {of} | {from} | {seeds} | {simulated} | {took} | {ended} |"
        );
    }
    text.push_str("\n</details>\n\n");
}

/// The cells `shard`, `swarm` and `from seed` of a process.
fn task(started: &ProcessStarted) -> (String, String, String) {
    let mutant = started.mutant.as_ref().map(|mutant| format!(", mutant {mutant}"));
    let of = format!("{} on {}{}", started.profile, started.engine, mutant.unwrap_or_default());
    (started.shard.clone(), of, started.from.to_string())
}

fn found_after(entry: &Entry) -> String {
    let simulated = entry.simulated_us.map(|us| human::duration(Duration::from_micros(us)));
    simulated.unwrap_or_else(|| "(no end)".to_owned())
}

/// The command that replays a finding.
pub fn replay(entry: &Entry) -> String {
    let engine = EngineKind::ALL.into_iter().find(|engine| engine.name() == entry.engine);
    let conditions = Conditions {
        profile: entry.profile.parse::<Profile>().unwrap_or_default(),
        engine: engine.unwrap_or_default(),
        mutant: entry.mutant.as_deref().and_then(mutant::find).map(|mutant| mutant.name),
    };
    Replay::Cli.command(entry.seed, conditions)
}

/// The text on one line, escaped so that it neither ends a table cell nor begins a tag.
fn cell(text: &str) -> String {
    let line = text.lines().collect::<Vec<_>>().join(" ");
    line.replace('|', "\\|").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn a_message_stays_in_its_cell() {
        assert_eq!(cell("a|b\n<c>"), "a\\|b &lt;c>");
    }
}
