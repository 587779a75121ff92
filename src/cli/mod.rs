//! The commands, one per file.
//!
//! This ring turns arguments into calls of the rings below, and their results into text, JSON and
//! an exit code ([`Exit`]). It is the only ring that reads a wall clock, uses the terminal or
//! writes to stdout and stderr. Results go to stdout; progress, diagnostics and errors go to
//! stderr.
//!
//! Read next: `args.rs` for the arguments, `exit.rs` for the exit codes.

mod args;
mod bar;
mod campaign;
mod conform;
mod diagnostics;
mod exit;
mod explore;
mod human;
mod interrupt;
mod json;
mod language;
mod list;
mod markdown;
mod mutants;
mod out;
mod probe;
mod recorded;
mod replay;
mod report;
mod run;
mod scripts;
mod serve;
mod shrink;
mod shrunk;
mod swarm;
mod trace;
mod verdict;

use std::process::ExitCode;

use clap::Parser;
use include_dir::Dir;

use args::{Args, Verb};
pub use exit::Exit;
use out::{Failure, Out};

/// Runs the command line and returns the exit code. `sims` are the built-in scripts.
pub fn main(sims: &'static Dir<'static>) -> ExitCode {
    scripts::set_built_in(sims);
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // Clap returns help as an error too. A closed pipe is not an error.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Held.into() };
        }
    };
    match diagnostics::install(args.verbose).and_then(|()| dispatch(args)) {
        Ok(exit) => exit.into(),
        Err(Failure::Refused(message)) => {
            run::print_error(&message);
            Exit::Usage.into()
        }
        Err(Failure::Usage(message)) => {
            out::complain(&message);
            Exit::Usage.into()
        }
    }
}

fn dispatch(args: Args) -> Result<Exit, Failure> {
    let mut out = Out::new(args.format);
    let exit = match args.verb {
        Verb::Run(run) => run::run(&run, &mut out),
        Verb::Swarm(swarm) => swarm::swarm(&swarm, &mut out),
        Verb::Replay(replay) => replay::replay(&replay, &mut out),
        Verb::Trace(trace) => recorded::trace(&trace, &mut out),
        Verb::Serve(serve) => serve::serve(&serve, &mut out),
        Verb::Probe(probe) => probe::probe(&probe, &mut out),
        Verb::Conform(conform) => conform::conform(&conform, &mut out),
        Verb::Shrink(shrink) => shrink::shrink(&shrink, &mut out),
        Verb::Mutants(mutants) => mutants::mutants(&mutants, &mut out),
        Verb::Report(args::Report::Merge(merge)) => report::merge(&merge, &mut out),
        Verb::List => list::list(&mut out),
        Verb::Show(show) => list::show(&show, &mut out),
        Verb::Language(language) => language::language(&language, &mut out),
    }?;
    out.flush()?;
    Ok(exit)
}
