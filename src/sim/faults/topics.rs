//! What is done to topics.

use crate::protocol::{TopicName, str_bytes};
use crate::sim::Sim;
use crate::sim::broker::Input;
use crate::trace::{Kind, Place};

use super::{Done, impossible};

impl Sim {
    pub(super) fn grow_topic(&mut self, name: &str, partitions: i32) -> Done {
        let before = self.workload.partitions(name);
        let before = before.ok_or_else(|| impossible(format!("there is no topic {name}")))?;
        if partitions <= before {
            let message = format!("{name} has partitions={before} already, and can only get more");
            return Err(impossible(message));
        }
        let topic = TopicName(str_bytes(name));
        self.cluster.grow_topic(&topic, partitions);
        self.workload.grow(name, partitions);
        self.emit(Place::Schedule, Kind::TopicGrown { topic, partitions });
        Ok(())
    }

    pub(super) fn delete_topic(&mut self, name: &str) -> Done {
        if self.workload.partitions(name).is_none() {
            return Err(impossible(format!("there is no topic {name}")));
        }
        let topic = TopicName(str_bytes(name));
        self.workload.delete(name);
        self.emit(Place::Schedule, Kind::TopicDeleted { topic: topic.clone() });
        for broker in self.broker_ids() {
            if self.cluster.is_up(broker) {
                self.tell_broker(broker, Input::TopicDeleted(topic.clone()));
            }
        }
        Ok(())
    }
}
