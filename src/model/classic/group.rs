//! The state of one incarnation of a group, as far as the trace shows it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::assignor::{Assignor, RebalanceProtocol};
use crate::coordinator::GroupState;
use crate::protocol::{
    CONSUMER_PROTOCOL_TYPE, Generation, GroupId, IndexMap, MemberId, StrBytes, TopicName,
    TopicPartition,
};

use super::plan::Plan;
use super::roster::Roster;
use crate::model::terms::GroupTerm;

/// The state of one incarnation of a group, as far as the trace shows it: the group at one broker,
/// during one term and until it is removed.
#[derive(Debug)]
pub struct Group {
    /// Its id.
    pub id: GroupId,
    /// The broker that coordinates it, and its term.
    pub coordinator: GroupTerm,
    /// Whether the coordinator loaded it from the log.
    pub loaded: bool,
    /// The generation in which it was loaded.
    pub loaded_in: Option<Generation>,
    /// Whether it has ended: its broker crashed or unloaded it, or the group was removed.
    pub over: bool,
    /// Whether it ended because the coordinator removed the group, with its offsets.
    pub removed: bool,
    /// The group's state.
    pub state: GroupState,
    /// Whether the coordinator has reported the state. Before, a group is taken for Empty.
    pub(super) state_is_known: bool,
    /// Its newest generation.
    pub generation: Generation,
    /// The leader of that generation.
    pub leader: Option<MemberId>,
    /// The protocol type of its members, once one has named it. Subscriptions and assignments can
    /// be decoded only for consumers.
    pub protocol_type: Option<StrBytes>,
    /// The protocol type in the JoinGroup that the broker is handling.
    pub(super) joining_type: StrBytes,
    /// The assignor of that generation.
    pub protocol: Option<StrBytes>,
    /// The present members.
    pub members: IndexMap<MemberId, Member>,
    /// Member ids handed out by MEMBER_ID_REQUIRED and not used yet.
    pub pending: BTreeSet<MemberId>,
    /// The members in the JoinGroup response of the newest generation's leader, once that was sent.
    pub roster: Option<Roster>,
    /// The plans that the leader of the newest generation submitted; more than one if it sent
    /// SyncGroup again.
    pub plans: Vec<Plan>,
    /// The owner of each partition in the newest generation: the first member whose SyncGroup
    /// response assigned it.
    pub owners: Owners,
    /// Whether some member of the newest generation was assigned bytes that cannot be decoded here.
    pub assigned_unread: bool,
    /// What is remembered of its former generations, the newest last.
    pub(super) former: Vec<FormerGeneration>,
    /// The former ids of static members, each with the id that replaced it.
    pub displaced: BTreeMap<MemberId, MemberId>,
    /// The ids whose replacement of another id was undone.
    pub undone: BTreeSet<MemberId>,
    /// The committed offsets: those that were loaded, and those of acknowledged OffsetCommits
    /// since.
    pub committed: BTreeMap<TopicPartition, i64>,
    /// Whether an offset was ever committed or removed.
    pub(super) had_offsets: bool,
}

/// The number of former generations that are remembered. A client that acts on an older one has
/// missed this many rebalances.
pub(super) const REMEMBERED: usize = 64;

/// What an incarnation assigned in a generation before its newest. An election may take both
/// generations away from the log, and then a member that has received its part of the former one
/// may act in another history of that number (rule R11.13).
#[derive(Debug)]
pub(super) struct FormerGeneration {
    pub(super) generation: Generation,
    pub(super) owners: Owners,
    pub(super) assigned_unread: bool,
    pub(super) has_two_plans: bool,
}

/// The owner of each partition.
type Owners = BTreeMap<TopicName, BTreeMap<i32, MemberId>>;

/// One member of a group.
#[derive(Debug)]
pub struct Member {
    /// The session timeout that it requested last.
    pub session: Duration,
    /// The longest rebalance timeout that it has requested.
    pub rebalance: Duration,
    /// Whether no generation includes it yet.
    pub fresh: bool,
    /// Its static instance id.
    pub instance: Option<StrBytes>,
}

impl Group {
    pub(in crate::model) fn new(id: GroupId, coordinator: GroupTerm) -> Group {
        Group {
            id,
            coordinator,
            loaded: false,
            loaded_in: None,
            over: false,
            removed: false,
            state: GroupState::Empty,
            state_is_known: false,
            generation: Generation(0),
            leader: None,
            protocol_type: None,
            joining_type: StrBytes::default(),
            protocol: None,
            members: IndexMap::default(),
            pending: BTreeSet::new(),
            roster: None,
            plans: Vec::new(),
            owners: BTreeMap::new(),
            assigned_unread: false,
            former: Vec::new(),
            displaced: BTreeMap::new(),
            undone: BTreeSet::new(),
            committed: BTreeMap::new(),
            had_offsets: false,
        }
    }

