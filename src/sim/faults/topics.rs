//! Grows and deletes topics.

use crate::protocol::{TopicName, str_bytes};
use crate::sim::Sim;
use crate::sim::broker::BrokerInput;
use crate::trace::{EventKind, Place};

use super::{StepResult, impossible};

impl Sim {
    pub(super) fn grow_topic(&mut self, name: &str, partitions: i32) -> StepResult {
        let before = self.workload.partitions(name);
        let before = before.ok_or_else(|| impossible(format!("there is no topic {name}")))?;
        if partitions <= before {
            let message = format!("{name} has partitions={before} already, and can only get more");
            return Err(impossible(message));
        }
        let topic = TopicName(str_bytes(name));
        self.cluster.grow_topic(&topic, partitions);
        self.workload.grow(name, partitions);
        self.emit(Place::Schedule, EventKind::TopicGrown { topic: topic.clone(), partitions });
        self.notify_brokers(&BrokerInput::TopicGrown(topic));
        Ok(())
    }

    pub(super) fn delete_topic(&mut self, name: &str) -> StepResult {
        if self.workload.partitions(name).is_none() {
            return Err(impossible(format!("there is no topic {name}")));
        }
        let topic = TopicName(str_bytes(name));
        self.workload.delete(name);
        self.emit(Place::Schedule, EventKind::TopicDeleted { topic: topic.clone() });
        self.notify_brokers(&BrokerInput::TopicDeleted(topic));
        Ok(())
    }

    fn notify_brokers(&mut self, change: &BrokerInput) {
        for broker in self.broker_ids() {
            if self.cluster.is_up(broker) {
                self.deliver_to_broker(broker, change.clone());
            }
        }
    }
}
