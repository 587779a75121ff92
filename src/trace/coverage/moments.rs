//! Moments: sequences of events that matter more than a cell can say, because two things have to meet.

use std::fmt;

use crate::coordinator::{GroupState, Observation, TimerKind};
use crate::protocol::{Generation, GroupId, IndexMap, MemberId, Request};
use crate::sometimes::{Set, in_words};
use crate::time::Time;
use crate::trace::event::{ConsumerRef, Event, FaultKind, Kind, Message, Place};

/// Two things that met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Moment {
    /// A member is added while the sync phase is open.
    MemberAddedWhileCompleting,
    /// The leader goes between its JoinGroup and its SyncGroup.
    LeaderGoneBeforeItSynced,
    /// The leader's process dies between its JoinGroup and its SyncGroup.
    LeaderCrashedBeforeItSynced,
    /// A session runs out with a heartbeat of the member under way.
    SessionRanOutUnderAHeartbeat,
    /// A JoinGroup is taken up at the very instant at which a timer of its group fires.
    JoinMeetsATimer,
    /// A SyncGroup is.
    SyncMeetsATimer,
    /// A Heartbeat is.
    HeartbeatMeetsATimer,
    /// A static member is replaced in a join phase.
    ReplacedWhilePreparing,
    /// In a sync phase.
    ReplacedWhileCompleting,
    /// In a stable group.
    ReplacedWhileStable,
    /// The coordinator goes (it is replaced, or dies) and the group was Empty.
    CoordinatorGoneWhileEmpty,
    /// It was in a join phase.
    CoordinatorGoneWhilePreparing,
    /// It was in a sync phase.
    CoordinatorGoneWhileCompleting,
    /// It was stable.
    CoordinatorGoneWhileStable,
    /// A commit of a generation that is over is taken up.
    CommitOfAnOldGeneration,
    /// A heartbeat of one is.
    HeartbeatOfAnOldGeneration,
    /// A SyncGroup of one is.
    SyncOfAnOldGeneration,
    /// Somebody leaves in a join phase.
    LeaveWhilePreparing,
    /// Somebody leaves in a sync phase.
    LeaveWhileCompleting,
    /// A member is put out by its session in a sync phase.
    ExpiredWhileCompleting,
    /// The answer to a JoinGroup is lost.
    JoinAnswerLost,
    /// The answer to a SyncGroup is lost.
    SyncAnswerLost,
    /// An id that was given out is never used.
    PendingIdRanOut,
    /// A topic grows while a rebalance is under way.
    GrownWhileRebalancing,
}

impl Moment {
    /// Every moment.
    pub const ALL: [Moment; 24] = [
        Moment::MemberAddedWhileCompleting,
        Moment::LeaderGoneBeforeItSynced,
        Moment::LeaderCrashedBeforeItSynced,
        Moment::SessionRanOutUnderAHeartbeat,
        Moment::JoinMeetsATimer,
        Moment::SyncMeetsATimer,
        Moment::HeartbeatMeetsATimer,
        Moment::ReplacedWhilePreparing,
        Moment::ReplacedWhileCompleting,
        Moment::ReplacedWhileStable,
        Moment::CoordinatorGoneWhileEmpty,
        Moment::CoordinatorGoneWhilePreparing,
        Moment::CoordinatorGoneWhileCompleting,
        Moment::CoordinatorGoneWhileStable,
        Moment::CommitOfAnOldGeneration,
        Moment::HeartbeatOfAnOldGeneration,
        Moment::SyncOfAnOldGeneration,
        Moment::LeaveWhilePreparing,
        Moment::LeaveWhileCompleting,
        Moment::ExpiredWhileCompleting,
        Moment::JoinAnswerLost,
        Moment::SyncAnswerLost,
        Moment::PendingIdRanOut,
        Moment::GrownWhileRebalancing,
    ];
}

/// Its name in lower-case words: `join-meets-a-timer`.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&in_words(&format!("{self:?}")))
    }
}

impl From<Moment> for u32 {
    fn from(moment: Moment) -> u32 {
        moment as u32
    }
}

/// A set of moments.
pub type Moments = Set<Moment>;

/// Looks for moments in the events of a run.
#[derive(Clone, Debug, Default)]
pub(super) struct Watch {
    pub(super) moments: Moments,
    /// What each broker has said about each group. Few groups: a scan is faster than a map.
    groups: Vec<(Place, GroupId, Known)>,
    /// The heartbeats under way, by member.
    heartbeats: IndexMap<MemberId, u32>,
    /// Which process is which member.
    processes: IndexMap<ConsumerRef, MemberId>,
}

/// What a broker has said about a group.
#[derive(Clone, Debug)]
struct Known {
    state: GroupState,
    generation: Generation,
    leader: Option<MemberId>,
    /// When a timer of it last fired.
    fired: Option<Time>,
}

impl Watch {
    pub(super) fn observe(&mut self, event: &Event) {
        match &event.kind {
            Kind::Coordinator(observation) => self.coordinator(event, observation),
            Kind::Sent { message, .. } => self.sent(event, message),
            Kind::Received { message, .. } => self.received(event, message),
            Kind::Lost { message, .. } => self.lost(message),
            Kind::FaultBegan { fault: FaultKind::Crash, .. } => self.crashed(event.place),
            Kind::TopicGrown { .. } => {
                use GroupState::{CompletingRebalance, PreparingRebalance};
                let mut states = self.groups.iter().map(|(.., group)| group.state);
                if states.any(|state| matches!(state, PreparingRebalance | CompletingRebalance)) {
                    self.moments.add(Moment::GrownWhileRebalancing);
                }
            }
            _ => {}
        }
    }

