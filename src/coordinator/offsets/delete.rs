//! OffsetDelete: removes committed offsets of topics that the group does not subscribe to (rules
//! R6.7, KIP-496).

use kafka_protocol::messages::offset_delete_request::OffsetDeleteRequestTopic;
use kafka_protocol::messages::offset_delete_response::{
    OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};
use kafka_protocol::messages::{OffsetDeleteRequest, OffsetDeleteResponse};

use super::{Offsets, Subscribed, View};
use crate::coordinator::api::{Call, Entry, Release, Ticket};
use crate::coordinator::group::{Group, Groups};
use crate::coordinator::reason::OffsetRemoval;
use crate::coordinator::runtime::removal;
use crate::coordinator::runtime::turn::Turn;
use crate::protocol::{ResponseError, TopicPartition, error_code};

/// Responds to an OffsetDelete, or defers the response until its tombstones are durable.
pub(crate) fn handle(
    groups: &mut Groups,
    turn: &mut Turn<'_>,
    call: &Call<'_>,
    request: &OffsetDeleteRequest,
) {
    let group = match admit(groups, request) {
        Ok(group) => group,
        Err(error) => {
            let refusal = OffsetDeleteResponse::default().with_error_code(error.code());
            return turn.respond(call.id, refusal, Release::Now);
        }
    };
    let subscribed = group.subscribed();
    let topic = |topic: &OffsetDeleteRequestTopic| response_topic(topic, &subscribed);
    let response =
        OffsetDeleteResponse::default().with_topics(request.topics.iter().map(topic).collect());
    match append(group, turn, call, &response) {
        0 => turn.respond(call.id, response, Release::WhenDurable),
        records => turn.respond(call.id, response, Release::WhenKnown(records)),
    }
}

/// The group, if its offsets may be removed now (R6.7.1 to R6.7.3).
fn admit<'g>(
    groups: &'g mut Groups,
    request: &OffsetDeleteRequest,
) -> Result<&'g mut Group, ResponseError> {
    if request.group_id.0.is_empty() {
        return Err(ResponseError::InvalidGroupId);
    }
    let group = groups.get_mut(&request.group_id).ok_or(ResponseError::GroupIdNotFound)?;
    group.validate_offset_delete()?;
    Ok(group)
}

/// Appends a tombstone for every partition that is not refused and has an offset; returns their
/// number. Partitions are removed one by one, so that one named twice is removed once.
fn append(
    group: &mut Group,
    turn: &mut Turn<'_>,
    call: &Call<'_>,
    response: &OffsetDeleteResponse,
) -> usize {
    let mut appends = 0;
    for (t, topic) in response.topics.iter().enumerate() {
        for (p, partition) in topic.partitions.iter().enumerate() {
            let at = TopicPartition::new(topic.name.clone(), partition.partition_index);
            if partition.error_code == 0 && has_something(turn.offsets.of(group.id()), &at) {
                let entry = Entry::Partition { topic: t, partition: p };
                let ticket = Ticket { request: call.id, entry };
                removal::remove_offset(
                    group.id(),
                    turn,
                    &at,
                    Some(OffsetRemoval::Deleted),
                    Some(ticket),
                );
                appends += 1;
            }
        }
    }
    appends
}

fn has_something(offsets: &Offsets, at: &TopicPartition) -> bool {
    offsets.get(&at.topic, at.partition, View::Newest).is_some()
        || offsets.is_unstable(&at.topic, at.partition)
}

fn response_topic(
    topic: &OffsetDeleteRequestTopic,
    subscribed: &Subscribed<'_>,
) -> OffsetDeleteResponseTopic {
    let refusal =
        subscribed.may_include(&topic.name).then_some(ResponseError::GroupSubscribedToTopic);
    let partitions = topic.partitions.iter().map(|partition| {
        OffsetDeleteResponsePartition::default()
            .with_partition_index(partition.partition_index)
            .with_error_code(error_code(refusal))
    });
    OffsetDeleteResponseTopic::default()
        .with_name(topic.name.clone())
        .with_partitions(partitions.collect())
}
