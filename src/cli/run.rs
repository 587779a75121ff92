//! `run FILE.sim …`

use crate::engine::{Refused, run_on};
use crate::run::{Checks, Finding, Report};
use crate::trace::Event;

use super::args;
use super::exit::Exit;
use super::mutants::systems;
use super::out::{Failure, Out};
use super::scripts::{self, Script};
use super::trace::Printer;

/// Runs the scripts one after the other; the exit code is that of the worst. When one of them cannot be
/// read, none is run.
pub fn run(args: &args::Run, out: &mut Out) -> Result<Exit, Failure> {
    let systems = systems(args.mutant.as_deref())?;
    let Some(scripts) = load(args) else { return Ok(Exit::Usage) };
    let mut worst = Exit::Held;
    for script in &scripts {
        let file = &script.name;
        if scripts.len() > 1 {
            out.line(format_args!("# {file}"))?;
        }
        let mut printer = Printer::new(args.zoom.into(), out);
        let watch = &mut |event: &Event| printer.take(event);
        let report = match run_on(args.engine, &script.schedule, &systems, Checks::ALL, watch) {
            Ok(report) => report,
            Err(refused) => {
                tell(&format!("error: {refused}\n  --> {}", place(&refused, file, &script.text)));
                worst = worst.max(Exit::Usage);
                continue;
            }
        };
        let exit = printer.finish(("file", file.clone().into()), &report)?;
        tell_bad_step(&report, file);
        worst = worst.max(exit);
    }
    Ok(worst)
}

/// A step that could not be done is the user's mistake, told like those that are found before a run.
pub(super) fn tell_bad_step(report: &Report, file: &str) {
    let last = report.findings.last().map(|found| &found.finding);
    if let Some(Finding::BadStep { line, message }) = last {
        tell(&format!("error: {message}\n  --> {file}:{line}"));
    }
}

/// Where that stands which was refused, in a file that says `text`. A schedule does not remember the lines of its
/// settings.
pub(super) fn place(refused: &Refused, file: &str, text: &str) -> String {
    let Refused::Setting { verb, option, .. } = refused else { return refused.place(file) };
    let sets = |line: &str| {
        let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
        words.next() == Some(*verb) && (option.is_empty() || words.any(|w| w.starts_with(option)))
    };
    match text.lines().position(sets) {
        Some(index) => format!("{file}:{}", index + 1),
        None => refused.place(file),
    }
}

/// Every script, or none after telling about each that is wrong.
fn load(args: &args::Run) -> Option<Vec<Script>> {
    let scripts: Vec<Option<Script>> = args.files.iter().map(|file| scripts::load(file)).collect();
    scripts.into_iter().collect()
}

/// A script's error has a form of its own, with the line and a caret.
pub(super) fn tell(error: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{error}");
}
