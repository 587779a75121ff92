//! Requests about offsets.

use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_delete_request::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::{OffsetCommitRequest, OffsetDeleteRequest, OffsetFetchRequest};

use super::{RequestArgs, topic};

pub fn offset_commit(args: &RequestArgs<'_>) -> OffsetCommitRequest {
    let topics = args.places().into_iter().map(|(name, partitions)| {
        let partitions = partitions.into_iter().map(|(partition, offset)| {
            let mut commit = OffsetCommitRequestPartition::default()
                .with_partition_index(partition)
                .with_committed_offset(offset)
                .with_committed_metadata(args.metadata());
            if args.version >= 6 {
                commit.committed_leader_epoch = args.number("epoch", -1);
            }
            commit
        });
        OffsetCommitRequestTopic::default()
            .with_name(topic(&name))
            .with_partitions(partitions.collect())
    });
    let mut request = OffsetCommitRequest::default()
        .with_group_id(args.group())
        .with_generation_id_or_member_epoch(args.generation())
        .with_member_id(args.member())
        .with_topics(topics.collect());
    if args.version <= 4 {
        request.retention_time_ms = args.number("retention", -1);
    }
    if args.version >= 7 {
        request.group_instance_id = args.nullable("instance");
    }
    request
}

/// `topics=all` fetches all committed offsets of the group.
pub fn offset_fetch(args: &RequestArgs<'_>) -> OffsetFetchRequest {
    let all = args.given("topics").is_some_and(|topics| topics == "all");
    let indexes = |partitions: Vec<(i32, i64)>| partitions.into_iter().map(|(index, _)| index);
    let places = || args.places().into_iter();
    let mut request = OffsetFetchRequest::default();
    if args.version >= 7 {
        request.require_stable = args.flag("stable", false);
    }
    if args.version < 8 {
        let one = |(name, partitions): (String, _)| {
            OffsetFetchRequestTopic::default()
                .with_name(topic(&name))
                .with_partition_indexes(indexes(partitions).collect())
        };
        let topics = (!all).then(|| places().map(one).collect());
        return request.with_group_id(args.group()).with_topics(topics);
    }
    let one = |(name, partitions): (String, _)| {
        OffsetFetchRequestTopics::default()
            .with_name(topic(&name))
            .with_partition_indexes(indexes(partitions).collect())
    };
    let groups = args.groups().into_iter().map(|group| {
        let topics = (!all).then(|| places().map(one).collect());
        let mut group = OffsetFetchRequestGroup::default().with_group_id(group).with_topics(topics);
        if args.version >= 9 {
            group.member_id = args.nullable("member");
            group.member_epoch = args.number("gen", -1);
        }
        group
    });
    request.with_groups(groups.collect())
}

pub fn offset_delete(args: &RequestArgs<'_>) -> OffsetDeleteRequest {
    let topics = args.places().into_iter().map(|(name, partitions)| {
        let partitions = partitions.into_iter().map(|(partition, _)| {
            OffsetDeleteRequestPartition::default().with_partition_index(partition)
        });
        OffsetDeleteRequestTopic::default()
            .with_name(topic(&name))
            .with_partitions(partitions.collect())
    });
    OffsetDeleteRequest::default().with_group_id(args.group()).with_topics(topics.collect())
}