    /// The state, if the coordinator has reported one: the group has moved to it or was loaded.
    pub fn known_state(&self) -> Option<GroupState> {
        self.state_is_known.then_some(self.state)
    }

    /// Whether no rebalance is in progress.
    pub fn is_at_rest(&self) -> bool {
        matches!(self.state, GroupState::Stable | GroupState::Empty | GroupState::Dead)
    }

    /// Whether there is such a group: the coordinator has reported a state of it, has acknowledged
    /// a commit or has removed an offset. Otherwise there were only requests for it.
    pub fn exists(&self) -> bool {
        !self.removed && (self.state_is_known || self.had_offsets)
    }

    /// The member that owns the partition in the newest generation.
    pub fn owner(&self, topic: &TopicName, partition: i32) -> Option<&MemberId> {
        self.owners.get(topic)?.get(&partition)
    }

    /// Whether the coordinator may have assigned the partition to the member in that generation, be
    /// it the newest or a former one.
    pub fn may_have_assigned(
        &self,
        generation: Generation,
        member: &MemberId,
        partition: &TopicPartition,
    ) -> bool {
        let member = self.resolve(member);
        let owns = |owners: &Owners| {
            let owner = owners.get(&partition.topic).and_then(|one| one.get(&partition.partition));
            owner == Some(member)
        };
        let in_newest = self.generation == generation;
        let mut former = self.former_generations(generation);
        in_newest && (self.assigned_unread || owns(&self.owners))
            || former.any(|one| one.assigned_unread || owns(&one.owners))
    }

    /// Whether the leader of that generation, be it the newest or a former one, submitted more than
    /// one plan.
    pub fn has_two_plans(&self, generation: Generation) -> bool {
        self.generation == generation && self.plans.len() > 1
            || self.former_generations(generation).any(|one| one.has_two_plans)
    }

    fn former_generations(&self, number: Generation) -> impl Iterator<Item = &FormerGeneration> {
        self.former.iter().filter(move |one| one.generation == number)
    }

    /// The longest rebalance timeout among the members; zero when there are none.
    pub fn rebalance_timeout(&self) -> Duration {
        self.members.values().map(|member| member.rebalance).max().unwrap_or_default()
    }

    /// The id that now stands for this static member: the id itself, unless it was replaced.
    pub fn resolve<'a>(&'a self, member: &'a MemberId) -> &'a MemberId {
        let mut member = member;
        // An id that replaces another is not itself in the map then, so this loop ends.
        while let Some(next) = self.displaced.get(member) {
            member = next;
        }
        member
    }

    /// Whether its members are consumers, or none has named a protocol type yet. Subscriptions and
    /// assignments of any other type cannot be decoded here.
    pub fn is_of_consumers(&self) -> bool {
        self.protocol_type.as_ref().is_none_or(|name| name.as_str() == CONSUMER_PROTOCOL_TYPE)
    }

    /// The assignor of the newest generation, if its promises are known. An assignor of another
    /// name may assign as it likes, or assign nothing.
    pub fn assignor(&self) -> Option<Assignor> {
        let protocol = self.protocol.as_ref().filter(|_| self.is_of_consumers())?;
        Assignor::from_name(protocol.as_str())
    }

    /// Whether the member may still have owned the partition when it joined the newest generation:
    /// because its subscription says so, under any assignor; or because the leader has not been
    /// sent the subscriptions and the assignor does not imply that all members revoked everything
    /// (KIP-429).
    pub fn may_have_kept(&self, member: &StrBytes, partition: &TopicPartition) -> bool {
        let eager = || {
            let assignor = self.assignor();
            assignor.is_some_and(|assignor| !assignor.supports(RebalanceProtocol::Cooperative))
        };
        match &self.roster {
            Some(roster) => roster.owners(partition).any(|owner| owner.0 == *member),
            None => !eager(),
        }
    }

    /// The member id of this static instance.
    pub fn holder(&self, instance: &StrBytes) -> Option<&MemberId> {
        let mut members = self.members.iter();
        members.find(|(_, member)| member.instance.as_ref() == Some(instance)).map(|(id, _)| id)
    }
}
