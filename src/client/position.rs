//! Where reading begins: the committed offset, or the start of the log when nothing is committed
//! (`auto.offset.reset=earliest`).

use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::{
    ListOffsetsRequest, ListOffsetsResponse, OffsetFetchRequest, OffsetFetchResponse,
};

use crate::protocol::{Api, BrokerId, ResponseError, TopicName, TopicPartition};
use crate::time::Time;

use super::Purpose;
use super::context::{Context, always};
use super::links::Sent;
use super::metadata::Metadata;
use super::partitions::Partitions;
use super::responses::Outcome;

/// The ListOffsets timestamp that requests the first offset of a partition.
const EARLIEST: i64 = -2;

pub(super) struct Positions {
    /// No request for positions before this time.
    due: Time,
}

impl Positions {
    pub(super) fn new(now: Time) -> Self {
        Positions { due: now }
    }

    /// Makes the next request due: there is a new assignment.
    pub(super) fn restart(&mut self, now: Time) {
        self.due = now;
    }

    /// Handles a request that failed or got no response.
    pub(super) fn failed(&mut self, cx: &Context) {
        self.due = cx.now + cx.config.retry_backoff;
    }

    /// Requests the missing positions: first the committed offsets, then, where nothing is
    /// committed, the start of the log.
    pub(super) fn request(
        &self,
        cx: &mut Context,
        partitions: &Partitions,
        coordinator: Option<BrokerId>,
        metadata: &Metadata,
    ) {
        if !partitions.lacks_positions() || self.due > cx.now {
            return;
        }
        let uncommitted = by_topic(partitions.without_committed());
        if let Some(coordinator) = coordinator.filter(|_| !uncommitted.is_empty())
            && !offset_fetch_in_flight(cx)
        {
            let request = offset_fetch_request(cx, uncommitted);
            cx.send(coordinator, Sent::OffsetFetch(partitions.epoch()), request);
        }
        let with_leader = |name: &&TopicPartition| metadata.has_leader(name);
        let unstarted = by_topic(partitions.without_start().filter(with_leader));
        if let Some(leader) = metadata.leader().filter(|_| !unstarted.is_empty())
            && !list_offsets_in_flight(cx)
            && metadata.leader_connects_at(cx) <= cx.now
        {
            let request = list_offsets_request(unstarted);
            cx.send(leader, Sent::ListOffsets(partitions.epoch()), request);
        }
    }

    pub(super) fn deadline(
        &self,
        cx: &Context,
        partitions: &Partitions,
        knows_coordinator: bool,
        metadata: &Metadata,
    ) -> Time {
        if !partitions.lacks_positions() {
            return Time::NEVER;
        }
        let committed = knows_coordinator
            && !offset_fetch_in_flight(cx)
            && partitions.without_committed().next().is_some();
        let start = !list_offsets_in_flight(cx)
            && partitions.without_start().any(|name| metadata.has_leader(name));
        match (committed, start) {
            (true, _) => self.due,
            (false, true) => self.due.max(metadata.leader_connects_at(cx)),
            (false, false) => Time::NEVER,
        }
    }

    pub(super) fn on_offset_fetch(
        &mut self,
        cx: &mut Context,
        epoch: u32,
        response: &OffsetFetchResponse,
        partitions: &mut Partitions,
    ) -> Outcome {
        use ResponseError as E;
        always!(cx, epoch <= partitions.epoch(), "asked in the later assignment epoch {epoch}");
        let (error, offsets) = flatten(response);
        match E::try_from_code(error) {
            None => {}
            Some(E::NotCoordinator | E::CoordinatorNotAvailable) => {
                return Outcome::NotCoordinator;
            }
            Some(code) if code.is_retriable() => {
                return Outcome::Retry;
            }
            Some(_) => return Outcome::Fatal(error),
        }
        let owned = |(name, ..): &(TopicPartition, i64, i16)| partitions.owned_since(name, epoch);
        let offsets: Vec<_> = offsets.into_iter().filter(owned).collect();
        let errors = || offsets.iter().map(|&(_, _, error)| error).filter(|&error| error != 0);
        let unstable = E::UnstableOffsetCommit.code();
        if let Some(error) = errors().find(|&error| error != unstable) {
            return Outcome::Fatal(error);
        }
        // One offset that is not stable holds back all positions (rule R13.2.9).
        if errors().next().is_some() {
            return Outcome::Retry;
        }
        for (name, offset, _) in offsets {
            match offset {
                0.. => partitions.position(cx, name, offset, true),
                // Nothing is committed.
                _ => partitions.await_start(&name),
            }
        }
        Outcome::Done
    }

