//! Grows and deletes topics.

use crate::protocol::{TopicName, str_bytes};
use crate::sim::Sim;
use crate::sim::broker::BrokerInput;
use crate::trace::{EventKind, Place};

impl Sim {
    pub(super) fn grow_topic(&mut self, name: &str, partitions: i32) {
        let topic = TopicName(str_bytes(name));
        self.cluster.grow_topic(&topic, partitions);
        self.workload.grow(name, partitions);
        self.emit(Place::Schedule, EventKind::TopicGrown { topic: topic.clone(), partitions });
        self.notify_brokers(&BrokerInput::TopicGrown(topic));
    }

    pub(super) fn delete_topic(&mut self, name: &str) {
        let topic = TopicName(str_bytes(name));
        self.workload.delete(name);
        self.emit(Place::Schedule, EventKind::TopicDeleted { topic: topic.clone() });
        self.notify_brokers(&BrokerInput::TopicDeleted(topic));
    }

    fn notify_brokers(&mut self, change: &BrokerInput) {
        for broker in self.broker_ids() {
            if self.cluster.is_up(broker) {
                self.deliver_to_broker(broker, change.clone());
            }
        }
    }
}
