//! The end of all faults.

use crate::protocol::BrokerId;
use crate::sim::Sim;
use crate::sim::hosted::Host;
use crate::sim::schedule::NodeName;
use crate::trace::{ConsumerRef, Kind, Place};

use super::Done;

impl Sim {
    /// Ends all faults, for the core and as far as they could go on disturbing it for everybody.
    pub(super) fn calm(&mut self, core: Option<&[String]>) -> Done {
        let everybody = 0..self.consumers.len() as u16;
        let core: Vec<u16> = match core {
            None => everybody.clone().collect(),
            Some(names) => names.iter().map(|name| self.index(name)).collect::<Result<_, _>>()?,
        };
        self.workload.stop();
        self.aim = 0;
        self.queue.in_order();
        self.network.stop_loss();
        for index in self.network.stop_drops() {
            self.end_drop(index);
        }
        for index in everybody {
            self.calm_consumer(index, core.contains(&index))?;
        }
        for broker in self.broker_ids() {
            self.calm_broker(broker)?;
        }
        self.mend_logs();
        let core: Vec<ConsumerRef> =
            core.iter().map(|&index| self.consumers[usize::from(index)].who).collect();
        self.emit(Place::Schedule, Kind::Calm { core });
        Ok(())
    }

    fn calm_consumer(&mut self, index: u16, in_core: bool) -> Done {
        let name = self.consumers[usize::from(index)].name.to_string();
        let node = NodeName::Consumer(name.clone());
        for broker in self.broker_ids() {
            self.unclog(index, broker);
        }
        if self.consumers[usize::from(index)].slow {
            let each = self.consumers[usize::from(index)].config.processing_time;
            if self.consumers[usize::from(index)].process.is_some() {
                self.slow(&name, each)?;
            }
        }
        if self.consumers[usize::from(index)].node.clock.is_skewed() {
            self.skew(&node, 0)?;
        }
        if in_core {
            for broker in self.broker_ids() {
                self.heal(index, broker);
            }
            self.reconnect(Host::Consumer(index));
            if self.consumers[usize::from(index)].node.paused {
                self.resume(&node)?;
            }
            let consumer = &self.consumers[usize::from(index)];
            if consumer.crashed || consumer.gave_up {
                self.restart(&name)?;
            }
        }
        Ok(())
    }

    fn calm_broker(&mut self, broker: BrokerId) -> Done {
        let node = NodeName::Broker(broker);
        self.reconnect(Host::Broker(broker));
        if self.broker(broker).node.clock.is_skewed() {
            self.skew(&node, 0)?;
        }
        if !self.cluster.is_up(broker) {
            self.restart_broker(broker)?;
        }
        if self.broker(broker).node.paused {
            self.resume(&node)?;
        }
        if self.broker(broker).zombie {
            self.learn(broker);
        }
        Ok(())
    }
}
