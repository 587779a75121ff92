//! Starts, closes, crashes and slows down consumers.

use std::sync::Arc;
use std::time::Duration;

use crate::client::{ClientInput, ConsumerConfig};
use crate::protocol::{GroupId, TopicName, str_bytes};
use crate::sim::Sim;
use crate::sim::consumers::ConsumerInput;
use crate::sim::hosted::{Command, Process};
use crate::sim::schedule::legal::ProcessState;
use crate::sim::schedule::{GroupSpec, Settings};
use crate::trace::FaultKind;

impl Sim {
    pub(super) fn join(&mut self, name: &str, group: Option<&str>, settings: &Settings) {
        let config = Arc::new(self.consumer_config(name, group, settings));
        if let Some(index) = self.consumers.find(name) {
            self.consumers[usize::from(index)].config = config;
            return self.restart(index);
        }
        self.network.add_consumer(name);
        let index = self.consumers.add(name, config);
        self.start_consumer(index);
    }

    pub(super) fn leave(&mut self, index: u16) {
        let consumer = &mut self.consumers[usize::from(index)];
        consumer.closing = true;
        let who = consumer.id;
        self.deliver_to_consumer(who, ConsumerInput::Other(ClientInput::Close));
    }

    pub(super) fn crash(&mut self, index: u16) {
        let consumer = &mut self.consumers[usize::from(index)];
        let (place, was_paused) = (consumer.place(), consumer.crash());
        if was_paused {
            self.fault_ended(place, FaultKind::Pause);
        }
        self.fault_began(place, FaultKind::Crash);
        self.command(Command::Kill(Process::Consumer(index)));
        self.close_all_connections(index);
    }

    pub(super) fn restart(&mut self, index: u16) {
        self.end_crash(index);
        self.start_consumer(index);
    }

    fn end_crash(&mut self, index: u16) {
        let consumer = &self.consumers[usize::from(index)];
        if consumer.state() == ProcessState::Crashed {
            self.fault_ended(consumer.place(), FaultKind::Crash);
        }
    }

    pub(super) fn slow(&mut self, index: u16, each: Duration) {
        let consumer = &mut self.consumers[usize::from(index)];
        consumer.set_processing_time(each);
        let (place, who, slow) = (consumer.place(), consumer.id, consumer.is_slow());
        match slow {
            true => self.fault_began(place, FaultKind::Slow),
            false => self.fault_ended(place, FaultKind::Slow),
        }
        self.deliver_to_consumer(who, ConsumerInput::Other(ClientInput::ProcessingTime(each)));
    }

    fn consumer_config(&self, name: &str, group: Option<&str>, own: &Settings) -> ConsumerConfig {
        let group = GroupSpec::find(&self.schedule.groups, group).expect("the group is declared");
        let mut topics: Vec<TopicName> =
            match own.topics.as_ref().or(group.settings.topics.as_ref()) {
                Some(names) => names.iter().map(|name| TopicName(str_bytes(name))).collect(),
                None => {
                    let all = self.schedule.topics.iter();
                    all.map(|topic| TopicName(str_bytes(&topic.name))).collect()
                }
            };
        topics.sort();
        topics.dedup();
        let mut config =
            ConsumerConfig::new(str_bytes(name), GroupId(str_bytes(&group.name)), topics);
        let index = self.consumers.find(name).unwrap_or(self.consumers.next_index());
        config.bootstrap = self.brokers.bootstrap(usize::from(index));
        group.settings.apply_to(&mut config);
        own.apply_to(&mut config);
        config
    }
}
