//! A member that goes without a LeaveGroup stays in the group as a stale member, for which the
//! others wait; one that leaves without need makes them rebalance.
//!
//! Scope: consumers of the run, on their own clocks, judged by the responses that they received. A
//! consumer drops its membership only if the coordinator ended it, or it leaves, or is late for its
//! poll. A dynamic member that knows its coordinator does not go without a LeaveGroup (KIP-62).
//!
//! | rule | violated when |
//! |---|---|
//! | `membership-ends` | a member drops its membership, and no error and no LeaveGroup has ended it |
//! | `poll-timeout` | a member leaves because of a late poll, though its application was not late |
//!
//! Not said: that a static member leaves with a LeaveGroup; that a consumer goes when it has to
//! (that is `stale-identity`'s claim).

use std::time::Duration;

use crate::client::{ClientObservation, ConsumerConfig, MemberState};
use crate::invariant::interest::Interest;
use crate::invariant::{Breach, Invariant, breach};
use crate::model::{Membership, Model};
use crate::time::Time;
use crate::trace::{Event, EventKind};

use super::conduct::Incarnations;

/// The tolerance for a clock outside the simulation when it measures how late an application is.
const SLACK: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(in crate::invariant) struct LeaveCause {
    incarnations: Incarnations<Incarnation>,
}

struct Incarnation {
    is_static: bool,
    poll_interval: Duration,
    last_poll: Time,
}

impl Invariant for LeaveCause {
    fn name(&self) -> &'static str {
        "leave-cause"
    }

    fn statement(&self) -> &'static str {
        "a membership ends only by an error of the coordinator, a LeaveGroup or a late poll"
    }

    fn reads(&self) -> Interest {
        Interest::CONSUMER.and(Interest::PROCESSES).and(Interest::FAULTS)
    }

    fn check(&mut self, model: &Model, event: &Event) -> Result<(), Breach> {
        let Some(one) = self.incarnations.at(event, Incarnation::new) else { return Ok(()) };
        match (&event.kind, model.client_at(event)) {
            (EventKind::Consumer(observation), Some(client)) => {
                one.observed(event.local, observation, &client.membership)
            }
            _ => Ok(()),
        }
    }
}

impl Incarnation {
    fn new(config: &ConsumerConfig, now: Time) -> Incarnation {
        Incarnation {
            is_static: config.instance_id.is_some(),
            poll_interval: config.max_poll_interval,
            last_poll: now,
        }
    }

    fn observed(
        &mut self,
        now: Time,
        observation: &ClientObservation,
        membership: &Membership,
    ) -> Result<(), Breach> {
        let Membership { id, has_ended, knows_coordinator, .. } = membership;
        match observation {
            ClientObservation::Polled { .. } => self.last_poll = now,
            ClientObservation::PollTimeout if now + SLACK < self.last_poll + self.poll_interval => {
                return breach!(
                    "poll-timeout",
                    "the member left because of a late poll, though it had polled at {}",
                    self.last_poll
                );
            }
            ClientObservation::State { to: MemberState::Unjoined, why, .. } => {
                let unobliged = self.is_static || !knows_coordinator || id.is_none();
                if !(*has_ended || unobliged) {
                    let id = id.as_deref().unwrap_or_default();
                    return breach!(
                        "membership-ends",
                        "{id} dropped its membership without an error from the coordinator: {why}"
                    );
                }
            }
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::client::{ClientObservation, MemberState::*};
    use crate::invariant::trace_builder::consumer::heartbeat;
    use crate::invariant::trace_builder::{TraceBuilder, heartbeat_response};
    use crate::protocol::ResponseError as E;

    fn member() -> TraceBuilder {
        let mut trace = TraceBuilder::new("leave-cause");
        trace.member();
        trace
    }

    #[test]
    fn a_membership_that_the_coordinator_has_ended_is_dropped() {
        member().beats(Some(E::UnknownMemberId)).becomes(Unjoined).holds();
        member().beats(Some(E::RebalanceInProgress)).becomes(Unjoined).violates("membership-ends");
    }

    #[test]
    fn an_error_about_an_older_membership_is_no_cause() {
        let mut trace = member();
        trace.receives(1, heartbeat(0), heartbeat_response(E::UnknownMemberId.code()));
        trace.becomes(Unjoined).violates("membership-ends");
    }

    #[test]
    fn no_member_leaves_without_a_leave_group_or_before_it_is_late() {
        member().becomes(Unjoined).violates("membership-ends");
        member().at(400_000).consumer(0, ClientObservation::PollTimeout).becomes(Unjoined).holds();
        member().consumer(0, ClientObservation::PollTimeout).violates("poll-timeout");
    }
}
