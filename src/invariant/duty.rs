//! A member shows that it is there, and stops when it is told that it is no member: the whole of failure detection,
//! seen from the other end.
//!
//! Scope: consumers of the run, on their own clocks, by what they were told. A consumer
//! - sends heartbeats, from when its join was answered, at least every second interval and a second, whatever its
//!   application does; unless it is paused, looks for its coordinator, waits for the answer to the last one, or was told
//!   something that it may give up for;
//! - whose Heartbeat, SyncGroup or OffsetCommit was refused with UNKNOWN_MEMBER_ID, ILLEGAL_GENERATION or
//!   FENCED_INSTANCE_ID sends none under that id in that generation until another join has been answered;
//! - takes over an assignment, and commits, only under the membership for which it was told the assignment, and not once
//!   it knows that this is over;
//! - asks nothing of the group on a connection whose broker has said that it is not the coordinator.
//!
//! Not said: how soon a consumer joins again (that the group comes to rest is `convergence`'s); that it stops reading:
//! one that has lost its coordinator may go on until it finds another.

use std::time::Duration;

use crate::consumer::{MemberState, Observation};
use crate::invariant::{Breach, breach};
use crate::protocol::{Api, Request, ResponseError as E, StrBytes};
use crate::time::Time;
use crate::trace::{ConnectionId, ConsumerRef, Event, FaultKind, Kind, Place};

use super::Invariant;
use super::client::{Act, Answer, Lives, act, spoken_for};
use super::interest::{GROUP_APIS, Interest};
use super::ledger::Ledger;

const SLACK: Duration = Duration::from_secs(1);

/// What says that a membership is over.
const OVER: [E; 3] = [E::UnknownMemberId, E::IllegalGeneration, E::FencedInstanceId];

/// What heals, so that the client goes on.
const HEALS: [E; 8] = [
    E::CoordinatorLoadInProgress,
    E::CoordinatorNotAvailable,
    E::NotCoordinator,
    E::RequestTimedOut,
    E::UnstableOffsetCommit,
    E::UnknownMemberId,
    E::IllegalGeneration,
    E::RebalanceInProgress,
];

type Membership = (StrBytes, i32);

#[derive(Default)]
pub(super) struct Duty {
    lives: Lives<Life>,
}

struct Life {
    patience: Duration,
    state: MemberState,
    /// Since when a heartbeat is owed.
    quiet: Time,
    paused: bool,
    knows_coordinator: bool,
    /// A heartbeat is under way.
    awaits: bool,
    /// It was told something that it may give up for.
    doomed: bool,
    /// The membership under which it was refused.
    refused: Option<Membership>,
    /// The membership whose assignment it was told.
    synced: Option<Membership>,
    /// Where it was told that this is not the coordinator.
    denied: Option<ConnectionId>,
    /// The number of its last request.
    asked: i32,
    /// The last request that it gave up together with its coordinator: what is answered to that or to those before
    /// is news to nobody.
    given_up: i32,
}

impl Invariant for Duty {
    fn name(&self) -> &'static str {
        "duty"
    }

    fn statement(&self) -> &'static str {
        "a member sends heartbeats, and nothing under a membership that it was told is over"
    }

    fn reads(&self) -> Interest {
        Interest::CONSUMER
            .and(Interest::LIVES)
            .and(Interest::FAULTS)
            .says(Api::ALL)
            .hears(GROUP_APIS)
            .hears(&[Api::FindCoordinator])
    }

    fn check(&mut self, _ledger: &Ledger, event: &Event) -> Result<(), Breach> {
        let Place::Consumer(consumer) = event.place else { return Ok(()) };
        if let Kind::ConsumerStarted { config, .. } = &event.kind {
            let life = Life {
                patience: config.heartbeat_interval * 2 + SLACK,
                state: MemberState::Unjoined,
                quiet: event.local,
                paused: false,
                knows_coordinator: false,
                awaits: false,
                doomed: false,
                refused: None,
                synced: None,
                denied: None,
                asked: 0,
                given_up: -1,
            };
            self.lives.begin(consumer, life);
            return Ok(());
        }
        let Some(life) = self.lives.of(consumer) else { return Ok(()) };
        let heard = life.is_heard(event.local);
        let taken = self.take(consumer, event);
        heard.and(taken)
    }
}

