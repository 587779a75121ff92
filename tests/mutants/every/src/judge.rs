//! Runs every mutant through the stages, several at a time.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use indicatif::{ProgressBar, ProgressStyle};

use crate::compile::Programs;
use crate::list::{Mutant, RINGS};
use crate::stage::{End, Run, Stage, timed};
use crate::verdict::{Fate, Verdicts};

/// The time limit of a program with a mutant: this many times its time without one, plus this.
const TIME_LIMIT: (u32, Duration) = (10, Duration::from_secs(5));

/// Programs that pass without a mutant, and their time limits with one.
pub struct Judge<'a> {
    programs: &'a Programs,
    copy: &'a Path,
    limits: BTreeMap<Run<'a>, Duration>,
}

impl Judge<'_> {
    /// Runs all programs without a mutant.
    ///
    /// # Errors
    ///
    /// When one of them fails.
    pub fn new<'a>(programs: &'a Programs, copy: &'a Path) -> Result<Judge<'a>> {
        let mut limits = BTreeMap::new();
        for stage in Stage::ALL {
            let mut all = Duration::ZERO;
            for run in RINGS.iter().flat_map(|ring| stage.runs(programs, ring)) {
                if limits.contains_key(&run) {
                    continue;
                }
                let (end, took) = timed(|| run.end(copy, 0, None));
                ensure!(end? == End::Passed, "the {stage} fail without a mutant: {run}");
                limits.insert(run, took * TIME_LIMIT.0 + TIME_LIMIT.1);
                all += took;
            }
            eprintln!("without a mutant the {stage} of all rings take {all:.1?}");
        }
        Ok(Judge { programs, copy, limits })
    }

    /// Judges the mutants.
    ///
    /// # Errors
    ///
    /// When a program does not start or a verdict cannot be written.
    pub fn judge(
        &self,
        mutants: &[&Mutant],
        jobs: usize,
        verdicts: &Mutex<&mut Verdicts>,
    ) -> Result<()> {
        let (next, bar) = (AtomicUsize::new(0), bar(mutants.len()));
        let work = || -> Result<()> {
            while let Some(mutant) = mutants.get(next.fetch_add(1, Ordering::Relaxed)) {
                let fate = self.fate(mutant)?;
                if fate == Fate::Survived {
                    bar.suspend(|| println!("{}", mutant.name));
                }
                verdicts.lock().expect("nobody panicked").add(&mutant.name, fate)?;
                bar.inc(1);
            }
            Ok(())
        };
        thread::scope(|scope| {
            let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
            workers.into_iter().try_for_each(|worker| worker.join().expect("nobody panicked"))
        })
    }

    fn fate(&self, mutant: &Mutant) -> Result<Fate> {
        for stage in Stage::ALL {
            for run in stage.runs(self.programs, mutant.ring()) {
                match run.end(self.copy, mutant.number, Some(self.limits[&run]))? {
                    End::Passed => {}
                    End::Failed => return Ok(Fate::Found(stage)),
                    End::TimedOut => return Ok(Fate::TimedOut(stage)),
                }
            }
        }
        Ok(Fate::Survived)
    }
}

fn bar(mutants: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} mutants, {eta} left");
    ProgressBar::new(mutants as u64).with_style(style.expect("a valid template"))
}
