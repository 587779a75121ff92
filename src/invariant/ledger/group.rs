//! What the trace has said about one incarnation of one group.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;

use crate::assignor::{Assignor, RebalanceProtocol};
use crate::coordinator::{GroupState, LoadedGroup, Observation};
use crate::protocol::subscription::decode_assignment;
use crate::protocol::{
    CONSUMER_PROTOCOL_TYPE, Generation, GroupId, IndexMap, MemberId, StrBytes, TopicName,
    TopicPartition,
};
use kafka_protocol::messages::{JoinGroupResponse, SyncGroupRequest};

use super::claims::{self, Claim};
use super::terms::Home;

/// What the trace has said about one incarnation of a group: the group as one broker had it, during one
/// term and until it was removed.
#[derive(Debug)]
pub struct Group {
    /// Its id.
    pub id: GroupId,
    /// Whose it is.
    pub home: Home,
    /// It was found in the log.
    pub loaded: bool,
    /// In which generation.
    pub loaded_in: Option<Generation>,
    /// It has ended: its broker crashed or unloaded it, or it was removed.
    pub over: bool,
    /// Its state.
    pub state: GroupState,
    /// Its newest generation.
    pub generation: Generation,
    /// The leader of that generation.
    pub leader: Option<MemberId>,
    /// The protocol type of its members, once one has named it: of consumers alone it is known what they
    /// say to each other.
    pub protocol_type: Option<StrBytes>,
    /// The protocol type that the JoinGroup names which is just being handled.
    pub(super) offered_type: StrBytes,
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
    /// Some member of the newest generation was told what cannot be read here.
    pub told_unread: bool,
    /// The ids of static members that another id has taken the place of, and which.
    pub displaced: BTreeMap<MemberId, MemberId>,
    /// Those of them that had taken a place and had to give it back.
    pub given_back: BTreeSet<MemberId>,
}

/// One member of a group.
#[derive(Debug)]
pub struct Member {
    /// The longest rebalance timeout it has asked for.
    pub rebalance: Duration,
    /// No generation includes it yet.
    pub fresh: bool,
    /// Its static instance id.
    pub instance: Option<StrBytes>,
}

/// The members of a generation as its leader was told them, if they are consumers.
#[derive(Debug)]
pub struct Roster {
    /// What each subscribes to.
    pub subscriptions: BTreeMap<MemberId, Vec<TopicName>>,
    /// What each says that it owns or had.
    pub claims: BTreeMap<MemberId, Claim>,
}

/// The assignment that a leader handed in.
#[derive(Debug)]
pub struct Plan {
    /// What it says for each id that it names, byte for byte.
    pub payloads: BTreeMap<MemberId, Bytes>,
    /// What the coordinator writes down of it for each member: nothing for one that it does not name
    /// (R9.1). Whoever takes a member's place takes over what is written down for it.
    pub recorded: BTreeMap<MemberId, Bytes>,
    /// The same, read.
    pub assignments: Assigned,
}

/// What a plan says, as far as it can be read.
#[derive(Debug)]
pub enum Assigned {
    /// These partitions, to members of a group of consumers.
    Partitions(BTreeMap<MemberId, Vec<TopicPartition>>),
    /// The payload for some member is not that of a consumer: whose, and why.
    Malformed(String),
    /// Nobody here knows: the group is of another protocol type, or its plan was found in the log.
    Unread,
}

impl Assigned {
    /// The partitions of each member, where that is what it says.
    pub fn partitions(&self) -> Option<&BTreeMap<MemberId, Vec<TopicPartition>>> {
        match self {
            Assigned::Partitions(partitions) => Some(partitions),
            Assigned::Malformed(_) | Assigned::Unread => None,
        }
    }
}

