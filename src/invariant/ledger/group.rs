//! What the trace has said about one group.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;

use crate::coordinator::{GroupState, Observation};
use crate::protocol::subscription::{decode_assignment, decode_subscription};
use crate::protocol::{
    Generation, GroupId, IndexMap, MemberId, StrBytes, TopicName, TopicPartition,
};
use kafka_protocol::messages::{JoinGroupResponse, SyncGroupRequest};

/// What the trace has said about one group.
#[derive(Debug)]
pub struct Group {
    /// Its id.
    pub id: GroupId,
    /// Its state.
    pub state: GroupState,
    /// Its newest generation.
    pub generation: Generation,
    /// The leader of that generation.
    pub leader: Option<MemberId>,
    /// The assignor of that generation.
    pub protocol: Option<StrBytes>,
    /// Its members now.
    pub members: IndexMap<MemberId, Member>,
    /// Member ids handed out and not used yet.
    pub pending: BTreeSet<MemberId>,
    /// What the leader of the newest generation was told about its members, once it was told.
    pub roster: Option<Roster>,
    /// What the leader of the newest generation handed in. More than one entry when it asked again.
    pub plans: Vec<Plan>,
    /// What members of the newest generation were told to own; the first to be told a partition
    /// stands here.
    pub told: BTreeMap<TopicName, BTreeMap<i32, MemberId>>,
}

/// One member of a group.
#[derive(Debug)]
pub struct Member {
    /// The longest rebalance timeout it has asked for.
    pub rebalance: Duration,
    /// No generation includes it yet.
    pub fresh: bool,
}

/// The members of a generation as its leader was told them.
#[derive(Debug)]
pub struct Roster {
    /// What each subscribes to.
    pub subscriptions: BTreeMap<MemberId, Vec<TopicName>>,
}

/// The assignment that a leader handed in.
#[derive(Debug)]
pub struct Plan {
    /// What each member is to be told, byte for byte.
    pub payloads: BTreeMap<MemberId, Bytes>,
    /// The same, decoded; or whose payload does not decode and why.
    pub assignments: Result<BTreeMap<MemberId, Vec<TopicPartition>>, String>,
}

impl Group {
    pub(super) fn new(id: GroupId) -> Group {
        Group {
            id,
            state: GroupState::Empty,
            generation: Generation(0),
            leader: None,
            protocol: None,
            members: IndexMap::default(),
            pending: BTreeSet::new(),
            roster: None,
            plans: Vec::new(),
            told: BTreeMap::new(),
        }
    }

    /// Who was told to own a partition in the newest generation.
    pub fn owner(&self, topic: &TopicName, partition: i32) -> Option<&MemberId> {
        self.told.get(topic)?.get(&partition)
    }

    /// The longest rebalance timeout among the members; zero when there are none.
    pub fn rebalance_timeout(&self) -> Duration {
        self.members.values().map(|member| member.rebalance).max().unwrap_or_default()
    }

    pub(super) fn observe(&mut self, observation: &Observation) {
        match observation {
            Observation::State { to, .. } => self.state = *to,
            Observation::MemberAdded { member, rebalance, .. } => {
                self.pending.remove(member);
                self.members.insert(member.clone(), Member { rebalance: *rebalance, fresh: true });
            }
            Observation::MemberRemoved { member, .. } => {
                self.members.swap_remove(member);
            }
            Observation::GenerationBegan { generation, protocol, leader, members, .. } => {
                self.generation = *generation;
                self.protocol.clone_from(protocol);
                self.leader.clone_from(leader);
                self.begin(members);
            }
            Observation::TimerFired { member, .. } => {
                if let Some(member) = member {
                    self.pending.remove(member);
                }
            }
        }
    }

    fn begin(&mut self, members: &[MemberId]) {
        for member in members {
            if let Some(member) = self.members.get_mut(member) {
                member.fresh = false;
            }
        }
        self.roster = None;
        self.plans.clear();
        self.told.clear();
    }

    pub(super) fn tell(&mut self, member: &MemberId, partitions: &[TopicPartition]) {
        for TopicPartition { topic, partition } in partitions {
            let owners = self.told.entry(topic.clone()).or_default();
            owners.entry(*partition).or_insert_with(|| member.clone());
        }
    }
}

impl Roster {
    /// What the leader learns from its JoinGroup answer. None when a subscription does not decode: then
    /// there is nothing to hold an assignment against.
    pub(super) fn of(answer: &JoinGroupResponse) -> Option<Roster> {
        let subscriptions = answer
            .members
            .iter()
            .map(|member| {
                let topics = decode_subscription(&member.metadata).ok()?;
                Some((MemberId(member.member_id.clone()), topics))
            })
            .collect::<Option<_>>()?;
        Some(Roster { subscriptions })
    }
}

impl Plan {
    pub(super) fn of(request: &SyncGroupRequest) -> Plan {
        let payloads: BTreeMap<MemberId, Bytes> = request
            .assignments
            .iter()
            .map(|entry| (MemberId(entry.member_id.clone()), entry.assignment.clone()))
            .collect();
        let assignments = payloads
            .iter()
            .map(|(member, payload)| match decode_assignment(payload) {
                Ok(partitions) => Ok((member.clone(), partitions)),
                Err(malformed) => Err(format!("the assignment for {member}: {}", malformed.0)),
            })
            .collect();
        Plan { payloads, assignments }
    }
}
