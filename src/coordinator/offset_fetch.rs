//! OffsetFetch: tells how far a group has read (rules R6.6).
//!
//! Nobody is fenced here: a consumer asks before it acts, and whoever asks is told.

use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use kafka_protocol::messages::{OffsetFetchRequest, OffsetFetchResponse};

use crate::protocol::{GroupId, ResponseError, TopicName};

use super::api::{Call, Release};
use super::group::{Group, Groups};
use super::offsets::View;
use super::record::CommittedOffset;
use super::state::GroupState;
use super::turn::Turn;

/// The first version that can wait for durability (KIP-447).
const REQUIRE_STABLE: i16 = 7;
/// The first version that asks for several groups at once (KIP-709).
const SEVERAL_GROUPS: i16 = 8;

/// What is asked of one group: topics with their partitions, or everything.
type Wanted<'a> = Option<Vec<(&'a TopicName, &'a [i32])>>;
/// What is found: per topic, partitions with what is committed for them.
type Found = Vec<(TopicName, Vec<(i32, Option<CommittedOffset>)>)>;

/// Answers an OffsetFetch.
pub(super) fn handle(
    groups: &Groups,
    turn: &mut Turn<'_>,
    call: &Call<'_>,
    request: &OffsetFetchRequest,
) {
    let waits = call.version >= REQUIRE_STABLE && request.require_stable;
    let (view, release) = match waits {
        true => (View::Newest, Release::WhenDurable),
        false => (View::Committed, Release::Now),
    };
    let response = match call.version >= SEVERAL_GROUPS {
        true => several(groups, request, view),
        false => single(groups, request, view),
    };
    turn.respond(call.id, response, release);
}

fn single<'a>(groups: &Groups, request: &'a OffsetFetchRequest, view: View) -> OffsetFetchResponse {
    let pair = |t: &'a OffsetFetchRequestTopic| (&t.name, t.partition_indexes.as_slice());
    let wanted = request.topics.as_ref().map(|topics| topics.iter().map(pair).collect());
    match find(groups, &request.group_id, wanted, view) {
        Ok(found) => OffsetFetchResponse::default().with_topics(
            found
                .into_iter()
                .map(|(name, partitions)| {
                    OffsetFetchResponseTopic::default()
                        .with_name(name)
                        .with_partitions(partitions.into_iter().map(partition).collect())
                })
                .collect(),
        ),
        Err(error) => OffsetFetchResponse::default().with_error_code(error.code()),
    }
}

fn several<'a>(
    groups: &Groups,
    request: &'a OffsetFetchRequest,
    view: View,
) -> OffsetFetchResponse {
    let pair = |t: &'a OffsetFetchRequestTopics| (&t.name, t.partition_indexes.as_slice());
    let answers = request.groups.iter().map(|asked| {
        let wanted = asked.topics.as_ref().map(|topics| topics.iter().map(pair).collect());
        let answer = OffsetFetchResponseGroup::default().with_group_id(asked.group_id.clone());
        match find(groups, &asked.group_id, wanted, view) {
            Ok(found) => answer.with_topics(found.into_iter().map(topic_of_several).collect()),
            Err(error) => answer.with_error_code(error.code()),
        }
    });
    OffsetFetchResponse::default().with_groups(answers.collect())
}

/// A group that does not exist has committed nothing, which is no error (R6.6.1).
fn find(
    groups: &Groups,
    id: &GroupId,
    wanted: Wanted<'_>,
    view: View,
) -> Result<Found, ResponseError> {
    let group = groups.get(id);
    if group.is_some_and(|group| group.state() == GroupState::Dead) {
        return Err(ResponseError::GroupIdNotFound);
    }
    Ok(match wanted {
        Some(topics) => {
            let look = |name: &TopicName, partition: i32| {
                (partition, group.and_then(|g| g.offsets.get(name, partition, view)).cloned())
            };
            let each = |(name, partitions): (&TopicName, &[i32])| {
                (name.clone(), partitions.iter().map(|&p| look(name, p)).collect())
            };
            topics.into_iter().map(each).collect()
        }
        None => group.map(|group| everything(group, view)).unwrap_or_default(),
    })
}

fn everything(group: &Group, view: View) -> Found {
    let topic = |(name, partitions): (&TopicName, _)| (name.clone(), owned(partitions));
    group.offsets.all(view).map(topic).filter(|(_, partitions)| !partitions.is_empty()).collect()
}

fn owned<'a>(
    partitions: impl Iterator<Item = (i32, &'a CommittedOffset)>,
) -> Vec<(i32, Option<CommittedOffset>)> {
    partitions.map(|(partition, offset)| (partition, Some(offset.clone()))).collect()
}

/// Offset −1 says that nothing is committed (R6.6.2).
fn partition((index, found): (i32, Option<CommittedOffset>)) -> OffsetFetchResponsePartition {
    let answer = OffsetFetchResponsePartition::default().with_partition_index(index);
    match found {
        Some(committed) => answer
            .with_committed_offset(committed.offset)
            .with_committed_leader_epoch(committed.leader_epoch)
            .with_metadata(Some(committed.metadata)),
        None => answer.with_committed_offset(-1),
    }
}

fn topic_of_several(
    (name, partitions): (TopicName, Vec<(i32, Option<CommittedOffset>)>),
) -> OffsetFetchResponseTopics {
    OffsetFetchResponseTopics::default()
        .with_name(name)
        .with_partitions(partitions.into_iter().map(partition_of_several).collect())
}

/// The same fields as [`partition`], in the other struct that Kafka has for them.
fn partition_of_several(found: (i32, Option<CommittedOffset>)) -> OffsetFetchResponsePartitions {
    let OffsetFetchResponsePartition {
        partition_index,
        committed_offset,
        committed_leader_epoch,
        metadata,
        ..
    } = partition(found);
    OffsetFetchResponsePartitions::default()
        .with_partition_index(partition_index)
        .with_committed_offset(committed_offset)
        .with_committed_leader_epoch(committed_leader_epoch)
        .with_metadata(metadata)
}
