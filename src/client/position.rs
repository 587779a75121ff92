//! Where reading begins: the committed offset, or the start of the log when nothing is committed
//! (`auto.offset.reset=earliest`).

use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::{
    ListOffsetsRequest, ListOffsetsResponse, OffsetFetchRequest, OffsetFetchResponse,
};

use crate::protocol::{Api, ResponseError, TopicName, TopicPartition};
use crate::time::Time;

use super::fetch::Partition;
use super::links::Sent;
use super::reason::CoordinatorLoss;
use super::versions::version_of;
use super::{ClientObservation, ClientOutput, Consumer, Purpose};

/// The ListOffsets timestamp that requests the first offset of a partition.
const EARLIEST: i64 = -2;

impl Consumer {
    /// Requests the missing positions: first the committed offsets, then, where nothing is
    /// committed, the start of the log.
    pub(super) fn request_positions(&mut self, now: Time, out: &mut Vec<ClientOutput>) {
        if !self.may_request_positions() || self.fetcher.positions_at > now {
            return;
        }
        let uncommitted = self.missing(|_, one| !one.reset);
        if !uncommitted.is_empty()
            && self.discovery.coordinator.is_some()
            && !self.offset_fetch_in_flight()
        {
            let request = self.offset_fetch_request(uncommitted);
            let sent = Sent::OffsetFetch(self.fetcher.epoch);
            self.send(now, Purpose::Coordinator, sent, request, out);
        }
        let unstarted = self.missing(|name, one| one.reset && self.metadata.has_leader(name));
        if !unstarted.is_empty() && !self.list_offsets_in_flight() && self.data_connects_at() <= now
        {
            let sent = Sent::ListOffsets(self.fetcher.epoch);
            self.send(now, Purpose::Data, sent, list_offsets_request(unstarted), out);
        }
    }

    pub(super) fn position_deadline(&self) -> Time {
        if !self.may_request_positions() {
            return Time::NEVER;
        }
        let committed = self.discovery.coordinator.is_some()
            && !self.offset_fetch_in_flight()
            && self.partitions.values().any(|one| one.position.is_none() && !one.reset);
        let start = !self.list_offsets_in_flight()
            && self.partitions.iter().any(|(name, one)| {
                one.position.is_none() && one.reset && self.metadata.has_leader(name)
            });
        match (committed, start) {
            (true, _) => self.fetcher.positions_at,
            (false, true) => self.fetcher.positions_at.max(self.data_connects_at()),
            (false, false) => Time::NEVER,
        }
    }

    /// Whether positions are missing and may be requested. A cooperative member requests missing
    /// positions only after the rebalance is over.
    fn may_request_positions(&self) -> bool {
        let waits = self.membership.rejoin_needed && self.is_cooperative();
        self.fetcher.unpositioned > 0 && !waits
    }

    fn missing(
        &self,
        wanted: impl Fn(&TopicPartition, &Partition) -> bool,
    ) -> Vec<(TopicName, Vec<i32>)> {
        let mut topics: Vec<(TopicName, Vec<i32>)> = Vec::new();
        for (name, partition) in &self.partitions {
            if partition.position.is_some() || !wanted(name, partition) {
                continue;
            }
            match topics.last_mut() {
                Some((topic, partitions)) if *topic == name.topic => {
                    partitions.push(name.partition)
                }
                _ => topics.push((name.topic.clone(), vec![name.partition])),
            }
        }
        topics
    }

    fn offset_fetch_request(&self, topics: Vec<(TopicName, Vec<i32>)>) -> OffsetFetchRequest {
        let version = version_of(Api::OffsetFetch, self.config.join_version);
        let request = OffsetFetchRequest::default().with_require_stable(version >= 7);
        if version >= 8 {
            let topics = topics.into_iter().map(|(name, partitions)| {
                OffsetFetchRequestTopics::default()
                    .with_name(name)
                    .with_partition_indexes(partitions)
            });
            let group = OffsetFetchRequestGroup::default()
                .with_group_id(self.config.group.clone())
                .with_topics(Some(topics.collect()));
            return request.with_groups(vec![group]);
        }
        let topics = topics.into_iter().map(|(name, partitions)| {
            OffsetFetchRequestTopic::default().with_name(name).with_partition_indexes(partitions)
        });
        request.with_group_id(self.config.group.clone()).with_topics(Some(topics.collect()))
    }

