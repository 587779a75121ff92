//! A member that joins again without a cause makes the whole group rebalance for nothing.
//!
//! Scope: consumers of the run, judged by the responses that they received. A consumer joins again
//! only if
//! - it received an error about a rebalance or the end of its membership (KAFKA-9823: the present
//!   one, not an older one),
//! - it revoked something at the end of the last rebalance,
//! - the response to its SyncGroup is still to come or failed,
//! - or it leads, and so watches the topics.
//!
//! Rule: `rejoins`, the claim above.
//!
//! Not said: that a consumer joins again when it has a cause (that is `convergence`'s claim);
//! whether a leader has a cause; under which id it joins (that is `member-id-reuse`'s claim).

use crate::invariant::interest::Interest;
use crate::invariant::{Breach, Invariant, breach};
use crate::model::Model;
use crate::protocol::Api;
use crate::trace::Event;

use super::conduct::sent_join;

pub(in crate::invariant) struct RejoinCause;

impl Invariant for RejoinCause {
    fn name(&self) -> &'static str {
        "rejoin-cause"
    }

    fn statement(&self) -> &'static str {
        "a member joins again only for a cause that it received"
    }

    fn reads(&self) -> Interest {
        Interest::NONE.sends(&[Api::JoinGroup])
    }

    fn check(&mut self, model: &Model, event: &Event) -> Result<(), Breach> {
        let Some(client) = model.client_at(event) else { return Ok(()) };
        match sent_join(event) {
            Some(join) if !client.membership.may_join() => {
                let (group, id) = (join.group_id.as_str(), &join.member_id);
                breach!("rejoins", "group {group}: {id:?} joined again without a cause")
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::client::ClientObservation;
    use crate::invariant::trace_builder::consumer::{joins, syncs};
    use crate::invariant::trace_builder::{TraceBuilder, partition};
    use crate::protocol::{Response, ResponseError as E};

    fn member() -> TraceBuilder {
        let mut trace = TraceBuilder::new("rejoin-cause");
        trace.member();
        trace
    }

    #[test]
    fn a_member_that_learns_of_a_rebalance_joins_again() {
        member().beats(Some(E::RebalanceInProgress)).sends(1, joins("a")).holds();
        member().beats(None).sends(1, joins("a")).violates("rejoins");
        member().beats(Some(E::CoordinatorLoadInProgress)).sends(1, joins("a")).violates("rejoins");
    }

    #[test]
    fn a_member_whose_membership_has_ended_joins_again() {
        for error in [E::UnknownMemberId, E::IllegalGeneration, E::FencedInstanceId] {
            member().beats(Some(error)).sends(1, joins("")).holds();
        }
    }

    #[test]
    fn a_revocation_at_the_end_of_a_rebalance_is_a_cause_to_rejoin() {
        let rebalanced = || {
            let mut trace = member();
            trace.beats(Some(E::RebalanceInProgress)).sends(1, joins("a"));
            trace.receives(1, syncs(1), Response::SyncGroup(Default::default()));
            trace
        };
        let mut revoked = rebalanced();
        revoked.consumer(0, ClientObservation::Revoked { partitions: vec![partition("t-0")] });
        revoked.assigned(0, "a", 1, &[]).sends(2, joins("a")).holds();
        let mut kept = rebalanced();
        kept.assigned(0, "a", 1, &["t-0"]).sends(2, joins("a")).violates("rejoins");
    }
}
