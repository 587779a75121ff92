//! Events around terms: elections, loads, and static members that come back.

use bytes::Bytes;
use kafka_protocol::messages::{JoinGroupRequest, join_group_request};

use crate::broker::{Term, TermState};
use crate::coordinator::{
    ClassicObservation, GroupMetadata, GroupRemoval, GroupState, LoadedGroup, MemberMetadata,
    Observation, OffsetRemoval, TimerKind,
};
use crate::protocol::{BrokerId, Generation, str_bytes};
use crate::time::to_millis_i32;
use crate::trace::{EventKind, FaultKind, Place};

use super::{TraceBuilder, as_bytes, assignment, group, member, partition, subscription};

impl TraceBuilder {
    /// From here on the brokers' events happen at this broker.
    pub(in crate::invariant) fn on(&mut self, broker: i32) -> &mut Self {
        self.place = Place::Broker(BrokerId(broker));
        self
    }

    /// The controller elects a leader of the group's partition, in this epoch.
    pub(in crate::invariant) fn elected(&mut self, epoch: i32) -> &mut Self {
        let (term, leader) = (Term { partition: 0, epoch }, Some(BrokerId(1)));
        self.emit(Place::Controller, EventKind::LeaderElected { term, leader, lost: 0 })
    }

    pub(in crate::invariant) fn term(&mut self, epoch: i32, state: TermState) -> &mut Self {
        self.broker(EventKind::TermChanged { term: Term { partition: 0, epoch }, state })
    }

    pub(in crate::invariant) fn term_active(&mut self, epoch: i32) -> &mut Self {
        // In the first term there is no log to load.
        if epoch > 0 {
            self.term(epoch, TermState::Loading);
        }
        self.term(epoch, TermState::Active)
    }

    /// This many records of the term's log are not committed.
    pub(in crate::invariant) fn uncommitted(&mut self, epoch: i32, records: u64) -> &mut Self {
        self.broker(EventKind::Uncommitted { term: Term { partition: 0, epoch }, records })
    }

    pub(in crate::invariant) fn crashed(&mut self) -> &mut Self {
        self.broker(EventKind::FaultBegan { fault: FaultKind::Crash, peer: None, direction: None })
    }

    /// The broker loads the group: members, each with its instance (or none) and its assignment.
    pub(in crate::invariant) fn load(
        &mut self,
        generation: i32,
        members: &[(&str, &str, &[&str])],
    ) -> &mut Self {
        self.load_offsets(generation, members, &[])
    }

    /// The same, with committed offsets.
    pub(in crate::invariant) fn load_offsets(
        &mut self,
        generation: i32,
        members: &[(&str, &str, &[&str])],
        offsets: &[(&str, i64)],
    ) -> &mut Self {
        let (session, rebalance) = (self.session, self.rebalance);
        let entries = members.iter().map(|(id, instance, owned)| MemberMetadata {
            id: member(id),
            instance_id: (!instance.is_empty()).then(|| str_bytes(instance)),
            client_id: str_bytes("c"),
            client_host: str_bytes("/10.1.0.1"),
            session_timeout: session,
            rebalance_timeout: rebalance,
            subscription: Bytes::new(),
            assignment: assignment(owned),
        });
        let metadata = GroupMetadata {
            group: group(),
            protocol_type: Some(self.protocol_type.clone()),
            generation: Generation(generation),
            protocol: Some(self.protocol.clone()),
            leader: members.first().map(|(id, ..)| member(id)),
            state_since: self.now,
            members: entries.collect(),
        };
        let empty = members.is_empty();
        let state = if empty { GroupState::Empty } else { GroupState::Stable };
        let offsets = offsets.iter().map(|(name, offset)| (partition(name), *offset)).collect();
        self.observe(Observation::GroupLoaded(Box::new(LoadedGroup { metadata, state, offsets })))
    }

    pub(in crate::invariant) fn group_removed(&mut self) -> &mut Self {
        self.observe(Observation::GroupRemoved { group: group(), why: GroupRemoval::Deleted })
    }

    pub(in crate::invariant) fn offset_removed(&mut self, name: &str) -> &mut Self {
        let (group, partition) = (group(), partition(name));
        self.observe(Observation::OffsetRemoved { group, partition, why: OffsetRemoval::Expired })
    }

    pub(in crate::invariant) fn timer_fired(&mut self, timer: TimerKind) -> &mut Self {
        self.observe(Observation::Classic(ClassicObservation::TimerFired {
            group: group(),
            timer,
            member: None,
        }))
    }

    pub(in crate::invariant) fn added_static(&mut self, id: &str, instance: &str) -> &mut Self {
        let (session, rebalance) = (self.session, self.rebalance);
        let (member, instance) = (member(id), Some(str_bytes(instance)));
        let group = group();
        self.observe(Observation::Classic(ClassicObservation::MemberAdded {
            group,
            member,
            instance,
            session,
            rebalance,
        }))
    }

    /// A static member comes back.
    pub(in crate::invariant) fn replaced(
        &mut self,
        instance: &str,
        old: &str,
        new: &str,
    ) -> &mut Self {
        let (session, rebalance) = (self.session, self.rebalance);
        let (instance, old, new) = (str_bytes(instance), member(old), member(new));
        let group = group();
        self.observe(Observation::Classic(ClassicObservation::MemberReplaced {
            group,
            instance,
            old,
            new,
            session,
            rebalance,
        }))
    }

    pub(in crate::invariant) fn undone(
        &mut self,
        instance: &str,
        old: &str,
        new: &str,
    ) -> &mut Self {
        let (instance, old, new) = (str_bytes(instance), member(old), member(new));
        self.observe(Observation::Classic(ClassicObservation::ReplacementUndone {
            group: group(),
            instance,
            old,
            new,
        }))
    }

    pub(in crate::invariant) fn request_join_static(
        &mut self,
        id: &str,
        instance: &str,
        names: &[&str],
    ) -> usize {
        let protocols = names.iter().map(|name| {
            join_group_request::JoinGroupRequestProtocol::default().with_name(str_bytes(name))
        });
        let body = JoinGroupRequest::default()
            .with_group_id(group())
            .with_member_id(str_bytes(id))
            .with_group_instance_id(Some(str_bytes(instance)))
            .with_session_timeout_ms(to_millis_i32(self.session))
            .with_rebalance_timeout_ms(to_millis_i32(self.rebalance))
            .with_protocols(protocols.collect());
        self.request(body)
    }

    /// The leader's JoinGroup response names the partitions that members claim to own, and the
    /// generation of each claim.
    pub(in crate::invariant) fn joined_with(
        &mut self,
        leader: &str,
        generation: i32,
        claims: &[(&str, &[&str], i32)],
    ) -> &mut Self {
        let members = claims
            .iter()
            .map(|(id, owned, since)| (*id, subscription(self.protocol.as_str(), owned, *since)));
        let members: Vec<_> = members.collect();
        self.joined_raw(leader, generation, &as_bytes(&members))
    }
}
