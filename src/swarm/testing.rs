//! For tests: many seeds, or the one that the environment names.

use std::env;
use std::sync::atomic::AtomicBool;

use crate::run::Systems;
use crate::trace::{Renderer, Zoom};

use super::conditions::Conditions;
use super::finding::describe_all;
use super::seeds::{SEED, SeedRange, seeds_from_env};
use super::summary::Summary;
use super::workers::{run_seed_under, run_seeds};

/// Runs seeds on all cores and panics with what they found, if they found anything: what is broken, the
/// trace before it, and the command that runs the seed again.
///
/// Which seeds: those of `GROUPSIM_SEEDS=A..B`, or the one of `GROUPSIM_SEED=n`, or `default`. The trace
/// of the one is printed, whatever comes of it; `GROUPSIM_ZOOM=wire` shows every message of it.
///
/// ```
/// use groupsim::run::Systems;
/// use groupsim::swarm::{Profile, SeedRange, assert_holds};
///
/// let systems = Systems::default(); // yours in place of ours
/// assert_holds(SeedRange::first(3), Profile::Default, &systems);
/// ```
///
/// # Panics
///
/// When a seed found something, or the environment names no seeds that there are.
#[track_caller]
pub fn assert_holds(
    default: SeedRange,
    conditions: impl Into<Conditions>,
    systems: &Systems,
) -> Summary {
    let conditions = conditions.into();
    let seeds = seeds_from_env(default).unwrap_or_else(|why| panic!("{why}"));
    let stop = AtomicBool::new(false);
    let summary = run_seeds(seeds.range(), conditions, 0, systems, &stop, &|_| ())
        .unwrap_or_else(|why| panic!("{why}"));
    assert!(
        summary.findings.is_empty(),
        "{} of {} seeds found something\n\n{}",
        summary.findings.len(),
        summary.ran,
        describe_all(&summary, systems)
    );
    if named_seed().is_some() {
        show(seeds.range().start, conditions, systems);
    }
    summary
}

/// Whoever names one seed wants to see what it does, even if that is nothing wrong.
fn show(seed: u64, conditions: Conditions, systems: &Systems) {
    let (mut renderer, mut trace) = (Renderer::new(zoom()), String::new());
    let watch = &mut |event: &_| renderer.render(event, &mut trace);
    // What refuses to run has refused before.
    let _ = run_seed_under(seed, conditions, systems, watch);
    println!("seed {seed} {conditions}\n{trace}held");
}

/// The seed that the environment names, if it names one.
pub(super) fn named_seed() -> Option<u64> {
    env::var(SEED).ok()?.parse().ok()
}

/// How closely the environment wants to look at that seed.
pub(super) fn zoom() -> Zoom {
    let named = env::var("GROUPSIM_ZOOM").ok();
    named.and_then(|name| name.parse().ok()).unwrap_or(Zoom::Group)
}
