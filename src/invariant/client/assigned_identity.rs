//! An assignment belongs to one membership: under any other, the client would read and commit what
//! the group has given to another member.
//!
//! Scope: consumers of the run, judged by the responses that they received. A consumer takes over
//! an assignment, and commits in a generation, only under the id and in the generation for which a
//! SyncGroup response gave it an assignment, and not once it knows that this membership has ended:
//! by UNKNOWN_MEMBER_ID, ILLEGAL_GENERATION or FENCED_INSTANCE_ID, its LeaveGroup, or a late poll.
//!
//! | rule | violated when |
//! |---|---|
//! | `commits` | a client commits in a generation in which it has received no assignment |
//! | `assignment` | a client takes over an assignment that it has not received, or too late |
//!
//! Not said: anything about responses to requests that the consumer abandoned together with its
//! coordinator; which partitions it takes over and commits (that is `no-overlap`'s claim).

use crate::client::ClientObservation;
use crate::invariant::interest::Interest;
use crate::invariant::{Breach, Invariant, breach};
use crate::model::{
    CLAIMING, ClientExchange, ENDS_MEMBERSHIP, Model, ReceivedResponse, claimed_identity, exchange,
};
use crate::protocol::{Api, Generation, MemberId, Request, StrBytes};
use crate::trace::{Event, EventKind};

use super::conduct::{Abandoned, Incarnations};

#[derive(Default)]
pub(in crate::invariant) struct AssignedIdentity {
    incarnations: Incarnations<Incarnation>,
}

#[derive(Default)]
struct Incarnation {
    /// The id and the generation of the membership for which it received an assignment.
    synced: Option<(StrBytes, i32)>,
    abandoned: Abandoned,
}

impl Invariant for AssignedIdentity {
    fn name(&self) -> &'static str {
        "assigned-identity"
    }

    fn statement(&self) -> &'static str {
        "a member takes over an assignment and commits only as the member that received it"
    }

    fn reads(&self) -> Interest {
        Interest::CONSUMER
            .and(Interest::PROCESSES)
            .and(Interest::FAULTS)
            .sends(CLAIMING)
            .sends(&[Api::LeaveGroup])
            .receives(CLAIMING)
    }

    fn check(&mut self, _model: &Model, event: &Event) -> Result<(), Breach> {
        let begin = |_: &_, _| Incarnation::default();
        let Some(one) = self.incarnations.at(event, begin) else { return Ok(()) };
        match (exchange(event), &event.kind) {
            (Some(exchanged), _) => match exchanged.received {
                None => one.on_send(&exchanged),
                Some(received) => {
                    one.on_response(&exchanged, received);
                    Ok(())
                }
            },
            (None, EventKind::Consumer(observation)) => one.observed(observation),
            (None, _) => Ok(()),
        }
    }
}

impl Incarnation {
    fn on_send(&mut self, exchange: &ClientExchange<'_>) -> Result<(), Breach> {
        self.abandoned.sent(exchange);
        match exchange.request {
            Request::LeaveGroup(_) => self.synced = None,
            Request::OffsetCommit(_) => {
                if let Some((member, generation)) = claimed_identity(exchange.request)
                    && !self.is_synced(member, generation)
                {
                    return breach!(
                        "commits",
                        "{member} committed in generation {generation} before it received an assignment"
                    );
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn on_response(&mut self, exchange: &ClientExchange<'_>, received: ReceivedResponse<'_>) {
        let Some((member, generation)) = claimed_identity(exchange.request) else { return };
        if self.abandoned.covers(exchange) {
            return;
        }
        let is_sync = matches!(exchange.request, Request::SyncGroup(_));
        if received.error == 0 && is_sync {
            self.synced = Some((member.clone(), generation));
        } else if received.is(&ENDS_MEMBERSHIP) && self.is_synced(member, generation) {
            self.synced = None;
        }
    }

    fn observed(&mut self, observation: &ClientObservation) -> Result<(), Breach> {
        match observation {
            ClientObservation::Assigned { member: MemberId(member), generation, .. } => {
                let Generation(number) = generation;
                if !self.is_synced(member, *number) {
                    return breach!(
                        "assignment",
                        "the client took over an assignment as {:?} in generation {generation}, but it \
                         received none or the membership has ended",
                        member.as_str()
                    );
                }
            }
            ClientObservation::PollTimeout => self.synced = None,
            ClientObservation::CoordinatorLost { .. } => self.abandoned.coordinator_lost(),
            _ => {}
        }
        Ok(())
    }

    fn is_synced(&self, member: &StrBytes, generation: i32) -> bool {
        self.synced.as_ref().is_some_and(|(id, number)| id == member && *number == generation)
    }
}

#[cfg(test)]
mod tests {
    use crate::client::ClientObservation;
    use crate::invariant::trace_builder::TraceBuilder;
    use crate::invariant::trace_builder::consumer::{commit, syncs};
    use crate::protocol::{Response, ResponseError as E};

    fn member() -> TraceBuilder {
        let mut trace = TraceBuilder::new("assigned-identity");
        trace.member();
        trace
    }

    #[test]
    fn commits_come_after_the_assignment() {
        member().sends(1, commit(1)).holds();
        member().sends(1, commit(2)).violates("commits");
        member().beats(Some(E::IllegalGeneration)).sends(1, commit(1)).violates("commits");
    }

    #[test]
    fn an_assignment_is_not_taken_over_after_the_membership_has_ended() {
        let arrived = || {
            let mut trace = member();
            trace.receives(1, syncs(2), Response::SyncGroup(Default::default()));
            trace
        };
        arrived().assigned(0, "a", 2, &[]).holds();
        arrived().assigned(0, "", -1, &[]).violates("assignment");
        let timeout = ClientObservation::PollTimeout;
        arrived().consumer(0, timeout).assigned(0, "a", 2, &[]).violates("assignment");
    }
}
