//! Commits in a transaction do not take effect until the transaction commits (KIP-447), and while
//! it is open a fetch with RequireStable does not return them. Once it has ended, its outcome is
//! commit or abort.

use kafka_protocol::messages::{
    DeleteGroupsResponse, OffsetDeleteRequest, OffsetDeleteResponse, TxnOffsetCommitRequest,
    TxnOffsetCommitResponse, WriteTxnMarkersRequest, WriteTxnMarkersResponse,
};

use crate::coordinator::GroupState;
use crate::model::{Group, Key, Model};
use crate::protocol::{GroupId, Request, Response, ResponseError, TopicPartition};
use crate::trace::Place;

use super::commits::Verdict;
use super::{NoLoss, entry};

impl NoLoss {
    /// A broker begins to handle a request of a producer or an administrator.
    pub(super) fn on_side_request(
        &mut self,
        model: &Model,
        place: Place,
        key: Key,
        request: &Request,
    ) {
        match request {
            Request::TxnOffsetCommit(body) if model.leads(place, &body.group_id) => {
                self.txn_commit(key, body);
            }
            Request::WriteTxnMarkers(body) => self.on_end_request(model, place, key, body),
            Request::OffsetDelete(body) if model.leads(place, &body.group_id) => {
                self.removals.insert(key, vec![body.group_id.clone()]);
                self.on_delete_request(key, body);
            }
            Request::DeleteGroups(body) => {
                let led = body.groups_names.iter().filter(|group| model.leads(place, group));
                self.removals.insert(key, led.cloned().collect());
            }
            _ => {}
        }
    }

    /// Whether a broker has been requested to remove something of the group, and has not responded.
    pub(super) fn may_remove(&self, group: &GroupId) -> bool {
        self.removals.values().flatten().any(|other| other == group)
    }

    /// A removal is a commit of −1.
    fn on_delete_request(&mut self, key: Key, body: &OffsetDeleteRequest) {
        self.order += 1;
        let partitions = entry(&mut self.groups, &body.group_id);
        for topic in &body.topics {
            for requested in &topic.partitions {
                let id = TopicPartition::new(topic.name.clone(), requested.partition_index);
                partitions.entry(id).or_default().commits.attempt(self.order, key, -1, 0);
            }
        }
    }

    fn txn_commit(&mut self, key: Key, body: &TxnOffsetCommitRequest) {
        self.order += 1;
        let partitions = entry(&mut self.groups, &body.group_id);
        for topic in &body.topics {
            for requested in &topic.partitions {
                let id = TopicPartition::new(topic.name.clone(), requested.partition_index);
                let partition = partitions.entry(id).or_default();
                let offset = requested.committed_offset;
                partition.commits.attempt_in_txn(self.order, key, offset, body.producer_id.0);
            }
        }
    }

    fn on_end_request(
        &mut self,
        model: &Model,
        place: Place,
        key: Key,
        body: &WriteTxnMarkersRequest,
    ) {
        for marker in &body.markers {
            let (producer, commit) = (marker.producer_id.0, marker.transaction_result);
            for (id, partitions) in &mut self.groups {
                if !model.marker_applies(place, marker, id) {
                    continue;
                }
                for partition in partitions.values_mut() {
                    if let Some(offset) = partition.commits.begin_end(producer, key, commit) {
                        partition.progress.add(0, offset);
                    }
                }
            }
        }
    }

    /// A broker responds to a producer or an administrator.
    pub(super) fn on_side_response(
        &mut self,
        model: &Model,
        key: Key,
        request: &Request,
        response: &Response,
    ) {
        self.order += 1;
        match (request, response) {
            (Request::TxnOffsetCommit(body), Response::TxnOffsetCommit(response)) => {
                self.txn_stored(key, &body.group_id, response);
            }
            (Request::WriteTxnMarkers(_), Response::WriteTxnMarkers(response)) => {
                self.on_end_response(model, key, response);
            }
            (Request::OffsetDelete(body), Response::OffsetDelete(response))
                if self.removals.remove(&key).is_some() =>
            {
                self.offsets_deleted(key, body, response);
            }
            (Request::DeleteGroups(_), Response::DeleteGroups(response)) => {
                if let Some(groups) = self.removals.remove(&key) {
                    self.groups_deleted(&groups, response);
                }
            }
            _ => {}
        }
    }

    fn txn_stored(&mut self, key: Key, group: &GroupId, response: &TxnOffsetCommitResponse) {
        let partitions = entry(&mut self.groups, group);
        for topic in &response.topics {
            for stored in topic.partitions.iter().filter(|stored| stored.error_code == 0) {
                let id = TopicPartition::new(topic.name.clone(), stored.partition_index);
                if let Some(partition) = partitions.get_mut(&id) {
                    partition.commits.acknowledge_in_txn(self.order, key);
                }
            }
        }
    }

    fn on_end_response(&mut self, model: &Model, key: Key, response: &WriteTxnMarkersResponse) {
        for (id, partitions) in &mut self.groups {
            if response.markers.iter().any(|marker| model.marker_succeeded(marker, id)) {
                for partition in partitions.values_mut() {
                    partition.commits.end_acknowledged(self.order, key);
                }
            }
        }
    }

    fn offsets_deleted(
        &mut self,
        key: Key,
        body: &OffsetDeleteRequest,
        response: &OffsetDeleteResponse,
    ) {
        let whole = Some(response.error_code).filter(|code| *code != 0);
        let partitions = entry(&mut self.groups, &body.group_id);
        for topic in &body.topics {
            for requested in &topic.partitions {
                let id = TopicPartition::new(topic.name.clone(), requested.partition_index);
                let Some(partition) = partitions.get_mut(&id) else { continue };
                let topics = response.topics.iter().filter(|one| one.name == topic.name);
                let mut entries = topics.flat_map(|one| &one.partitions);
                let found =
                    entries.find(|entry| entry.partition_index == requested.partition_index);
                let code = whole.or(found.map(|entry| entry.error_code));
                let verdict = match code {
                    Some(0) => Verdict::Accepted,
                    Some(code) if touches_nothing(code) => Verdict::Refused,
                    Some(_) | None => Verdict::Open,
                };
                partition.commits.on_response(self.order, key, verdict);
                if verdict != Verdict::Refused {
                    partition.commits.leave_pending_open();
                }
            }
        }
    }

    fn groups_deleted(&mut self, groups: &[GroupId], response: &DeleteGroupsResponse) {
        for result in response.results.iter().filter(|result| !touches_nothing(result.error_code)) {
            if groups.contains(&result.group_id) {
                let partitions = entry(&mut self.groups, &result.group_id);
                partitions
                    .values_mut()
                    .for_each(|partition| partition.commits.leave_pending_open());
            }
        }
    }
}

/// The errors with which a deletion is refused before anything was written.
fn touches_nothing(code: i16) -> bool {
    matches!(
        ResponseError::try_from_code(code),
        Some(
            ResponseError::GroupIdNotFound
                | ResponseError::NonEmptyGroup
                | ResponseError::GroupSubscribedToTopic
                | ResponseError::UnknownTopicOrPartition
                | ResponseError::InvalidGroupId
        )
    )
}

/// Whether a dynamic member of a Stable group reads the partition. Its owner certainly subscribes
/// to it only if the assignor is one of those that assign nothing else.
pub(super) fn is_read(group: &Group, partition: &TopicPartition) -> bool {
    let owner = group.owner(&partition.topic, partition.partition);
    let owner = owner.and_then(|owner| group.members.get(owner));
    group.state == GroupState::Stable
        && group.assignor().is_some()
        && owner.is_some_and(|owner| owner.instance.is_none())
}
