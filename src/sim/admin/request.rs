//! Builds the administrator's requests from schedule lines. Each has the newest version, unless the
//! line calls for an older one.

use bytes::Bytes;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_delete_request::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use kafka_protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use kafka_protocol::messages::write_txn_markers_request::{
    WritableTxnMarker, WritableTxnMarkerTopic,
};
use kafka_protocol::messages::{
    DeleteGroupsRequest, DescribeGroupsRequest, JoinGroupRequest, LeaveGroupRequest,
    ListGroupsRequest, OffsetCommitRequest, OffsetDeleteRequest, OffsetFetchRequest,
    TransactionalId, TxnOffsetCommitRequest, WriteTxnMarkersRequest,
};

use crate::protocol::{
    Generation, GroupId, MemberId, Request, StrBytes, TopicName, TopicPartition, str_bytes,
};
use crate::sim::Sim;
use crate::sim::schedule::AdminRequest;
use crate::sim::schedule::legal::ProcessState;
use crate::time::to_millis_i32;

/// The groups that a request names. The leader of the first one handles the request.
pub(in crate::sim) fn groups_of(request: &AdminRequest) -> Vec<&str> {
    match request {
        AdminRequest::Describe { groups, .. } | AdminRequest::DeleteGroups { groups, .. } => {
            groups.iter().map(String::as_str).collect()
        }
        AdminRequest::List { .. } => Vec::new(),
        AdminRequest::DeleteOffsets { group, .. }
        | AdminRequest::Remove { group, .. }
        | AdminRequest::Commit { group, .. }
        | AdminRequest::Offsets { group, .. }
        | AdminRequest::TxnCommit { group, .. }
        | AdminRequest::EndTxn { group, .. }
        | AdminRequest::Join { group, .. } => vec![group],
    }
}

fn group_id(name: &str) -> GroupId {
    GroupId(str_bytes(name))
}

fn group_ids(names: &[String]) -> Vec<GroupId> {
    names.iter().map(|name| group_id(name)).collect()
}

fn words(words: &[String]) -> Vec<StrBytes> {
    words.iter().map(|word| str_bytes(word)).collect()
}

impl Sim {
    /// The request and its version.
    pub(super) fn request_of(&self, request: &AdminRequest) -> (i16, Request) {
        match request {
            AdminRequest::Describe { groups, version } => {
                let request = DescribeGroupsRequest::default().with_groups(group_ids(groups));
                (version.unwrap_or(6), request.into())
            }
            AdminRequest::List { on: _, states, types, version } => {
                let request = ListGroupsRequest::default()
                    .with_states_filter(words(states))
                    .with_types_filter(words(types));
                (version.unwrap_or(5), request.into())
            }
            AdminRequest::DeleteGroups { groups, version } => {
                let request = DeleteGroupsRequest::default().with_groups_names(group_ids(groups));
                (version.unwrap_or(2), request.into())
            }
            AdminRequest::DeleteOffsets { group, partitions } => {
                (0, delete_offsets(group, partitions).into())
            }
            AdminRequest::Remove { group, instance, member, version } => {
                let version = version.unwrap_or(5);
                let target = (instance.as_deref(), member.as_deref());
                (version, self.remove(version, group, target).into())
            }
            AdminRequest::Commit { group, partition, offset, note, retention } => {
                let request = commit(group, partition, (*offset, *note));
                // Only versions 2 to 4 have a retention time.
                match retention {
                    None => (9, request.into()),
                    Some(time) => {
                        (4, request.with_retention_time_ms(i64::from(to_millis_i32(*time))).into())
                    }
                }
            }
            AdminRequest::Offsets { group, stable, version } => {
                let version = version.unwrap_or(9);
                (version, everything_committed(version, group, *stable).into())
            }
            AdminRequest::TxnCommit { group, partition, offset, producer, consumer } => {
                let request = txn_commit(group, partition, (*offset, *producer));
                match consumer {
                    None => (2, request.into()),
                    Some(consumer) => (5, self.as_member(request, consumer).into()),
                }
            }
            AdminRequest::EndTxn { group, producer, commit } => {
                (1, self.end_txn(group, *producer, *commit).into())
            }
            AdminRequest::Join { group, protocol_type, session } => {
                let protocol = JoinGroupRequestProtocol::default()
                    .with_name(str_bytes("range"))
                    .with_metadata(Bytes::new());
                let request = JoinGroupRequest::default()
                    .with_group_id(group_id(group))
                    .with_session_timeout_ms(to_millis_i32(*session))
                    .with_rebalance_timeout_ms(to_millis_i32(*session))
                    .with_protocol_type(str_bytes(protocol_type))
                    .with_protocols(vec![protocol]);
                (9, request.into())
            }
        }
    }

