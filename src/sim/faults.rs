//! Carrying out the actions of a schedule: faults, and the comings and goings of consumers.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::consumer::{ConsumerConfig, Input, Purpose};
use crate::protocol::{GroupId, TopicName, str_bytes};
use crate::trace::{ConsumerRef, FaultKind, Kind, Loss, Place};

use super::Sim;
use super::clock::Clock;
use super::consumers::{ConsumerNode, Waiting};
use super::queue::{Due, Turn};
use super::schedule::{Action, Direction, NodeName, Settings};

/// Why an action cannot be carried out at this point of a run; the user's mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Impossible(pub String);

impl fmt::Display for Impossible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

type Done = Result<(), Impossible>;

fn impossible(message: impl Into<String>) -> Impossible {
    Impossible(message.into())
}

impl Sim<'_> {
    /// Does what a line of the schedule does to the world. Lines that let time pass or that look at the
    /// world are the driver's business ([`crate::run`]).
    pub fn apply(&mut self, action: &Action) -> Done {
        match action {
            Action::Join { consumer, group, settings } => {
                self.join(consumer, group.as_deref(), settings)
            }
            Action::Leave(consumer) => self.leave(consumer),
            Action::Crash(consumer) => self.crash(consumer),
            Action::Restart(consumer) => self.restart(consumer),
            Action::Pause(node) => self.pause(node),
            Action::Resume(node) => self.resume(node),
            Action::Partition(from, to, direction) => self.partition(from, to, *direction),
            Action::Heal(a, b) => {
                let (index, _) = self.link(a, b)?;
                self.heal(index);
                Ok(())
            }
            Action::Clog(a, b, by) => {
                let (index, _) = self.link(a, b)?;
                self.clog(index, *by);
                Ok(())
            }
            Action::Unclog(a, b) => {
                let (index, _) = self.link(a, b)?;
                self.unclog(index);
                Ok(())
            }
            Action::Reset(consumer, purpose) => self.reset(consumer, *purpose),
            Action::Drop { consumer, api, side, nth, count } => {
                let index = self.index(consumer)?;
                self.network.drop_messages(index, *api, *side, (*nth, *count));
                self.fault_on_link(index, FaultKind::Drop, true);
                Ok(())
            }
            Action::Skew(node, ppm) => self.skew(node, *ppm),
            Action::Slow(consumer, each) => self.slow(consumer, *each),
            Action::Produce { topic, partition, count } => {
                self.produce_by_hand(topic, *partition, *count);
                Ok(())
            }
            Action::Calm(core) => self.calm(core.as_deref()),
            Action::Advance(_) | Action::Settle(_) | Action::Drain(_) | Action::Expect(_) => {
                panic!("the driver of the run carries out {action:?} itself")
            }
        }
    }

    fn join(&mut self, name: &str, group: Option<&str>, settings: &Settings) -> Done {
        let config = Arc::new(self.consumer_config(name, group, settings)?);
        if let Some(&index) = self.indices.get(name) {
            self.must_be_gone(index)?;
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

    fn leave(&mut self, name: &str) -> Done {
        let index = self.running(name)?;
        let consumer = &mut self.consumers[usize::from(index)];
        consumer.closing = true;
        let who = consumer.who;
        self.give(who, Waiting::Other(Input::Close));
        Ok(())
    }

    fn crash(&mut self, name: &str) -> Done {
        let index = self.running(name)?;
        let place = self.consumers[usize::from(index)].place();
        let consumer = &mut self.consumers[usize::from(index)];
        if std::mem::take(&mut consumer.node.paused) {
            self.emit(place, Kind::FaultEnded { fault: FaultKind::Pause, peer: None });
        }
        let consumer = &mut self.consumers[usize::from(index)];
        consumer.process = None;
        consumer.crashed = true;
        self.drop_inbox(index);
        self.emit(place, Kind::FaultBegan { fault: FaultKind::Crash, peer: None });
        self.close_all_connections(index);
        Ok(())
    }

    fn restart(&mut self, name: &str) -> Done {
        let index = self.index(name)?;
        self.must_be_gone(index)?;
        self.end_crash(index);
        self.start_consumer(index);
        Ok(())
    }

    fn must_be_gone(&self, index: u16) -> Done {
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
            self.emit(place, Kind::FaultEnded { fault: FaultKind::Crash, peer: None });
        }
    }

    fn pause(&mut self, node: &NodeName) -> Done {
        let (paused, place) = match node {
            NodeName::Broker(_) => {
                (&mut self.broker.node.paused, Place::Broker(super::broker::BROKER))
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
        self.emit(place, Kind::FaultBegan { fault: FaultKind::Pause, peer: None });
        Ok(())
    }

    fn resume(&mut self, node: &NodeName) -> Done {
        match node {
            NodeName::Broker(_) if self.broker.node.paused => {
                let place = self.broker.place();
                self.emit(place, Kind::FaultEnded { fault: FaultKind::Pause, peer: None });
                self.resume_broker();
            }
            NodeName::Consumer(name) => {
                let index = self.running(name)?;
                let consumer = &self.consumers[usize::from(index)];
                if !consumer.node.paused {
                    return Err(impossible(format!("{name} is not paused")));
                }
                let place = consumer.place();
                self.emit(place, Kind::FaultEnded { fault: FaultKind::Pause, peer: None });
                self.resume_consumer(index);
            }
            NodeName::Broker(_) => return Err(impossible(format!("{node} is not paused"))),
        }
        Ok(())
    }

    fn partition(&mut self, from: &NodeName, to: &NodeName, direction: Direction) -> Done {
        let (index, upwards) = self.link(from, to)?;
        let (up, down) = match direction {
            Direction::Both => (true, true),
            Direction::Forward => (upwards, !upwards),
        };
        self.network.cut(index, up, down);
        self.fault_on_link(index, FaultKind::Partition, true);
        Ok(())
    }

    fn heal(&mut self, index: u16) {
        if self.network.is_cut(index) {
            self.network.heal((self.now, &mut self.queue), index);
            self.fault_on_link(index, FaultKind::Partition, false);
        }
    }

    fn clog(&mut self, index: u16, by: Duration) {
        if !self.network.is_clogged(index) {
            self.fault_on_link(index, FaultKind::Clog, true);
        }
        self.network.clog(index, by);
    }

    fn unclog(&mut self, index: u16) {
        if self.network.is_clogged(index) {
            self.network.clog(index, Duration::ZERO);
            self.fault_on_link(index, FaultKind::Clog, false);
        }
    }

    fn reset(&mut self, name: &str, purpose: Option<Purpose>) -> Done {
        let index = self.index(name)?;
        self.fault_on_link(index, FaultKind::Reset, true);
        for (own, conn) in self.connections(index) {
            if purpose.is_some_and(|purpose| purpose != own.purpose) {
                continue;
            }
            let lost = self.network.reset(conn);
            self.note_lost(conn, lost, Loss::ConnectionReset);
            self.queue.schedule(self.now, Turn::Normal, Due::Disconnect(conn));
            self.reset_at_broker(conn);
        }
        Ok(())
    }

    fn skew(&mut self, node: &NodeName, ppm: i32) -> Done {
        let now = self.now;
        let place = self.place(node)?;
        let set = |clock: &mut Clock| clock.set_speed(now, ppm);
        let kind = match ppm {
            0 => Kind::FaultEnded { fault: FaultKind::Skew, peer: None },
            _ => Kind::FaultBegan { fault: FaultKind::Skew, peer: None },
        };
        self.emit(place, kind);
        match place {
            Place::Consumer(who) => {
                let node = &mut self.consumers[usize::from(who.index)].node;
                set(&mut node.clock);
                node.forget_wake();
                self.after_consumer(who.index);
            }
            _ => {
                set(&mut self.broker.node.clock);
                self.broker.node.forget_wake();
                self.after_broker();
            }
        }
        Ok(())
    }

    fn slow(&mut self, name: &str, each: Duration) -> Done {
        let index = self.running(name)?;
        let (place, who) = {
            let consumer = &mut self.consumers[usize::from(index)];
            consumer.slow = each > consumer.config.processing_time;
            (consumer.place(), consumer.who)
        };
        let fault = FaultKind::Slow;
        let kind = match self.consumers[usize::from(index)].slow {
            true => Kind::FaultBegan { fault, peer: None },
            false => Kind::FaultEnded { fault, peer: None },
        };
        self.emit(place, kind);
        self.give(who, Waiting::Other(Input::ProcessingTime(each)));
        Ok(())
    }

    /// Ends all faults, for the core and as far as they could go on disturbing it for everybody.
    fn calm(&mut self, core: Option<&[String]>) -> Done {
        let everybody = 0..self.consumers.len() as u16;
        let core: Vec<u16> = match core {
            None => everybody.clone().collect(),
            Some(names) => names.iter().map(|name| self.index(name)).collect::<Result<_, _>>()?,
        };
        self.workload.stop();
        self.aim = 0;
        for index in self.network.stop_drops() {
            self.fault_on_link(index, FaultKind::Drop, false);
        }
        for index in everybody {
            self.calm_consumer(index, core.contains(&index))?;
        }
        self.calm_broker()?;
        let core: Vec<ConsumerRef> =
            core.iter().map(|&index| self.consumers[usize::from(index)].who).collect();
        self.emit(Place::Schedule, Kind::Calm { core });
        Ok(())
    }

    fn calm_consumer(&mut self, index: u16, in_core: bool) -> Done {
        let name = self.consumers[usize::from(index)].name.to_string();
        let node = NodeName::Consumer(name.clone());
        self.unclog(index);
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
            self.heal(index);
            if self.consumers[usize::from(index)].node.paused {
                self.resume(&node)?;
            }
            if self.consumers[usize::from(index)].crashed {
                self.restart(&name)?;
            }
        }
        Ok(())
    }

    fn calm_broker(&mut self) -> Done {
        let node = NodeName::Broker(super::broker::BROKER);
        if self.broker.node.clock.is_skewed() {
            self.skew(&node, 0)?;
        }
        if self.broker.node.paused {
            self.resume(&node)?;
        }
        Ok(())
    }

    /// A drop rule on the link of a consumer is used up.
    pub(super) fn end_drop(&mut self, index: u16) {
        self.fault_on_link(index, FaultKind::Drop, false);
    }

    fn fault_on_link(&mut self, index: u16, fault: FaultKind, began: bool) {
        let place = self.consumers[usize::from(index)].place();
        let peer = Some(self.broker.place());
        self.emit(
            place,
            match began {
                true => Kind::FaultBegan { fault, peer },
                false => Kind::FaultEnded { fault, peer },
            },
        );
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
        group.settings.apply_to(&mut config);
        own.apply_to(&mut config);
        Ok(config)
    }

    /// The consumer at one end of a link, and whether it was named first.
    fn link(&self, a: &NodeName, b: &NodeName) -> Result<(u16, bool), Impossible> {
        match (a, b) {
            (NodeName::Consumer(name), NodeName::Broker(_)) => Ok((self.index(name)?, true)),
            (NodeName::Broker(_), NodeName::Consumer(name)) => Ok((self.index(name)?, false)),
            _ => Err(impossible(format!("there is no link between {a} and {b}"))),
        }
    }

    fn place(&self, node: &NodeName) -> Result<Place, Impossible> {
        match node {
            NodeName::Broker(_) => Ok(self.broker.place()),
            NodeName::Consumer(name) => Ok(self.consumers[usize::from(self.index(name)?)].place()),
        }
    }

    pub(super) fn index(&self, name: &str) -> Result<u16, Impossible> {
        let index = self.indices.get(name).copied();
        index.ok_or_else(|| impossible(format!("{name} has not joined yet")))
    }

    fn running(&self, name: &str) -> Result<u16, Impossible> {
        let index = self.index(name)?;
        match self.consumers[usize::from(index)].process {
            Some(_) => Ok(index),
            None => Err(impossible(format!("{name} is not running"))),
        }
    }
}
