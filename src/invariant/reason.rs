//! A member that gives something up without need makes a rebalance out of nothing, or a ghost that others wait for.
//!
//! Scope: consumers of the run, by what they were told. A consumer
//! - joins with the id that it was last handed, until it is told that nobody knows it, leaves, or is late for its
//!   poll; and with one JoinGroup at a time (an id that is handed out twice is one that nobody will use);
//! - joins again only if it was told of a rebalance or that its membership is over, revoked something at the end of the
//!   last one, or leads and so watches the topics;
//! - ends its membership only if it was told that it is over, leaves, or is late for its poll; a dynamic member that
//!   knows its coordinator does not go without a word (KIP-62);
//! - leaves as too late only when its application was;
//! - gives up for good only for an error that it was told, and that does not heal by itself.
//!
//! An error counts if it answers what the consumer still is: one that answers an older membership is no reason
//! (KAFKA-9823).
//!
//! Not said: that a consumer does anything when it has a reason (that is `duty`'s and `convergence`'s); static
//! members may go without a word; that a plan has something for everybody once the number of a generation was
//! issued twice, since a plan for the first is taken for the second (R11.13), or a replacement was undone, of which
//! a leader is not told (R8.9); whether a leader has a reason to join; anything of an assignment that has arrived
//! when its generation turns out to be over: Java drops the id then, too (KAFKA-8104).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::consumer::{ConsumerConfig, MemberState, Observation};
use crate::coordinator;
use crate::invariant::{Breach, breach};
use crate::protocol::{Api, Generation, GroupId, Request, Response, ResponseError as E, StrBytes};
use crate::time::Time;
use crate::trace::{ConnectionId, Event, FaultKind, Kind, Place};
use kafka_protocol::messages::{JoinGroupRequest, JoinGroupResponse};

use super::Invariant;
use super::client::{Act, Answer, Lives, act, spoken_for};
use super::interest::{GROUP_APIS, Interest};
use super::ledger::Ledger;

/// How exactly a clock outside of the simulation tells when an application is late.
const SLACK: Duration = Duration::from_secs(1);

/// What heals by itself, or by joining again.
const HEALS: [E; 10] = [
    E::CoordinatorLoadInProgress,
    E::CoordinatorNotAvailable,
    E::NotCoordinator,
    E::NotLeaderOrFollower,
    E::RequestTimedOut,
    E::UnstableOffsetCommit,
    E::UnknownMemberId,
    E::IllegalGeneration,
    E::RebalanceInProgress,
    E::MemberIdRequired,
];

#[derive(Default)]
pub(super) struct Reason {
    lives: Lives<Life>,
    /// The newest generation of each group.
    newest: BTreeMap<GroupId, Generation>,
    /// Some plan may name ids that nobody has, and leave out such as somebody has: a generation has begun that was not
    /// newer, for fail-over can issue a number twice, or a member whose leader may know it had to give its place back.
    astray: bool,
}

struct Life {
    is_static: bool,
    poll_interval: Duration,
    /// The id that it is to join with; none if any will do.
    id: Option<StrBytes>,
    generation: i32,
    /// Its membership is over, and it knows.
    over: bool,
    /// It has a reason to join.
    due: bool,
    /// An assignment has arrived that it has not taken over.
    arrived: bool,
    leads: bool,
    /// The id, generation and leadership that a join was granted. It takes them on when it goes on to sync: an answer
    /// that a busy application left unread may come behind an error that has ended it all.
    granted: Option<(StrBytes, i32, bool)>,
    /// Where its JoinGroup is under way.
    joining: Option<ConnectionId>,
    knows_coordinator: bool,
    /// The connection on which it last asked its coordinator, unless it has lost that coordinator since.
    listens_on: Option<ConnectionId>,
    told: BTreeSet<i16>,
    polled: Time,
}