    fn find(&self, place: Place, group: &GroupId) -> Option<usize> {
        self.groups.iter().position(|(at, name, _)| *at == place && name == group)
    }

    fn known(&mut self, place: Place, group: &GroupId) -> &mut Known {
        let index = self.find(place, group).unwrap_or_else(|| {
            let fresh = Known {
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
            Observation::State { group, from, to, .. } => {
                if *to == GroupState::Dead {
                    self.gone(*from);
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
            Observation::GenerationBegan { group, generation, leader, .. } => {
                let known = self.known(event.place, group);
                (known.generation, known.leader) = (*generation, leader.clone());
            }
            Observation::MemberAdded { group, .. } => {
                if self.state(event.place, group) == Some(GroupState::CompletingRebalance) {
                    self.moments.add(Moment::MemberAddedWhileCompleting);
                }
            }
            Observation::MemberRemoved { group, member, .. } => {
                let known = self.known(event.place, group);
                let leads = known.leader.as_ref() == Some(member);
                if known.state == GroupState::CompletingRebalance && leads {
                    self.moments.add(Moment::LeaderGoneBeforeItSynced);
                }
            }
            Observation::MemberReplaced { group, .. } => self.replaced(event.place, group),
            Observation::TimerFired { group, timer, member } => {
                self.fired(event, group, *timer, member.as_ref());
            }
            Observation::ReplacementUndone { .. } | Observation::OffsetRemoved { .. } => {}
        }
    }

    fn replaced(&mut self, place: Place, group: &GroupId) {
        let moment = match self.state(place, group) {
            Some(GroupState::PreparingRebalance) => Moment::ReplacedWhilePreparing,
            Some(GroupState::CompletingRebalance) => Moment::ReplacedWhileCompleting,
            Some(GroupState::Stable) => Moment::ReplacedWhileStable,
            Some(GroupState::Empty | GroupState::Dead) | None => return,
        };
        self.moments.add(moment);
    }

    fn gone(&mut self, from: GroupState) {
        self.moments.add(match from {
            GroupState::Empty => Moment::CoordinatorGoneWhileEmpty,
            GroupState::PreparingRebalance => Moment::CoordinatorGoneWhilePreparing,
            GroupState::CompletingRebalance => Moment::CoordinatorGoneWhileCompleting,
            GroupState::Stable => Moment::CoordinatorGoneWhileStable,
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
                    self.moments.add(Moment::ExpiredWhileCompleting);
                }
                let under_way =
                    |member| self.heartbeats.get(member).is_some_and(|count| *count > 0);
                if member.is_some_and(under_way) {
                    self.moments.add(Moment::SessionRanOutUnderAHeartbeat);
                }
            }
            TimerKind::PendingJoin => self.moments.add(Moment::PendingIdRanOut),
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
        if let (Request::SyncGroup(body), Place::Consumer(who)) = (&frame.body, event.place) {
            self.processes.insert(who, MemberId(body.member_id.clone()));
        }
    }

    /// A heartbeat is no longer under way.
    fn over(&mut self, message: &Message) {
        if let Message::Request(frame) = message
            && let Request::Heartbeat(body) = &frame.body
            && let Some(count) = self.heartbeats.get_mut(&body.member_id)
        {
            *count = count.saturating_sub(1);
        }
    }

    fn received(&mut self, event: &Event, message: &Message) {
        self.over(message);
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
        let now = known.fired == Some(event.at);
        let moment = match &frame.body {
            Request::JoinGroup(_) if now => Moment::JoinMeetsATimer,
            Request::SyncGroup(_) if now => Moment::SyncMeetsATimer,
            Request::Heartbeat(_) if now => Moment::HeartbeatMeetsATimer,
            Request::SyncGroup(_) if old => Moment::SyncOfAnOldGeneration,
            Request::Heartbeat(_) if old => Moment::HeartbeatOfAnOldGeneration,
            Request::OffsetCommit(_) if old => Moment::CommitOfAnOldGeneration,
            Request::LeaveGroup(_) if known.state == GroupState::PreparingRebalance => {
                Moment::LeaveWhilePreparing
            }
            Request::LeaveGroup(_) if known.state == GroupState::CompletingRebalance => {
                Moment::LeaveWhileCompleting
            }
            _ => return,
        };
        self.moments.add(moment);
    }

    fn lost(&mut self, message: &Message) {
        self.over(message);
        let Message::Response { request, .. } = message else { return };
        match &request.body {
            Request::JoinGroup(_) => self.moments.add(Moment::JoinAnswerLost),
            Request::SyncGroup(_) => self.moments.add(Moment::SyncAnswerLost),
            _ => {}
        }
    }

    /// A broker that dies takes its groups along; a consumer may have been a leader.
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
                states.into_iter().for_each(|state| self.gone(state));
            }
            Place::Consumer(who) => {
                let Some(member) = self.processes.swap_remove(&who) else { return };
                let leads = |known: &Known| {
                    known.state == GroupState::CompletingRebalance
                        && known.leader.as_ref() == Some(&member)
                };
                if self.groups.iter().any(|(.., known)| leads(known)) {
                    self.moments.add(Moment::LeaderCrashedBeforeItSynced);
                }
            }
            _ => {}
        }
    }
}
