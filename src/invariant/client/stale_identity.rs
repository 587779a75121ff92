//! A client that goes on under a membership that the coordinator has ended acts on partitions that
//! others own by now.
//!
//! Scope: consumers of the run, judged by the responses that they received. A consumer whose
//! Heartbeat, SyncGroup or OffsetCommit was refused with UNKNOWN_MEMBER_ID, ILLEGAL_GENERATION or
//! FENCED_INSTANCE_ID sends none of these under that id in that generation until another JoinGroup
//! has succeeded.
//!
//! Rule: `over`, the claim above.
//!
//! Not said: anything about responses to requests that the consumer abandoned together with its
//! coordinator; how soon it joins again (that the group becomes stable is `convergence`'s claim);
//! that it stops reading: a consumer that has lost its coordinator may go on until it finds
//! another.

use crate::client::ClientObservation;
use crate::invariant::interest::Interest;
use crate::invariant::{Breach, Invariant, breach};
use crate::model::{
    CLAIMING, ClientExchange, ENDS_MEMBERSHIP, Model, ReceivedResponse, claimed_identity, exchange,
};
use crate::protocol::{Api, Request, StrBytes};
use crate::trace::{Event, EventKind};

use super::conduct::{Abandoned, Incarnations};

#[derive(Default)]
pub(in crate::invariant) struct StaleIdentity {
    incarnations: Incarnations<Incarnation>,
}

#[derive(Default)]
struct Incarnation {
    /// The id and the generation of the membership that the coordinator has ended with an error.
    refused: Option<(StrBytes, i32)>,
    abandoned: Abandoned,
}

impl Invariant for StaleIdentity {
    fn name(&self) -> &'static str {
        "stale-identity"
    }

    fn statement(&self) -> &'static str {
        "no member sends a request under a membership that it knows the coordinator has ended"
    }

    fn reads(&self) -> Interest {
        Interest::CONSUMER
            .and(Interest::PROCESSES)
            .and(Interest::FAULTS)
            .sends(CLAIMING)
            .receives(CLAIMING)
            .receives(&[Api::JoinGroup])
    }

    fn check(&mut self, _model: &Model, event: &Event) -> Result<(), Breach> {
        let begin = |_: &_, _| Incarnation::default();
        let Some(one) = self.incarnations.at(event, begin) else { return Ok(()) };
        if let EventKind::Consumer(ClientObservation::CoordinatorLost { .. }) = &event.kind {
            one.abandoned.coordinator_lost();
        }
        let Some(exchanged) = exchange(event) else { return Ok(()) };
        match exchanged.received {
            None => one.check_send(&exchanged),
            Some(received) => {
                one.on_response(&exchanged, received);
                Ok(())
            }
        }
    }
}

impl Incarnation {
    fn check_send(&mut self, exchange: &ClientExchange<'_>) -> Result<(), Breach> {
        self.abandoned.sent(exchange);
        let Some(claimed) = claimed_identity(exchange.request) else { return Ok(()) };
        match &self.refused {
            Some((member, generation)) if claimed == (member, *generation) => breach!(
                "over",
                "{member} sent {} in generation {generation} after the coordinator had ended this \
                 membership",
                exchange.request.api()
            ),
            _ => Ok(()),
        }
    }

    fn on_response(&mut self, exchange: &ClientExchange<'_>, received: ReceivedResponse<'_>) {
        if let Request::JoinGroup(_) = exchange.request {
            self.refused.take_if(|_| received.error == 0);
        } else if received.is(&ENDS_MEMBERSHIP) && !self.abandoned.covers(exchange) {
            let claimed = claimed_identity(exchange.request);
            let claimed = claimed.map(|(member, generation)| (member.clone(), generation));
            self.refused = claimed.or(self.refused.take());
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::client::{ClientObservation, CoordinatorLoss};
    use crate::invariant::trace_builder::consumer::{commit, heartbeat, joins, syncs};
    use crate::invariant::trace_builder::{TraceBuilder, heartbeat_response, join_response};
    use crate::protocol::ResponseError as E;

    fn member() -> TraceBuilder {
        let mut trace = TraceBuilder::new("stale-identity");
        trace.member();
        trace
    }

    #[test]
    fn a_member_whose_membership_has_ended_stops() {
        for error in [E::UnknownMemberId, E::IllegalGeneration, E::FencedInstanceId] {
            member().beats(Some(error)).sends(1, commit(1)).violates("over");
            let mut again = member();
            again.beats(Some(error)).receives(1, joins("a"), join_response("a", 1, "b", &[]));
            again.sends(1, syncs(1)).holds();
        }
        member().beats(Some(E::RebalanceInProgress)).sends(1, commit(1)).holds();
    }

    #[test]
    fn the_response_to_an_abandoned_request_is_ignored() {
        let refusal = || heartbeat_response(E::UnknownMemberId.code());
        let mut heeds = member();
        heeds.sends(1, heartbeat(1)).receives(1, heartbeat(1), refusal());
        heeds.sends(1, commit(1)).violates("over");
        let mut gave_up = member();
        gave_up.sends(1, heartbeat(1));
        gave_up
            .consumer(0, ClientObservation::CoordinatorLost { why: CoordinatorLoss::Disconnected });
        gave_up.receives(1, heartbeat(1), refusal()).sends(1, commit(1)).holds();
    }
}
