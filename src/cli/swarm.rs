//! `swarm`: runs many seeds and prints a summary.

use std::time::Duration;

use crate::campaign::EndReason;
use crate::coverage::{Cells, Race};
use crate::engine::EngineKind;
use crate::marks::Mark;
use crate::swarm::{
    Conditions, Replay, SeedFinding, SeedRange, Shard, Summary, Swarm, describe_for,
};

use super::args;
use super::bar::Bar;
use super::campaign::{self, Campaign, Limits};
use super::exit::Exit;
use super::explore::explore;
use super::list::invariants;
use super::mutants::{named, systems};
use super::out::{Failure, Out};
use super::{human, interrupt, json};

/// The number of seeds that the summary lists for one invariant.
const SEEDS_NAMED: usize = 10;

/// The default number of seeds.
const SEEDS: u64 = 1_000;

/// The default limit on the wall time of one seed.
const HANG: Duration = Duration::from_secs(60);

/// Runs the seeds and prints the summary.
pub fn swarm(args: &args::Swarm, out: &mut Out) -> Result<Exit, Failure> {
    if args.explore.corpus.is_some() || args.explore.until_quiet.is_some() {
        return explore(args, out);
    }
    let systems = systems(args.mutant.as_deref())?;
    let mutant = args.mutant.as_deref().map(named).transpose()?.map(|mutant| mutant.name);
    let conditions = Conditions { profile: args.profile, engine: args.engine, mutant };
    let (range, jobs, shard) = (seeds_of(args), args.jobs.unwrap_or(0), args.shard);
    let stop = interrupt::stop_on_interrupt()?;
    let bar = Bar::new((!range.is_endless()).then(|| shard.count(&range.range())));
    let started = campaign::process_started(&range, shard, conditions);
    let limits = Limits { time: args.time, hang: args.hang.or(default_hang(args.engine)) };
    let ledger = args.ledger.as_deref();
    let campaign = Campaign::start(started, conditions, ledger, limits, (&stop, &bar), out)?;
    tracing::debug!(seeds = %range, profile = %args.profile, "the swarm begins");
    let swarm = Swarm { seeds: range.range(), shard, conditions, jobs, systems: &systems };
    let summary = campaign.supervise(|| swarm.run(&stop, &campaign));
    let summary = summary.map_err(|error| Failure::Usage(error.to_string()))?;
    let (reason, wall) = campaign.end(&summary);
    bar.finish();
    let exit = verdict(&summary, reason);
    let names: Vec<&str> = invariants().iter().map(|(name, _)| *name).collect();
    if out.is_json() {
        let mut object = json::summary(&summary, &names, wall, exit.code());
        object["interrupted"] = (reason == EndReason::Interrupted).into();
        object["ended"] = reason.word().into();
        object["ledger"] = campaign.path().map(|path| path.display().to_string()).into();
        out.object(&object)?;
    } else {
        if !summary.findings.is_empty() {
            out.line(describe_for(&summary, &systems, Replay::Cli))?;
        }
        totals(&summary, &names, (reason, wall), out)?;
        if let Some(path) = campaign.path() {
            out.line(format_args!("{:<12} {}", "ledger", path.display()))?;
        }
    }
    // The findings are printed before an error of the ledger.
    out.flush()?;
    campaign.error().map_or(Ok(exit), |error| Err(Failure::Usage(error.to_string())))
}

/// The range of seeds: the given one or the default.
pub(super) fn seeds_of(args: &args::Swarm) -> SeedRange {
    let default = if args.time.is_some() { SeedRange::ALL } else { SeedRange::first(SEEDS) };
    args.seeds.clone().unwrap_or(default)
}

/// There is no limit on engines whose time is close to real time: a seed takes seconds or minutes
/// there.
fn default_hang(engine: EngineKind) -> Option<Duration> {
    match engine {
        EngineKind::Sim | EngineKind::Madsim => Some(HANG),
        EngineKind::Turmoil | EngineKind::Tcp => None,
    }
}

fn verdict(summary: &Summary, reason: EndReason) -> Exit {
    let worst = summary.findings.iter().map(|found| Exit::of(Some(&found.finding))).max();
    match (worst, reason) {
        (Some(worst), _) => worst,
        (None, EndReason::Interrupted) => Exit::Interrupted,
        (None, EndReason::Hang) => Exit::Crash,
        (None, EndReason::Done | EndReason::Time) => Exit::Held,
    }
}

fn totals(
    summary: &Summary,
    invariants: &[&str],
    (reason, wall): (EndReason, Duration),
    out: &mut Out,
) -> Result<(), Failure> {
    let mut row = |name: &str, value: String| out.line(format_args!("{name:<12} {value}"));
    let conditions = summary.conditions;
    row("seeds", seeds_run(summary, reason))?;
    if let Some(mutant) = conditions.mutant {
        row("mutant", mutant.to_owned())?;
    }
    if conditions.engine != EngineKind::Sim {
        row("engine", conditions.engine.to_string())?;
        row("skipped", skipped(summary))?;
    }
    row("simulated", human::duration(summary.simulated))?;
    row("speed", speed(summary, wall))?;
    row("messages", human::thousands(summary.messages))?;
    row("rebalances", human::thousands(summary.rebalances))?;
    row("records", human::thousands(summary.processed))?;
    row("faults", faults(summary))?;
    row("invariants", format!("{} checked: {}", invariants.len(), invariants.join(", ")))?;
    row(
        "cells",
        format!("{} reached of {} possible", summary.reached.cells.len(), Cells::possible()),
    )?;
    row("races", met(summary))?;
    row("vacuous", vacuous(summary))?;
    row("digest", json::digest(summary.digest))?;
    row("violations", human::thousands(summary.findings.len() as u64))?;
    for (name, found) in summary.by_invariant() {
        out.line(format_args!("  {name:<18} {}", seeds(summary, &found)))?;
    }
    Ok(())
}

