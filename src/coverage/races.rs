//! Races: two events that coincide in a way that cells cannot express.

use std::fmt;

use crate::coordinator::{ClassicObservation, GroupState, Observation, TimerKind};
use crate::marks::{Set, in_words};
use crate::model::{Group, Model};
use crate::protocol::{IndexMap, MemberId, Request};
use crate::time::Time;
use crate::trace::{Event, EventKind, FaultKind, Message, Place};

/// Two events that coincide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Race {
    /// A member is added during the sync phase.
    MemberAddedWhileCompleting,
    /// The leader is removed between its JoinGroup and its SyncGroup.
    LeaderGoneBeforeItSynced,
    /// The leader's process crashes between its JoinGroup and its SyncGroup.
    LeaderCrashedBeforeItSynced,
    /// A session expires while a heartbeat of the member is in flight.
    SessionRanOutUnderAHeartbeat,
    /// The coordinator begins to handle a JoinGroup at the instant at which a timer of the group
    /// fires.
    JoinMeetsATimer,
    /// The same for a SyncGroup.
    SyncMeetsATimer,
    /// The same for a Heartbeat.
    HeartbeatMeetsATimer,
    /// A static member is replaced during the join phase.
    ReplacedWhilePreparing,
    /// A static member is replaced during the sync phase.
    ReplacedWhileCompleting,
    /// A static member is replaced in a stable group.
    ReplacedWhileStable,
    /// The coordinator is replaced or crashes while the group is Empty.
    CoordinatorGoneWhileEmpty,
    /// The coordinator is replaced or crashes during the join phase.
    CoordinatorGoneWhilePreparing,
    /// The coordinator is replaced or crashes during the sync phase.
    CoordinatorGoneWhileCompleting,
    /// The coordinator is replaced or crashes while the group is Stable.
    CoordinatorGoneWhileStable,
    /// The coordinator handles a commit of a generation that is over.
    CommitOfAnOldGeneration,
    /// The coordinator handles a heartbeat of a generation that is over.
    HeartbeatOfAnOldGeneration,
    /// The coordinator handles a SyncGroup of a generation that is over.
    SyncOfAnOldGeneration,
    /// The coordinator handles a LeaveGroup during the join phase.
    LeaveWhilePreparing,
    /// The coordinator handles a LeaveGroup during the sync phase.
    LeaveWhileCompleting,
    /// A member's session expires during the sync phase.
    ExpiredWhileCompleting,
    /// The response to a JoinGroup is lost.
    JoinResponseLost,
    /// The response to a SyncGroup is lost.
    SyncResponseLost,
    /// A member id that the coordinator issued is never used, and its timer fires.
    PendingIdRanOut,
    /// A topic grows while a rebalance is in progress.
    GrownWhileRebalancing,
}

impl Race {
    /// Every race.
    pub const ALL: [Race; 24] = [
        Race::MemberAddedWhileCompleting,
        Race::LeaderGoneBeforeItSynced,
        Race::LeaderCrashedBeforeItSynced,
        Race::SessionRanOutUnderAHeartbeat,
        Race::JoinMeetsATimer,
        Race::SyncMeetsATimer,
        Race::HeartbeatMeetsATimer,
        Race::ReplacedWhilePreparing,
        Race::ReplacedWhileCompleting,
        Race::ReplacedWhileStable,
        Race::CoordinatorGoneWhileEmpty,
        Race::CoordinatorGoneWhilePreparing,
        Race::CoordinatorGoneWhileCompleting,
        Race::CoordinatorGoneWhileStable,
        Race::CommitOfAnOldGeneration,
        Race::HeartbeatOfAnOldGeneration,
        Race::SyncOfAnOldGeneration,
        Race::LeaveWhilePreparing,
        Race::LeaveWhileCompleting,
        Race::ExpiredWhileCompleting,
        Race::JoinResponseLost,
        Race::SyncResponseLost,
        Race::PendingIdRanOut,
        Race::GrownWhileRebalancing,
    ];
}