impl Group {
    pub(super) fn new(id: GroupId, home: Home) -> Group {
        Group {
            id,
            home,
            loaded: false,
            loaded_in: None,
            over: false,
            state: GroupState::Empty,
            generation: Generation(0),
            leader: None,
            protocol_type: None,
            offered_type: StrBytes::default(),
            protocol: None,
            members: IndexMap::default(),
            pending: BTreeSet::new(),
            roster: None,
            plans: Vec::new(),
            told: BTreeMap::new(),
            told_unread: false,
            displaced: BTreeMap::new(),
            given_back: BTreeSet::new(),
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

    /// The id that has the place of this one by now: itself, unless it was replaced.
    pub fn resolve<'a>(&'a self, member: &'a MemberId) -> &'a MemberId {
        let mut member = member;
        // Whoever takes a place is displaced by nobody then, so this comes to an end.
        while let Some(next) = self.displaced.get(member) {
            member = next;
        }
        member
    }

    /// Whether its members are consumers, as far as anybody has said: what they tell each other through the
    /// coordinator can be read. What members of any other type say is their own business.
    pub fn is_of_consumers(&self) -> bool {
        self.protocol_type.as_ref().is_none_or(|name| name.as_str() == CONSUMER_PROTOCOL_TYPE)
    }

    /// The assignor of the newest generation, if it is one of those whose promises are known. An assignor of
    /// another name may give to whom it likes, or to nobody.
    pub fn assignor(&self) -> Option<Assignor> {
        let protocol = self.protocol.as_ref().filter(|_| self.is_of_consumers())?;
        Assignor::from_name(protocol.as_str())
    }

    /// Whether the member may have owned the partition still when it joined the newest generation: because it
    /// said so, whatever its assignor is called; or because nobody has told the leader what it said, and it
    /// does not follow from the assignor that all have given up everything (KIP-429).
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

    /// The member with that static instance id.
    pub fn holder(&self, instance: &StrBytes) -> Option<&MemberId> {
        let mut members = self.members.iter();
        members.find(|(_, member)| member.instance.as_ref() == Some(instance)).map(|(id, _)| id)
    }

    pub(super) fn observe(&mut self, observation: &Observation) {
        match observation {
            Observation::State { to, .. } => {
                self.state = *to;
                self.over |= *to == GroupState::Dead;
            }
            Observation::MemberAdded { member, instance, rebalance, .. } => {
                self.pending.remove(member);
                // The first member decides of which type they all are.
                if self.members.is_empty() && !self.offered_type.is_empty() {
                    self.protocol_type = Some(self.offered_type.clone());
                }
                let (rebalance, instance) = (*rebalance, instance.clone());
                self.members.insert(member.clone(), Member { rebalance, fresh: true, instance });
            }
            Observation::MemberRemoved { member, .. } => {
                self.members.swap_remove(member);
            }
            Observation::MemberReplaced { old, new, rebalance, .. } => {
                self.replace(old, new, Some(*rebalance));
            }
            Observation::ReplacementUndone { old, new, .. } => {
                self.displaced.remove(old);
                self.given_back.insert(new.clone());
                self.replace(new, old, None);
                if let Some(roster) = &mut self.roster {
                    roster.rename(new, old);
                }
            }
            Observation::GenerationBegan { generation, protocol, leader, members, .. } => {
                self.generation = *generation;
                self.protocol.clone_from(protocol);
                self.leader.clone_from(leader);
                self.begin(members);
            }
            Observation::GroupLoaded(loaded) => self.load(loaded),
            Observation::GroupRemoved { .. } => self.over = true,
            Observation::OffsetRemoved { .. } => {}
            Observation::TimerFired { member, .. } => {
                if let Some(member) = member {
                    self.pending.remove(member);
                }
            }
        }
    }

    /// `new` has the place of `old`: its leadership and what it was told, too.
    fn replace(&mut self, old: &MemberId, new: &MemberId, rebalance: Option<Duration>) {
        if let Some(mut member) = self.members.swap_remove(old) {
            member.rebalance = rebalance.unwrap_or(member.rebalance);
            self.members.insert(new.clone(), member);
        }
        // An id that comes again is displaced no longer; a broken coordinator may name one twice.
        self.displaced.remove(new);
        if old != new {
            self.displaced.insert(old.clone(), new.clone());
        }
        if self.leader.as_ref() == Some(old) {
            self.leader = Some(new.clone());
        }
        let owners = self.told.values_mut().flat_map(BTreeMap::values_mut);
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
            let (rebalance, instance) = (entry.rebalance_timeout, entry.instance_id.clone());
            self.members.insert(entry.id.clone(), Member { rebalance, fresh: false, instance });
            self.tell(&entry.id, &entry.assignment);
            payloads.insert(entry.id.clone(), entry.assignment.clone());
        }
        let recorded = payloads.clone();
        self.plans.push(Plan { payloads, recorded, assignments: Assigned::Unread });
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
        self.told_unread = false;
    }

    /// The member is told this assignment; returns the partitions in it, if they can be read.
    pub(super) fn tell(
        &mut self,
        member: &MemberId,
        assignment: &Bytes,
    ) -> Option<Vec<TopicPartition>> {
        let read = self.is_of_consumers().then(|| decode_assignment(assignment).ok()).flatten();
        let Some(partitions) = read else {
            self.told_unread = true;
            return None;
        };
        for TopicPartition { topic, partition } in &partitions {
            let owners = self.told.entry(topic.clone()).or_default();
            owners.entry(*partition).or_insert_with(|| member.clone());
        }
        Some(partitions)
    }
}

impl Roster {
    /// A leader that was told of a member which had to give its place back plans for it, and so for who has the place.
    fn rename(&mut self, old: &MemberId, new: &MemberId) {
        if let Some(topics) = self.subscriptions.remove(old) {
            self.subscriptions.insert(new.clone(), topics);
        }
        if let Some(claim) = self.claims.remove(old) {
            self.claims.insert(new.clone(), claim);
        }
    }

