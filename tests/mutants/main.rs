//! Every mutant is caught by an invariant that is meant for it, and every invariant has a mutant.
//!
//! The mutants are those of [`groupsim::mutant`]. The bugs that are planted inside the code are
//! under `planted/`; `cargo bench --bench mutants` searches for them. Here the tests check only
//! that they can still be planted.

mod engines;
#[cfg(madsim)]
#[path = "../engines/madsim/engine.rs"]
mod madsim_engine;
mod plant;
mod planted;

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use groupsim::client::{ClientInput, ConsumerDescription, GroupConsumer, MemberState};
use groupsim::coordinator::{GroupCoordinator, Input};
use groupsim::mutant::{self, Detection, Search, System};
use groupsim::protocol::{Generation, MemberId};
use groupsim::run::{Finding, Run, Systems};
use groupsim::swarm::{Profile, schedule};
use groupsim::time::Time;
use groupsim::{client, coordinator, invariant, script};

/// `expect` is about scripts, not about systems.
const NOT_ABOUT_SYSTEMS: &str = "expect";

#[test]
fn every_invariant_has_a_mutant() {
    let planted = plant::all();
    for name in invariant::names().into_iter().filter(|name| *name != NOT_ABOUT_SYSTEMS) {
        let wrapped = mutant::all().any(|mutant| mutant.caught_by.contains(&name));
        let planted = planted.iter().any(|bug| bug.caught_by.iter().any(|meant| meant == name));
        assert!(wrapped || planted, "no mutant is meant for {name}");
    }
}

#[test]
fn every_mutant_names_real_invariants_and_itself_once() {
    let invariants = invariant::names();
    for mutant in mutant::all() {
        let namesakes = mutant::all().filter(|other| other.name == mutant.name).count();
        assert_eq!(namesakes, 1, "{} occurs twice", mutant.name);
        assert!(!mutant.caught_by.is_empty(), "no invariant catches {}", mutant.name);
        for name in mutant.caught_by {
            assert!(invariants.contains(name), "{}: no invariant {name}", mutant.name);
        }
    }
}

/// The number of seeds within which a mutant must be caught.
const SEEDS: u64 = 1_000;

#[test]
fn every_mutant_is_caught() {
    let stop = AtomicBool::new(false);
    let mut survivors = Vec::new();
    for mutant in mutant::all() {
        match Search::new(mutant, &stop).run(0, SEEDS) {
            Some(Detection { profile, seed, invariant, message, .. }) => {
                println!("{:24} {profile} {seed:3}  {invariant}: {message}", mutant.name);
            }
            None => survivors.push(mutant.name),
        }
    }
    assert!(survivors.is_empty(), "not caught in {SEEDS} seeds: {survivors:?}");
}

/// Vacuity is no invariant but a count: a coordinator that never responds, or consumers that do
/// nothing, make seeds that prove nothing, and the report counts them.
#[test]
fn seeds_of_systems_that_do_nothing_are_vacuous() {
    let idle_coordinator =
        Systems { coordinator: Arc::new(|_, _| Box::new(Idle)), ..Systems::default() };
    let idle_consumers =
        Systems { consumer: Arc::new(|_, _, _| Box::new(Idle)), ..Systems::default() };
    for seed in 0..20 {
        let schedule = schedule(seed, Profile::Default);
        for systems in [&idle_coordinator, &idle_consumers] {
            let report = Run::of(&schedule).systems(systems).run();
            assert!(report.vacuous(), "seed {seed}: {report:?}");
        }
        let report = Run::of(&schedule).run();
        assert!(!report.vacuous(), "seed {seed}: {report:?}");
    }
}

/// A script catches a coordinator that does not meet its expectation.
#[test]
fn an_expectation_catches_a_run_that_does_not_meet_it() {
    let text = "topic t partitions=2\ngroup g\njoin c1\nsettle\nexpect stable generation=2\n";
    let schedule = script::parse("inline", text).expect("a valid script");
    let report = Run::of(&schedule).run();
    let Some(Finding::Violation(violation)) = report.finding else {
        panic!("generation 1 met an expectation of generation 2: {report:?}");
    };
    assert_eq!(violation.invariant, NOT_ABOUT_SYSTEMS);
    assert!(violation.message.contains("generation=1"), "{}", violation.message);
}

/// A wrapper adds nothing to a system that does nothing.
#[test]
fn mutants_of_idle_systems_are_idle() {
    for mutant in mutant::all() {
        match mutant.system {
            System::Coordinator(wrap) => {
                let mut wrapped = wrap(Rc::new(|| Box::new(Idle)));
                let mut out = Vec::new();
                wrapped.advance(Time::ZERO, &mut out);
                assert!(out.is_empty(), "{} made up {out:?}", mutant.name);
                assert_eq!(wrapped.next_deadline(), None, "{}", mutant.name);
            }
            System::Limitless | System::Planted(_) => {}
            System::Consumer(wrap) => {
                let mut wrapped = wrap(Box::new(Idle));
                let mut out = Vec::new();
                wrapped.handle(Time::ZERO, ClientInput::Close, &mut out);
                wrapped.advance(Time::ZERO, &mut out);
                assert!(out.is_empty(), "{} made up {out:?}", mutant.name);
            }
        }
    }
}

/// A system that does nothing.
struct Idle;

impl GroupCoordinator for Idle {
    fn handle(&mut self, _now: Time, _in: Input<'_>, _out: &mut Vec<coordinator::Output>) {}
    fn advance(&mut self, _now: Time, _out: &mut Vec<coordinator::Output>) {}
    fn next_deadline(&self) -> Option<Time> {
        None
    }
}

impl GroupConsumer for Idle {
    fn handle(&mut self, _now: Time, _input: ClientInput, _out: &mut Vec<client::ClientOutput>) {}
    fn advance(&mut self, _now: Time, _out: &mut Vec<client::ClientOutput>) {}
    fn next_deadline(&self) -> Option<Time> {
        None
    }
    fn describe(&self) -> ConsumerDescription {
        ConsumerDescription {
            state: MemberState::Unjoined,
            member: MemberId::default(),
            generation: Generation::NONE,
            owned: Vec::new(),
            waiting_for: String::new(),
        }
    }
}
