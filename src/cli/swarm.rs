//! `swarm`

use std::io::IsTerminal as _;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::engine::Engine;
use crate::run::Systems;
use crate::swarm::{
    Conditions, Progress, SeedFinding, Summary, describe_all, replay_command, run_seeds,
};
use crate::trace::Cells;

use super::args;
use super::exit::Exit;
use super::list::invariants;
use super::out::{Failure, Out};
use super::{human, interrupt, json};

/// How many seeds are named for one invariant.
const SEEDS_NAMED: usize = 10;

/// Runs the seeds and sums them up.
#[allow(clippy::disallowed_methods, reason = "the speed of a swarm is measured in wall time")]
pub fn swarm(args: &args::Swarm, out: &mut Out) -> Result<Exit, Failure> {
    let stop = interrupt::stop_on_interrupt()?;
    let bar = progress_bar(args.seeds.count());
    let systems = Systems::default();
    tracing::debug!(seeds = %args.seeds, profile = %args.profile, "the swarm begins");
    let begun = Instant::now();
    let step = |progress: Progress| bar.step(progress);
    let jobs = args.jobs.unwrap_or(0);
    let conditions = Conditions { profile: args.profile, engine: args.engine, mutant: None };
    let summary = run_seeds(args.seeds.range(), conditions, jobs, &systems, &stop, &step)
        .map_err(|error| Failure::Usage(error.to_string()))?;
    let wall = begun.elapsed();
    bar.finish();
    let exit = verdict(&summary);
    let names: Vec<&str> = invariants().iter().map(|(name, _)| *name).collect();
    if out.is_json() {
        out.object(&json::summary(&summary, &names, wall, exit.code()))?;
    } else {
        if !summary.findings.is_empty() {
            out.line(describe_all(&summary, &systems))?;
        }
        totals(&summary, &names, wall, out)?;
    }
    Ok(exit)
}

fn verdict(summary: &Summary) -> Exit {
    let worst = summary.findings.iter().map(|found| Exit::of(Some(&found.finding))).max();
    match worst {
        Some(worst) => worst,
        None if summary.interrupted() => Exit::Interrupted,
        None => Exit::Held,
    }
}

fn totals(
    summary: &Summary,
    invariants: &[&str],
    wall: Duration,
    out: &mut Out,
) -> Result<(), Failure> {
    let mut row = |name: &str, value: String| out.line(format_args!("{name:<12} {value}"));
    let stopped = if summary.interrupted() { ", interrupted" } else { "" };
    let range = format!("{}..{}", summary.seeds.start, summary.seeds.end);
    let conditions = summary.conditions;
    let ran = human::thousands(summary.ran);
    row("seeds", format!("{ran} of {range}, profile {}{stopped}", conditions.profile))?;
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
    row("cells", format!("{} reached of {} possible", summary.cells.len(), Cells::possible()))?;
    row("vacuous", vacuous(summary))?;
    row("digest", json::digest(summary.digest))?;
    row("violations", human::thousands(summary.findings.len() as u64))?;
    for (name, found) in summary.by_invariant() {
        out.line(format_args!("  {name:<18} {}", seeds(summary, &found)))?;
    }
    Ok(())
}

/// What the engine could not express.
fn left_out(summary: &Summary) -> String {
    let out = summary.left_out;
    format!(
        "{} lines of {} seeds, the aim= of {} and the loss= of {}",
        human::thousands(out.lines),
        human::thousands(out.seeds),
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

fn vacuous(summary: &Summary) -> String {
    let permille = summary.vacuous_permille();
    format!(
        "{} seeds proved nothing ({}.{} %)",
        human::thousands(summary.vacuous),
        permille / 10,
        permille % 10
    )
}

/// `3 seeds: 17 40 99; groupsim replay 17 --profile default`
fn seeds(summary: &Summary, found: &[&SeedFinding]) -> String {
    let named: Vec<String> =
        found.iter().take(SEEDS_NAMED).map(|found| found.seed.to_string()).collect();
    let more = if found.len() > SEEDS_NAMED { " …" } else { "" };
    let replay = replay_command(found[0].seed, summary.conditions);
    format!("{} seeds: {}{more}; {replay}", human::thousands(found.len() as u64), named.join(" "))
}

/// How far a swarm is, on a terminal; nothing in a pipe.
struct Bar {
    bar: ProgressBar,
    so_far: Mutex<(Duration, u64)>,
}

fn progress_bar(seeds: u64) -> Bar {
    let bar = match std::io::stderr().is_terminal() {
        true => ProgressBar::new(seeds),
        false => ProgressBar::hidden(),
    };
    let style = ProgressStyle::with_template(
        "{bar:30} {human_pos}/{human_len} seeds, {msg}, {elapsed} of about {duration}",
    );
    bar.set_style(style.expect("the template is well-formed"));
    Bar { bar, so_far: Mutex::default() }
}

impl Bar {
    fn step(&self, progress: Progress) {
        if self.bar.is_hidden() {
            return;
        }
        let mut so_far = self.so_far.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        so_far.0 += progress.simulated;
        so_far.1 += u64::from(progress.found);
        let (simulated, found) = *so_far;
        self.bar.set_message(format!("{} simulated, {found} found", human::duration(simulated)));
        self.bar.inc(1);
    }

    fn finish(&self) {
        self.bar.finish_and_clear();
    }
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
        let violation = || Violation { invariant: "convergence", at, message: String::new() };
        let mut summary = Summary::new(0..9, Profile::Default);
        assert_eq!(verdict(&summary), Exit::Interrupted);
        summary.findings.push(found(0, Finding::NoConvergence(violation())));
        assert_eq!(verdict(&summary), Exit::NoConvergence);
        summary.findings.push(found(1, Finding::Violation(violation())));
        assert_eq!(verdict(&summary), Exit::Violation);
        summary.findings.insert(0, found(2, Finding::Crash { at, message: String::new() }));
        assert_eq!(verdict(&summary), Exit::Crash);
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