impl Duty {
    fn take(&mut self, consumer: ConsumerRef, event: &Event) -> Result<(), Breach> {
        let Some(life) = self.lives.of(consumer) else { return Ok(()) };
        if let Some(act) = act(event) {
            return match act.answer {
                None => life.asks(event.local, &act),
                Some(answer) => {
                    life.is_told(event.local, &act, answer);
                    Ok(())
                }
            };
        }
        match &event.kind {
            Kind::ConsumerClosed | Kind::FaultBegan { fault: FaultKind::Crash, .. } => {
                self.lives.end(consumer);
            }
            Kind::FaultBegan { fault: FaultKind::Pause, .. } => life.paused = true,
            Kind::FaultEnded { fault: FaultKind::Pause, .. } => {
                (life.paused, life.quiet) = (false, event.local);
            }
            Kind::Consumer(observation) => return life.does(event.local, observation),
            _ => {}
        }
        Ok(())
    }
}

impl Life {
    /// Whether the heartbeat that is owed by now was sent.
    fn is_heard(&mut self, now: Time) -> Result<(), Breach> {
        let member = matches!(self.state, MemberState::CompletingRebalance | MemberState::Stable);
        let excused = self.paused || !self.knows_coordinator || self.awaits || self.doomed;
        if !member || excused || now <= self.quiet + self.patience {
            return Ok(());
        }
        // The next one is owed from here on.
        let quiet = std::mem::replace(&mut self.quiet, now);
        breach!("heartbeats", "a member in {} has sent no heartbeat since {quiet}", self.state)
    }

    fn asks(&mut self, now: Time, act: &Act<'_>) -> Result<(), Breach> {
        self.asked = act.correlation;
        let api = act.request.api();
        let of_group = matches!(
            act.request,
            Request::JoinGroup(_)
                | Request::SyncGroup(_)
                | Request::Heartbeat(_)
                | Request::OffsetCommit(_)
                | Request::OffsetFetch(_)
        );
        if of_group && self.denied == Some(act.conn) {
            return breach!(
                "coordinator",
                "sent {api} to a broker that had said it is not the coordinator"
            );
        }
        match act.request {
            Request::Heartbeat(_) => (self.quiet, self.awaits) = (now, true),
            Request::LeaveGroup(_) => self.synced = None,
            _ => {}
        }
        let Some((member, generation)) = spoken_for(act.request) else { return Ok(()) };
        let is = |other: &Option<Membership>| {
            other.as_ref().is_some_and(|(id, number)| id == member && *number == generation)
        };
        if is(&self.refused) {
            return breach!(
                "over",
                "{member} sent {api} in generation {generation} after it had been told that this is over"
            );
        }
        if matches!(act.request, Request::OffsetCommit(_)) && !is(&self.synced) {
            return breach!(
                "commits",
                "{member} committed in generation {generation} before it was told its assignment"
            );
        }
        Ok(())
    }

    fn is_told(&mut self, now: Time, act: &Act<'_>, answer: Answer<'_>) {
        match act.request {
            Request::FindCoordinator(_) if answer.error == 0 => {
                (self.knows_coordinator, self.quiet) = (true, now);
            }
            Request::JoinGroup(_) if answer.error == 0 => self.refused = None,
            Request::Heartbeat(_) => (self.quiet, self.awaits) = (now, false),
            Request::LeaveGroup(_) | Request::Metadata(_) | Request::Fetch(_) => return,
            _ => {}
        }
        self.doomed |= answer.error != 0 && !answer.is(&HEALS);
        if answer.is(&[E::NotCoordinator, E::CoordinatorNotAvailable])
            && !matches!(act.request, Request::FindCoordinator(_))
        {
            self.denied = Some(act.conn);
        }
        let Some((member, generation)) = spoken_for(act.request) else { return };
        if act.correlation <= self.given_up {
            return;
        }
        if answer.error == 0 && !matches!(act.request, Request::SyncGroup(_)) {
            return;
        }
        let membership = (member.clone(), generation);
        if answer.is(&OVER) {
            self.synced.take_if(|synced| *synced == membership);
            self.refused = Some(membership);
        } else if answer.error == 0 {
            self.synced = Some(membership);
        }
    }

