//! `shrink`

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use std::{fs, io};

use indicatif::ProgressBar;
use serde_json::json;

use crate::mutant::Mutant;
use crate::run::{Finding, Systems, run};
use crate::script;
use crate::shrink::{Shrunk, shrink as smallest};
use crate::sim::schedule::Schedule;
use crate::swarm::{parts, schedule};

use super::args;
use super::exit::Exit;
use super::mutants::named;
use super::out::{Failure, Out};
use super::{bar, human, interrupt, scripts};

/// How often the best so far is written down.
const SAVED_EVERY: Duration = Duration::from_millis(500);

/// Shrinks the schedule of a seed or of a file, and writes what is left as a script.
pub fn shrink(args: &args::Shrink, out: &mut Out) -> Result<Exit, Failure> {
    let mutant = args.mutant.as_deref().map(named).transpose()?;
    let systems = mutant.map_or_else(Systems::default, Mutant::systems);
    let Some((large, source)) = load(args) else { return Ok(Exit::Usage) };
    let found = run(&large, &systems, &mut |_| ()).finding;
    let Some(finding) = found else {
        let whole = format!("{source} finds nothing: there is nothing to shrink");
        return Err(Failure::Usage(whole));
    };
    let path = match &args.out {
        Some(path) => path.clone(),
        None => unnamed(&finding)?,
    };
    let origin = Origin { source, mutant, lines: large.steps.len() };
    let stop = interrupt::stop_on_interrupt()?;
    let mut desk = Desk::new(&path, &origin, &stop, args.time);
    let shrunk = smallest(&large, &systems, &mut |best, runs| desk.keep_on(best, runs));
    let Some(shrunk) = shrunk else {
        return Err(Failure::Usage(format!("{}: nothing that a script could do", finding)));
    };
    let took = desk.elapsed();
    desk.bar.finish_and_clear();
    save(&path, &origin.script(&shrunk)).map_err(|error| unwritable(&path, &error))?;
    report(&shrunk, &origin, &path, took, out)?;
    Ok(Exit::of(Some(&shrunk.finding)))
}

/// Where the script goes when nobody says where: never in the place of another.
fn unnamed(finding: &Finding) -> Result<PathBuf, Failure> {
    let path = PathBuf::from(format!("{}.sim", parts(finding).name));
    if fs::symlink_metadata(&path).is_ok() {
        let there = path.display();
        return Err(Failure::Usage(format!(
            "{there} is there already: say with --out where to write, --out {there} to overwrite it"
        )));
    }
    Ok(path)
}

/// The schedule, and what it is of; nothing after telling what is wrong with the script.
fn load(args: &args::Shrink) -> Option<(Schedule, String)> {
    if let Ok(seed) = args.what.parse::<u64>() {
        let source = format!("seed {seed}, profile {}", args.profile);
        return Some((schedule(seed, args.profile), source));
    }
    scripts::load(Path::new(&args.what)).map(|script| (script.schedule, script.name))
}

/// Where a script came from.
pub(super) struct Origin {
    pub(super) source: String,
    pub(super) mutant: Option<&'static Mutant>,
    /// How many steps it had.
    pub(super) lines: usize,
}

impl Origin {
    /// The script, with what fails and where it came from above it.
    pub(super) fn script(&self, shrunk: &Shrunk) -> String {
        let Shrunk { schedule, finding, runs } = shrunk;
        let mut text = String::new();
        for line in finding.to_string().lines().take(2) {
            text.push_str(&format!("# {}\n", line.trim()));
        }
        let lines = schedule.steps.len();
        text.push_str(&format!(
            "# Shrunk from {} of {} to {lines} in {}.\n",
            human::number(self.lines as u64, "step"),
            self.source,
            human::number(*runs, "run")
        ));
        if let Some(mutant) = self.mutant {
            text.push_str(&format!("# mutant {}: {}\n", mutant.name, mutant.breaks));
        }
        text + &script::print(schedule)
    }
}

/// Where the best so far lies, and who says when it is good enough.
struct Desk<'a> {
    path: &'a Path,
    origin: &'a Origin,
    stop: &'a AtomicBool,
    time: Option<Duration>,
    begun: Instant,
    bar: ProgressBar,
    saved: Duration,
    lines: usize,
}

impl<'a> Desk<'a> {
    #[allow(clippy::disallowed_methods, reason = "whoever waits does so in wall time")]
    fn new(
        path: &'a Path,
        origin: &'a Origin,
        stop: &'a AtomicBool,
        time: Option<Duration>,
    ) -> Desk<'a> {
        let bar = bar::spinner();
        let (begun, saved, lines) = (Instant::now(), Duration::ZERO, origin.lines);
        Desk { path, origin, stop, time, begun, bar, saved, lines }
    }

    #[allow(clippy::disallowed_methods, reason = "whoever waits does so in wall time")]
    fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Shows how far it is, keeps the best, and says whether to go on.
    fn keep_on(&mut self, best: &Schedule, runs: u64) -> bool {
        let elapsed = self.elapsed();
        let lines = best.steps.len();
        self.bar.set_message(format!("{} → {lines} steps, {runs} runs", self.origin.lines));
        self.bar.tick();
        if lines < self.lines && elapsed >= self.saved + SAVED_EVERY {
            (self.lines, self.saved) = (lines, elapsed);
            let text =
                format!("# not done yet: from {}\n{}", self.origin.source, script::print(best));
            // What cannot be written now is complained about at the end.
            let _ = save(self.path, &text);
        }
        !self.stop.load(Ordering::Relaxed) && self.time.is_none_or(|time| elapsed < time)
    }
}

/// Writes a file so that it is there whole or as it was before.
pub(super) fn save(path: &Path, text: &str) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    fs::write(&beside, text)?;
    fs::rename(&beside, path)
}

pub(super) fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::Usage(format!("{} cannot be written: {error}", path.display()))
}

fn report(
    shrunk: &Shrunk,
    origin: &Origin,
    path: &Path,
    took: Duration,
    out: &mut Out,
) -> Result<(), Failure> {
    let (lines, runs) = (shrunk.schedule.steps.len(), shrunk.runs);
    out.line(origin.script(shrunk).trim_end())?;
    out.line(format_args!(
        "\n{} to {lines}, {} in {}, written to {}",
        human::number(origin.lines as u64, "step"),
        human::number(runs, "run"),
        human::duration(took),
        path.display()
    ))?;
    let parts = parts(&shrunk.finding);
    out.object(&json!({
        "type": "shrunk",
        "from": origin.source,
        "mutant": origin.mutant.map(|mutant| mutant.name),
        "finding": { "name": parts.name, "message": parts.message },
        "steps_before": origin.lines,
        "steps": lines,
        "runs": runs,
        "wall_us": took.as_micros() as u64,
        "file": path.display().to_string(),
        "script": script::print(&shrunk.schedule),
    }))
}
