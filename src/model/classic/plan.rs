//! The plans: the assignments that the leader of a generation submits with its SyncGroup.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::protocol::subscription::decode_assignment;
use crate::protocol::{MemberId, TopicPartition};
use kafka_protocol::messages::SyncGroupRequest;

use super::group::Group;

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
