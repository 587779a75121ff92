//! A member that drops its id without need stays behind in the group: the others wait for its old
//! id until the session of that ends.
//!
//! Scope: consumers of the run, judged by the responses that they received. A consumer joins with
//! the id that it was last handed, until it receives UNKNOWN_MEMBER_ID or FENCED_INSTANCE_ID about
//! it, leaves, or is late for its poll.
//!
//! Rule: `member-id`, the claim above.
//!
//! Not said: anything about an assignment that has arrived when its generation turns out to have
//! ended: Java drops the id then, too (KAFKA-8104).

use crate::invariant::interest::Interest;
use crate::invariant::{Breach, Invariant, breach};
use crate::model::Model;
use crate::protocol::Api;
use crate::trace::Event;

use super::conduct::sent_join;

pub(in crate::invariant) struct MemberIdReuse;

impl Invariant for MemberIdReuse {
    fn name(&self) -> &'static str {
        "member-id-reuse"
    }

    fn statement(&self) -> &'static str {
        "a member joins under the id that it was handed, until a response takes that away"
    }

    fn reads(&self) -> Interest {
        Interest::NONE.sends(&[Api::JoinGroup])
    }

    fn check(&mut self, model: &Model, event: &Event) -> Result<(), Breach> {
        let known = model.client_at(event).and_then(|client| client.membership.id.as_ref());
        let (Some(join), Some(known)) = (sent_join(event), known) else { return Ok(()) };
        let (group, id) = (join.group_id.as_str(), &join.member_id);
        match id == known {
            true => Ok(()),
            false => breach!(
                "member-id",
                "group {group}: the client joined as {id:?}, but its id is {known:?} and no response had \
                 taken it away"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::client::{ClientObservation, CoordinatorLoss, MemberState::*};
    use crate::invariant::trace_builder::consumer::{heartbeat, joins};
    use crate::invariant::trace_builder::{
        TraceBuilder, error_join, heartbeat_response, join_response,
    };
    use crate::protocol::ResponseError as E;

    fn member() -> TraceBuilder {
        let mut trace = TraceBuilder::new("member-id-reuse");
        trace.member();
        trace
    }

    #[test]
    fn a_member_that_learns_of_a_rebalance_joins_under_its_id() {
        member().beats(Some(E::RebalanceInProgress)).sends(1, joins("a")).holds();
        member().beats(Some(E::RebalanceInProgress)).sends(1, joins("")).violates("member-id");
    }

    #[test]
    fn an_id_is_valid_until_the_coordinator_does_not_know_it() {
        let unknown = || {
            let mut trace = member();
            trace.beats(Some(E::UnknownMemberId)).becomes(Unjoined);
            trace
        };
        unknown().sends(1, joins("")).holds();
        let mut illegal = member();
        illegal.beats(Some(E::IllegalGeneration)).becomes(Unjoined).sends(1, joins("a")).holds();
        illegal.sends(2, joins("")).violates("member-id");
        let mut handed = unknown();
        handed.sends(1, joins("")).receives(
            1,
            joins(""),
            error_join("b", E::MemberIdRequired.code()),
        );
        handed.sends(1, joins("b")).holds();
        handed.sends(2, joins("")).violates("member-id");
    }

    #[test]
    fn a_response_on_an_abandoned_connection_may_be_received_or_not() {
        let lost = || {
            let mut trace = member();
            let lost = ClientObservation::CoordinatorLost { why: CoordinatorLoss::Disconnected };
            trace.sends(1, heartbeat(1)).consumer(0, lost);
            trace.receives(1, heartbeat(1), heartbeat_response(E::IllegalGeneration.code()));
            trace
        };
        lost().sends(1, joins("a")).holds();
        let mut unheard = lost();
        unheard.sends(2, heartbeat(1));
        unheard.receives(2, heartbeat(1), heartbeat_response(E::UnknownMemberId.code()));
        unheard.becomes(Unjoined).sends(2, joins("")).holds();
    }

    #[test]
    fn a_join_response_that_comes_too_late_changes_nothing() {
        let mut trace = member();
        trace.beats(Some(E::UnknownMemberId)).receives(
            1,
            joins("a"),
            join_response("a", 1, "b", &[]),
        );
        trace.becomes(Unjoined).sends(1, joins("")).holds();
    }
}
