//! `shrink`: reduces a failing schedule to a minimal script.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use std::{fs, io};

use indicatif::ProgressBar;
use serde_json::json;

use crate::mutant::Mutant;
use crate::run::{Finding, Run, Systems};
use crate::script;
use crate::shrink::{Shrunk, shrink as smallest};
use crate::sim::schedule::Schedule;
use crate::swarm::{parts, schedule};

use super::args;
use super::exit::Exit;
use super::mutants::named;
use super::out::{Failure, Out};
use super::{bar, human, interrupt, scripts};

/// The least time between two saves of the smallest schedule so far.
const SAVED_EVERY: Duration = Duration::from_millis(500);

/// Shrinks the schedule of a seed or a script and writes the result as a script.
pub fn shrink(args: &args::Shrink, out: &mut Out) -> Result<Exit, Failure> {
    let mutant = args.mutant.as_deref().map(named).transpose()?;
    let systems = mutant.map_or_else(Systems::default, Mutant::systems);
    let Some((large, source)) = load(args) else { return Ok(Exit::Usage) };
    let found = Run::of(&large).systems(&systems).run().finding;
    let Some(finding) = found else {
        let message = format!("{source} has no finding: there is nothing to shrink");
        return Err(Failure::Usage(message));
    };
    let path = match &args.out {
        Some(path) => path.clone(),
        None => default_path(&finding)?,
    };
    let origin = Origin { source, mutant, lines: large.steps.len() };
    let stop = interrupt::stop_on_interrupt()?;
    let mut progress = BestSoFar::new(&path, &origin, &stop, args.time);
    let shrunk = smallest(&large, &systems, &mut |best, runs| progress.keep_on(best, runs));
    let Some(shrunk) = shrunk else {
        let message = format!("{finding}: a script cannot reproduce this");
        return Err(Failure::Usage(message));
    };
    let took = progress.elapsed();
    progress.bar.finish_and_clear();
    save(&path, &origin.script(&shrunk)).map_err(|error| unwritable(&path, &error))?;
    report(&shrunk, &origin, &path, took, out)?;
    Ok(Exit::of(Some(&shrunk.finding)))
}

/// The path of the script without `--out`. An existing file is never overwritten.
fn default_path(finding: &Finding) -> Result<PathBuf, Failure> {
    let path = PathBuf::from(format!("{}.sim", parts(finding).name));
    if fs::symlink_metadata(&path).is_ok() {
        let there = path.display();
        return Err(Failure::Usage(format!(
            "{there} exists: choose another file with --out, or overwrite it with --out {there}"
        )));
    }
    Ok(path)
}

/// The schedule and a description of its source. Prints the error and returns `None` if the script
/// is invalid.
fn load(args: &args::Shrink) -> Option<(Schedule, String)> {
    if let Ok(seed) = args.source.parse::<u64>() {
        let source = format!("seed {seed}, profile {}", args.profile);
        return Some((schedule(seed, args.profile), source));
    }
    scripts::load(Path::new(&args.source)).map(|script| (script.schedule, script.name))
}

/// The origin of a shrunk script.
pub(super) struct Origin {
    /// The seed and profile, or the file.
    pub(super) source: String,
    pub(super) mutant: Option<&'static Mutant>,
    /// The number of steps before shrinking.
    pub(super) lines: usize,
}

impl Origin {
    /// The shrunk script, with the finding and the origin in comments at its head.
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

/// Saves the smallest schedule so far, and stops shrinking on an interrupt or at the time limit.
struct BestSoFar<'a> {
    path: &'a Path,
    origin: &'a Origin,
    stop: &'a AtomicBool,
    time: Option<Duration>,
    started: Instant,
    bar: ProgressBar,
    /// The time of the last save, since the start.
    saved: Duration,
    /// The number of steps that were last saved.
    lines: usize,
}

impl<'a> BestSoFar<'a> {
    #[allow(clippy::disallowed_methods, reason = "the user waits in wall time")]
    fn new(
        path: &'a Path,
        origin: &'a Origin,
        stop: &'a AtomicBool,
        time: Option<Duration>,
    ) -> BestSoFar<'a> {
        let bar = bar::spinner();
        let (started, saved, lines) = (Instant::now(), Duration::ZERO, origin.lines);
        BestSoFar { path, origin, stop, time, started, bar, saved, lines }
    }

    #[allow(clippy::disallowed_methods, reason = "the user waits in wall time")]
    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Shows the progress, saves the smallest schedule, and returns whether to continue.
    fn keep_on(&mut self, best: &Schedule, runs: u64) -> bool {
        let elapsed = self.elapsed();
        let lines = best.steps.len();
        self.bar.set_message(format!("{} → {lines} steps, {runs} runs", self.origin.lines));
        self.bar.tick();
        if lines < self.lines && elapsed >= self.saved + SAVED_EVERY {
            (self.lines, self.saved) = (lines, elapsed);
            let text = format!("# still shrinking {}\n{}", self.origin.source, script::print(best));
            // The final save reports an error of writing.
            let _ = save(self.path, &text);
        }
        !self.stop.load(Ordering::Relaxed) && self.time.is_none_or(|time| elapsed < time)
    }
}

/// Writes a file atomically: it has either its old or its new content.
pub(super) fn save(path: &Path, text: &str) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    fs::write(&beside, text)?;
    fs::rename(&beside, path)
}

pub(super) fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::Usage(format!("cannot write {}: {error}", path.display()))
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
