//! How a finding is told: what is broken, when, the last lines of the trace, and how to see it again.

use std::collections::VecDeque;
use std::fmt::Write as _;

use crate::engine::{Engine, Refused};
use crate::run::{Finding, Report, Systems};
use crate::time::Time;
use crate::trace::{Event, Renderer, Zoom};

use super::conditions::Conditions;
use super::summary::Summary;
use super::workers::run_seed_under;

/// How many lines of the trace a finding is told with.
pub const TRACE_LINES: usize = 20;

/// The parts of a finding, whichever kind it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts<'a> {
    /// What kind: `violation`, `no convergence`, `crash`, `bad step`.
    pub kind: &'static str,
    /// The name of the invariant, or `crash`, or `bad-step`.
    pub name: &'a str,
    /// When, on the run's clock, if it has a time.
    pub at: Option<Time>,
    /// What is wrong.
    pub message: &'a str,
}

/// Takes a finding apart.
pub fn parts(finding: &Finding) -> Parts<'_> {
    match finding {
        Finding::Violation(v) => {
            Parts { kind: "violation", name: v.invariant, at: Some(v.at), message: &v.message }
        }
        Finding::NoConvergence(v) => {
            Parts { kind: "no convergence", name: v.invariant, at: Some(v.at), message: &v.message }
        }
        Finding::Crash { at, message } => {
            Parts { kind: "crash", name: "crash", at: Some(*at), message }
        }
        Finding::BadStep { message, .. } => {
            Parts { kind: "bad step", name: "bad-step", at: None, message }
        }
    }
}

/// One line for a finding, and its message below: `violation (single-owner) at 12.345678`.
pub fn headline(finding: &Finding) -> String {
    let Parts { kind, name, at, message } = parts(finding);
    let mut text = match finding {
        Finding::Violation(_) | Finding::NoConvergence(_) => format!("{kind} ({name})"),
        Finding::Crash { .. } => format!("{kind} of the system under test"),
        Finding::BadStep { line, .. } => format!("{kind} in line {line}"),
    };
    if let Some(at) = at {
        let _ = write!(text, " at {at}");
    }
    for line in message.lines() {
        let _ = write!(text, "\n  {line}");
    }
    text
}

/// The one command that shows the seed again. Started by cargo, it is cargo's: then there may be no
/// `groupsim` to be called by its name.
pub fn replay_command(seed: u64, conditions: Conditions) -> String {
    let program = match std::env::var_os("CARGO") {
        Some(_) => "cargo run --release --",
        None => "groupsim",
    };
    format!("{program} replay {seed} {conditions}")
}

/// Tells a finding of a seed in full, by running the seed again.
pub fn describe(seed: u64, conditions: Conditions, finding: &Finding, systems: &Systems) -> String {
    let mut tail = Tail::new(Zoom::Wire);
    let again = run_seed_under(seed, conditions, systems, &mut |event| tail.take(event));
    let mut text = format!("seed {seed}: {}\n", headline(finding));
    if !matches!(&again, Ok((again, _)) if again.finding.as_ref() == Some(finding)) {
        let again = again.map(|(report, _)| report);
        let _ = writeln!(text, "{}", not_again(conditions.engine, &again));
    }
    let _ = writeln!(text, "the last {} lines of the trace:", tail.lines.len());
    for line in &tail.lines {
        let _ = writeln!(text, "  {line}");
    }
    let _ = writeln!(text, "see all of it: {}", replay_command(seed, conditions));
    text
}

/// Tells the first finding of each invariant in full; the other seeds are in the summary.
pub fn describe_all(summary: &Summary, systems: &Systems) -> String {
    let by_invariant = summary.by_invariant();
    let first = by_invariant.values().filter_map(|found| found.first());
    let told = first.map(|found| describe(found.seed, summary.conditions, &found.finding, systems));
    told.collect::<Vec<_>>().join("\n")
}

fn not_again(engine: Engine, again: &Result<Report, Refused>) -> String {
    let found = match again {
        Ok(report) => report.finding.as_ref().map_or("nothing".to_owned(), headline),
        Err(refused) => refused.to_string(),
    };
    match engine {
        // The kernel and the clock have a part in it.
        Engine::Tcp => format!("no two runs on real TCP are the same: run again, it found {found}"),
        Engine::Sim | Engine::Turmoil | Engine::Madsim => {
            format!("NOT DETERMINISTIC: the same seed, run again, found {found}")
        }
    }
}

/// The last lines of a trace.
pub struct Tail {
    renderer: Renderer,
    text: String,
    lines: VecDeque<String>,
}

impl Tail {
    /// Of nothing yet.
    pub fn new(zoom: Zoom) -> Tail {
        Tail { renderer: Renderer::new(zoom), text: String::new(), lines: VecDeque::new() }
    }

    /// Takes the next event.
    pub fn take(&mut self, event: &Event) {
        self.text.clear();
        self.renderer.render(event, &mut self.text);
        for line in self.text.lines() {
            if self.lines.len() == TRACE_LINES {
                self.lines.pop_front();
            }
            self.lines.push_back(line.to_owned());
        }
    }

    /// The lines, the oldest first.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }
}
