//! Running mutants over seeds until somebody notices.

use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use groupsim::consumer::Consumer;
use groupsim::coordinator::{Coordinator, GroupCoordinator};
use groupsim::run::{Finding, Systems};
use groupsim::swarm::{Profile, run_seed};

use crate::catalog::{Factory, Mutant, System};

/// The worlds that seeds are drawn from, in this order.
const PROFILES: [Profile; 2] = [Profile::Default, Profile::Failover];

/// Where a mutant was noticed, and what was said.
pub struct Catch {
    /// The profile.
    pub profile: Profile,
    /// The seed.
    pub seed: u64,
    /// The invariant and its message.
    pub violation: String,
}

/// The first of the seeds on which an invariant that is meant for the mutant objects, and what it says.
/// Other findings do not count, nor do seeds on which correct systems are objected to: a mutant is caught
/// for what it is.
pub fn caught_by(mutant: &Mutant, seeds: Range<u64>) -> Option<Catch> {
    let systems = systems(mutant);
    let worlds = PROFILES.into_iter().flat_map(|profile| seeds.clone().map(move |n| (profile, n)));
    worlds.into_iter().find_map(|(profile, seed)| {
        let report = run_seed(seed, profile, &systems, &mut |_| ());
        let violation = meant(mutant, report.finding?)?;
        holds(profile, seed).then_some(Catch { profile, seed, violation })
    })
}

/// What the finding says, if it is of an invariant that is meant for the mutant.
fn meant(mutant: &Mutant, finding: Finding) -> Option<String> {
    match finding {
        Finding::Violation(violation) | Finding::NoConvergence(violation)
            if mutant.caught_by.contains(&violation.invariant) =>
        {
            Some(format!("{}: {}", violation.invariant, violation.message))
        }
        _ => None,
    }
}

fn holds(profile: Profile, seed: u64) -> bool {
    run_seed(seed, profile, &Systems::default(), &mut |_| ()).finding.is_none()
}

/// Systems of which one is the mutant.
pub fn systems(mutant: &Mutant) -> Systems {
    let correct = Systems::default();
    match mutant.system {
        System::Coordinator(wrap) => Systems {
            coordinator: Arc::new(move |config, rng| {
                let new: Factory = Rc::new(move || -> Box<dyn GroupCoordinator> {
                    Box::new(Coordinator::new(config.clone(), rng.clone()))
                });
                wrap(new)
            }),
            ..correct
        },
        System::Limitless => Systems {
            coordinator: Arc::new(|mut config, rng| {
                config.max_size = usize::MAX;
                Box::new(Coordinator::new(config, rng))
            }),
            ..correct
        },
        System::Consumer(wrap) => Systems {
            consumer: Arc::new(move |config, rng, now| {
                wrap(Box::new(Consumer::new(config, rng, now)))
            }),
            ..correct
        },
    }
}
