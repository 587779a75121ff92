//! Ends all faults.

use crate::protocol::BrokerId;
use crate::sim::Sim;
use crate::sim::hosted::Process;
use crate::sim::schedule::legal::ProcessState;
use crate::trace::{ConsumerRef, EventKind, Place};

impl Sim {
    /// Ends all faults of the core consumers, and those of other consumers that could still disturb
    /// the core.
    pub(super) fn quiesce(&mut self, core: Option<&[String]>) {
        let all = self.consumers.indices();
        let core: Vec<u16> = match core {
            None => all.clone().collect(),
            Some(names) => names.iter().map(|name| self.index(name)).collect(),
        };
        self.workload.stop();
        self.race = 0;
        self.queue.in_order();
        self.network.stop_loss();
        for index in self.network.stop_drops() {
            self.end_drop(index);
        }
        for index in all {
            self.quiesce_consumer(index, core.contains(&index));
        }
        for broker in self.broker_ids() {
            self.quiesce_broker(broker);
        }
        self.repair_logs();
        let core: Vec<ConsumerRef> =
            core.iter().map(|&index| self.consumers[usize::from(index)].id).collect();
        self.emit(Place::Schedule, EventKind::Quiesced { core });
    }

    fn quiesce_consumer(&mut self, index: u16, in_core: bool) {
        let process = Process::Consumer(index);
        for broker in self.broker_ids() {
            self.unclog(index, broker);
        }
        let consumer = &self.consumers[usize::from(index)];
        if consumer.is_slow() && consumer.process.is_some() {
            self.slow(index, consumer.config.processing_time);
        }
        if self.consumers[usize::from(index)].node.clock.is_skewed() {
            self.skew(process, 0);
        }
        if in_core {
            for broker in self.broker_ids() {
                self.heal(index, broker);
            }
            self.reconnect(process);
            if self.consumers[usize::from(index)].node.paused {
                self.resume(process);
            }
            let state = self.consumers[usize::from(index)].state();
            if matches!(state, ProcessState::Crashed | ProcessState::GaveUp) {
                self.restart(index);
            }
        }
    }

    fn quiesce_broker(&mut self, broker: BrokerId) {
        let process = Process::Broker(broker);
        self.reconnect(process);
        if self.broker(broker).node.clock.is_skewed() {
            self.skew(process, 0);
        }
        if !self.cluster.is_up(broker) {
            self.restart_broker(broker);
        }
        if self.broker(broker).node.paused {
            self.resume(process);
        }
        if self.controller.is_zombie(broker) {
            self.learn(broker);
        }
    }
}
