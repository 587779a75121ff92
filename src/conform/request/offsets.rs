//! The requests about offsets.

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

use super::{Ask, topic};

pub fn offset_commit(ask: &Ask<'_>) -> OffsetCommitRequest {
    let topics = ask.places().into_iter().map(|(name, partitions)| {
        let partitions = partitions.into_iter().map(|(partition, offset)| {
            let mut commit = OffsetCommitRequestPartition::default()
                .with_partition_index(partition)
                .with_committed_offset(offset)
                .with_committed_metadata(ask.metadata());
            if ask.version >= 6 {
                commit.committed_leader_epoch = ask.number("epoch", -1);
            }
            commit
        });
        OffsetCommitRequestTopic::default()
            .with_name(topic(&name))
            .with_partitions(partitions.collect())
    });
    let mut request = OffsetCommitRequest::default()
        .with_group_id(ask.group())
        .with_generation_id_or_member_epoch(ask.generation())
        .with_member_id(ask.member())
        .with_topics(topics.collect());
    if ask.version <= 4 {
        request.retention_time_ms = ask.number("retention", -1);
    }
    if ask.version >= 7 {
        request.group_instance_id = ask.nullable("instance");
    }
    request
}

/// `topics=all` asks for all that the group has committed.
pub fn offset_fetch(ask: &Ask<'_>) -> OffsetFetchRequest {
    let all = ask.given("topics").is_some_and(|topics| topics == "all");
    let indexes = |partitions: Vec<(i32, i64)>| partitions.into_iter().map(|(index, _)| index);
    let places = || ask.places().into_iter();
    let mut request = OffsetFetchRequest::default();
    if ask.version >= 7 {
        request.require_stable = ask.flag("stable", false);
    }
    if ask.version < 8 {
        let one = |(name, partitions): (String, _)| {
            OffsetFetchRequestTopic::default()
                .with_name(topic(&name))
                .with_partition_indexes(indexes(partitions).collect())
        };
        let topics = (!all).then(|| places().map(one).collect());
        return request.with_group_id(ask.group()).with_topics(topics);
    }
    let one = |(name, partitions): (String, _)| {
        OffsetFetchRequestTopics::default()
            .with_name(topic(&name))
            .with_partition_indexes(indexes(partitions).collect())
    };
    let groups = ask.groups().into_iter().map(|group| {
        let topics = (!all).then(|| places().map(one).collect());
        let mut group = OffsetFetchRequestGroup::default().with_group_id(group).with_topics(topics);
        if ask.version >= 9 {
            group.member_id = ask.nullable("member");
            group.member_epoch = ask.number("gen", -1);
        }
        group
    });
    request.with_groups(groups.collect())
}

pub fn offset_delete(ask: &Ask<'_>) -> OffsetDeleteRequest {
    let topics = ask.places().into_iter().map(|(name, partitions)| {
        let partitions = partitions.into_iter().map(|(partition, _)| {
            OffsetDeleteRequestPartition::default().with_partition_index(partition)
        });
        OffsetDeleteRequestTopic::default()
            .with_name(topic(&name))
            .with_partitions(partitions.collect())
    });
    OffsetDeleteRequest::default().with_group_id(ask.group()).with_topics(topics.collect())
}
