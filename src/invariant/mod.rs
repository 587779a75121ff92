//! Invariants, judged from trace events alone. One file or folder each; the module head gives the
//! reason, the scope and what the invariant deliberately does not claim.
//!
//! A [`Checker`] receives every event of a run. It updates the [model](crate::model) of the groups,
//! then passes the event to each [`Invariant`] that reads events of this kind. In a simulation the
//! first violation ends the run. Nothing here looks into a coordinator or a client, so a trace
//! recorded elsewhere can be judged as well.
//!
//! A false alarm costs more trust than a miss. Where Kafka allows two outcomes, or where the trace
//! does not say which of two things happened, the invariants accept both; each file lists this
//! under *Not said*. Vacuous runs are not judged here: [`crate::run::Report`] counts them.

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
pub use api::{Breach, Invariant, Violation};
pub use checker::Checker;
pub use interest::Interest;

/// The names of all invariants, in the order in which they check an event.
pub const NAMES: [&str; 19] = [
    "single-owner",
    "no-overlap",
    "revoke-first",
    "legal-transitions",
    "generation",
    "fencing",
    "static-identity",
    "member-identity",
    "size-limit",
    "durable",
    "no-loss",
    "session",
    "balance",
    "stickiness",
    "response-deadline",
    "reason",
    "duty",
    "convergence",
    "expect",
];

/// A new instance of every invariant, in the order of [`NAMES`].
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
        Box::new(common::response_deadline::ResponseDeadline::default()),
        Box::new(client::reason::Reason::default()),
        Box::new(client::duty::Duty::default()),
        Box::new(common::convergence::Convergence::default()),
        Box::new(common::expectations::Expectations),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_of_the_invariants() {
        let names: Vec<_> = all().iter().map(|invariant| invariant.name()).collect();
        assert_eq!(names, NAMES);
    }
}
