//! `swarm`

use std::time::Duration;

use crate::engine::Engine;
use crate::night::Why;
use crate::sometimes::Mark;
use crate::swarm::{
    Conditions, Replay, SeedFinding, SeedRange, Shard, Summary, Swarm, describe_for,
};
use crate::trace::{Cells, Moment};

use super::args;
use super::bar::Bar;
use super::exit::Exit;
use super::explore::explore;
use super::list::invariants;
use super::mutants::{named, systems};
use super::night::{self, Limits, Night};
use super::out::{Failure, Out};
use super::{human, interrupt, json};

/// How many seeds are named for one invariant.
const SEEDS_NAMED: usize = 10;

/// How many seeds there are when nobody says.
const SEEDS: u64 = 1_000;

/// How long a seed may take when nobody says.
const HANG: Duration = Duration::from_secs(60);

/// Runs the seeds and sums them up.
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
    let began = night::began(&range, shard, conditions);
    let limits = Limits { time: args.time, hang: args.hang.or(usual_hang(args.engine)) };
    let night =
        Night::begin(began, conditions, args.ledger.as_deref(), limits, (&stop, &bar), out)?;
    tracing::debug!(seeds = %range, profile = %args.profile, "the swarm begins");
    let swarm = Swarm { seeds: range.range(), shard, conditions, jobs, systems: &systems };
    let summary = night.watch_over(|| swarm.run(&stop, &night));
    let summary = summary.map_err(|error| Failure::Usage(error.to_string()))?;
    let (why, wall) = night.end(&summary);
    bar.finish();
    let exit = verdict(&summary, why);
    let names: Vec<&str> = invariants().iter().map(|(name, _)| *name).collect();
    if out.is_json() {
        let mut object = json::summary(&summary, &names, wall, exit.code());
        object["interrupted"] = (why == Why::Interrupted).into();
        object["ended"] = why.word().into();
        object["ledger"] = night.path().map(|path| path.display().to_string()).into();
        out.object(&object)?;
    } else {
        if !summary.findings.is_empty() {
            out.line(describe_for(&summary, &systems, Replay::Cli))?;
        }
        totals(&summary, &names, (why, wall), out)?;
        if let Some(path) = night.path() {
            out.line(format_args!("{:<12} {}", "ledger", path.display()))?;
        }
    }
    // What was found is told first.
    out.flush()?;
    night.error().map_or(Ok(exit), |error| Err(Failure::Usage(error.to_string())))
}

pub(super) fn seeds_of(args: &args::Swarm) -> SeedRange {
    let usual = if args.time.is_some() { SeedRange::ALL } else { SeedRange::first(SEEDS) };
    args.seeds.clone().unwrap_or(usual)
}

/// A seed takes seconds or minutes of wall time where it runs in something like real time.
fn usual_hang(engine: Engine) -> Option<Duration> {
    match engine {
        Engine::Sim | Engine::Madsim => Some(HANG),
        Engine::Turmoil | Engine::Tcp => None,
    }
}

fn verdict(summary: &Summary, why: Why) -> Exit {
    let worst = summary.findings.iter().map(|found| Exit::of(Some(&found.finding))).max();
    match (worst, why) {
        (Some(worst), _) => worst,
        (None, Why::Interrupted) => Exit::Interrupted,
        (None, Why::Hang) => Exit::Crash,
        (None, Why::Done | Why::Time) => Exit::Held,
    }
}

fn totals(
    summary: &Summary,
    invariants: &[&str],
    (why, wall): (Why, Duration),
    out: &mut Out,
) -> Result<(), Failure> {
    let mut row = |name: &str, value: String| out.line(format_args!("{name:<12} {value}"));
    let conditions = summary.conditions;
    row("seeds", seeds_run(summary, why))?;
    if let Some(mutant) = conditions.mutant {
        row("mutant", mutant.to_owned())?;
    }
    if conditions.engine != Engine::Sim {
        row("engine", conditions.engine.to_string())?;
        row("left out", left_out(summary))?;
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
    row("moments", met(summary))?;
    row("vacuous", vacuous(summary))?;
    row("digest", json::digest(summary.digest))?;
    row("violations", human::thousands(summary.findings.len() as u64))?;
    for (name, found) in summary.by_invariant() {
        out.line(format_args!("  {name:<18} {}", seeds(summary, &found)))?;
    }
    Ok(())
}

/// `20 of 0..1000, shard 1/4, profile default, interrupted`
fn seeds_run(summary: &Summary, why: Why) -> String {
    let (from, to) = (summary.seeds.start, summary.seeds.end);
    let to = if to == u64::MAX { String::new() } else { to.to_string() };
    let shard = match summary.shard {
        Shard::WHOLE => String::new(),
        shard => format!(", shard {shard}"),
    };
    let stopped = if why == Why::Done { String::new() } else { format!(", {}", why.word()) };
    let (ran, profile) = (human::thousands(summary.ran), summary.conditions.profile);
    format!("{ran} of {from}..{to}{shard}, profile {profile}{stopped}")
}

/// What the engine could not express.
fn left_out(summary: &Summary) -> String {
    let out = summary.left_out;
    format!(
        "{} of {}, the aim= of {} and the loss= of {}",
        human::number(out.lines, "line"),
        human::number(out.seeds, "seed"),
        human::thousands(out.aims),
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

/// The moments and the marks of the code, and which of them were never met.
fn met(summary: &Summary) -> String {
    let missing = summary.reached.missing();
    let all = Moment::ALL.len() + Mark::ALL.len();
    match missing.len() {
        0 => format!("all {all} met"),
        few @ 1..=12 => format!("{} of {all} met, not {}", all - few, missing.join(", ")),
        many => format!("{} of {all} met", all - many),
    }
}

fn vacuous(summary: &Summary) -> String {
    let permille = summary.vacuous_permille();
    format!(
        "{} proved nothing ({}.{} %)",
        human::number(summary.vacuous, "seed"),
        permille / 10,
        permille % 10
    )
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
            message: String::new(),
        };
        let mut summary = Summary::new(0..9, Profile::Default);
        assert_eq!(verdict(&summary, Why::Interrupted), Exit::Interrupted);
        assert_eq!(verdict(&summary, Why::Time), Exit::Held);
        summary.findings.push(found(0, Finding::NoConvergence(violation())));
        assert_eq!(verdict(&summary, Why::Interrupted), Exit::NoConvergence);
        summary.findings.push(found(1, Finding::Violation(violation())));
        assert_eq!(verdict(&summary, Why::Interrupted), Exit::Violation);
        summary.findings.insert(0, found(2, Finding::Crash { at, message: String::new() }));
        assert_eq!(verdict(&summary, Why::Interrupted), Exit::Crash);
    }

    #[test]
    fn only_the_first_seeds_of_an_invariant_are_named() {
        let crash = || Finding::Crash { at: Time::ZERO, message: String::new() };
        let mut summary = Summary::new(0..99, Profile::Churn);
        summary.findings = (0..12).map(|seed| found(seed, crash())).collect();
        let text = seeds(&summary, &summary.by_invariant()["crash"]);
        assert!(text.starts_with("12 seeds: 0 1 2 3 4 5 6 7 8 9 …; "), "{text}");
        assert!(text.ends_with(" replay 0 --profile churn"), "{text}");
    }
}
