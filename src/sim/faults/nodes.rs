//! Faults of any process: pauses, and changes of its clock's speed.

use crate::sim::Sim;
use crate::sim::hosted::Process;
use crate::trace::FaultKind;

impl Sim {
    pub(super) fn pause(&mut self, process: Process) {
        let paused = match process {
            Process::Broker(broker) => &mut self.broker_mut(broker).node.paused,
            Process::Consumer(index) => &mut self.consumers[usize::from(index)].node.paused,
        };
        *paused = true;
        self.fault_began(self.place_of(process), FaultKind::Pause);
    }

    pub(super) fn resume(&mut self, process: Process) {
        self.fault_ended(self.place_of(process), FaultKind::Pause);
        match process {
            Process::Broker(broker) => self.resume_broker(broker),
            Process::Consumer(index) => self.resume_consumer(index),
        }
    }

    pub(super) fn skew(&mut self, process: Process, ppm: i32) {
        let (now, place) = (self.now, self.place_of(process));
        match ppm {
            0 => self.fault_ended(place, FaultKind::Skew),
            _ => self.fault_began(place, FaultKind::Skew),
        }
        match process {
            Process::Consumer(index) => {
                let node = &mut self.consumers[usize::from(index)].node;
                node.clock.set_speed(now, ppm);
                node.forget_wake();
                self.schedule_consumer_wake(index);
            }
            Process::Broker(broker) => {
                let node = &mut self.broker_mut(broker).node;
                node.clock.set_speed(now, ppm);
                node.forget_wake();
                self.schedule_broker_wake(broker);
            }
        }
    }
}
