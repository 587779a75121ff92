//! What is done to a group's partition of the offsets log.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::protocol::ResponseError;
use crate::sim::Sim;
use crate::sim::schedule::{Action, RefusedWith};
use crate::trace::{FaultKind, Place};

/// The partitions of the offsets log that something is wrong with, each with the place that was said to
/// suffer from it: its leader of then.
#[derive(Default)]
pub(in crate::sim) struct Broken {
    stalled: BTreeMap<i32, Place>,
    refusing: BTreeMap<i32, Place>,
}

impl From<RefusedWith> for ResponseError {
    fn from(error: RefusedWith) -> Self {
        match error {
            RefusedWith::NotEnoughReplicas => ResponseError::NotEnoughReplicas,
            RefusedWith::KafkaStorageError => ResponseError::KafkaStorageError,
            RefusedWith::MessageTooLarge => ResponseError::MessageTooLarge,
            RefusedWith::UnknownTopicOrPartition => ResponseError::UnknownTopicOrPartition,
            RefusedWith::NotLeaderOrFollower => ResponseError::NotLeaderOrFollower,
            RefusedWith::RequestTimedOut => ResponseError::RequestTimedOut,
            RefusedWith::NetworkException => ResponseError::NetworkException,
            RefusedWith::RecordListTooLarge => ResponseError::RecordListTooLarge,
            RefusedWith::InvalidFetchSize => ResponseError::InvalidFetchSize,
            RefusedWith::CorruptMessage => ResponseError::CorruptMessage,
        }
    }
}

impl Sim {
    pub(super) fn apply_to_log(&mut self, action: &Action) {
        let (Action::Stall(group)
        | Action::Unstall(group)
        | Action::Refuse(group, _)
        | Action::Accept(group)
        | Action::Compact(group)) = action
        else {
            panic!("{action:?} is not done to a log")
        };
        let partition = self.cluster.partition_of(&self.named_group(group.as_deref()));
        match action {
            Action::Stall(_) => self.stall(partition),
            Action::Unstall(_) => self.unstall(partition),
            Action::Refuse(_, error) => self.refuse(partition, *error),
            Action::Accept(_) => self.accept(partition),
            _ => {
                self.began(self.leading(partition), FaultKind::Compact);
                self.cluster.compact(partition);
            }
        }
    }

    /// Where what happens to a partition of the offsets log is felt.
    fn leading(&self, partition: i32) -> Place {
        self.cluster.leader(partition).map_or(Place::Controller, Place::Broker)
    }

    fn stall(&mut self, partition: i32) {
        let place = self.leading(partition);
        if let Entry::Vacant(entry) = self.broken.stalled.entry(partition) {
            entry.insert(place);
            self.began(place, FaultKind::Stall);
            self.cluster.stall(partition, true);
        }
    }

    fn unstall(&mut self, partition: i32) {
        if let Some(place) = self.broken.stalled.remove(&partition) {
            self.ended(place, FaultKind::Stall);
            self.cluster.stall(partition, false);
            self.after_brokers();
        }
    }

    fn refuse(&mut self, partition: i32, error: RefusedWith) {
        let place = self.leading(partition);
        if let Entry::Vacant(entry) = self.broken.refusing.entry(partition) {
            entry.insert(place);
            self.began(place, FaultKind::Refuse);
        }
        self.cluster.refuse(partition, Some(error.into()));
    }

    fn accept(&mut self, partition: i32) {
        if let Some(place) = self.broken.refusing.remove(&partition) {
            self.ended(place, FaultKind::Refuse);
            self.cluster.refuse(partition, None);
            self.after_brokers();
        }
    }

    /// Ends all of it.
    pub(super) fn mend_logs(&mut self) {
        let (stalled, refusing) = (&self.broken.stalled, &self.broken.refusing);
        let partitions: Vec<i32> = stalled.keys().chain(refusing.keys()).copied().collect();
        for partition in partitions {
            self.unstall(partition);
            self.accept(partition);
        }
    }

    fn after_brokers(&mut self) {
        for broker in self.broker_ids() {
            self.after_broker(broker);
        }
    }
}