/// `20 of 0..1000, shard 1/4, profile default, interrupted`
fn seeds_run(summary: &Summary, reason: EndReason) -> String {
    let (from, to) = (summary.seeds.start, summary.seeds.end);
    let to = if to == u64::MAX { String::new() } else { to.to_string() };
    let shard = match summary.shard {
        Shard::WHOLE => String::new(),
        shard => format!(", shard {shard}"),
    };
    let stopped = match reason {
        EndReason::Done => String::new(),
        _ => format!(", {}", reason.word()),
    };
    let (ran, profile) = (human::thousands(summary.ran), summary.conditions.profile);
    format!("{ran} of {from}..{to}{shard}, profile {profile}{stopped}")
}

/// The steps and options that the engine does not support.
fn skipped(summary: &Summary) -> String {
    let out = summary.left_out;
    format!(
        "{} of {}, race= of {} and loss= of {}",
        human::number(out.lines, "step"),
        human::number(out.seeds, "seed"),
        human::thousands(out.races),
        human::thousands(out.losses)
    )
}

fn speed(summary: &Summary, wall: Duration) -> String {
    let simulated = summary.simulated.as_secs();
    format!(
        "{}x real time, {} messages/s, in {}",
        human::thousands(human::per_second(simulated, wall)),
        human::count(human::per_second(summary.messages, wall)),
        human::duration(wall),
    )
}

fn faults(summary: &Summary) -> String {
    let counts =
        summary.faults.iter().map(|(fault, n)| format!("{fault} {}", human::thousands(*n)));
    let counts: Vec<String> = counts.collect();
    if counts.is_empty() { "none".to_owned() } else { counts.join(", ") }
}

/// The number of races and marks that were met, and the ones that were not.
fn met(summary: &Summary) -> String {
    let missing = summary.reached.missing();
    let all = Race::ALL.len() + Mark::ALL.len();
    match missing.len() {
        0 => format!("all {all} met"),
        few @ 1..=12 => format!("{} of {all} met, not {}", all - few, missing.join(", ")),
        many => format!("{} of {all} met", all - many),
    }
}

fn vacuous(summary: &Summary) -> String {
    let permille = summary.vacuous_permille();
    format!("{} ({}.{} %)", human::number(summary.vacuous, "seed"), permille / 10, permille % 10)
}

/// `3 seeds: 17 40 99; groupsim replay 17 --profile default`
fn seeds(summary: &Summary, found: &[&SeedFinding]) -> String {
    let named: Vec<String> =
        found.iter().take(SEEDS_NAMED).map(|found| found.seed.to_string()).collect();
    let more = if found.len() > SEEDS_NAMED { " …" } else { "" };
    let replay = Replay::Cli.command(found[0].seed, summary.conditions);
    let count = human::number(found.len() as u64, "seed");
    format!("{count}: {}{more}; {replay}", named.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariant::Violation;
    use crate::run::Finding;
    use crate::swarm::Profile;
    use crate::time::Time;

    fn found(seed: u64, finding: Finding) -> SeedFinding {
        SeedFinding { seed, finding }
    }

    #[test]
    fn the_worst_finding_decides_even_when_interrupted() {
        let at = Time::ZERO;
        let violation = || Violation {
            invariant: "convergence",
            rule: "settles",
            group: None,
            at,
            line: None,
            message: String::new(),
        };
        let mut summary = Summary::new(0..9, Profile::Default);
        assert_eq!(verdict(&summary, EndReason::Interrupted), Exit::Interrupted);
        assert_eq!(verdict(&summary, EndReason::Time), Exit::Held);
        summary.findings.push(found(0, Finding::NoConvergence(violation())));
        assert_eq!(verdict(&summary, EndReason::Interrupted), Exit::NoConvergence);
        summary.findings.push(found(1, Finding::Violation(violation())));
        assert_eq!(verdict(&summary, EndReason::Interrupted), Exit::Violation);
        summary.findings.insert(0, found(2, Finding::Crash { at, message: String::new() }));
        assert_eq!(verdict(&summary, EndReason::Interrupted), Exit::Crash);
    }

    #[test]
    fn only_the_first_ten_seeds_of_an_invariant_are_listed() {
        let crash = || Finding::Crash { at: Time::ZERO, message: String::new() };
        let mut summary = Summary::new(0..99, Profile::Churn);
        summary.findings = (0..12).map(|seed| found(seed, crash())).collect();
        let text = seeds(&summary, &summary.by_invariant()["crash"]);
        assert!(text.starts_with("12 seeds: 0 1 2 3 4 5 6 7 8 9 …; "), "{text}");
        assert!(text.ends_with(" replay 0 --profile churn"), "{text}");
    }
}
