//! The entries of responses, partition by partition.

use kafka_protocol::messages::{OffsetFetchRequest, OffsetFetchResponse};

use crate::protocol::{GroupId, ResponseError, TopicPartition};

use super::commits::Verdict;

/// What an error code of OffsetCommit says about the commit. Errors of the log leave open whether
/// the record becomes durable after all.
pub(super) fn verdict(code: i16) -> Verdict {
    match ResponseError::try_from_code(code) {
        None => Verdict::Accepted,
        Some(
            ResponseError::IllegalGeneration
            | ResponseError::UnknownMemberId
            | ResponseError::RebalanceInProgress
            | ResponseError::FencedInstanceId
            | ResponseError::InvalidGroupId
            | ResponseError::GroupIdNotFound
            | ResponseError::StaleMemberEpoch
            | ResponseError::OffsetMetadataTooLarge
            | ResponseError::UnknownTopicOrPartition,
        ) => Verdict::Refused,
        Some(_) => Verdict::Open,
    }
}

/// The (group, partition, offset) entries of an OffsetFetch response that are not errors: one group
/// up to version 7, several from version 8 on.
pub(super) fn fetched<'a>(
    request: &'a OffsetFetchRequest,
    response: &'a OffsetFetchResponse,
) -> impl Iterator<Item = (&'a GroupId, TopicPartition, i64)> {
    let old = response.topics.iter().filter(|_| response.error_code == 0).flat_map(|topic| {
        topic.partitions.iter().filter(|entry| entry.error_code == 0).map(|entry| {
            let id = TopicPartition::new(topic.name.clone(), entry.partition_index);
            (&request.group_id, id, entry.committed_offset)
        })
    });
    let new = response.groups.iter().filter(|group| group.error_code == 0).flat_map(|group| {
        group.topics.iter().flat_map(move |topic| {
            topic.partitions.iter().filter(|entry| entry.error_code == 0).map(move |entry| {
                let id = TopicPartition::new(topic.name.clone(), entry.partition_index);
                (&group.group_id, id, entry.committed_offset)
            })
        })
    });
    old.chain(new)
}

/// The partitions of an OffsetFetch response that are marked as unstable, because a transaction may
/// still change them.
pub(super) fn unstable<'a>(
    request: &'a OffsetFetchRequest,
    response: &'a OffsetFetchResponse,
) -> impl Iterator<Item = (&'a GroupId, TopicPartition)> {
    let code = ResponseError::UnstableOffsetCommit.code();
    let old = response.topics.iter().flat_map(move |topic| {
        let entries = topic.partitions.iter().filter(move |entry| entry.error_code == code);
        entries.map(|entry| {
            (&request.group_id, TopicPartition::new(topic.name.clone(), entry.partition_index))
        })
    });
    let new = response.groups.iter().flat_map(move |group| {
        group.topics.iter().flat_map(move |topic| {
            let entries = topic.partitions.iter().filter(move |entry| entry.error_code == code);
            entries.map(|entry| {
                let id = TopicPartition::new(topic.name.clone(), entry.partition_index);
                (&group.group_id, id)
            })
        })
    });
    old.chain(new)
}
