//! Maps groups to partitions of the offsets log.

use crate::protocol::{GroupId, IndexMap, Request, offsets_partition};

/// The first OffsetFetch version with several groups (KIP-709).
const SEVERAL_GROUPS: i16 = 8;

pub(super) struct Routing {
    partitions: usize,
    /// Groups seen before: hashing a long name for every heartbeat would cost noticeable time.
    known: IndexMap<GroupId, usize>,
}

impl Routing {
    pub(super) fn new(partitions: usize) -> Routing {
        assert!(partitions > 0, "the offsets log needs at least one partition");
        Routing { partitions, known: IndexMap::default() }
    }

    pub(super) fn partition_of(&mut self, group: &GroupId) -> usize {
        if self.partitions == 1 {
            return 0;
        }
        if let Some(&partition) = self.known.get(group) {
            return partition;
        }
        let partition = self.compute_partition(group);
        self.known.insert(group.clone(), partition);
        partition
    }

    /// The same without the cache.
    pub(super) fn compute_partition(&self, group: &GroupId) -> usize {
        offsets_partition(group, self.partitions as i32) as usize
    }
}

/// The group of a request, if the request concerns exactly one group.
pub(super) fn group_of(request: &Request, version: i16) -> Option<&GroupId> {
    match request {
        Request::JoinGroup(request) => Some(&request.group_id),
        Request::SyncGroup(request) => Some(&request.group_id),
        Request::Heartbeat(request) => Some(&request.group_id),
        Request::LeaveGroup(request) => Some(&request.group_id),
        Request::OffsetCommit(request) => Some(&request.group_id),
        Request::TxnOffsetCommit(request) => Some(&request.group_id),
        Request::OffsetDelete(request) => Some(&request.group_id),
        Request::OffsetFetch(request) if version < SEVERAL_GROUPS => Some(&request.group_id),
        Request::OffsetFetch(request) => only(&request.groups).map(|group| &group.group_id),
        Request::DescribeGroups(request) => only(&request.groups),
        Request::DeleteGroups(request) => only(&request.groups_names),
        Request::ListGroups(_)
        | Request::WriteTxnMarkers(_)
        | Request::Produce(_)
        | Request::Fetch(_)
        | Request::ListOffsets(_)
        | Request::Metadata(_)
        | Request::InitProducerId(_)
        | Request::DescribeConfigs(_)
        | Request::FindCoordinator(_) => None,
    }
}

fn only<T>(list: &[T]) -> Option<&T> {
    match list {
        [one] => Some(one),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R3.11.
    #[test]
    fn a_group_seen_before_is_found_where_it_was() {
        let mut routing = Routing::new(50);
        let group = GroupId(crate::protocol::str_bytes("hello"));
        let first = routing.partition_of(&group);
        assert_eq!((first, routing.partition_of(&group)), (22, 22));
        assert_eq!(routing.compute_partition(&group), 22);
    }
}