    fn does(&mut self, now: Time, observation: &Observation) -> Result<(), Breach> {
        match observation {
            Observation::Assigned { member, generation, .. } => {
                let told = self.synced.as_ref();
                if told.is_none_or(|(id, of)| *id != member.0 || *of != generation.0) {
                    return breach!(
                        "assignment",
                        "took over an assignment as {:?} in generation {generation}, where it was told none or knows \
                         that this is over",
                        member.as_str()
                    );
                }
            }
            Observation::PollTimeout => self.synced = None,
            Observation::State { to, .. } => (self.state, self.quiet) = (*to, now),
            Observation::CoordinatorLost { .. } => {
                (self.knows_coordinator, self.awaits) = (false, false);
                self.given_up = self.asked;
            }
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::HeartbeatResponse;

    use crate::consumer::{MemberState::*, Observation};
    use crate::invariant::story::client::{commit, heartbeat, joins, syncs};
    use crate::invariant::story::{Story, join_answer};
    use crate::protocol::ResponseError as E;
    use crate::trace::{FaultKind, Kind};

    fn member() -> Story {
        let mut story = Story::new("duty");
        story.member();
        story
    }

    fn late(story: &mut Story) -> &mut Story {
        story.at(8_000).says(3, crate::protocol::Request::Fetch(Default::default()))
    }

    #[test]
    fn a_silent_member_breaks() {
        late(&mut member()).breaks("has sent no heartbeat since 0");
        late(member().at(3_000).beats(None)).holds();
        late(member().says(1, heartbeat(1))).holds();
    }

    #[test]
    fn who_is_paused_looks_for_its_coordinator_or_is_no_member_owes_no_heartbeat() {
        let mut paused = member();
        paused.at_consumer(
            0,
            Kind::FaultBegan { fault: FaultKind::Pause, peer: None, direction: None },
        );
        late(&mut paused).holds();
        let lost = Observation::CoordinatorLost { why: "disconnected" };
        late(member().consumer(0, lost)).holds();
        late(member().becomes(PreparingRebalance)).holds();
    }

    #[test]
    fn who_was_refused_stops() {
        for error in [E::UnknownMemberId, E::IllegalGeneration, E::FencedInstanceId] {
            member().beats(Some(error)).says(1, commit(1)).breaks("told that this is over");
            let mut again = member();
            again.beats(Some(error)).hears(1, joins("a"), join_answer("a", 1, "b", &[]));
            again.says(1, syncs(1)).holds();
        }
    }

    #[test]
    fn what_is_said_to_a_request_that_was_given_up_is_no_news() {
        let refusal = || HeartbeatResponse::default().with_error_code(E::UnknownMemberId.code());
        let mut heeds = member();
        heeds.says(1, heartbeat(1)).hears(1, heartbeat(1), refusal());
        heeds.says(1, commit(1)).breaks("told that this is over");
        let mut gave_up = member();
        gave_up.says(1, heartbeat(1));
        gave_up.consumer(0, Observation::CoordinatorLost { why: "disconnected" });
        gave_up.hears(1, heartbeat(1), refusal()).says(1, commit(1)).holds();
    }

    #[test]
    fn commits_come_after_the_assignment() {
        member().says(1, commit(1)).holds();
        member().says(1, commit(2)).breaks("committed in generation 2 before");
    }

    #[test]
    fn what_arrived_before_the_membership_was_over_is_not_taken_over() {
        let arrived = || {
            let mut story = member();
            story.hears(1, syncs(2), crate::protocol::Response::SyncGroup(Default::default()));
            story
        };
        arrived().assigned(0, "a", 2, &[]).holds();
        arrived().assigned(0, "", -1, &[]).breaks("took over an assignment as \"\"");
        let timeout = Observation::PollTimeout;
        arrived().consumer(0, timeout).assigned(0, "a", 2, &[]).breaks("knows that this is over");
    }

    #[test]
    fn a_broker_that_is_not_the_coordinator_is_not_asked_again() {
        let denied = || {
            let mut story = member();
            story.beats(Some(E::NotCoordinator));
            story
        };
        denied().says(1, commit(1)).breaks("not the coordinator");
        denied().says(2, commit(1)).holds();
    }
}
