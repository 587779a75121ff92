//! A client that asks twice for a member id is handed two, of which one will never join: the others
//! wait for that until it expires.
//!
//! Scope: consumers of the run. A consumer that waits for the response to a JoinGroup sends no
//! other one on the same connection, unless it has lost its coordinator meanwhile.
//!
//! Rule: `joins-twice`, the claim above.
//!
//! Not said: anything about JoinGroups on two connections: the first may be over without a trace of
//! that at the client.

use crate::client::ClientObservation;
use crate::invariant::interest::Interest;
use crate::invariant::{Breach, Invariant, breach};
use crate::model::{ClientExchange, Model, exchange};
use crate::protocol::{Api, Request};
use crate::trace::{ConnectionId, Event, EventKind};

use super::conduct::Incarnations;

#[derive(Default)]
pub(in crate::invariant) struct OneJoin {
    /// The connection on which the JoinGroup of each consumer is in flight.
    in_flight: Incarnations<Option<ConnectionId>>,
}

impl Invariant for OneJoin {
    fn name(&self) -> &'static str {
        "one-join-at-a-time"
    }

    fn statement(&self) -> &'static str {
        "a client sends one JoinGroup at a time"
    }

    fn reads(&self) -> Interest {
        Interest::CONSUMER
            .and(Interest::PROCESSES)
            .and(Interest::FAULTS)
            .sends(&[Api::JoinGroup])
            .receives(&[Api::JoinGroup])
    }

    fn check(&mut self, _model: &Model, event: &Event) -> Result<(), Breach> {
        let begin = |_: &_, _| None;
        let Some(in_flight) = self.in_flight.at(event, begin) else { return Ok(()) };
        if let EventKind::Consumer(ClientObservation::CoordinatorLost { .. }) = &event.kind {
            *in_flight = None;
        }
        match exchange(event) {
            Some(ClientExchange { conn, request: Request::JoinGroup(body), received, .. }) => {
                let now = received.is_none().then_some(conn);
                let before = std::mem::replace(in_flight, now);
                if now.is_none() || before != now {
                    return Ok(());
                }
                let (group, id) = (body.group_id.as_str(), &body.member_id);
                breach!("joins-twice", "group {group}: {id:?} sent two JoinGroup requests at once")
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::client::{ClientObservation, CoordinatorLoss};
    use crate::invariant::trace_builder::consumer::joins;
    use crate::invariant::trace_builder::{TraceBuilder, error_join};
    use crate::protocol::ResponseError as E;

    #[test]
    fn one_join_at_a_time() {
        let mut trace = TraceBuilder::new("one-join-at-a-time");
        trace.started(0).sends(1, joins("")).sends(2, joins("")).holds();
        trace.sends(2, joins("")).violates("joins-twice");
    }

    #[test]
    fn the_next_join_follows_a_response_or_the_loss_of_the_coordinator() {
        let mut answered = TraceBuilder::new("one-join-at-a-time");
        answered.started(0).sends(1, joins(""));
        answered.receives(1, joins(""), error_join("b", E::MemberIdRequired.code()));
        answered.sends(1, joins("b")).holds();
        let mut lost = TraceBuilder::new("one-join-at-a-time");
        lost.started(0).sends(1, joins(""));
        lost.consumer(0, ClientObservation::CoordinatorLost { why: CoordinatorLoss::Disconnected });
        lost.sends(1, joins("")).holds();
    }
}
