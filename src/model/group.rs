//! The state of one incarnation of a group, as far as the trace shows it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;

use crate::assignor::{Assignor, RebalanceProtocol};
use crate::coordinator::{ClassicObservation, GroupState, LoadedGroup, Observation};
use crate::protocol::subscription::decode_assignment;
use crate::protocol::{
    CONSUMER_PROTOCOL_TYPE, Generation, GroupId, IndexMap, MemberId, StrBytes, TopicName,
    TopicPartition,
};
use kafka_protocol::messages::{JoinGroupResponse, SyncGroupRequest};

use super::claims::{self, Claim};
use super::terms::GroupTerm;

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
    /// The group's state.
    pub state: GroupState,
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
    former: Vec<FormerGeneration>,
    /// The former ids of static members, each with the id that replaced it.
    pub displaced: BTreeMap<MemberId, MemberId>,
    /// The ids whose replacement of another id was undone.
    pub undone: BTreeSet<MemberId>,
}

/// The number of former generations that are remembered. A client that acts on an older one has
/// missed this many rebalances.
const REMEMBERED: usize = 64;

/// What an incarnation assigned in a generation before its newest. An election may take both
/// generations away from the log, and then a member that has received its part of the former one
/// may act in another history of that number (rule R11.13).
#[derive(Debug)]
struct FormerGeneration {
    generation: Generation,
    owners: Owners,
    assigned_unread: bool,
    has_two_plans: bool,
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

/// The members of a generation as its leader's JoinGroup response names them; only for consumers.
#[derive(Debug)]
pub struct Roster {
    /// The topics that each member subscribes to.
    pub subscriptions: BTreeMap<MemberId, Vec<TopicName>>,
    /// The partitions that each member claims.
    pub claims: BTreeMap<MemberId, Claim>,
}

/// The assignments of one SyncGroup of a leader.
#[derive(Debug)]
pub struct Plan {
    /// The assignment of each member id that the SyncGroup names, byte for byte.
    pub payloads: BTreeMap<MemberId, Bytes>,
    /// The assignment that the coordinator records for each member: an empty one for a member that
    /// the SyncGroup does not name (R9.1). A member that replaces another takes over what is
    /// recorded for it.
    pub recorded: BTreeMap<MemberId, Bytes>,
    /// The decoded assignments.
    pub assignments: Assigned,
}

/// The decoded assignments of a plan.
#[derive(Debug)]
pub enum Assigned {
    /// The partitions of each member of a group of consumers.
    Partitions(BTreeMap<MemberId, Vec<TopicPartition>>),
    /// The payload for some member does not decode as a consumer's assignment; names the member and
    /// the error.
    Malformed(String),
    /// Not decoded: the group is of another protocol type, or its plan was loaded from the log.
    Unread,
}

impl Assigned {
    /// The partitions of each member, if the plan was decoded.
    pub fn partitions(&self) -> Option<&BTreeMap<MemberId, Vec<TopicPartition>>> {
        match self {
            Assigned::Partitions(partitions) => Some(partitions),
            Assigned::Malformed(_) | Assigned::Unread => None,
        }
    }
}

impl Group {
    pub(super) fn new(id: GroupId, coordinator: GroupTerm) -> Group {
        Group {
            id,
            coordinator,
            loaded: false,
            loaded_in: None,
            over: false,
            state: GroupState::Empty,
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
        }
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

    pub(super) fn observe(&mut self, observation: &Observation) {
        match observation {
            Observation::Classic(ClassicObservation::State { to, .. }) => {
                self.state = *to;
                self.over |= *to == GroupState::Dead;
            }
            Observation::Classic(ClassicObservation::MemberAdded {
                member,
                instance,
                session,
                rebalance,
                ..
            }) => {
                self.pending.remove(member);
                // The first member decides the protocol type of the group.
                if self.members.is_empty() && !self.joining_type.is_empty() {
                    self.protocol_type = Some(self.joining_type.clone());
                }
                let (session, rebalance, instance) = (*session, *rebalance, instance.clone());
                let fresh = true;
                self.members.insert(member.clone(), Member { session, rebalance, fresh, instance });
            }
            Observation::Classic(ClassicObservation::MemberRemoved { member, .. }) => {
                self.members.swap_remove(member);
            }
            Observation::Classic(ClassicObservation::MemberReplaced {
                old,
                new,
                session,
                rebalance,
                ..
            }) => {
                self.replace(old, new, Some((*session, *rebalance)));
            }
            Observation::Classic(ClassicObservation::ReplacementUndone { old, new, .. }) => {
                self.displaced.remove(old);
                self.undone.insert(new.clone());
                self.replace(new, old, None);
                if let Some(roster) = &mut self.roster {
                    roster.rename(new, old);
                }
            }
            Observation::Classic(ClassicObservation::GenerationBegan {
                generation,
                protocol,
                leader,
                members,
                ..
            }) => {
                self.remember();
                self.generation = *generation;
                self.protocol.clone_from(protocol);
                self.leader.clone_from(leader);
                self.begin(members);
            }
            Observation::GroupLoaded(loaded) => self.load(loaded),
            Observation::GroupRemoved { .. } => self.over = true,
            Observation::OffsetRemoved { .. } => {}
            Observation::Classic(ClassicObservation::TimerFired { member, .. }) => {
                if let Some(member) = member {
                    self.pending.remove(member);
                }
            }
        }
    }

    /// `new` replaces `old`, takes over its assignment and leads if `old` led.
    fn replace(&mut self, old: &MemberId, new: &MemberId, timeouts: Option<(Duration, Duration)>) {
        if let Some(mut member) = self.members.swap_remove(old) {
            let own = (member.session, member.rebalance);
            (member.session, member.rebalance) = timeouts.unwrap_or(own);
            self.members.insert(new.clone(), member);
        }
        // An id that comes back is no longer displaced; a broken coordinator may hand one out
        // twice.
        self.displaced.remove(new);
        if old != new {
            self.displaced.insert(old.clone(), new.clone());
        }
        if self.leader.as_ref() == Some(old) {
            self.leader = Some(new.clone());
        }
        let former = self.former.iter_mut().map(|one| &mut one.owners);
        let owners = former.chain([&mut self.owners]).flat_map(BTreeMap::values_mut);
        let owners = owners.flat_map(BTreeMap::values_mut);
        owners.filter(|owner| *owner == old).for_each(|owner| *owner = new.clone());
        for plan in &mut self.plans {
            if let Some(payload) = plan.recorded.remove(old) {
                plan.recorded.insert(new.clone(), payload);
            }
        }
    }

    fn load(&mut self, loaded: &LoadedGroup) {
        let metadata = &loaded.metadata;
        self.loaded = true;
        self.loaded_in = Some(metadata.generation);
        self.state = loaded.state;
        self.generation = metadata.generation;
        self.protocol_type.clone_from(&metadata.protocol_type);
        self.protocol.clone_from(&metadata.protocol);
        self.leader.clone_from(&metadata.leader);
        let mut payloads = BTreeMap::new();
        for entry in &metadata.members {
            let member = Member {
                session: entry.session_timeout,
                rebalance: entry.rebalance_timeout,
                fresh: false,
                instance: entry.instance_id.clone(),
            };
            self.members.insert(entry.id.clone(), member);
            self.record_assignment(&entry.id, &entry.assignment);
            payloads.insert(entry.id.clone(), entry.assignment.clone());
        }
        let recorded = payloads.clone();
        self.plans.push(Plan { payloads, recorded, assignments: Assigned::Unread });
    }

    /// Remembers the generation that ends. What it assigned is in the log for good, unless the term
    /// has loaded records that are not committed. Which of two plans is in the log the trace does
    /// not show.
    fn remember(&mut self) {
        let unsettled = self.coordinator.unsettled;
        self.former.retain(|one| unsettled || one.has_two_plans);
        let has_two_plans = self.plans.len() > 1;
        if unsettled || has_two_plans {
            self.former.push(FormerGeneration {
                generation: self.generation,
                owners: std::mem::take(&mut self.owners),
                assigned_unread: self.assigned_unread,
                has_two_plans,
            });
            if self.former.len() > REMEMBERED {
                self.former.remove(0);
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
        self.owners.clear();
        self.assigned_unread = false;
    }

    /// Records that the coordinator sends the member this assignment; returns its partitions, if it
    /// decodes.
    pub(super) fn record_assignment(
        &mut self,
        member: &MemberId,
        assignment: &Bytes,
    ) -> Option<Vec<TopicPartition>> {
        let read = self.is_of_consumers().then(|| decode_assignment(assignment).ok()).flatten();
        let Some(partitions) = read else {
            self.assigned_unread = true;
            return None;
        };
        for TopicPartition { topic, partition } in &partitions {
            let owners = self.owners.entry(topic.clone()).or_default();
            owners.entry(*partition).or_insert_with(|| member.clone());
        }
        Some(partitions)
    }
}

impl Roster {
    /// A leader whose JoinGroup response named an id whose replacement was undone plans for that
    /// id, and so for the id that has the place again.
    fn rename(&mut self, old: &MemberId, new: &MemberId) {
        if let Some(topics) = self.subscriptions.remove(old) {
            self.subscriptions.insert(new.clone(), topics);
        }
        if let Some(claim) = self.claims.remove(old) {
            self.claims.insert(new.clone(), claim);
        }
    }

    /// The members that claim to own the partition still.
    pub fn owners<'a>(
        &'a self,
        partition: &'a TopicPartition,
    ) -> impl Iterator<Item = &'a MemberId> {
        let claims = self.claims.iter().filter(|(_, claim)| claim.owned.contains(partition));
        claims.map(|(member, _)| member)
    }

    /// The members whose assignor would let them keep the partition.
    pub fn claimants<'a>(
        &'a self,
        partition: &'a TopicPartition,
    ) -> impl Iterator<Item = (&'a MemberId, &'a Claim)> {
        self.claims.iter().filter(|(_, claim)| claim.remembered.contains(partition))
    }

