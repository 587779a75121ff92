//! OffsetFetch: returns how far a group has read (rules R6.6).
//!
//! There is no fencing: a consumer fetches offsets before it acts, and any client may read them.

use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use kafka_protocol::messages::{OffsetFetchRequest, OffsetFetchResponse};

use super::{OffsetStore, Offsets, View};
use crate::coordinator::api::{Call, Release};
use crate::coordinator::group::Groups;
use crate::coordinator::record::CommittedOffset;
use crate::coordinator::runtime::turn::Turn;
use crate::protocol::{GroupId, ResponseError, TopicName};

/// The first version with RequireStable (KIP-447).
const HAS_REQUIRE_STABLE: i16 = 7;
/// The first version with several groups (KIP-709).
const HAS_SEVERAL_GROUPS: i16 = 8;

/// The requested topics with their partitions, or none for everything.
type RequestedTopics<'a> = Option<Vec<(&'a TopicName, &'a [i32])>>;
/// The results: topics with their partitions.
type Results = Vec<(TopicName, Vec<(i32, OffsetResult)>)>;

/// The result for one partition.
enum OffsetResult {
    /// No offset is committed.
    Nothing,
    /// The committed offset.
    Committed(CommittedOffset),
    /// An open transaction may change it.
    Unstable,
}

/// The state to read from, and the view to read.
struct OffsetReader<'a> {
    groups: &'a Groups,
    /// Has the durable offsets of a removed group until its removal is durable (R9.8).
    offsets: &'a OffsetStore,
    view: View,
}

/// Responds to an OffsetFetch.
pub(crate) fn handle(
    groups: &Groups,
    turn: &mut Turn<'_>,
    call: &Call<'_>,
    request: &OffsetFetchRequest,
) {
    let require_stable = call.version >= HAS_REQUIRE_STABLE && request.require_stable;
    let (view, release) = match require_stable {
        true => (View::Newest, Release::WhenDurable),
        false => (View::Committed, Release::Now),
    };
    let reader = OffsetReader { groups, offsets: turn.offsets, view };
    let response = match call.version >= HAS_SEVERAL_GROUPS {
        true => several(&reader, request),
        false => single(&reader, request),
    };
    turn.respond(call.id, response, release);
}

fn single<'a>(reader: &OffsetReader<'_>, request: &'a OffsetFetchRequest) -> OffsetFetchResponse {
    let pair = |t: &'a OffsetFetchRequestTopic| (&t.name, t.partition_indexes.as_slice());
    let requested = request.topics.as_ref().map(|topics| topics.iter().map(pair).collect());
    match reader.find(&request.group_id, requested) {
        Ok(results) => OffsetFetchResponse::default().with_topics(
            results
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

fn several<'a>(reader: &OffsetReader<'_>, request: &'a OffsetFetchRequest) -> OffsetFetchResponse {
    let pair = |t: &'a OffsetFetchRequestTopics| (&t.name, t.partition_indexes.as_slice());
    let groups = request.groups.iter().map(|group| {
        let requested = group.topics.as_ref().map(|topics| topics.iter().map(pair).collect());
        let result = OffsetFetchResponseGroup::default().with_group_id(group.group_id.clone());
        match reader.find(&group.group_id, requested) {
            Ok(results) => result.with_topics(results.into_iter().map(topic_of_several).collect()),
            Err(error) => result.with_error_code(error.code()),
        }
    });
    OffsetFetchResponse::default().with_groups(groups.collect())
}

impl OffsetReader<'_> {
    /// A group that does not exist has no committed offsets, which is not an error (R6.6.1).
    fn find(&self, id: &GroupId, requested: RequestedTopics<'_>) -> Result<Results, ResponseError> {
        if let Some(group) = self.groups.get(id) {
            group.validate_fetch()?;
        }
        let offsets = self.offsets.of(id);
        Ok(match requested {
            Some(topics) => {
                let each = |(name, partitions): (&TopicName, &[i32])| {
                    let result_of = |&p: &i32| (p, self.result_of(offsets, name, p));
                    (name.clone(), partitions.iter().map(result_of).collect())
                };
                topics.into_iter().map(each).collect()
            }
            None => self.all_committed(offsets),
        })
    }

    fn result_of(&self, offsets: &Offsets, topic: &TopicName, partition: i32) -> OffsetResult {
        if self.view == View::Newest && offsets.is_unstable(topic, partition) {
            return OffsetResult::Unstable;
        }
        match offsets.get(topic, partition, self.view) {
            Some(committed) => OffsetResult::Committed(committed.clone()),
            None => OffsetResult::Nothing,
        }
    }

    /// Partitions with a committed offset; those with only a pending one are left out.
    fn all_committed(&self, offsets: &Offsets) -> Results {
        let mut results = Results::new();
        for (topic, partitions) in offsets.all(self.view) {
            let result_of = |(p, _)| (p, self.result_of(offsets, topic, p));
            let partitions: Vec<_> = partitions.map(result_of).collect();
            if !partitions.is_empty() {
                results.push((topic.clone(), partitions));
            }
        }
        results
    }
}

/// Offset −1 means that there is no committed offset (R6.6.2).
fn partition((index, result): (i32, OffsetResult)) -> OffsetFetchResponsePartition {
    let response = OffsetFetchResponsePartition::default().with_partition_index(index);
    match result {
        OffsetResult::Committed(committed) => response
            .with_committed_offset(committed.offset)
            .with_committed_leader_epoch(committed.leader_epoch)
            .with_metadata(Some(committed.metadata)),
        OffsetResult::Nothing => response.with_committed_offset(-1),
        OffsetResult::Unstable => response
            .with_committed_offset(-1)
            .with_error_code(ResponseError::UnstableOffsetCommit.code()),
    }
}

fn topic_of_several(
    (name, partitions): (TopicName, Vec<(i32, OffsetResult)>),
) -> OffsetFetchResponseTopics {
    OffsetFetchResponseTopics::default()
        .with_name(name)
        .with_partitions(partitions.into_iter().map(partition_of_several).collect())
}

/// The same fields as [`partition`], in the other struct that Kafka has for them.
fn partition_of_several(results: (i32, OffsetResult)) -> OffsetFetchResponsePartitions {
    let OffsetFetchResponsePartition {
        partition_index,
        committed_offset,
        committed_leader_epoch,
        metadata,
        error_code,
        ..
    } = partition(results);
    OffsetFetchResponsePartitions::default()
        .with_partition_index(partition_index)
        .with_committed_offset(committed_offset)
        .with_committed_leader_epoch(committed_leader_epoch)
        .with_metadata(metadata)
        .with_error_code(error_code)
}
