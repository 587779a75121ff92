//! Starts, closes, crashes and slows down consumers.

use std::sync::Arc;
use std::time::Duration;

use crate::client::{ClientInput, ConsumerConfig};
use crate::protocol::{GroupId, TopicName, str_bytes};
use crate::sim::Sim;
use crate::sim::consumers::{ConsumerInput, ConsumerNode};
use crate::sim::hosted::{Command, Process};
use crate::sim::schedule::Settings;
use crate::trace::FaultKind;

use super::{Impossible, StepResult, impossible};

impl Sim {
    pub(super) fn join(
        &mut self,
        name: &str,
        group: Option<&str>,
        settings: &Settings,
    ) -> StepResult {
        let config = Arc::new(self.consumer_config(name, group, settings)?);
        if let Some(&index) = self.indices.get(name) {
            self.must_not_run(index)?;
            self.consumers[usize::from(index)].config = config;
            self.end_crash(index);
            self.start_consumer(index);
            return Ok(());
        }
        let index = self.consumers.len() as u16;
        self.indices.insert(name.to_owned(), index);
        self.network.add_consumer(name);
        self.consumers.push(ConsumerNode::new(index, name, config));
        self.start_consumer(index);
        Ok(())
    }

    pub(super) fn leave(&mut self, name: &str) -> StepResult {
        let index = self.running(name)?;
        let consumer = &mut self.consumers[usize::from(index)];
        consumer.closing = true;
        let who = consumer.id;
        self.deliver_to_consumer(who, ConsumerInput::Other(ClientInput::Close));
        Ok(())
    }

    pub(super) fn crash(&mut self, name: &str) -> StepResult {
        let index = self.running(name)?;
        let place = self.consumers[usize::from(index)].place();
        let consumer = &mut self.consumers[usize::from(index)];
        if std::mem::take(&mut consumer.node.paused) {
            self.fault_ended(place, FaultKind::Pause);
        }
        let consumer = &mut self.consumers[usize::from(index)];
        consumer.process = None;
        consumer.crashed = true;
        self.drop_inbox(index);
        self.fault_began(place, FaultKind::Crash);
        self.command(Command::Kill(Process::Consumer(index)));
        self.close_all_connections(index);
        Ok(())
    }

    pub(super) fn restart(&mut self, name: &str) -> StepResult {
        let index = self.index(name)?;
        self.must_not_run(index)?;
        self.end_crash(index);
        self.start_consumer(index);
        Ok(())
    }

    fn must_not_run(&self, index: u16) -> StepResult {
        let consumer = &self.consumers[usize::from(index)];
        let name = &consumer.name;
        match consumer.process {
            None => Ok(()),
            Some(_) if consumer.closing => Err(impossible(format!("{name} is still closing"))),
            Some(_) => Err(impossible(format!("{name} is running already"))),
        }
    }

    fn end_crash(&mut self, index: u16) {
        if self.consumers[usize::from(index)].crashed {
            let place = self.consumers[usize::from(index)].place();
            self.fault_ended(place, FaultKind::Crash);
        }
    }

    pub(super) fn slow(&mut self, name: &str, each: Duration) -> StepResult {
        let index = self.running(name)?;
        let (place, who) = {
            let consumer = &mut self.consumers[usize::from(index)];
            consumer.slow = each > consumer.config.processing_time;
            (consumer.place(), consumer.id)
        };
        match self.consumers[usize::from(index)].slow {
            true => self.fault_began(place, FaultKind::Slow),
            false => self.fault_ended(place, FaultKind::Slow),
        }
        self.deliver_to_consumer(who, ConsumerInput::Other(ClientInput::ProcessingTime(each)));
        Ok(())
    }

    fn consumer_config(
        &self,
        name: &str,
        group: Option<&str>,
        own: &Settings,
    ) -> Result<ConsumerConfig, Impossible> {
        let groups = &self.schedule.groups;
        let group = match group {
            Some(wanted) => groups.iter().find(|group| group.name == wanted),
            None => groups.first(),
        };
        let group = group.ok_or_else(|| impossible("there is no such group"))?;
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
        let index = self.indices.get(name).map_or(self.consumers.len(), |&index| index.into());
        config.bootstrap = self.brokers.bootstrap(index);
        group.settings.apply_to(&mut config);
        own.apply_to(&mut config);
        Ok(config)
    }

    pub(in crate::sim) fn index(&self, name: &str) -> Result<u16, Impossible> {
        let index = self.indices.get(name).copied();
        index.ok_or_else(|| impossible(format!("{name} has not joined yet")))
    }

    pub(super) fn running(&self, name: &str) -> Result<u16, Impossible> {
        let index = self.index(name)?;
        match self.consumers[usize::from(index)].process {
            Some(_) => Ok(index),
            None => Err(impossible(format!("{name} is not running"))),
        }
    }
}
