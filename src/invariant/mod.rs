//! Invariants: one file each, its reason first, judged from trace events alone.
//!
//! A [`Checker`] is handed every event of a run. It keeps a [`Ledger`] of what the trace has said about
//! the groups, and asks each [`Invariant`] that looks at events of this sort in turn; in a simulation the first
//! that objects ends the run. Nothing here
//! looks into a coordinator or a consumer, so a trace recorded elsewhere can be judged as well.
//!
//! A false alarm costs more trust than a miss. Where Kafka allows two outcomes, or where the trace does
//! not say which of two things happened, the invariants accept both; each file says what it
//! deliberately leaves unsaid. What is *not* here: vacuity, which [`crate::run::Report`] counts.

mod allow;
mod answered;
mod api;
mod balance;
mod checker;
mod client;
mod convergence;
mod durable;
mod duty;
mod expectations;
mod fencing;
mod generation;
mod interest;
mod ledger;
mod legal_transitions;
mod member_identity;
mod no_loss;
mod no_overlap;
mod reason;
mod revoke_first;
mod session;
mod single_owner;
mod size_limit;
mod static_identity;
mod stickiness;
#[cfg(test)]
mod story;
mod told;

pub use allow::{Allow, NotAllowed};
use api::breach;
pub use api::{Breach, Invariant, Violation};
pub use checker::Checker;
pub use interest::Interest;
pub use ledger::{
    Asked, Assigned, Claim, Group, Home, Key, Ledger, Member, Plan, Roster, Standing,
};

/// The names of all invariants, in the order in which they are asked.
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
    "answered",
    "reason",
    "duty",
    "convergence",
    "expect",
];

/// Every invariant, fresh, in the order of [`NAMES`].
pub fn all() -> Vec<Box<dyn Invariant>> {
    vec![
        Box::new(single_owner::SingleOwner),
        Box::new(no_overlap::NoOverlap::default()),
        Box::new(revoke_first::RevokeFirst::default()),
        Box::new(legal_transitions::LegalTransitions::default()),
        Box::new(generation::Generations::default()),
        Box::new(fencing::Fencing),
        Box::new(static_identity::StaticIdentity::default()),
        Box::new(member_identity::MemberIdentity::default()),
        Box::new(size_limit::SizeLimit::default()),
        Box::new(durable::Durable::default()),
        Box::new(no_loss::NoLoss::default()),
        Box::new(session::Session::default()),
        Box::new(balance::Balance),
        Box::new(stickiness::Stickiness),
        Box::new(answered::Answered::default()),
        Box::new(reason::Reason::default()),
        Box::new(duty::Duty::default()),
        Box::new(convergence::Convergence::default()),
        Box::new(expectations::Expectations),
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
