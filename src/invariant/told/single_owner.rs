//! In one generation no partition is told to two members, as far as the members say.
//!
//! Not said: anything of groups of another protocol type, whose assignments cannot be read here.

use std::collections::BTreeMap;

use crate::invariant::Invariant;
use crate::invariant::ledger::Ledger;
use crate::invariant::{Breach, breach};
use crate::protocol::subscription::decode_assignment;
use crate::protocol::{
    CONSUMER_PROTOCOL_TYPE, GroupId, Request, RequestFrame, Response, StrBytes, TopicPartition,
};
use crate::trace::Event;

use super::book::{Answered, Book, Entry, Told, joined};

#[derive(Default)]
pub(super) struct SingleOwner {
    book: Book,
    /// The generation that each member was told last, by group and member id.
    members: BTreeMap<(GroupId, StrBytes), Told>,
    owners: BTreeMap<(GroupId, Told), BTreeMap<TopicPartition, Owner>>,
}

/// A member; a static one keeps its name when its id is replaced.
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
        "in one generation no partition is told to two members"
    }

    fn check(&mut self, _ledger: &Ledger, event: &Event) -> Result<(), Breach> {
        let Some(Entry::Answered(answered)) = self.book.take(event) else { return Ok(()) };
        if let Some((group, member, told)) = joined(&answered)
            && is_of_consumers(answered.request)
        {
            self.members.insert((group.clone(), member.clone()), told);
            return Ok(());
        }
        self.synced(&answered)
    }
}

fn is_of_consumers(request: &RequestFrame) -> bool {
    matches!(&request.body, Request::JoinGroup(body) if body.protocol_type.as_str() == CONSUMER_PROTOCOL_TYPE)
}

impl SingleOwner {
    fn synced(&mut self, answered: &Answered<'_>) -> Result<(), Breach> {
        let (Request::SyncGroup(request), Response::SyncGroup(answer)) =
            (&answered.request.body, answered.response)
        else {
            return Ok(());
        };
        let key = (request.group_id.clone(), request.member_id.clone());
        let Some(told) = self.members.get(&key) else { return Ok(()) };
        if answer.error_code != 0 || told.number != request.generation_id {
            return Ok(());
        }
        let Ok(assigned) = decode_assignment(&answer.assignment) else { return Ok(()) };
        let (member, instance) = (request.member_id.clone(), request.group_instance_id.clone());
        let owner = Owner { member, instance };
        let owners = self.owners.entry((key.0.clone(), told.clone())).or_default();
        for partition in assigned {
            let before = owners.entry(partition.clone()).or_insert_with(|| owner.clone());
            if !before.is(&owner) {
                return breach!(
                    "told-twice",
                    "group {}: in generation {} {partition} was told to {} and to {}",
                    key.0.as_str(),
                    told.number,
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

    use crate::invariant::story::{Story, join_answer};
    use crate::protocol::str_bytes;
    use crate::protocol::subscription::encode_assignment;

    /// Two members of one generation are told the same bytes, which are a partition to consumers.
    fn both_are_told_the_same(protocol_type: &str) -> Story {
        let mut story = Story::from_outside();
        for (conn, id) in [(1, "a"), (2, "b")] {
            let join = JoinGroupRequest::default().with_protocol_type(str_bytes(protocol_type));
            story.says(conn, join.clone());
            story.hears(conn, join, join_answer(id, 1, "a", &[]));
            let sync =
                SyncGroupRequest::default().with_member_id(str_bytes(id)).with_generation_id(1);
            let assignment = encode_assignment(&[crate::invariant::story::partition("t-0")], 1);
            let answer = SyncGroupResponse::default().with_assignment(assignment);
            story.says(conn, sync.clone()).hears(conn, sync, answer);
        }
        story
    }

    #[test]
    fn two_consumers_that_are_told_one_partition_break() {
        both_are_told_the_same("consumer").breaks("t-0 was told to a and to b");
    }

    #[test]
    fn what_members_of_another_protocol_type_are_told_is_theirs() {
        both_are_told_the_same("connect").holds();
    }
}