impl Invariant for Reason {
    fn name(&self) -> &'static str {
        "reason"
    }

    fn statement(&self) -> &'static str {
        "a member forgets its id, joins again, leaves or gives up only for a reason that it was given"
    }

    fn reads(&self) -> Interest {
        Interest::COORDINATOR
            .and(Interest::CONSUMER)
            .and(Interest::LIVES)
            .and(Interest::FAULTS)
            .says(GROUP_APIS)
            .hears(GROUP_APIS)
            .hears(&[Api::FindCoordinator])
    }

    fn check(&mut self, _ledger: &Ledger, event: &Event) -> Result<(), Breach> {
        if let Some(act) = act(event) {
            let Some(life) = self.lives.of(act.consumer) else { return Ok(()) };
            return match act.answer {
                None => life.asks(&act),
                Some(answer) => {
                    life.is_told(&act, answer);
                    Ok(())
                }
            };
        }
        match &event.kind {
            Kind::Coordinator(coordinator::Observation::GenerationBegan {
                group,
                generation,
                ..
            }) => {
                let newest = self.newest.entry(group.clone()).or_insert(Generation::NONE);
                self.astray |= *generation <= *newest;
                *newest = *generation;
            }
            Kind::Coordinator(coordinator::Observation::ReplacementUndone { .. }) => {
                self.astray = true;
            }
            _ => {}
        }
        let Place::Consumer(consumer) = event.place else { return Ok(()) };
        match &event.kind {
            Kind::Consumer(Observation::Fatal { error })
                if self.astray && *error == E::UnknownServerError.code() => {}
            Kind::ConsumerStarted { config, .. } => {
                self.lives.begin(consumer, Life::new(config, event.local));
            }
            Kind::ConsumerClosed | Kind::FaultBegan { fault: FaultKind::Crash, .. } => {
                self.lives.end(consumer);
            }
            Kind::Consumer(observation) => {
                if let Some(life) = self.lives.of(consumer) {
                    return life.does(event.local, observation);
                }
            }
            _ => {}
        }
        Ok(())
    }
}

impl Life {
    fn new(config: &ConsumerConfig, now: Time) -> Life {
        Life {
            is_static: config.instance_id.is_some(),
            poll_interval: config.max_poll_interval,
            id: None,
            generation: -1,
            over: false,
            due: true,
            arrived: false,
            leads: false,
            granted: None,
            joining: None,
            knows_coordinator: false,
            listens_on: None,
            told: BTreeSet::new(),
            polled: now,
        }
    }

    fn asks(&mut self, act: &Act<'_>) -> Result<(), Breach> {
        self.listens_on = Some(act.conn);
        match act.request {
            Request::JoinGroup(body) => return self.joins(act.conn, body),
            Request::LeaveGroup(_) => self.ends(false),
            _ => {}
        }
        Ok(())
    }

    fn joins(&mut self, conn: ConnectionId, body: &JoinGroupRequest) -> Result<(), Breach> {
        let (group, id) = (body.group_id.as_str(), &body.member_id);
        if self.joining == Some(conn) {
            return breach!("joins-twice", "group {group}: {id:?} asked to join twice at a time");
        }
        if let Some(known) = self.id.as_ref().filter(|known| *known != id) {
            return breach!(
                "member-id",
                "group {group}: asked to join as {id:?} though its id is {known:?} and nobody said otherwise"
            );
        }
        if !(self.due || self.arrived || self.leads) {
            return breach!("rejoins", "group {group}: {id:?} joined again without a reason");
        }
        self.joining = Some(conn);
        Ok(())
    }

    fn is_told(&mut self, act: &Act<'_>, answer: Answer<'_>) {
        if answer.error != 0 {
            self.told.insert(answer.error);
        }
        match (act.request, answer.response) {
            (Request::JoinGroup(body), Response::JoinGroup(joined)) => {
                self.joining = None;
                self.joined(body, joined, answer);
            }
            (Request::SyncGroup(_), _) if answer.error == 0 => {
                (self.due, self.arrived) = (false, true);
            }
            (Request::SyncGroup(_), _) => {
                self.due = true;
                self.refused(act, answer);
            }
            (Request::Heartbeat(_) | Request::OffsetCommit(_), _) => {
                self.due |= answer.is(&[E::RebalanceInProgress]);
                self.refused(act, answer);
            }
            (Request::FindCoordinator(_), _) if answer.error == 0 => self.knows_coordinator = true,
            _ => {}
        }
    }

