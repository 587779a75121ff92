//! Invariants, judged from trace events alone. One file or folder each; the module head gives the
//! reason, the scope, the ids of its rules, and what the invariant deliberately does not claim.
//!
//! A [`Checker`] receives every event of a run, after the [`Model`](crate::model::Model) of the run
//! has been fed with it. It passes the event to each [`Invariant`] that reads events of this kind.
//! In a simulation the first violation ends the run. Nothing here looks into a coordinator or a
//! client, so a trace recorded elsewhere can be judged as well.
//!
//! A false alarm costs more trust than a miss. Where Kafka allows two outcomes, or where the trace
//! does not say which of two things happened, the invariants accept both; each file lists this
//! under *Not said*. Vacuous runs are not judged here: [`crate::run::Report`] counts them.
//!
//! State that several invariants need is in the model, or for clients in `client/conduct`. Any
//! other state an invariant has for itself.
//!
//! | file | contents |
//! |---|---|
//! | `common` | what a coordinator and its clients promise together, under any group protocol |
//! | `classic` | what a coordinator and the leader of a generation promise in the classic protocol |
//! | `client` | what a client promises by itself |
//! | `black_box` | what can be judged of a broker that only its clients see |
//! | `api` | the interface of an invariant, and the form of a violation |
//! | `checker` | passes each event to the model and to the invariants that read it |
//! | `interest` | which events an invariant reads |
//! | `allow` | known violations that a run tolerates |
//! | `trace_builder` | hand-built traces for the tests of invariants |
//!
//! Each violation names a *rule*: the claim of the invariant that does not hold. Findings are the
//! same bug if invariant and rule are the same; nothing compares messages.
//!
//! # An invariant of this crate
//!
//! It takes its file, with the name, the statement and the tests; one line in [`all`]; and a mutant
//! that it must detect, in [`crate::mutant`] or under `tests/mutants/planted`. The README, `list`
//! and `--allow` know it from then on.
//!
//! # An invariant of your own
//!
//! Implement [`Invariant`], and pass it on with the systems under test:
//! [`Systems::with_invariant`](crate::run::Systems::with_invariant). Every run of these systems
//! checks it, also in a swarm, and a violation can be shrunk.
//!
//! ```
//! use groupsim::coordinator::{ClassicObservation, Observation};
//! use groupsim::invariant::{Breach, Interest, Invariant};
//! use groupsim::model::Model;
//! use groupsim::run::{Finding, Run, Systems};
//! use groupsim::script;
//! use groupsim::trace::{Event, EventKind};
//!
//! /// In this deployment no group may rebalance while it is rolled out.
//! #[derive(Default)]
//! struct NoRebalance;
//!
//! impl Invariant for NoRebalance {
//!     fn name(&self) -> &'static str {
//!         "no-rebalance"
//!     }
//!
//!     fn statement(&self) -> &'static str {
//!         "no group has a second generation"
//!     }
//!
//!     fn reads(&self) -> Interest {
//!         Interest::COORDINATOR
//!     }
//!
//!     fn check(&mut self, _model: &Model, event: &Event) -> Result<(), Breach> {
//!         match &event.kind {
//!             EventKind::Coordinator(Observation::Classic(
//!                 ClassicObservation::GenerationBegan { group, generation, .. },
//!             )) if generation.0 > 1 => {
//!                 let message = format!("group {} is in generation {generation}", group.as_str());
//!                 Err(Breach::new("second-generation", message))
//!             }
//!             _ => Ok(()),
//!         }
//!     }
//! }
//!
//! let schedule = script::parse("inline", "
//!     topic orders partitions=4
//!     group g
//!     join c1
//!     settle
//!     join c2
//!     settle
//! ").expect("a valid script");
//! let systems = Systems::default().with_invariant(NoRebalance::default);
//! let report = Run::of(&schedule).systems(&systems).run();
//! let Some(Finding::Violation(violation)) = report.finding else { panic!("it holds") };
//! assert_eq!((violation.invariant, violation.rule), ("no-rebalance", "second-generation"));
//! assert_eq!(violation.message, "group g is in generation 2");
//! ```

mod allow;
mod api;
mod black_box;
mod checker;
mod classic;
mod client;
mod common;
mod interest;
#[cfg(test)]
mod trace_builder;

pub use allow::{Allow, NotAllowed};
use api::breach;
pub use api::{Breach, Invariant, MakeInvariant, Violation};
pub use checker::Checker;
pub use interest::{GROUP_APIS, Interest, SIDE_APIS};

/// The names of the invariants of this crate, in the order in which they check an event.
pub fn names() -> Vec<&'static str> {
    all().iter().map(|invariant| invariant.name()).collect()
}

/// A new instance of every invariant of this crate, in the order in which they check an event.
///
/// This is where an invariant is registered. Its name and its statement are its own.
pub fn all() -> Vec<Box<dyn Invariant>> {
    vec![
        Box::new(common::single_owner::SingleOwner),
        Box::new(common::no_overlap::NoOverlap::default()),
        Box::new(client::revoke_first::RevokeFirst::default()),
        Box::new(classic::legal_transitions::LegalTransitions::default()),
        Box::new(classic::generation::Generations::default()),
        Box::new(classic::fencing::Fencing),
        Box::new(classic::static_identity::StaticIdentity::default()),
        Box::new(classic::member_identity::MemberIdentity::default()),
        Box::new(classic::size_limit::SizeLimit::default()),
        Box::new(common::durable::Durable::default()),
        Box::new(common::no_loss::NoLoss::default()),
        Box::new(classic::session::Session::default()),
        Box::new(classic::balance::Balance),
        Box::new(classic::stickiness::Stickiness),
        Box::new(classic::response_deadline::ResponseDeadline::default()),
        Box::new(client::one_join::OneJoin::default()),
        Box::new(client::member_id_reuse::MemberIdReuse),
        Box::new(client::rejoin_cause::RejoinCause),
        Box::new(client::leave_cause::LeaveCause::default()),
        Box::new(client::fatal_cause::FatalCause::default()),
        Box::new(client::heartbeat_liveness::HeartbeatLiveness::default()),
        Box::new(client::not_coordinator::NotCoordinator::default()),
        Box::new(client::stale_identity::StaleIdentity::default()),
        Box::new(client::assigned_identity::AssignedIdentity::default()),
        Box::new(common::convergence::Convergence::default()),
        Box::new(common::expectations::Expectations),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_invariant_for_black_boxes_has_the_name_of_one_that_sees_inside() {
        let names = BTreeSet::from_iter(names());
        assert!(black_box::all().iter().all(|invariant| names.contains(invariant.name())));
    }

    #[test]
    fn names_and_statements_are_words_on_one_line() {
        for invariant in all() {
            let name = invariant.name();
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{name}");
            let statement = invariant.statement();
            assert!(!statement.contains('\n') && !statement.ends_with('.'), "{statement}");
        }
    }

    #[test]
    #[should_panic(expected = "two invariants are called session")]
    fn no_two_invariants_have_one_name() {
        let second: Box<dyn Invariant> = Box::new(classic::session::Session::default());
        let _ = Checker::new(None).with([second]);
    }
}