/// Its name in lower-case words: `join-meets-a-timer`.
impl fmt::Display for Race {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&in_words(&format!("{self:?}")))
    }
}

impl From<Race> for u32 {
    fn from(race: Race) -> u32 {
        race as u32
    }
}

/// A set of races.
pub type Races = Set<Race>;

/// Detects races in the events of a run. The model that it reads has not been fed with the event
/// yet.
#[derive(Clone, Debug, Default)]
pub(super) struct RaceDetector {
    pub(super) races: Races,
    /// The number of heartbeats in flight of each member.
    heartbeats: IndexMap<MemberId, u32>,
    /// When a timer fired last, and the incarnations of groups in which one fired then.
    fired: (Time, Vec<usize>),
}

impl RaceDetector {
    pub(super) fn observe(&mut self, model: &Model, event: &Event) {
        match &event.kind {
            EventKind::Coordinator(observation) => self.coordinator(model, event, observation),
            EventKind::Sent { message, .. } => self.sent(message),
            EventKind::Received { message, .. } => self.received(model, event, message),
            EventKind::Lost { message, .. } => self.lost(message),
            EventKind::FaultBegan { fault: FaultKind::Crash, .. } => {
                self.crashed(model, event.place);
            }
            EventKind::TopicGrown { .. } => {
                let rebalancing = |group: &Group| {
                    use GroupState::{CompletingRebalance, PreparingRebalance};
                    matches!(group.state, PreparingRebalance | CompletingRebalance)
                };
                if model.open_groups().any(rebalancing) {
                    self.races.add(Race::GrownWhileRebalancing);
                }
            }
            _ => {}
        }
    }

    fn coordinator(&mut self, model: &Model, event: &Event, observation: &Observation) {
        let Observation::Classic(observation) = observation else { return };
        if let ClassicObservation::State { from, to: GroupState::Dead, .. } = observation {
            self.coordinator_gone(*from);
        }
        let Some((index, group)) = model.at(event.place, observation.group()) else { return };
        match observation {
            ClassicObservation::MemberAdded { .. } => {
                if group.state == GroupState::CompletingRebalance {
                    self.races.add(Race::MemberAddedWhileCompleting);
                }
            }
            ClassicObservation::MemberRemoved { member, .. } => {
                let leads = group.leader.as_ref() == Some(member);
                if group.state == GroupState::CompletingRebalance && leads {
                    self.races.add(Race::LeaderGoneBeforeItSynced);
                }
            }
            ClassicObservation::MemberReplaced { .. } => self.replaced(group.state),
            ClassicObservation::TimerFired { timer, member, .. } => {
                self.fired_at(event.at, index);
                self.timer(group.state, *timer, member.as_ref());
            }
            ClassicObservation::State { .. }
            | ClassicObservation::GenerationBegan { .. }
            | ClassicObservation::ReplacementUndone { .. } => {}
        }
    }

    fn replaced(&mut self, state: GroupState) {
        self.races.add(match state {
            GroupState::PreparingRebalance => Race::ReplacedWhilePreparing,
            GroupState::CompletingRebalance => Race::ReplacedWhileCompleting,
            GroupState::Stable => Race::ReplacedWhileStable,
            GroupState::Empty | GroupState::Dead => return,
        });
    }

    fn coordinator_gone(&mut self, from: GroupState) {
        self.races.add(match from {
            GroupState::Empty => Race::CoordinatorGoneWhileEmpty,
            GroupState::PreparingRebalance => Race::CoordinatorGoneWhilePreparing,
            GroupState::CompletingRebalance => Race::CoordinatorGoneWhileCompleting,
            GroupState::Stable => Race::CoordinatorGoneWhileStable,
            GroupState::Dead => return,
        });
    }

    fn fired_at(&mut self, at: Time, index: usize) {
        if self.fired.0 != at {
            self.fired.0 = at;
            self.fired.1.clear();
        }
        self.fired.1.push(index);
    }

