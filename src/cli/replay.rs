//! `replay SEED`: runs or prints the schedule of one seed.

use serde_json::{Map, Value, json};

use crate::engine::{EngineKind, LeftOut, expressible};
use crate::model::Model;
use crate::run::Run;
use crate::script;
use crate::swarm::{Options, expand};
use crate::trace::Event;

use super::args;
use super::exit::Exit;
use super::human;
use super::mutants::systems;
use super::out::{Failure, Out};
use super::trace::Printer;

/// Prints the options of the seed, then runs its schedule or prints it as a script.
pub fn replay(args: &args::Replay, out: &mut Out) -> Result<Exit, Failure> {
    let systems = systems(args.mutant.as_deref())?;
    let options = Options::draw(args.seed, args.profile);
    let (schedule, left_out) = expressible(args.engine, expand(&options));
    if args.print {
        return print(&options, &script::print(&schedule), out);
    }
    let mut printer = Printer::new(args.zoom.into(), out);
    for line in options.to_string().lines() {
        printer.line(format_args!("# {line}"))?;
    }
    printer.object(&json!({ "type": "options", "options": as_json(&options) }))?;
    if args.engine != EngineKind::Sim {
        let LeftOut { lines, race, loss } = left_out;
        let race_option = if race { " and race=" } else { "" };
        let loss_option = if loss { " and loss=" } else { "" };
        let steps = human::number(lines, "step");
        printer.line(format_args!("# engine={}", args.engine))?;
        printer.line(format_args!("# skipped: {steps}{race_option}{loss_option}"))?;
        let engine = args.engine.name();
        printer.object(&json!({
            "type": "engine", "engine": engine, "left_out": lines, "race": race, "loss": loss
        }))?;
    }
    let watch = |event: &Event, model: &Model| printer.take(event, model);
    let run = Run::of(&schedule).systems(&systems).watch(watch);
    let report = run.run_on(args.engine).map_err(|refused| Failure::Usage(refused.to_string()))?;
    printer.finish(("seed", args.seed.into()), &report)
}

fn print(options: &Options, script: &str, out: &mut Out) -> Result<Exit, Failure> {
    if out.is_json() {
        let options = as_json(options);
        out.object(&json!({ "type": "script", "options": options, "script": script }))?;
        return Ok(Exit::Held);
    }
    out.line(format_args!(
        "# The schedule of seed {}, profile {}.",
        options.seed, options.profile
    ))?;
    out.line("#")?;
    for line in options.to_string().lines() {
        out.line(format_args!("# {line}"))?;
    }
    out.line("")?;
    out.text(script)?;
    Ok(Exit::Held)
}

fn as_json(options: &Options) -> Value {
    let text = options.to_string();
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    Value::Object(pairs.map(|(key, value)| (key.to_owned(), json!(value))).collect::<Map<_, _>>())
}
