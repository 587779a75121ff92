//! Races: two events that coincide in a way that cells cannot express.

use std::fmt;

use crate::coordinator::{ClassicObservation, GroupState, Observation, TimerKind};
use crate::marks::{Set, in_words};
use crate::protocol::{Generation, GroupId, IndexMap, MemberId, Request};
use crate::time::Time;
use crate::trace::event::{ConsumerRef, Event, EventKind, FaultKind, Message, Place};

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

/// Detects races in the events of a run.
#[derive(Clone, Debug, Default)]
pub(super) struct RaceDetector {
    pub(super) races: Races,
    /// Each broker's view of each group. A list, because there are few groups: a scan is faster
    /// than a map.
    groups: Vec<(Place, GroupId, GroupView)>,
    /// The number of heartbeats in flight of each member.
    heartbeats: IndexMap<MemberId, u32>,
    /// The member id of each process.
    processes: IndexMap<ConsumerRef, MemberId>,
}

/// A broker's view of a group, from its observations.
#[derive(Clone, Debug)]
struct GroupView {
    state: GroupState,
    generation: Generation,
    leader: Option<MemberId>,
    /// When a timer of the group last fired.
    fired: Option<Time>,
}

impl RaceDetector {
    pub(super) fn observe(&mut self, event: &Event) {
        match &event.kind {
            EventKind::Coordinator(observation) => self.coordinator(event, observation),
            EventKind::Sent { message, .. } => self.sent(event, message),
            EventKind::Received { message, .. } => self.received(event, message),
            EventKind::Lost { message, .. } => self.lost(message),
            EventKind::FaultBegan { fault: FaultKind::Crash, .. } => self.crashed(event.place),
            EventKind::TopicGrown { .. } => {
                use GroupState::{CompletingRebalance, PreparingRebalance};
                let mut states = self.groups.iter().map(|(.., group)| group.state);
                if states.any(|state| matches!(state, PreparingRebalance | CompletingRebalance)) {
                    self.races.add(Race::GrownWhileRebalancing);
                }
            }
            _ => {}
        }
    }

    fn find(&self, place: Place, group: &GroupId) -> Option<usize> {
        self.groups.iter().position(|(at, name, _)| *at == place && name == group)
    }

    fn known(&mut self, place: Place, group: &GroupId) -> &mut GroupView {
        let index = self.find(place, group).unwrap_or_else(|| {
            let fresh = GroupView {
                state: GroupState::Empty,
                generation: Generation::NONE,
                leader: None,
                fired: None,
            };
            self.groups.push((place, group.clone(), fresh));
            self.groups.len() - 1
        });
        &mut self.groups[index].2
    }

    fn state(&self, place: Place, group: &GroupId) -> Option<GroupState> {
        self.find(place, group).map(|index| self.groups[index].2.state)
    }

    fn coordinator(&mut self, event: &Event, observation: &Observation) {
        match observation {
            Observation::Classic(ClassicObservation::State { group, from, to, .. }) => {
                if *to == GroupState::Dead {
                    self.coordinator_gone(*from);
                }
                self.known(event.place, group).state = *to;
            }
            Observation::GroupLoaded(loaded) => {
                let known = self.known(event.place, &loaded.metadata.group);
                known.state = loaded.state;
                known.generation = loaded.metadata.generation;
                known.leader = loaded.metadata.leader.clone();
            }
            Observation::GroupRemoved { group, .. } => {
                self.groups.retain(|(at, name, _)| (*at, name) != (event.place, group));
            }
            Observation::Classic(ClassicObservation::GenerationBegan {
                group,
                generation,
                leader,
                ..
            }) => {
                let known = self.known(event.place, group);
                (known.generation, known.leader) = (*generation, leader.clone());
            }
            Observation::Classic(ClassicObservation::MemberAdded { group, .. }) => {
                if self.state(event.place, group) == Some(GroupState::CompletingRebalance) {
                    self.races.add(Race::MemberAddedWhileCompleting);
                }
            }
            Observation::Classic(ClassicObservation::MemberRemoved { group, member, .. }) => {
                let known = self.known(event.place, group);
                let leads = known.leader.as_ref() == Some(member);
                if known.state == GroupState::CompletingRebalance && leads {
                    self.races.add(Race::LeaderGoneBeforeItSynced);
                }
            }
            Observation::Classic(ClassicObservation::MemberReplaced { group, .. }) => {
                self.replaced(event.place, group)
            }
            Observation::Classic(ClassicObservation::TimerFired { group, timer, member }) => {
                self.fired(event, group, *timer, member.as_ref());
            }
            Observation::Classic(ClassicObservation::ReplacementUndone { .. })
            | Observation::OffsetRemoved { .. } => {}
        }
    }

    fn replaced(&mut self, place: Place, group: &GroupId) {
        let race = match self.state(place, group) {
            Some(GroupState::PreparingRebalance) => Race::ReplacedWhilePreparing,
            Some(GroupState::CompletingRebalance) => Race::ReplacedWhileCompleting,
            Some(GroupState::Stable) => Race::ReplacedWhileStable,
            Some(GroupState::Empty | GroupState::Dead) | None => return,
        };
        self.races.add(race);
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

    fn fired(
        &mut self,
        event: &Event,
        group: &GroupId,
        timer: TimerKind,
        member: Option<&MemberId>,
    ) {
        let known = self.known(event.place, group);
        known.fired = Some(event.at);
        let completing = known.state == GroupState::CompletingRebalance;
        match timer {
            TimerKind::Session => {
                if completing {
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

    fn sent(&mut self, event: &Event, message: &Message) {
        let Message::Request(frame) = message else { return };
        if let Request::Heartbeat(body) = &frame.body {
            match self.heartbeats.get_mut(&body.member_id) {
                Some(count) => *count += 1,
                None => {
                    self.heartbeats.insert(MemberId(body.member_id.clone()), 1);
                }
            }
        }
        if let (Request::SyncGroup(body), Place::Consumer(consumer)) = (&frame.body, event.place) {
            self.processes.insert(consumer, MemberId(body.member_id.clone()));
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

    fn received(&mut self, event: &Event, message: &Message) {
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
        let Some(index) = self.find(event.place, group) else { return };
        let known = &self.groups[index].2;
        let old = generation.is_some_and(|sent| sent >= 0 && sent < known.generation.0);
        let same_instant = known.fired == Some(event.at);
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
    fn crashed(&mut self, place: Place) {
        match place {
            Place::Broker(_) => {
                let mut states = Vec::new();
                self.groups.retain(|(at, _, known)| {
                    let here = *at == place;
                    if here {
                        states.push(known.state);
                    }
                    !here
                });
                states.into_iter().for_each(|state| self.coordinator_gone(state));
            }
            Place::Consumer(consumer) => {
                let Some(member) = self.processes.swap_remove(&consumer) else { return };
                let leads = |known: &GroupView| {
                    known.state == GroupState::CompletingRebalance
                        && known.leader.as_ref() == Some(&member)
                };
                if self.groups.iter().any(|(.., known)| leads(known)) {
                    self.races.add(Race::LeaderCrashedBeforeItSynced);
                }
            }
            _ => {}
        }
    }
}
