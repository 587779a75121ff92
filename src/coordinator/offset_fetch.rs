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
use super::group::Groups;
use super::offsets::{OffsetStore, Offsets, View};
use super::record::CommittedOffset;
use super::state::GroupState;
use super::turn::Turn;

/// The first version that can wait for durability (KIP-447).
const REQUIRE_STABLE: i16 = 7;
/// The first version that asks for several groups at once (KIP-709).
const SEVERAL_GROUPS: i16 = 8;

/// What is asked of one group: topics with their partitions, or everything.
type Wanted<'a> = Option<Vec<(&'a TopicName, &'a [i32])>>;
/// What is found: per topic, partitions with what is to be said of them.
type Found = Vec<(TopicName, Vec<(i32, Finding)>)>;

/// What is to be said of one partition.
enum Finding {
    /// Nothing is committed.
    Nothing,
    /// This is committed.
    Committed(CommittedOffset),
    /// A transaction that is not over may change it.
    Unstable,
}

/// Where to look, and for what.
struct Reader<'a> {
    groups: &'a Groups,
    /// What is durable of a group is also what it had before it was removed, until its removal is durable too
    /// (R9.8).
    offsets: &'a OffsetStore,
    view: View,
}

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
    let reader = Reader { groups, offsets: turn.offsets, view };
    let response = match call.version >= SEVERAL_GROUPS {
        true => several(&reader, request),
        false => single(&reader, request),
    };
    turn.respond(call.id, response, release);
}

fn single<'a>(reader: &Reader<'_>, request: &'a OffsetFetchRequest) -> OffsetFetchResponse {
    let pair = |t: &'a OffsetFetchRequestTopic| (&t.name, t.partition_indexes.as_slice());
    let wanted = request.topics.as_ref().map(|topics| topics.iter().map(pair).collect());
    match reader.find(&request.group_id, wanted) {
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

fn several<'a>(reader: &Reader<'_>, request: &'a OffsetFetchRequest) -> OffsetFetchResponse {
    let pair = |t: &'a OffsetFetchRequestTopics| (&t.name, t.partition_indexes.as_slice());
    let answers = request.groups.iter().map(|asked| {
        let wanted = asked.topics.as_ref().map(|topics| topics.iter().map(pair).collect());
        let answer = OffsetFetchResponseGroup::default().with_group_id(asked.group_id.clone());
        match reader.find(&asked.group_id, wanted) {
            Ok(found) => answer.with_topics(found.into_iter().map(topic_of_several).collect()),
            Err(error) => answer.with_error_code(error.code()),
        }
    });
    OffsetFetchResponse::default().with_groups(answers.collect())
}

impl Reader<'_> {
    /// A group that does not exist has committed nothing, which is no error (R6.6.1).
    fn find(&self, id: &GroupId, wanted: Wanted<'_>) -> Result<Found, ResponseError> {
        if self.groups.get(id).is_some_and(|group| group.state() == GroupState::Dead) {
            return Err(ResponseError::GroupIdNotFound);
        }
        let offsets = self.offsets.of(id);
        Ok(match wanted {
            Some(topics) => {
                let each = |(name, partitions): (&TopicName, &[i32])| {
                    let look = |&p: &i32| (p, self.look(offsets, name, p));
                    (name.clone(), partitions.iter().map(look).collect())
                };
                topics.into_iter().map(each).collect()
            }
            None => self.everything(offsets),
        })
    }

    fn look(&self, offsets: &Offsets, topic: &TopicName, partition: i32) -> Finding {
        if self.view == View::Newest && offsets.is_unstable(topic, partition) {
            return Finding::Unstable;
        }
        match offsets.get(topic, partition, self.view) {
            Some(committed) => Finding::Committed(committed.clone()),
            None => Finding::Nothing,
        }
    }

    /// Partitions for which something is committed; what only waits for a transaction is not named.
    fn everything(&self, offsets: &Offsets) -> Found {
        let mut found = Found::new();
        for (topic, partitions) in offsets.all(self.view) {
            let look = |(p, _)| (p, self.look(offsets, topic, p));
            let partitions: Vec<_> = partitions.map(look).collect();
            if !partitions.is_empty() {
                found.push((topic.clone(), partitions));
            }
        }
        found
    }
}

/// Offset −1 says that there is none to go by (R6.6.2).
fn partition((index, finding): (i32, Finding)) -> OffsetFetchResponsePartition {
    let answer = OffsetFetchResponsePartition::default().with_partition_index(index);
    match finding {
        Finding::Committed(committed) => answer
            .with_committed_offset(committed.offset)
            .with_committed_leader_epoch(committed.leader_epoch)
            .with_metadata(Some(committed.metadata)),
        Finding::Nothing => answer.with_committed_offset(-1),
        Finding::Unstable => answer
            .with_committed_offset(-1)
            .with_error_code(ResponseError::UnstableOffsetCommit.code()),
    }
}

fn topic_of_several(
    (name, partitions): (TopicName, Vec<(i32, Finding)>),
) -> OffsetFetchResponseTopics {
    OffsetFetchResponseTopics::default()
        .with_name(name)
        .with_partitions(partitions.into_iter().map(partition_of_several).collect())
}

/// The same fields as [`partition`], in the other struct that Kafka has for them.
fn partition_of_several(found: (i32, Finding)) -> OffsetFetchResponsePartitions {
    let OffsetFetchResponsePartition {
        partition_index,
        committed_offset,
        committed_leader_epoch,
        metadata,
        error_code,
        ..
    } = partition(found);
    OffsetFetchResponsePartitions::default()
        .with_partition_index(partition_index)
        .with_committed_offset(committed_offset)
        .with_committed_leader_epoch(committed_leader_epoch)
        .with_metadata(metadata)
        .with_error_code(error_code)
}