    /// Decodes the members in the JoinGroup response of a leader. None when a subscription does not
    /// decode: then there is nothing to check a plan against.
    pub(super) fn of(response: &JoinGroupResponse) -> Option<Roster> {
        let assignor = response.protocol_name.as_ref().map_or("", |name| name.as_str());
        let (mut subscriptions, mut claims) = (BTreeMap::new(), BTreeMap::new());
        for member in &response.members {
            let (topics, claim) = claims::decode(&member.metadata, assignor)?;
            subscriptions.insert(MemberId(member.member_id.clone()), topics);
            claims.insert(MemberId(member.member_id.clone()), claim);
        }
        Some(Roster { subscriptions, claims })
    }
}

impl Plan {
    /// Decodes the plan in a SyncGroup. An entry for an id whose replacement was undone counts for
    /// the id that has the place again; the coordinator sends it to no member.
    pub(super) fn of(request: &SyncGroupRequest, group: &Group) -> Plan {
        let payloads: BTreeMap<MemberId, Bytes> = request
            .assignments
            .iter()
            .map(|entry| (MemberId(entry.member_id.clone()), entry.assignment.clone()))
            .collect();
        let assignments = match group.is_of_consumers() {
            true => Assigned::of(&payloads, group),
            false => Assigned::Unread,
        };
        let planned = |id: &MemberId| payloads.get(id).cloned().unwrap_or_default();
        let recorded = group.members.keys().map(|id| (id.clone(), planned(id))).collect();
        Plan { payloads, recorded, assignments }
    }
}

impl Assigned {
    fn of(payloads: &BTreeMap<MemberId, Bytes>, group: &Group) -> Assigned {
        let read = payloads.iter().map(|(member, payload)| match decode_assignment(payload) {
            Ok(partitions) => Ok((entitled_id(group, member).clone(), partitions)),
            Err(malformed) => Err(format!("the assignment for {member}: {}", malformed.0)),
        });
        match read.collect() {
            Ok(partitions) => Assigned::Partitions(partitions),
            Err(malformed) => Assigned::Malformed(malformed),
        }
    }
}

fn entitled_id<'a>(group: &'a Group, member: &'a MemberId) -> &'a MemberId {
    match group.undone.contains(member) {
        true => group.resolve(member),
        false => member,
    }
}
