//! `run FILE.sim …`: runs scripts and prints their traces.

use serde_json::json;

use crate::engine::Refused;
use crate::model::Model;
use crate::run::{Finding, Report, Run};
use crate::trace::Event;

use super::args;
use super::exit::Exit;
use super::mutants::systems;
use super::out::{Failure, Out};
use super::scripts::{self, Script};
use super::trace::Printer;

/// Runs the scripts one after the other. The worst result decides the exit code. If one of them is
/// unreadable or invalid, none is run.
pub fn run(args: &args::Run, out: &mut Out) -> Result<Exit, Failure> {
    let systems = systems(args.mutant.as_deref())?;
    let Some(scripts) = load(args) else { return Ok(Exit::Usage) };
    let mut worst = Exit::Held;
    for script in &scripts {
        let file = &script.name;
        let mut printer = Printer::new(args.zoom.into(), out);
        if scripts.len() > 1 {
            printer.line(format_args!("# {file}"))?;
            printer.object(&json!({ "type": "file", "file": file }))?;
        }
        let watch = |event: &Event, model: &Model| printer.take(event, model);
        let run = Run::of(&script.schedule).systems(&systems).watch(watch);
        let report = match run.run_on(args.engine) {
            Ok(report) => report,
            Err(refused) => {
                print_error(&format!(
                    "error: {refused}\n  --> {}",
                    place(&refused, file, &script.text)
                ));
                worst = worst.max(Exit::Usage);
                continue;
            }
        };
        let exit = printer.finish(("file", file.clone().into()), &report)?;
        print_bad_step(&report, file);
        worst = worst.max(exit);
    }
    Ok(worst)
}

/// Prints a step that could not be carried out in the same form as an error in a script.
pub(super) fn print_bad_step(report: &Report, file: &str) {
    let last = report.findings.last().map(|found| &found.finding);
    if let Some(Finding::BadStep { line, message }) = last {
        print_error(&format!("error: {message}\n  --> {file}:{line}"));
    }
}

/// The `file:line` of what an engine refused, in the script `text`. A schedule does not record the
/// lines of its settings, so they are searched for.
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

/// Loads all scripts. Prints an error for each invalid one, and returns `None` if there is any.
fn load(args: &args::Run) -> Option<Vec<Script>> {
    let scripts: Vec<Option<Script>> = args.files.iter().map(|file| scripts::load(file)).collect();
    scripts.into_iter().collect()
}

/// Prints a complete error text, such as that of a script, which has the line and a caret.
pub(super) fn print_error(error: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{error}");
}