    fn joined(&mut self, body: &JoinGroupRequest, joined: &JoinGroupResponse, answer: Answer<'_>) {
        if answer.is(&[E::MemberIdRequired]) {
            (self.id, self.generation) = (Some(joined.member_id.clone()), -1);
        } else if answer.is(&[E::UnknownMemberId]) && self.id.as_ref() == Some(&body.member_id) {
            self.ends(false);
        } else if answer.error == 0 {
            let leads = joined.leader == joined.member_id;
            self.granted = Some((joined.member_id.clone(), joined.generation_id, leads));
        }
    }

    /// An error that says that the membership is over, if it is about the membership that there is.
    fn refused(&mut self, act: &Act<'_>, answer: Answer<'_>) {
        let Some((member, generation)) = spoken_for(act.request) else { return };
        if self.id.as_ref().is_some_and(|id| id != member) || self.generation != generation {
            return;
        }
        let ends = answer.is(&[E::UnknownMemberId, E::FencedInstanceId, E::IllegalGeneration]);
        if ends && self.listens_on != Some(act.conn) {
            // It may have stopped to listen there, or heard it before.
            (self.over, self.due, self.id) = (true, true, None);
        } else if answer.is(&[E::UnknownMemberId, E::FencedInstanceId]) {
            self.ends(false);
        } else if answer.is(&[E::IllegalGeneration]) {
            self.ends(!self.arrived);
        }
    }

    fn ends(&mut self, keeps_id: bool) {
        (self.over, self.due, self.generation) = (true, true, -1);
        if !keeps_id {
            self.id = None;
        }
    }

    fn does(&mut self, now: Time, observation: &Observation) -> Result<(), Breach> {
        match observation {
            Observation::State { to, why, .. } => {
                if *to == MemberState::CompletingRebalance
                    && let Some((id, generation, leads)) = self.granted.take()
                {
                    (self.id, self.generation, self.leads) = (Some(id), generation, leads);
                    // Until its SyncGroup is answered it may have to begin anew (rule R13.2.1), also
                    // if it had joined as a leader of before, who needs no reason.
                    (self.over, self.due) = (false, true);
                }
                let quiet = self.is_static || !self.knows_coordinator || self.id.is_none();
                if *to == MemberState::Unjoined && !(self.over || quiet) {
                    let id = self.id.as_deref().unwrap_or_default();
                    return breach!(
                        "membership-ends",
                        "{id} is a member, was told nothing else, and is one no longer: {why}"
                    );
                }
            }
            Observation::PollTimeout => {
                if now + SLACK < self.polled + self.poll_interval {
                    return breach!(
                        "poll-timeout",
                        "left as too late, though it had polled at {}",
                        self.polled
                    );
                }
                self.ends(false);
            }
            Observation::Polled { .. } => self.polled = now,
            Observation::Assigned { .. } => self.arrived = false,
            Observation::Revoked { .. } => self.due |= self.arrived,
            Observation::CoordinatorLost { .. } => {
                (self.knows_coordinator, self.joining, self.listens_on) = (false, None, None);
            }
            Observation::Fatal { error } => return self.gives_up(*error),
            Observation::Lost { .. }
            | Observation::Positioned { .. }
            | Observation::Processed { .. }
            | Observation::CommitFailed { .. } => {}
        }
        Ok(())
    }

