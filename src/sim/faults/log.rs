//! Faults of a group's partition of the offsets log.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::protocol::ResponseError;
use crate::sim::Sim;
use crate::sim::schedule::{Action, RefusedWith};
use crate::trace::{FaultKind, Place};

/// The partitions of the offsets log with a fault, each with the place where the fault was
/// reported: the leader at that time.
#[derive(Default)]
pub(in crate::sim) struct LogFaults {
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
            panic!("{action:?} is not a log fault")
        };
        let partition = self.cluster.partition_of(&self.named_group(group.as_deref()));
        match action {
            Action::Stall(_) => self.stall(partition),
            Action::Unstall(_) => self.unstall(partition),
            Action::Refuse(_, error) => self.refuse(partition, *error),
            Action::Accept(_) => self.accept(partition),
            _ => {
                self.fault_began(self.leader_place(partition), FaultKind::Compact);
                self.cluster.compact(partition);
            }
        }
    }

    /// The place where a fault of a partition is reported: its leader, or else the controller.
    fn leader_place(&self, partition: i32) -> Place {
        self.cluster.leader(partition).map_or(Place::Controller, Place::Broker)
    }

    fn stall(&mut self, partition: i32) {
        let place = self.leader_place(partition);
        if let Entry::Vacant(entry) = self.log_faults.stalled.entry(partition) {
            entry.insert(place);
            self.fault_began(place, FaultKind::Stall);
            self.cluster.stall(partition, true);
        }
    }

    fn unstall(&mut self, partition: i32) {
        if let Some(place) = self.log_faults.stalled.remove(&partition) {
            self.fault_ended(place, FaultKind::Stall);
            self.cluster.stall(partition, false);
            self.schedule_broker_wakes();
        }
    }

    fn refuse(&mut self, partition: i32, error: RefusedWith) {
        let place = self.leader_place(partition);
        if let Entry::Vacant(entry) = self.log_faults.refusing.entry(partition) {
            entry.insert(place);
            self.fault_began(place, FaultKind::Refuse);
        }
        self.cluster.refuse(partition, Some(error.into()));
    }

    fn accept(&mut self, partition: i32) {
        if let Some(place) = self.log_faults.refusing.remove(&partition) {
            self.fault_ended(place, FaultKind::Refuse);
            self.cluster.refuse(partition, None);
            self.schedule_broker_wakes();
        }
    }

    /// Ends all log faults.
    pub(super) fn repair_logs(&mut self) {
        let (stalled, refusing) = (&self.log_faults.stalled, &self.log_faults.refusing);
        let partitions: Vec<i32> = stalled.keys().chain(refusing.keys()).copied().collect();
        for partition in partitions {
            self.unstall(partition);
            self.accept(partition);
        }
    }

    fn schedule_broker_wakes(&mut self) {
        for broker in self.broker_ids() {
            self.schedule_broker_wake(broker);
        }
    }
}
