//! Faults of any process: pauses, and changes of its clock's speed.

use crate::protocol::BrokerId;
use crate::sim::Sim;
use crate::sim::clock::Clock;
use crate::sim::schedule::NodeName;
use crate::trace::{FaultKind, Place};

use super::{StepResult, impossible};

impl Sim {
    pub(super) fn pause(&mut self, node: &NodeName) -> StepResult {
        let (paused, place) = match node {
            NodeName::Broker(broker) => {
                let broker = self.running_broker(*broker)?;
                (&mut self.broker_mut(broker).node.paused, Place::Broker(broker))
            }
            NodeName::Consumer(name) => {
                let index = self.running(name)?;
                let consumer = &mut self.consumers[usize::from(index)];
                let place = consumer.place();
                (&mut consumer.node.paused, place)
            }
        };
        if std::mem::replace(paused, true) {
            return Err(impossible(format!("{node} is paused already")));
        }
        self.fault_began(place, FaultKind::Pause);
        Ok(())
    }

    pub(super) fn resume(&mut self, node: &NodeName) -> StepResult {
        match node {
            NodeName::Broker(broker) => self.resume_if_paused(*broker),
            NodeName::Consumer(name) => {
                let index = self.running(name)?;
                let consumer = &self.consumers[usize::from(index)];
                if !consumer.node.paused {
                    return Err(impossible(format!("{name} is not paused")));
                }
                self.fault_ended(consumer.place(), FaultKind::Pause);
                self.resume_consumer(index);
                Ok(())
            }
        }
    }

    fn resume_if_paused(&mut self, broker: BrokerId) -> StepResult {
        self.running_broker(broker)?;
        if !self.broker(broker).node.paused {
            return Err(impossible(format!("{broker} is not paused")));
        }
        self.fault_ended(Place::Broker(broker), FaultKind::Pause);
        self.resume_broker(broker);
        Ok(())
    }

    pub(super) fn skew(&mut self, node: &NodeName, ppm: i32) -> StepResult {
        let now = self.now;
        let place = self.place(node)?;
        let set = |clock: &mut Clock| clock.set_speed(now, ppm);
        match ppm {
            0 => self.fault_ended(place, FaultKind::Skew),
            _ => self.fault_began(place, FaultKind::Skew),
        }
        match place {
            Place::Consumer(who) => {
                let node = &mut self.consumers[usize::from(who.index)].node;
                set(&mut node.clock);
                node.forget_wake();
                self.schedule_consumer_wake(who.index);
            }
            Place::Broker(broker) => {
                let node = &mut self.broker_mut(broker).node;
                set(&mut node.clock);
                node.forget_wake();
                self.schedule_broker_wake(broker);
            }
            Place::Schedule
            | Place::Producer
            | Place::Admin
            | Place::Controller
            | Place::Client(_) => {
                unreachable!("{node} is a consumer or a broker")
            }
        }
        Ok(())
    }
}
