//! What a transaction commits is nobody's offset until the transaction has committed (KIP-447), and while it
//! is not over those who want stable offsets are told none. When it is over, it was one or the other.

use kafka_protocol::messages::{
    DeleteGroupsResponse, OffsetDeleteRequest, OffsetDeleteResponse, TxnOffsetCommitRequest,
    TxnOffsetCommitResponse, WriteTxnMarkersRequest, WriteTxnMarkersResponse,
};

use crate::coordinator::GroupState;
use crate::invariant::ledger::{Group, Key, Ledger};
use crate::protocol::{GroupId, Request, Response, ResponseError, TopicPartition};
use crate::trace::Place;

use super::commits::Verdict;
use super::{NoLoss, entry};

impl NoLoss {
    /// A broker is asked by a producer or an administrator.
    pub(super) fn transacted(
        &mut self,
        ledger: &Ledger,
        place: Place,
        key: Key,
        request: &Request,
    ) {
        match request {
            Request::TxnOffsetCommit(body) if ledger.leads(place, &body.group_id) => {
                self.txn_commit(key, body);
            }
            Request::WriteTxnMarkers(body) => self.end_asked(ledger, place, key, body),
            Request::OffsetDelete(body) if ledger.leads(place, &body.group_id) => {
                self.deleting.insert(key, vec![body.group_id.clone()]);
                self.delete_asked(key, body);
            }
            Request::DeleteGroups(body) => {
                let led = body.groups_names.iter().filter(|group| ledger.leads(place, group));
                self.deleting.insert(key, led.cloned().collect());
            }
            _ => {}
        }
    }

    /// Whether somebody has been asked to remove something of the group, and it is not known what came of it.
    pub(super) fn may_remove(&self, group: &GroupId) -> bool {
        self.deleting.values().flatten().any(|other| other == group)
    }

    /// A removal is a commit of −1.
    fn delete_asked(&mut self, key: Key, body: &OffsetDeleteRequest) {
        self.order += 1;
        let partitions = entry(&mut self.groups, &body.group_id);
        for topic in &body.topics {
            for wanted in &topic.partitions {
                let id = TopicPartition::new(topic.name.clone(), wanted.partition_index);
                partitions.entry(id).or_default().commits.attempt(self.order, key, -1, 0);
            }
        }
    }

    fn txn_commit(&mut self, key: Key, body: &TxnOffsetCommitRequest) {
        self.order += 1;
        let partitions = entry(&mut self.groups, &body.group_id);
        for topic in &body.topics {
            for wanted in &topic.partitions {
                let id = TopicPartition::new(topic.name.clone(), wanted.partition_index);
                let partition = partitions.entry(id).or_default();
                let offset = wanted.committed_offset;
                partition.commits.pend(self.order, key, offset, body.producer_id.0);
            }
        }
    }

    fn end_asked(
        &mut self,
        ledger: &Ledger,
        place: Place,
        key: Key,
        body: &WriteTxnMarkersRequest,
    ) {
        for marker in &body.markers {
            let (producer, commit) = (marker.producer_id.0, marker.transaction_result);
            for (id, partitions) in &mut self.groups {
                if !ledger.ends(place, marker, id) {
                    continue;
                }
                for partition in partitions.values_mut() {
                    if let Some(offset) = partition.commits.end(producer, key, commit) {
                        partition.progress.add(0, offset);
                    }
                }
            }
        }
    }

    /// A broker answers a producer or an administrator.
    pub(super) fn txn_answered(
        &mut self,
        ledger: &Ledger,
        key: Key,
        request: &Request,
        response: &Response,
    ) {
        self.order += 1;
        match (request, response) {
            (Request::TxnOffsetCommit(asked), Response::TxnOffsetCommit(answer)) => {
                self.txn_stored(key, &asked.group_id, answer);
            }
            (Request::WriteTxnMarkers(_), Response::WriteTxnMarkers(answer)) => {
                self.end_answered(ledger, key, answer);
            }
            (Request::OffsetDelete(asked), Response::OffsetDelete(answer))
                if self.deleting.remove(&key).is_some() =>
            {
                self.offsets_deleted(key, asked, answer);
            }
            (Request::DeleteGroups(_), Response::DeleteGroups(answer)) => {
                if let Some(groups) = self.deleting.remove(&key) {
                    self.groups_deleted(&groups, answer);
                }
            }
            _ => {}
        }
    }

    fn txn_stored(&mut self, key: Key, group: &GroupId, answer: &TxnOffsetCommitResponse) {
        let partitions = entry(&mut self.groups, group);
        for topic in &answer.topics {
            for stored in topic.partitions.iter().filter(|stored| stored.error_code == 0) {
                let id = TopicPartition::new(topic.name.clone(), stored.partition_index);
                if let Some(partition) = partitions.get_mut(&id) {
                    partition.commits.pended(self.order, key);
                }
            }
        }
    }

    fn end_answered(&mut self, ledger: &Ledger, key: Key, answer: &WriteTxnMarkersResponse) {
        for (id, partitions) in &mut self.groups {
            if answer.markers.iter().any(|marker| ledger.ended(marker, id)) {
                for partition in partitions.values_mut() {
                    partition.commits.ended(self.order, key);
                }
            }
        }
    }

    fn offsets_deleted(
        &mut self,
        key: Key,
        asked: &OffsetDeleteRequest,
        answer: &OffsetDeleteResponse,
    ) {
        let whole = Some(answer.error_code).filter(|code| *code != 0);
        let partitions = entry(&mut self.groups, &asked.group_id);
        for topic in &asked.topics {
            for wanted in &topic.partitions {
                let id = TopicPartition::new(topic.name.clone(), wanted.partition_index);
                let Some(partition) = partitions.get_mut(&id) else { continue };
                let topics = answer.topics.iter().filter(|answered| answered.name == topic.name);
                let mut entries = topics.flat_map(|answered| &answered.partitions);
                let told = entries.find(|told| told.partition_index == wanted.partition_index);
                let code = whole.or(told.map(|told| told.error_code));
                let verdict = match code {
                    Some(0) => Verdict::Accepted,
                    Some(code) if touches_nothing(code) => Verdict::Refused,
                    Some(_) | None => Verdict::Open,
                };
                partition.commits.answer(self.order, key, verdict);
                if verdict != Verdict::Refused {
                    partition.commits.settle();
                }
            }
        }
    }

    fn groups_deleted(&mut self, groups: &[GroupId], answer: &DeleteGroupsResponse) {
        for result in answer.results.iter().filter(|result| !touches_nothing(result.error_code)) {
            if groups.contains(&result.group_id) {
                let partitions = entry(&mut self.groups, &result.group_id);
                partitions.values_mut().for_each(|partition| partition.commits.settle());
            }
        }
    }
}

/// The errors of a deletion that was refused before anything was written.
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

/// Whether a dynamic member of a Stable group reads the partition. Whoever it is subscribes to it, if the
/// assignor is one of those that give nothing else.
pub(super) fn is_read(group: &Group, partition: &TopicPartition) -> bool {
    let owner = group.owner(&partition.topic, partition.partition);
    let owner = owner.and_then(|owner| group.members.get(owner));
    group.state == GroupState::Stable
        && group.assignor().is_some()
        && owner.is_some_and(|owner| owner.instance.is_none())
}