    pub(super) fn on_list_offsets(
        &mut self,
        cx: &mut Context,
        epoch: u32,
        response: &ListOffsetsResponse,
        partitions: &mut Partitions,
        metadata: &mut Metadata,
    ) {
        always!(cx, epoch <= partitions.epoch(), "asked in the later assignment epoch {epoch}");
        for topic in &response.topics {
            for partition in &topic.partitions {
                let name = TopicPartition::new(topic.name.clone(), partition.partition_index);
                if !partitions.owned_since(&name, epoch) {
                    continue;
                }
                match ResponseError::try_from_code(partition.error_code) {
                    None => partitions.position(cx, name, partition.offset, false),
                    Some(error) => {
                        self.failed(cx);
                        metadata.doubt_leader(cx, error);
                    }
                }
            }
        }
    }
}

fn offset_fetch_in_flight(cx: &Context) -> bool {
    cx.links.awaits(Purpose::Coordinator, |sent| matches!(sent, Sent::OffsetFetch(_)))
}

fn list_offsets_in_flight(cx: &Context) -> bool {
    cx.links.awaits(Purpose::Data, |sent| matches!(sent, Sent::ListOffsets(_)))
}

/// The partition numbers of each topic.
fn by_topic<'a>(names: impl Iterator<Item = &'a TopicPartition>) -> Vec<(TopicName, Vec<i32>)> {
    let mut topics: Vec<(TopicName, Vec<i32>)> = Vec::new();
    for name in names {
        match topics.last_mut() {
            Some((topic, partitions)) if *topic == name.topic => partitions.push(name.partition),
            _ => topics.push((name.topic.clone(), vec![name.partition])),
        }
    }
    topics
}

fn offset_fetch_request(cx: &Context, topics: Vec<(TopicName, Vec<i32>)>) -> OffsetFetchRequest {
    let (version, group) = (cx.version_of(Api::OffsetFetch), cx.config.group.clone());
    let request = OffsetFetchRequest::default().with_require_stable(version >= 7);
    if version >= 8 {
        let topics = topics.into_iter().map(|(name, partitions)| {
            OffsetFetchRequestTopics::default().with_name(name).with_partition_indexes(partitions)
        });
        let group = OffsetFetchRequestGroup::default()
            .with_group_id(group)
            .with_topics(Some(topics.collect()));
        return request.with_groups(vec![group]);
    }
    let topics = topics.into_iter().map(|(name, partitions)| {
        OffsetFetchRequestTopic::default().with_name(name).with_partition_indexes(partitions)
    });
    request.with_group_id(group).with_topics(Some(topics.collect()))
}

fn list_offsets_request(topics: Vec<(TopicName, Vec<i32>)>) -> ListOffsetsRequest {
    let topics = topics.into_iter().map(|(name, partitions)| {
        let partitions = partitions.into_iter().map(|partition| {
            ListOffsetsPartition::default().with_partition_index(partition).with_timestamp(EARLIEST)
        });
        ListOffsetsTopic::default().with_name(name).with_partitions(partitions.collect())
    });
    ListOffsetsRequest::default().with_replica_id((-1).into()).with_topics(topics.collect())
}

/// The single group of an OffsetFetch response, in either of the two layouts: its error, and each
/// partition with its offset and error.
fn flatten(response: &OffsetFetchResponse) -> (i16, Vec<(TopicPartition, i64, i16)>) {
    if let Some(group) = response.groups.first() {
        let offsets = group.topics.iter().flat_map(|topic| {
            topic.partitions.iter().map(|one| {
                let name = TopicPartition::new(topic.name.clone(), one.partition_index);
                (name, one.committed_offset, one.error_code)
            })
        });
        return (group.error_code, offsets.collect());
    }
    let offsets = response.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|one| {
            let name = TopicPartition::new(topic.name.clone(), one.partition_index);
            (name, one.committed_offset, one.error_code)
        })
    });
    let offsets: Vec<_> = offsets.collect();
    (whole_error(response.error_code, &offsets), offsets)
}

/// The error of a response in the older layout. Before version 2, brokers report a group error in
/// every partition (rule R13.2.9).
fn whole_error(error: i16, offsets: &[(TopicPartition, i64, i16)]) -> i16 {
    use ResponseError as E;
    let of_partitions = [
        E::UnknownTopicOrPartition.code(),
        E::TopicAuthorizationFailed.code(),
        E::UnstableOffsetCommit.code(),
    ];
    let mut errors = offsets.iter().map(|&(_, _, error)| error);
    let of_group = errors.find(|error| *error != 0 && !of_partitions.contains(error));
    if error == 0 { of_group.unwrap_or(0) } else { error }
}
