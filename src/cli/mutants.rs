//! `mutants`: measures how soon which invariants find each mutant.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::invariant;
use crate::mutant::{self, Matrix, Mutant, Row, SearchMode};
use crate::run::Systems;
use crate::script;
use crate::sim::schedule::Schedule;

use super::args::{self, Without};
use super::exit::Exit;
use super::out::{Failure, Out};
use super::{human, interrupt, shrunk};

/// Hunts mutants from several starting points and prints which invariants found which of them.
pub fn mutants(args: &args::Mutants, out: &mut Out) -> Result<Exit, Failure> {
    let mutants = chosen(&args.names)?;
    let stop = interrupt::stop_on_interrupt()?;
    let bar = ProgressBar::new(mutants.len() as u64 * args.starts);
    let style = ProgressStyle::with_template("{bar:12} {pos}/{len} searches  {wide_msg}");
    bar.set_style(style.expect("the template is well-formed"));
    let done = |mutant: &Mutant| {
        bar.set_message(mutant.name);
        bar.inc(1);
    };
    let mode = SearchMode { without: without(args.without), evolve: args.evolve };
    let matrix = Matrix::measure(&mutants, (args.starts, args.seeds), mode, &stop, &done);
    bar.finish_and_clear();
    if stop.load(std::sync::atomic::Ordering::Relaxed) {
        out.line("interrupted: an incomplete search says nothing about a mutant")?;
        out.object(&json!({ "type": "matrix", "interrupted": true }))?;
        return Ok(Exit::Interrupted);
    }
    match out.is_json() {
        true => json(&matrix, out)?,
        false => text(&matrix, out)?,
    }
    if args.shrink {
        shrunk::all(&matrix, args.out.as_deref(), out)?;
    }
    Ok(if matrix.survivors().next().is_none() { Exit::Held } else { Exit::Survivors })
}

fn chosen(names: &[String]) -> Result<Vec<&'static Mutant>, Failure> {
    if names.is_empty() {
        return Ok(mutant::all().collect());
    }
    names.iter().map(|name| named(name)).collect()
}

/// Finds a mutant by name.
pub(super) fn named(name: &str) -> Result<&'static Mutant, Failure> {
    mutant::find(name).ok_or_else(|| {
        let names: Vec<&str> = mutant::all().map(|mutant| mutant.name).collect();
        let help = script::help(name, names, "expected one of");
        Failure::Usage(format!("unknown mutant '{name}': {help}"))
    })
}

/// The systems under test: groupsim's own, with the named bug planted if there is a name.
pub(super) fn systems(name: Option<&str>) -> Result<Systems, Failure> {
    Ok(match name {
        None => Systems::default(),
        Some(name) => named(name)?.systems(),
    })
}

/// The change that leaves a feature out of a schedule.
fn without(feature: Option<Without>) -> fn(&mut Schedule) {
    match feature {
        None => |_| (),
        Some(Without::Race) => |schedule| schedule.network.race = 0,
    }
}

fn text(matrix: &Matrix, out: &mut Out) -> Result<(), Failure> {
    let names = columns();
    out.line("mutant × invariant: number of starting points from which it was the first to fail")?;
    for (number, name) in (1..).zip(&names) {
        out.line(format_args!("  {number:>2} {name}"))?;
    }
    let heads: String = (1..=names.len()).map(|number| format!("{number:>3}")).collect();
    out.line(format_args!("{:<36}{heads}  seeds  simulated  like", ""))?;
    for row in &matrix.rows {
        let cells: String = names.iter().map(|name| cell(row, name)).collect();
        let seeds = row.seeds().map_or("-".to_owned(), human::thousands);
        let time = row.simulated().map_or("-".to_owned(), human::duration);
        let like = row.mutant.upstream.join(", ");
        let name = row.mutant.name;
        out.line(format_args!("{name:<36}{cells} {seeds:>6} {time:>10}  {like}"))?;
    }
    let killed = matrix.rows.len() - matrix.survivors().count();
    out.line(format_args!(
        "{killed} of {} found from each of {} within {}",
        human::number(matrix.rows.len() as u64, "mutant"),
        human::number(matrix.starts, "starting point"),
        human::number(matrix.most, "seed")
    ))?;
    let medians = matrix.rows.iter().map(|row| row.seeds().unwrap_or(u64::MAX));
    if let Some(median) = mutant::median(medians.collect()) {
        out.line(format_args!("median: {}", human::number(median, "seed")))?;
    }
    for row in matrix.survivors() {
        let found = row.detections.iter().flatten().count();
        let (name, starts, breaks) = (row.mutant.name, matrix.starts, row.mutant.breaks);
        out.line(format_args!(
            "survived: {name}, found from {found} of {starts} starting points: {breaks}"
        ))?;
    }
    Ok(())
}

fn columns() -> Vec<&'static str> {
    invariant::names().into_iter().chain(["crash"]).collect()
}

fn cell(row: &Row, invariant: &str) -> String {
    match row.by_invariant().get(invariant) {
        Some(count) => format!("{count:>3}"),
        None if row.mutant.caught_by.contains(&invariant) => "  ·".to_owned(),
        None => "   ".to_owned(),
    }
}

fn json(matrix: &Matrix, out: &mut Out) -> Result<(), Failure> {
    for row in &matrix.rows {
        let micros = |time: Duration| time.as_micros() as u64;
        out.object(&json!({
            "type": "mutant",
            "name": row.mutant.name,
            "upstream": row.mutant.upstream,
            "breaks": row.mutant.breaks,
            "caught_by": row.mutant.caught_by,
            "found_by": row.by_invariant(),
            "killed": row.is_killed(),
            "median_seeds": row.seeds(),
            "median_simulated_us": row.simulated().map(micros),
            "catches": row.detections.iter().map(|catch| catch.as_ref().map(|catch| json!({
                "seed": catch.seed,
                "profile": catch.profile.name(),
                "invariant": catch.invariant,
                "seeds": catch.seeds,
                "simulated_us": micros(catch.simulated),
                "message": catch.message,
            }))).collect::<Vec<_>>(),
        }))?;
    }
    out.object(&json!({
        "type": "matrix",
        "mutants": matrix.rows.len(),
        "killed": matrix.rows.len() - matrix.survivors().count(),
        "starts": matrix.starts,
        "most_seeds": matrix.most,
    }))
}
