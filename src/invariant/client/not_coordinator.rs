//! A broker that has said that it is not the coordinator will not become one by being asked again:
//! the client has to look for the coordinator.
//!
//! Scope: consumers of the run, judged by the responses that they received. Once a JoinGroup,
//! SyncGroup, Heartbeat, OffsetCommit or OffsetFetch was refused with NOT_COORDINATOR or
//! COORDINATOR_NOT_AVAILABLE, the consumer sends none of these on that connection again.
//!
//! Rule: `coordinator`, the claim above.
//!
//! Not said: how soon it looks for its coordinator (that the group becomes stable is
//! `convergence`'s claim); anything about LeaveGroup, which a client that closes sends once and to
//! whom it knows.

use crate::invariant::interest::Interest;
use crate::invariant::{Breach, Invariant, breach};
use crate::model::{Model, exchange};
use crate::protocol::{Api, ResponseError as E};
use crate::trace::{ConnectionId, Event};

use super::conduct::Incarnations;

/// The APIs whose requests only the coordinator of the group can serve.
const FOR_THE_COORDINATOR: &[Api] =
    &[Api::JoinGroup, Api::SyncGroup, Api::Heartbeat, Api::OffsetCommit, Api::OffsetFetch];

#[derive(Default)]
pub(in crate::invariant) struct NotCoordinator {
    /// For each consumer, the connection on which a broker last sent one of these errors.
    refused_on: Incarnations<Option<ConnectionId>>,
}

impl Invariant for NotCoordinator {
    fn name(&self) -> &'static str {
        "not-coordinator"
    }

    fn statement(&self) -> &'static str {
        "a broker that has said it is not the coordinator receives no further request for the group"
    }

    fn reads(&self) -> Interest {
        Interest::PROCESSES
            .and(Interest::FAULTS)
            .sends(FOR_THE_COORDINATOR)
            .receives(FOR_THE_COORDINATOR)
    }

    fn check(&mut self, _model: &Model, event: &Event) -> Result<(), Breach> {
        let begin = |_: &_, _| None;
        let Some(refused_on) = self.refused_on.at(event, begin) else { return Ok(()) };
        let Some(exchanged) = exchange(event) else { return Ok(()) };
        let api = exchanged.request.api();
        if !FOR_THE_COORDINATOR.contains(&api) {
            return Ok(());
        }
        match exchanged.received {
            Some(received) => {
                if received.is(&[E::NotCoordinator, E::CoordinatorNotAvailable]) {
                    *refused_on = Some(exchanged.conn);
                }
                Ok(())
            }
            None if *refused_on == Some(exchanged.conn) => breach!(
                "coordinator",
                "the member sent {api} to a broker that had responded that it is not the coordinator"
            ),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::LeaveGroupRequest;

    use crate::invariant::trace_builder::TraceBuilder;
    use crate::invariant::trace_builder::consumer::commit;
    use crate::protocol::ResponseError as E;

    #[test]
    fn a_broker_that_is_not_the_coordinator_receives_no_further_request() {
        let not_coordinator = || {
            let mut trace = TraceBuilder::new("not-coordinator");
            trace.member().beats(Some(E::NotCoordinator));
            trace
        };
        not_coordinator().sends(1, commit(1)).violates("coordinator");
        not_coordinator().sends(2, commit(1)).holds();
        not_coordinator().sends(1, LeaveGroupRequest::default()).holds();
    }
}