    fn gives_up(&self, error: i16) -> Result<(), Breach> {
        if !self.told.contains(&error) {
            return breach!("fatal-unheard", "gave up for error {error}, which nobody had told it");
        }
        match HEALS.iter().find(|heals| heals.code() == error) {
            None => Ok(()),
            Some(heals) => breach!("fatal-heals", "gave up for {heals}, which heals by itself"),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::consumer::{MemberState::*, Observation};
    use crate::invariant::story::client::{heartbeat, joins, syncs};
    use crate::invariant::story::{Story, error_join, heartbeat_answer, join_answer, partition};
    use crate::protocol::ResponseError as E;

    fn member() -> Story {
        let mut story = Story::new("reason");
        story.member();
        story
    }

    #[test]
    fn who_is_told_of_a_rebalance_joins_again_under_its_id() {
        member().beats(Some(E::RebalanceInProgress)).says(1, joins("a")).holds();
        member().beats(None).says(1, joins("a")).breaks("joined again without a reason");
        member().beats(Some(E::RebalanceInProgress)).says(1, joins("")).breaks("as \"\" though");
    }

    #[test]
    fn an_id_is_good_until_nobody_knows_it() {
        let unknown = || {
            let mut story = member();
            story.beats(Some(E::UnknownMemberId)).becomes(Unjoined);
            story
        };
        unknown().says(1, joins("")).holds();
        let mut illegal = member();
        illegal.beats(Some(E::IllegalGeneration)).becomes(Unjoined).says(1, joins("a")).holds();
        illegal.says(2, joins("")).breaks("its id is");
        let mut handed = unknown();
        handed.says(1, joins("")).hears(1, joins(""), error_join("b", E::MemberIdRequired.code()));
        handed.says(1, joins("b")).holds();
        handed.says(2, joins("")).breaks("its id is");
    }

    #[test]
    fn an_error_about_an_older_membership_is_no_reason() {
        let mut story = member();
        story.hears(1, heartbeat(0), heartbeat_answer(E::UnknownMemberId.code()));
        story.becomes(Unjoined).breaks("is one no longer");
    }

    #[test]
    fn what_is_said_where_it_no_longer_listens_may_be_heard_or_not() {
        let lost = || {
            let mut story = member();
            let lost = Observation::CoordinatorLost { why: "disconnected" };
            story.says(1, heartbeat(1)).consumer(0, lost);
            story.hears(1, heartbeat(1), heartbeat_answer(E::IllegalGeneration.code()));
            story
        };
        lost().says(1, joins("a")).holds();
        let mut unheard = lost();
        unheard.says(2, heartbeat(1));
        unheard.hears(2, heartbeat(1), heartbeat_answer(E::UnknownMemberId.code()));
        unheard.becomes(Unjoined).says(2, joins("")).holds();
    }

    #[test]
    fn a_join_that_is_granted_too_late_changes_nothing() {
        let mut story = member();
        story.beats(Some(E::UnknownMemberId)).hears(1, joins("a"), join_answer("a", 1, "b", &[]));
        story.becomes(Unjoined).says(1, joins("")).holds();
    }

    #[test]
    fn one_join_at_a_time() {
        let mut story = Story::new("reason");
        story.started(0).says(1, joins("")).says(2, joins("")).holds();
        story.says(2, joins("")).breaks("twice at a time");
    }

    #[test]
    fn what_was_revoked_at_the_end_of_a_rebalance_asks_for_another() {
        let mut story = member();
        story.beats(Some(E::RebalanceInProgress)).says(1, joins("a"));
        story.hears(1, syncs(1), crate::protocol::Response::SyncGroup(Default::default()));
        story.consumer(0, Observation::Revoked { partitions: vec![partition("t-0")] });
        story.assigned(0, "a", 1, &[]).says(2, joins("a")).holds();
    }

    #[test]
    fn nobody_goes_without_a_word_or_before_it_is_late() {
        member().becomes(Unjoined).breaks("is one no longer: told so");
        member().at(400_000).consumer(0, Observation::PollTimeout).becomes(Unjoined).holds();
        member().consumer(0, Observation::PollTimeout).breaks("left as too late");
    }

    #[test]
    fn nobody_gives_up_for_what_heals() {
        let fatal = |error: E| Observation::Fatal { error: error.code() };
        member().consumer(0, fatal(E::FencedInstanceId)).breaks("nobody had told it");
        let mut fenced = member();
        fenced.beats(Some(E::FencedInstanceId)).consumer(0, fatal(E::FencedInstanceId)).holds();
        let mut moved = member();
        moved.beats(Some(E::NotCoordinator)).consumer(0, fatal(E::NotCoordinator));
        moved.breaks("which heals by itself");
        // Rule R11.13: after a fail-over a plan for another generation of that number may leave it out.
        let mut left_out = member();
        left_out.generation(1, &["a"]).generation(1, &["a", "b"]);
        left_out.consumer(0, fatal(E::UnknownServerError)).holds();
        let mut unheard_of = member();
        unheard_of.generation(1, &["a"]).generation(2, &["a", "b"]);
        unheard_of.consumer(0, fatal(E::UnknownServerError)).breaks("nobody had told it");
    }
}