    fn timer(&mut self, state: GroupState, timer: TimerKind, member: Option<&MemberId>) {
        match timer {
            TimerKind::Session => {
                if state == GroupState::CompletingRebalance {
                    self.races.add(Race::ExpiredWhileCompleting);
                }
                let in_flight =
                    |member| self.heartbeats.get(member).is_some_and(|count| *count > 0);
                if member.is_some_and(in_flight) {
                    self.races.add(Race::SessionRanOutUnderAHeartbeat);
                }
            }
            TimerKind::PendingJoin => self.races.add(Race::PendingIdRanOut),
            TimerKind::Join | TimerKind::Sync => {}
        }
    }

    fn sent(&mut self, message: &Message) {
        let Message::Request(frame) = message else { return };
        if let Request::Heartbeat(body) = &frame.body {
            match self.heartbeats.get_mut(&body.member_id) {
                Some(count) => *count += 1,
                None => {
                    self.heartbeats.insert(MemberId(body.member_id.clone()), 1);
                }
            }
        }
    }

    /// A heartbeat is no longer in flight.
    fn heartbeat_over(&mut self, message: &Message) {
        if let Message::Request(frame) = message
            && let Request::Heartbeat(body) = &frame.body
            && let Some(count) = self.heartbeats.get_mut(&body.member_id)
        {
            *count = count.saturating_sub(1);
        }
    }

    fn received(&mut self, model: &Model, event: &Event, message: &Message) {
        self.heartbeat_over(message);
        let Message::Request(frame) = message else { return };
        let (group, generation) = match &frame.body {
            Request::JoinGroup(body) => (&body.group_id, None),
            Request::SyncGroup(body) => (&body.group_id, Some(body.generation_id)),
            Request::Heartbeat(body) => (&body.group_id, Some(body.generation_id)),
            Request::OffsetCommit(body) => {
                (&body.group_id, Some(body.generation_id_or_member_epoch))
            }
            Request::LeaveGroup(body) => (&body.group_id, None),
            _ => return,
        };
        let Some((index, known)) = model.at(event.place, group) else { return };
        let old = generation.is_some_and(|sent| sent >= 0 && sent < known.generation.0);
        let same_instant = self.fired.0 == event.at && self.fired.1.contains(&index);
        let race = match &frame.body {
            Request::JoinGroup(_) if same_instant => Race::JoinMeetsATimer,
            Request::SyncGroup(_) if same_instant => Race::SyncMeetsATimer,
            Request::Heartbeat(_) if same_instant => Race::HeartbeatMeetsATimer,
            Request::SyncGroup(_) if old => Race::SyncOfAnOldGeneration,
            Request::Heartbeat(_) if old => Race::HeartbeatOfAnOldGeneration,
            Request::OffsetCommit(_) if old => Race::CommitOfAnOldGeneration,
            Request::LeaveGroup(_) if known.state == GroupState::PreparingRebalance => {
                Race::LeaveWhilePreparing
            }
            Request::LeaveGroup(_) if known.state == GroupState::CompletingRebalance => {
                Race::LeaveWhileCompleting
            }
            _ => return,
        };
        self.races.add(race);
    }

    fn lost(&mut self, message: &Message) {
        self.heartbeat_over(message);
        let Message::Response { request, .. } = message else { return };
        match &request.body {
            Request::JoinGroup(_) => self.races.add(Race::JoinResponseLost),
            Request::SyncGroup(_) => self.races.add(Race::SyncResponseLost),
            _ => {}
        }
    }

    /// A crashed broker takes its groups with it; a crashed consumer may have been a leader.
    fn crashed(&mut self, model: &Model, place: Place) {
        match place {
            Place::Broker(_) => {
                let states = model.all_at(place).filter_map(Group::known_state);
                states.for_each(|state| self.coordinator_gone(state));
            }
            Place::Consumer(consumer) => {
                let Some(client) = model.client(consumer) else { return };
                let leads = |group: &Group| {
                    group.state == GroupState::CompletingRebalance
                        && group.leader.as_ref().is_some_and(|id| id.0 == client.synced_as)
                };
                if model.open_groups().any(leads) {
                    self.races.add(Race::LeaderCrashedBeforeItSynced);
                }
            }
            _ => {}
        }
    }
}
