//! What the trace has said about one incarnation of one group.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;

use crate::coordinator::{GroupState, LoadedGroup, Observation};
use crate::protocol::subscription::decode_assignment;
use crate::protocol::{
    Generation, GroupId, IndexMap, MemberId, StrBytes, TopicName, TopicPartition,
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

/// The members of a generation as its leader was told them.
#[derive(Debug)]
pub struct Roster {
    /// What each subscribes to.
    pub subscriptions: BTreeMap<MemberId, Vec<TopicName>>,
    /// What each says that it owns; with assignors that do not ask for it, nothing.
    pub claims: BTreeMap<MemberId, Claim>,
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
            protocol: None,
            members: IndexMap::default(),
            pending: BTreeSet::new(),
            roster: None,
            plans: Vec::new(),
            told: BTreeMap::new(),
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

    /// Whether its assignor moves a partition in two steps (KIP-429).
    pub fn is_cooperative(&self) -> bool {
        self.protocol.as_ref().is_some_and(|name| name.as_str() == "cooperative-sticky")
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
            if let Some(payload) = plan.payloads.remove(old) {
                plan.payloads.insert(new.clone(), payload);
            }
        }
    }

    fn load(&mut self, loaded: &LoadedGroup) {
        let metadata = &loaded.metadata;
        self.loaded = true;
        self.loaded_in = Some(metadata.generation);
        self.state = loaded.state;
        self.generation = metadata.generation;
        self.protocol.clone_from(&metadata.protocol);
        self.leader.clone_from(&metadata.leader);
        let mut payloads = BTreeMap::new();
        for entry in &metadata.members {
            let (rebalance, instance) = (entry.rebalance_timeout, entry.instance_id.clone());
            self.members.insert(entry.id.clone(), Member { rebalance, fresh: false, instance });
            self.tell(&entry.id, &decode_assignment(&entry.assignment).unwrap_or_default());
            payloads.insert(entry.id.clone(), entry.assignment.clone());
        }
        let assignments = Err("loaded".to_owned());
        self.plans.push(Plan { payloads, assignments });
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
    /// A leader that was told of a member which had to give its place back plans for it, and so for who has the place.
    fn rename(&mut self, old: &MemberId, new: &MemberId) {
        if let Some(topics) = self.subscriptions.remove(old) {
            self.subscriptions.insert(new.clone(), topics);
        }
        if let Some(claim) = self.claims.remove(old) {
            self.claims.insert(new.clone(), claim);
        }
    }

    /// The members who say that they own the partition.
    pub fn claimants<'a>(
        &'a self,
        partition: &'a TopicPartition,
    ) -> impl Iterator<Item = (&'a MemberId, &'a Claim)> {
        self.claims.iter().filter(|(_, claim)| claim.partitions.contains(partition))
    }

    /// What the leader learns from its JoinGroup answer. None when a subscription does not decode: then
    /// there is nothing to hold an assignment against.
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
        let assignments = payloads
            .iter()
            .map(|(member, payload)| match decode_assignment(payload) {
                Ok(partitions) => Ok((planned_for(group, member).clone(), partitions)),
                Err(malformed) => Err(format!("the assignment for {member}: {}", malformed.0)),
            })
            .collect();
        Plan { payloads, assignments }
    }
}

fn planned_for<'a>(group: &'a Group, member: &'a MemberId) -> &'a MemberId {
    match group.given_back.contains(member) {
        true => group.resolve(member),
        false => member,
    }
}
