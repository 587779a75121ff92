//! In one generation no partition is assigned to two members.
//!
//! Rule: `assigned-twice`, the claim above.
//!
//! Not said: anything about groups of another protocol type, whose assignments cannot be decoded
//! here.

use std::collections::BTreeMap;

use crate::invariant::Invariant;
use crate::invariant::{Breach, breach};
use crate::model::Model;
use crate::protocol::subscription::decode_assignment;
use crate::protocol::{
    CONSUMER_PROTOCOL_TYPE, GroupId, Request, RequestFrame, Response, StrBytes, TopicPartition,
};
use crate::trace::Event;

use super::in_flight::{ClientMessage, Exchange, InFlight, JoinedGeneration, joined};

#[derive(Default)]
pub(super) struct SingleOwner {
    in_flight: InFlight,
    /// The generation that each member joined last, by group and member id.
    members: BTreeMap<(GroupId, StrBytes), JoinedGeneration>,
    owners: BTreeMap<(GroupId, JoinedGeneration), BTreeMap<TopicPartition, Owner>>,
}

/// A member; a static one keeps its identity when its id is replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Owner {
    member: StrBytes,
    instance: Option<StrBytes>,
}

impl Owner {
    fn is(&self, other: &Owner) -> bool {
        match (&self.instance, &other.instance) {
            (Some(one), Some(other)) => one == other,
            _ => self.member == other.member,
        }
    }
}

impl Invariant for SingleOwner {
    fn name(&self) -> &'static str {
        "single-owner"
    }

    fn statement(&self) -> &'static str {
        "in one generation no partition is assigned to two members"
    }

    fn check(&mut self, _model: &Model, event: &Event) -> Result<(), Breach> {
        let Some(ClientMessage::Response(exchange)) = self.in_flight.take(event) else {
            return Ok(());
        };
        if let Some((group, member, joined_generation)) = joined(&exchange)
            && is_of_consumers(exchange.request)
        {
            self.members.insert((group.clone(), member.clone()), joined_generation);
            return Ok(());
        }
        self.synced(&exchange)
    }
}

fn is_of_consumers(request: &RequestFrame) -> bool {
    matches!(&request.body, Request::JoinGroup(body) if body.protocol_type.as_str() == CONSUMER_PROTOCOL_TYPE)
}

impl SingleOwner {
    fn synced(&mut self, exchange: &Exchange<'_>) -> Result<(), Breach> {
        let (Request::SyncGroup(request), Response::SyncGroup(response)) =
            (&exchange.request.body, exchange.response)
        else {
            return Ok(());
        };
        let key = (request.group_id.clone(), request.member_id.clone());
        let Some(joined) = self.members.get(&key) else { return Ok(()) };
        if response.error_code != 0 || joined.number != request.generation_id {
            return Ok(());
        }
        let Ok(assigned) = decode_assignment(&response.assignment) else { return Ok(()) };
        let (member, instance) = (request.member_id.clone(), request.group_instance_id.clone());
        let owner = Owner { member, instance };
        let owners = self.owners.entry((key.0.clone(), joined.clone())).or_default();
        for partition in assigned {
            let before = owners.entry(partition.clone()).or_insert_with(|| owner.clone());
            if !before.is(&owner) {
                return breach!(
                    "assigned-twice",
                    "group {}: in generation {} the coordinator assigned {partition} to {} and to {}",
                    key.0.as_str(),
                    joined.number,
                    before.member.as_str(),
                    owner.member.as_str(),
                );
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::{JoinGroupRequest, SyncGroupRequest, SyncGroupResponse};

    use crate::invariant::trace_builder::{TraceBuilder, join_response};
    use crate::protocol::str_bytes;
    use crate::protocol::subscription::encode_assignment;

    /// Two members of one generation receive the same bytes, which name a partition if they are
    /// consumers.
    fn two_members_with_the_same_bytes(protocol_type: &str) -> TraceBuilder {
        let mut trace = TraceBuilder::black_box();
        for (conn, id) in [(1, "a"), (2, "b")] {
            let join = JoinGroupRequest::default().with_protocol_type(str_bytes(protocol_type));
            trace.sends(conn, join.clone());
            trace.receives(conn, join, join_response(id, 1, "a", &[]));
            let sync =
                SyncGroupRequest::default().with_member_id(str_bytes(id)).with_generation_id(1);
            let assignment =
                encode_assignment(&[crate::invariant::trace_builder::partition("t-0")], 1);
            let response = SyncGroupResponse::default().with_assignment(assignment);
            trace.sends(conn, sync.clone()).receives(conn, sync, response);
        }
        trace
    }

    #[test]
    fn two_consumers_that_are_assigned_one_partition_break() {
        two_members_with_the_same_bytes("consumer").breaks("assigned t-0 to a and to b");
    }

    #[test]
    fn assignments_of_another_protocol_type_are_not_judged() {
        two_members_with_the_same_bytes("connect").holds();
    }
}