    /// The members who said that they still own the partition.
    pub fn owners<'a>(
        &'a self,
        partition: &'a TopicPartition,
    ) -> impl Iterator<Item = &'a MemberId> {
        let claims = self.claims.iter().filter(|(_, claim)| claim.owned.contains(partition));
        claims.map(|(member, _)| member)
    }

    /// The members whose assignor would leave them the partition.
    pub fn claimants<'a>(
        &'a self,
        partition: &'a TopicPartition,
    ) -> impl Iterator<Item = (&'a MemberId, &'a Claim)> {
        self.claims.iter().filter(|(_, claim)| claim.remembered.contains(partition))
    }

    /// What the leader of a group of consumers learns from its JoinGroup answer. None when a subscription does not
    /// decode: then there is nothing to hold an assignment against.
    pub(super) fn of(answer: &JoinGroupResponse) -> Option<Roster> {
        let assignor = answer.protocol_name.as_ref().map_or("", |name| name.as_str());
        let (mut subscriptions, mut claims) = (BTreeMap::new(), BTreeMap::new());
        for member in &answer.members {
            let (topics, claim) = claims::decode(&member.metadata, assignor)?;
            subscriptions.insert(MemberId(member.member_id.clone()), topics);
            claims.insert(MemberId(member.member_id.clone()), claim);
        }
        Some(Roster { subscriptions, claims })
    }
}

impl Plan {
    /// What is planned for an id that had to give its place back is planned for who has the place, and told to
    /// nobody.
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
            Ok(partitions) => Ok((planned_for(group, member).clone(), partitions)),
            Err(malformed) => Err(format!("the assignment for {member}: {}", malformed.0)),
        });
        match read.collect() {
            Ok(partitions) => Assigned::Partitions(partitions),
            Err(malformed) => Assigned::Malformed(malformed),
        }
    }
}

fn planned_for<'a>(group: &'a Group, member: &'a MemberId) -> &'a MemberId {
    match group.given_back.contains(member) {
        true => group.resolve(member),
        false => member,
    }
}
