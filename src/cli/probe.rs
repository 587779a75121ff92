//! `probe`

use std::sync::atomic::Ordering;

use crate::engine;
use crate::run::{Finding, Systems};
use crate::script;
use crate::trace::Event;

use super::args;
use super::exit::Exit;
use super::interrupt;
use super::out::{Failure, Out};
use super::run::{place, tell};
use super::trace::Printer;

/// Probes a broker, prints the trace and the verdict.
pub fn probe(args: &args::Probe, out: &mut Out) -> Result<Exit, Failure> {
    let file = args.file.as_ref().map(|file| file.display().to_string());
    let schedule = match &args.file {
        None => engine::probe_schedule(&args.group, &args.topics, args.consumers),
        Some(file) => match script::load(file) {
            Ok(schedule) => schedule,
            Err(error) => {
                tell(&error.to_string());
                return Ok(Exit::Usage);
            }
        },
    };
    let stop = interrupt::stop_on_interrupt()?;
    let mut printer = Printer::new(args.zoom.into(), out);
    let watch = &mut |event: &Event| printer.take(event);
    let report = engine::probe(&schedule, &Systems::default(), &args.bootstrap, &stop, watch);
    let report = match report {
        Ok(report) => report,
        Err(refused) => {
            let place = file.map(|file| format!("\n  --> {}", place(&refused, &file)));
            tell(&format!("error: {refused}{}", place.unwrap_or_default()));
            return Ok(Exit::Usage);
        }
    };
    if let (Some(Finding::BadStep { line, message }), Some(file)) = (&report.finding, &file) {
        tell(&format!("error: {message}\n  --> {file}:{line}"));
    }
    let exit = printer.finish(("bootstrap", args.bootstrap.clone().into()), &report)?;
    // What was not done cannot have gone wrong, nor held.
    let cut_short = exit == Exit::Held && stop.load(Ordering::Relaxed);
    Ok(if cut_short { Exit::Interrupted } else { exit })
}
