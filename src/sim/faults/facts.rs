//! What the rules of [`legal`](crate::sim::schedule::legal) have to know of a run: what has really
//! happened, which a schedule cannot foresee.

use crate::protocol::BrokerId;
use crate::sim::Sim;
use crate::sim::schedule::legal::{Facts, ProcessState, TopicState};
use crate::sim::schedule::{GroupSpec, NodeName};

impl Facts for Sim {
    fn process(&self, consumer: &str) -> Option<ProcessState> {
        let index = self.consumers.find(consumer)?;
        Some(self.consumers[usize::from(index)].state())
    }

    fn is_up(&self, broker: BrokerId) -> Option<bool> {
        self.brokers.find(broker).map(|broker| self.cluster.is_up(broker.id))
    }

    fn any_is_up(&self) -> bool {
        self.broker_ids().any(|broker| self.cluster.is_up(broker))
    }

    fn is_paused(&self, node: &NodeName) -> bool {
        match node {
            NodeName::Broker(broker) => self.broker(*broker).node.paused,
            NodeName::Consumer(name) => self.consumers[usize::from(self.index(name))].node.paused,
        }
    }

    fn topic(&self, name: &str) -> Option<TopicState> {
        let partitions = self.workload.partitions(name)?;
        Some(TopicState { partitions: Some(partitions), deleted: false })
    }

    fn has_group(&self, name: Option<&str>) -> bool {
        GroupSpec::find(&self.schedule.groups, name).is_some()
    }
}
