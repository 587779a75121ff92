//! `swarm --corpus` and `swarm --until-quiet`: coverage-guided exploration.

use std::fs;
use std::path::{Path, PathBuf};

use rayon::ThreadPoolBuilder;
use serde_json::json;

use crate::coverage::Cells;
use crate::engine::EngineKind;
use crate::run::Systems;
use crate::script;
use crate::sim::schedule::Schedule;
use crate::swarm::{Corpus, Exploration, Explored, run_repaired};

use super::args;
use super::exit::Exit;
use super::mutants::systems;
use super::out::{Failure, Out};
use super::shrink::{save, unwritable};
use super::swarm::seeds_of;
use super::{bar, human, interrupt};

/// Runs seeds until no new coverage is reached, and keeps the schedules that reached new coverage.
pub(super) fn explore(args: &args::Swarm, out: &mut Out) -> Result<Exit, Failure> {
    if args.engine != EngineKind::Sim {
        return Err(Failure::Usage("--corpus and --until-quiet require the engine sim".to_owned()));
    }
    let stop = interrupt::stop_on_interrupt()?;
    let systems = systems(args.mutant.as_deref())?;
    let folder = args.explore.corpus.as_deref();
    let known = folder.map_or(Ok(Corpus::default()), |folder| load(folder, &systems))?;
    let before = known.kept().len();
    let exploration = Exploration {
        seeds: seeds_of(args).range(),
        profile: args.profile,
        until_quiet: args.explore.until_quiet,
        evolve: folder.is_some(),
        systems: &systems,
    };
    tracing::debug!(seeds = %seeds_of(args), profile = %args.profile, "the swarm begins");
    let bar = bar::spinner();
    let mut seen = |explored: &Explored| {
        bar.set_message(progress(explored));
        bar.tick();
    };
    let pool = ThreadPoolBuilder::new().num_threads(args.jobs.unwrap_or(0)).build();
    let pool = pool.map_err(|error| Failure::Usage(format!("cannot start threads: {error}")))?;
    let explored = pool.install(|| exploration.run(known, &stop, &mut seen));
    bar.finish_and_clear();
    if let Some(folder) = folder {
        for schedule in &explored.corpus.kept()[before..] {
            keep(folder, "", schedule)?;
        }
    }
    report(args, &explored, before, out)
}

fn progress(explored: &Explored) -> String {
    let Explored { ran, last_new, .. } = explored;
    let reached = explored.corpus.reached().len();
    format!("{ran} schedules, last new coverage in {last_new}, {reached} situations")
}

/// Runs the scripts of a corpus directory, in the order of their names, and learns what they reach.
fn load(folder: &Path, systems: &Systems) -> Result<Corpus, Failure> {
    let failed = |error| Failure::Usage(format!("cannot read {}: {error}", folder.display()));
    fs::create_dir_all(folder).map_err(failed)?;
    let entries = fs::read_dir(folder).map_err(failed)?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut paths = paths.collect::<Result<Vec<PathBuf>, _>>().map_err(failed)?;
    paths.retain(|path| path.extension().is_some_and(|end| end == "sim"));
    paths.sort();
    let mut corpus = Corpus::default();
    for path in paths {
        let loaded = script::load(&path).map_err(|error| Failure::Usage(error.to_string()))?;
        let mut schedule = loaded;
        let report = run_repaired(&mut schedule, systems);
        corpus.learn(&schedule, &report.reached);
    }
    Ok(corpus)
}

/// Writes a schedule to a file that is named after the digest of its script.
fn keep(folder: &Path, prefix: &str, schedule: &Schedule) -> Result<PathBuf, Failure> {
    let path = folder.join(format!("{prefix}{:016x}.sim", script::digest(schedule)));
    save(&path, &script::print(schedule)).map_err(|error| unwritable(&path, &error))?;
    Ok(path)
}

fn report(
    args: &args::Swarm,
    explored: &Explored,
    before: usize,
    out: &mut Out,
) -> Result<Exit, Failure> {
    let corpus = &explored.corpus;
    let (reached, kept) = (corpus.reached(), corpus.kept().len() - before);
    let mut worst = if explored.interrupted { Exit::Interrupted } else { Exit::Held };
    for found in &explored.found {
        worst = worst.max(Exit::of(Some(&found.finding)));
        let folder = args.explore.corpus.as_deref().unwrap_or(Path::new("."));
        let path = keep(folder, "found-", &found.schedule)?;
        out.line(format_args!("{}\n  replay: groupsim run {}\n", found.finding, path.display()))?;
    }
    let mut row = |name: &str, value: String| out.line(format_args!("{name:<12} {value}"));
    let stopped = if explored.interrupted { ", interrupted" } else { "" };
    row("schedules", format!("{}{stopped}", human::thousands(explored.ran)))?;
    row("cells", format!("{} reached of {} possible", reached.cells.len(), Cells::possible()))?;
    row("never met", reached.missing().join(", "))?;
    row("kept", format!("{kept} new schedules, {} of them mutated", explored.children_kept))?;
    row("last new", format!("schedule {}", human::thousands(explored.last_new)))?;
    row("violations", human::thousands(explored.found.len() as u64))?;
    out.object(&json!({
        "type": "explored",
        "schedules": explored.ran,
        "cells": reached.cells.len(),
        "never_met": reached.missing(),
        "kept": kept,
        "children_kept": explored.children_kept,
        "last_new": explored.last_new,
        "violations": explored.found.len(),
        "interrupted": explored.interrupted,
        "exit_code": worst.code(),
    }))?;
    Ok(worst)
}