    /// The member id and generation that a consumer currently uses.
    fn membership(&self, name: &str) -> (MemberId, Generation) {
        let found = self.describe_consumer(name);
        let found = found.unwrap_or_else(|| panic!("{name} was taken to run"));
        (found.member, found.generation)
    }

    /// Versions before 3 name one member and have no instance ids.
    fn remove(
        &self,
        version: i16,
        group: &str,
        (instance, consumer): (Option<&str>, Option<&str>),
    ) -> LeaveGroupRequest {
        let mut member = MemberIdentity::default()
            .with_group_instance_id(instance.map(str_bytes))
            .with_reason(Some(str_bytes("removed by the administrator")));
        if let Some(consumer) = consumer {
            member.member_id = self.membership(consumer).0.0;
        }
        let request = LeaveGroupRequest::default().with_group_id(group_id(group));
        if version < 3 {
            return request.with_member_id(member.member_id);
        }
        request.with_members(vec![member])
    }

    /// Makes the commit in the name of a member (KIP-447).
    fn as_member(&self, request: TxnOffsetCommitRequest, consumer: &str) -> TxnOffsetCommitRequest {
        let index = usize::from(self.index(consumer));
        if self.consumers[index].state() == ProcessState::GaveUp {
            // The consumer has left its group, so its producer has no member to name.
            return request;
        }
        let (member, generation) = self.membership(consumer);
        let instance = self.consumers[index].config.instance_id.clone();
        request
            .with_member_id(member.0)
            .with_generation_id(generation.0)
            .with_group_instance_id(instance)
    }

    fn end_txn(&self, group: &str, producer: i64, commit: bool) -> WriteTxnMarkersRequest {
        let partition = self.cluster.partition_of(&group_id(group));
        let topic = WritableTxnMarkerTopic::default()
            .with_name(TopicName(str_bytes("__consumer_offsets")))
            .with_partition_indexes(vec![partition]);
        let marker = WritableTxnMarker::default()
            .with_producer_id(producer.into())
            .with_transaction_result(commit)
            .with_topics(vec![topic]);
        WriteTxnMarkersRequest::default().with_markers(vec![marker])
    }
}

/// Versions before 8 fetch one group; those before 7 have no RequireStable.
fn everything_committed(version: i16, group: &str, stable: bool) -> OffsetFetchRequest {
    let request = OffsetFetchRequest::default().with_require_stable(stable && version >= 7);
    if version < 8 {
        return request.with_group_id(group_id(group)).with_topics(None);
    }
    let group = OffsetFetchRequestGroup::default().with_group_id(group_id(group)).with_topics(None);
    request.with_groups(vec![group])
}

fn delete_offsets(group: &str, partitions: &[TopicPartition]) -> OffsetDeleteRequest {
    let mut topics: Vec<OffsetDeleteRequestTopic> = Vec::new();
    for partition in partitions {
        let one = OffsetDeleteRequestPartition::default().with_partition_index(partition.partition);
        match topics.iter_mut().find(|topic| topic.name == partition.topic) {
            Some(topic) => topic.partitions.push(one),
            None => topics.push(
                OffsetDeleteRequestTopic::default()
                    .with_name(partition.topic.clone())
                    .with_partitions(vec![one]),
            ),
        }
    }
    OffsetDeleteRequest::default().with_group_id(group_id(group)).with_topics(topics)
}

/// A commit without a member id, with `note` bytes of metadata.
fn commit(
    group: &str,
    partition: &TopicPartition,
    (offset, note): (i64, usize),
) -> OffsetCommitRequest {
    let one = OffsetCommitRequestPartition::default()
        .with_partition_index(partition.partition)
        .with_committed_offset(offset)
        .with_committed_metadata(Some(str_bytes(&"x".repeat(note))));
    let topic = OffsetCommitRequestTopic::default()
        .with_name(partition.topic.clone())
        .with_partitions(vec![one]);
    OffsetCommitRequest::default()
        .with_group_id(group_id(group))
        .with_generation_id_or_member_epoch(Generation::NONE.0)
        .with_topics(vec![topic])
}

fn txn_commit(
    group: &str,
    partition: &TopicPartition,
    (offset, producer): (i64, i64),
) -> TxnOffsetCommitRequest {
    let one = TxnOffsetCommitRequestPartition::default()
        .with_partition_index(partition.partition)
        .with_committed_offset(offset)
        .with_committed_metadata(Some(StrBytes::default()));
    let topic = TxnOffsetCommitRequestTopic::default()
        .with_name(partition.topic.clone())
        .with_partitions(vec![one]);
    TxnOffsetCommitRequest::default()
        .with_transactional_id(TransactionalId(str_bytes("admin")))
        .with_group_id(group_id(group))
        .with_producer_id(producer.into())
        .with_generation_id(Generation::NONE.0)
        .with_topics(vec![topic])
}
