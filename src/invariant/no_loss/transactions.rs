//! What a transaction commits is nobody's offset until the transaction has committed (KIP-447), and while it
//! is not over those who want stable offsets are told none.

use crate::coordinator::GroupState;
use crate::invariant::ledger::{Group, Key};
use crate::protocol::{GroupId, Request, Response, TopicPartition};
use kafka_protocol::messages::{TxnOffsetCommitRequest, TxnOffsetCommitResponse};

use super::{NoLoss, entry};

impl NoLoss {
    /// A broker is asked by a producer or an administrator.
    pub(super) fn transacted(&mut self, key: Key, request: &Request) {
        match request {
            Request::TxnOffsetCommit(body) => self.txn_commit(key, body),
            Request::WriteTxnMarkers(body) => {
                for marker in &body.markers {
                    self.settle(None, Some(marker.producer_id.0));
                }
            }
            Request::OffsetDelete(body) => self.settle(Some(&body.group_id), None),
            Request::DeleteGroups(body) => {
                body.groups_names.iter().for_each(|group| self.settle(Some(group), None));
            }
            _ => {}
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
                partition.progress.add(0, offset);
                partition.commits.pend(self.order, key, offset, body.producer_id.0);
            }
        }
    }

    /// What is pending in these groups, of these producers, may be over from here on.
    pub(super) fn settle(&mut self, group: Option<&GroupId>, producer: Option<i64>) {
        let groups = self.groups.iter_mut().filter(|(id, _)| group.is_none_or(|only| only == *id));
        for partition in groups.flat_map(|(_, partitions)| partitions.values_mut()) {
            partition.commits.settle(producer);
        }
    }

    /// A broker answers a producer.
    pub(super) fn txn_answered(&mut self, key: Key, request: &Request, response: &Response) {
        if let (Request::TxnOffsetCommit(asked), Response::TxnOffsetCommit(answer)) =
            (request, response)
        {
            self.order += 1;
            self.txn_stored(key, &asked.group_id, answer);
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
}

/// Whether a dynamic member of a Stable group reads the partition. Whoever it is subscribes to it.
pub(super) fn is_read(group: &Group, partition: &TopicPartition) -> bool {
    let owner = group.owner(&partition.topic, partition.partition);
    let owner = owner.and_then(|owner| group.members.get(owner));
    group.state == GroupState::Stable && owner.is_some_and(|owner| owner.instance.is_none())
}
