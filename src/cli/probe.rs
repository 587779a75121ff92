//! `probe`: runs consumers against a third-party broker.

use std::sync::atomic::Ordering;

use crate::engine;
use crate::model::Model;
use crate::run::Systems;
use crate::trace::Event;

use super::args;
use super::exit::Exit;
use super::interrupt;
use super::out::{Failure, Out};
use super::run::{place, print_bad_step, print_error};
use super::scripts::{self, Script};
use super::trace::Printer;

/// Probes a broker and prints the trace and the verdict.
pub fn probe(args: &args::Probe, out: &mut Out) -> Result<Exit, Failure> {
    let script = match args.file.as_deref().map(scripts::load) {
        None => None,
        Some(Some(script)) => Some(script),
        Some(None) => return Ok(Exit::Usage),
    };
    let schedule = match &script {
        None => engine::probe_schedule(&args.group, &args.topics, args.consumers),
        Some(script) => script.schedule.clone(),
    };
    let stop = interrupt::stop_on_interrupt()?;
    let mut printer = Printer::new(args.zoom.into(), out);
    let watch = &mut |event: &Event, model: &Model| printer.take(event, model);
    let report = engine::probe(
        &schedule,
        &Systems::default(),
        (&args.bootstrap, &args.allowed),
        &stop,
        watch,
    );
    let report = match report {
        Ok(report) => report,
        Err(refused) => {
            let place = script.map(|Script { name, text, .. }| place(&refused, &name, &text));
            let place = place.map(|place| format!("\n  --> {place}"));
            print_error(&format!("error: {refused}{}", place.unwrap_or_default()));
            return Ok(Exit::Usage);
        }
    };
    let exit = printer.finish(("bootstrap", args.bootstrap.clone().into()), &report)?;
    if let Some(script) = &script {
        print_bad_step(&report, &script.name);
    }
    // An interrupted run without findings has not held: part of it was not run.
    let cut_short = exit == Exit::Held && stop.load(Ordering::Relaxed);
    Ok(if cut_short { Exit::Interrupted } else { exit })
}
