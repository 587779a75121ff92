//! Runs seeds in a test: many, or the one that the environment selects.

use std::env;
use std::sync::atomic::AtomicBool;

use crate::render::{Renderer, Zoom};
use crate::run::Systems;

use super::conditions::Conditions;
use super::finding::describe_all;
use super::seeds::{SEED, SeedRange, seeds_from_env};
use super::summary::Summary;
use super::workers::{Swarm, run_seed_under};

/// Runs seeds on all cores. If there are findings, it panics with the message, the trace before it,
/// and the replay command.
///
/// The seeds are those of `GROUPSIM_SEEDS=A..B`, or the one of `GROUPSIM_SEED=n`, else `default`.
/// With `GROUPSIM_SEED` the trace of the seed is always printed; `GROUPSIM_ZOOM=wire` shows every
/// message.
///
/// ```
/// use groupsim::run::Systems;
/// use groupsim::swarm::{Profile, SeedRange, assert_holds};
///
/// let systems = Systems::default(); // use your own systems here
/// assert_holds(SeedRange::first(3), Profile::Default, &systems);
/// ```
///
/// # Panics
///
/// If a seed has a finding, or the environment variables are invalid.
#[track_caller]
pub fn assert_holds(
    default: SeedRange,
    conditions: impl Into<Conditions>,
    systems: &Systems,
) -> Summary {
    let conditions = conditions.into();
    let seeds = seeds_from_env(default).unwrap_or_else(|why| panic!("{why}"));
    let swarm = Swarm::of(seeds.range(), conditions, systems);
    let summary = swarm.run(&AtomicBool::new(false), &()).unwrap_or_else(|why| panic!("{why}"));
    assert!(
        summary.findings.is_empty(),
        "{} of {} seeds have findings\n\n{}",
        summary.findings.len(),
        summary.ran,
        describe_all(&summary, systems)
    );
    if named_seed().is_some() {
        show(seeds.range().start, conditions, systems);
    }
    summary
}

/// Prints the trace of a seed that holds. A user who selects one seed wants to see its trace.
fn show(seed: u64, conditions: Conditions, systems: &Systems) {
    let (mut renderer, mut trace) = (Renderer::new(zoom()), String::new());
    let watch = &mut |event: &_, model: &_| renderer.render(event, model, &mut trace);
    // If the engine refused this run, it has refused the one before.
    let _ = run_seed_under(seed, conditions, systems, watch);
    println!("seed {seed} {conditions}\n{trace}held");
}

/// The seed that `GROUPSIM_SEED` selects, if any.
pub(super) fn named_seed() -> Option<u64> {
    env::var(SEED).ok()?.parse().ok()
}

/// The level of detail that `GROUPSIM_ZOOM` selects, else group.
pub(super) fn zoom() -> Zoom {
    let named = env::var("GROUPSIM_ZOOM").ok();
    named.and_then(|name| name.parse().ok()).unwrap_or(Zoom::Group)
}