    pub(super) fn on_offset_fetch(
        &mut self,
        now: Time,
        epoch: u32,
        response: &OffsetFetchResponse,
        out: &mut Vec<ClientOutput>,
    ) {
        use ResponseError as E;
        let (error, offsets) = flatten(response);
        match E::try_from_code(error) {
            None => {}
            Some(E::NotCoordinator | E::CoordinatorNotAvailable) => {
                self.abandon_coordinator(now, CoordinatorLoss::NotCoordinator, out);
                return self.fetcher.positions_failed(now, &self.config);
            }
            Some(code) if code.is_retriable() => {
                return self.fetcher.positions_failed(now, &self.config);
            }
            Some(_) => return self.fatal(error, out),
        }
        let still_owned = |name: &TopicPartition| {
            self.partitions.get(name).is_some_and(|it| it.was_owned_in(epoch))
        };
        let offsets: Vec<_> = offsets.into_iter().filter(|(name, ..)| still_owned(name)).collect();
        let errors = || offsets.iter().map(|&(_, _, error)| error).filter(|&error| error != 0);
        let unstable = E::UnstableOffsetCommit.code();
        if let Some(error) = errors().find(|&error| error != unstable) {
            return self.fatal(error, out);
        }
        // One offset that is not stable holds back all positions (rule R13.2.9).
        if errors().next().is_some() {
            return self.fetcher.positions_failed(now, &self.config);
        }
        for (partition, offset, _) in offsets {
            self.committed_at(partition, offset, out);
        }
    }

    /// Handles the committed offset of a partition; −1 means that nothing is committed.
    fn committed_at(
        &mut self,
        partition: TopicPartition,
        offset: i64,
        out: &mut Vec<ClientOutput>,
    ) {
        if offset >= 0 {
            self.position(partition, offset, true, out);
        } else if let Some(waiting) = self.partitions.get_mut(&partition) {
            waiting.reset = true;
        }
    }

    pub(super) fn on_list_offsets(
        &mut self,
        now: Time,
        epoch: u32,
        response: &ListOffsetsResponse,
        out: &mut Vec<ClientOutput>,
    ) {
        for topic in &response.topics {
            for partition in &topic.partitions {
                let name = TopicPartition::new(topic.name.clone(), partition.partition_index);
                if !self.partitions.get(&name).is_some_and(|it| it.was_owned_in(epoch)) {
                    continue;
                }
                match ResponseError::try_from_code(partition.error_code) {
                    None => self.position(name, partition.offset, false, out),
                    Some(error) => {
                        self.fetcher.positions_failed(now, &self.config);
                        self.doubt_leader(now, error);
                    }
                }
            }
        }
    }

    fn position(
        &mut self,
        name: TopicPartition,
        offset: i64,
        committed: bool,
        out: &mut Vec<ClientOutput>,
    ) {
        let Some(partition) = self.partitions.get_mut(&name) else { return };
        if partition.position.is_none() {
            partition.position = Some(offset);
            partition.reset = false;
            self.fetcher.unpositioned -= 1;
            let partition = name;
            out.push(ClientOutput::Observe(ClientObservation::Positioned {
                partition,
                offset,
                committed,
            }));
        }
    }

    fn offset_fetch_in_flight(&self) -> bool {
        self.links.awaits(Purpose::Coordinator, |sent| matches!(sent, Sent::OffsetFetch(_)))
    }

    fn list_offsets_in_flight(&self) -> bool {
        self.links.awaits(Purpose::Data, |sent| matches!(sent, Sent::ListOffsets(_)))
    }
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
