//! What can be done to any process: pause it, and change the speed of its clock.

use crate::protocol::BrokerId;
use crate::sim::Sim;
use crate::sim::clock::Clock;
use crate::sim::schedule::NodeName;
use crate::trace::{FaultKind, Place};

use super::{Done, impossible};

impl Sim {
    pub(super) fn pause(&mut self, node: &NodeName) -> Done {
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
        self.began(place, FaultKind::Pause);
        Ok(())
    }

    pub(super) fn resume(&mut self, node: &NodeName) -> Done {
        match node {
            NodeName::Broker(broker) => self.resume_if_paused(*broker),
            NodeName::Consumer(name) => {
                let index = self.running(name)?;
                let consumer = &self.consumers[usize::from(index)];
                if !consumer.node.paused {
                    return Err(impossible(format!("{name} is not paused")));
                }
                self.ended(consumer.place(), FaultKind::Pause);
                self.resume_consumer(index);
                Ok(())
            }
        }
    }

    fn resume_if_paused(&mut self, broker: BrokerId) -> Done {
        self.running_broker(broker)?;
        if !self.broker(broker).node.paused {
            return Err(impossible(format!("{broker} is not paused")));
        }
        self.ended(Place::Broker(broker), FaultKind::Pause);
        self.resume_broker(broker);
        Ok(())
    }

    pub(super) fn skew(&mut self, node: &NodeName, ppm: i32) -> Done {
        let now = self.now;
        let place = self.place(node)?;
        let set = |clock: &mut Clock| clock.set_speed(now, ppm);
        match ppm {
            0 => self.ended(place, FaultKind::Skew),
            _ => self.began(place, FaultKind::Skew),
        }
        match place {
            Place::Consumer(who) => {
                let node = &mut self.consumers[usize::from(who.index)].node;
                set(&mut node.clock);
                node.forget_wake();
                self.after_consumer(who.index);
            }
            Place::Broker(broker) => {
                let node = &mut self.broker_mut(broker).node;
                set(&mut node.clock);
                node.forget_wake();
                self.after_broker(broker);
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
