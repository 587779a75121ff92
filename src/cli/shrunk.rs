//! `mutants --shrink`: shrinks the first finding of each mutant and prints the sizes.

use std::path::Path;
use std::time::{Duration, Instant};

use indicatif::ParallelProgressIterator as _;
use rayon::prelude::*;
use serde_json::json;

use crate::mutant::{Matrix, Mutant, Row, median};
use crate::shrink::{Shrunk, shrink};

use super::human;
use super::out::{Failure, Out};
use super::shrink::{Origin, save, unwritable};

/// The shrunk schedule of one mutant.
struct ShrunkMutant {
    mutant: &'static Mutant,
    origin: Origin,
    shrunk: Shrunk,
    took: Duration,
}

/// Shrinks the first finding of each mutant, and prints the sizes and their distribution.
pub(super) fn all(matrix: &Matrix, folder: Option<&Path>, out: &mut Out) -> Result<(), Failure> {
    let rows = &matrix.rows;
    let small: Vec<ShrunkMutant> = rows
        .par_iter()
        .with_max_len(1)
        .progress_count(rows.len() as u64)
        .filter_map(small)
        .collect();
    if let Some(folder) = folder {
        for each in &small {
            let path = folder.join(format!("{}.sim", each.mutant.name));
            save(&path, &each.origin.script(&each.shrunk))
                .map_err(|error| unwritable(&path, &error))?;
        }
    }
    out.line("\nshrunk to: steps, runs, wall time")?;
    for each in &small {
        let (steps, runs) = (each.shrunk.schedule.steps.len(), each.shrunk.runs);
        let took = human::duration(each.took);
        out.line(format_args!("{:<36} {steps:>3} {runs:>6} {took:>10}", each.mutant.name))?;
        out.object(&json!({
            "type": "shrunk",
            "mutant": each.mutant.name,
            "steps_before": each.origin.lines,
            "steps": steps,
            "runs": runs,
            "wall_us": each.took.as_micros() as u64,
        }))?;
    }
    distribution(&small, out)
}

#[allow(clippy::disallowed_methods, reason = "the duration is measured in wall time")]
fn small(row: &Row) -> Option<ShrunkMutant> {
    let catch = row.detections.iter().flatten().next()?;
    let large = catch.schedule.clone();
    let started = Instant::now();
    let shrunk = shrink(&large, &row.mutant.systems(), &mut |_, _| true)?;
    let took = started.elapsed();
    let source = format!("seed {}, profile {}", catch.seed, catch.profile);
    let origin = Origin { source, mutant: Some(row.mutant), lines: large.steps.len() };
    Some(ShrunkMutant { mutant: row.mutant, origin, shrunk, took })
}

fn distribution(small: &[ShrunkMutant], out: &mut Out) -> Result<(), Failure> {
    let mut steps: Vec<usize> = small.iter().map(|each| each.shrunk.schedule.steps.len()).collect();
    let mut times: Vec<Duration> = small.iter().map(|each| each.took).collect();
    steps.sort_unstable();
    times.sort_unstable();
    let (Some(middle), Some(time)) = (median(steps.clone()), median(times.clone())) else {
        return Ok(());
    };
    let (most, longest) = (steps[steps.len() - 1], times[times.len() - 1]);
    let within = steps.iter().filter(|steps| **steps <= 6).count();
    out.line(format_args!(
        "steps: median {middle}, most {most}, {within} of {} with at most 6",
        steps.len()
    ))?;
    for count in 1..=most {
        let mutants = steps.iter().filter(|steps| **steps == count).count();
        if mutants > 0 {
            out.line(format_args!(
                "  {count:>3} {:<6} {} {mutants}",
                if count == 1 { "step:" } else { "steps:" },
                "#".repeat(mutants)
            ))?;
        }
    }
    out.line(format_args!(
        "time: median {}, longest {}",
        human::duration(time),
        human::duration(longest)
    ))?;
    out.object(&json!({
        "type": "shrink_distribution", "median_steps": middle, "most_steps": most,
        "median_us": time.as_micros() as u64, "longest_us": longest.as_micros() as u64,
    }))
}
