//! Running mutants over seeds until somebody notices.

use std::ops::Range;
use std::rc::Rc;

use groupsim::consumer::Consumer;
use groupsim::coordinator::{Coordinator, GroupCoordinator};
use groupsim::run::{Finding, Systems};
use groupsim::swarm::{Profile, run_seed};

use crate::catalog::{Factory, Mutant, System};

/// The first of the seeds on which an invariant that is meant for the mutant objects, and what it says.
/// Other findings do not count, nor do seeds on which correct systems are objected to: a mutant is caught
/// for what it is.
pub fn caught_by(mutant: &Mutant, seeds: Range<u64>) -> Option<(u64, String)> {
    let systems = systems(mutant);
    seeds.into_iter().find_map(|seed| {
        let report = run_seed(seed, Profile::Default, &systems, &mut |_| ());
        match report.finding? {
            Finding::Violation(violation) | Finding::NoConvergence(violation)
                if mutant.caught_by.contains(&violation.invariant) && holds(seed) =>
            {
                Some((seed, format!("{}: {}", violation.invariant, violation.message)))
            }
            _ => None,
        }
    })
}

fn holds(seed: u64) -> bool {
    run_seed(seed, Profile::Default, &Systems::default(), &mut |_| ()).finding.is_none()
}

fn systems(mutant: &Mutant) -> Systems {
    let correct = Systems::default();
    match mutant.system {
        System::Coordinator(wrap) => Systems {
            coordinator: Box::new(move |config, rng| {
                let new: Factory = Rc::new(move || -> Box<dyn GroupCoordinator> {
                    Box::new(Coordinator::new(config.clone(), rng.clone()))
                });
                wrap(new)
            }),
            ..correct
        },
        System::Consumer(wrap) => Systems {
            consumer: Box::new(move |config, rng, now| {
                wrap(Box::new(Consumer::new(config, rng, now)))
            }),
            ..correct
        },
    }
}
