//! Keeps a generated schedule valid: tracks which processes run, are paused, partitioned or gone.
//!
//! Fault families are independent of each other. They propose actions, and this check drops the
//! ones that are impossible at their time: the resume of a consumer that has crashed since, a
//! second partition of the same link, records for a deleted topic. So a family can be added or
//! switched off without changing what the others draw.

use std::collections::BTreeMap;

use crate::protocol::BrokerId;
use crate::sim::schedule::{Action, AdminRequest, Direction, NodeName, TopicSpec};

use super::options::{ConsumerOptions, Options};

/// The state of consumers, links, brokers and topics at one point of a schedule.
pub struct ScheduleState<'a> {
    options: &'a Options,
    consumers: BTreeMap<&'a str, ConsumerState<'a>>,
    links: BTreeMap<(&'a str, BrokerId), LinkState>,
    brokers: BTreeMap<BrokerId, BrokerState>,
    /// The number of partitions; `None` for a deleted topic.
    topics: BTreeMap<&'a str, Option<i32>>,
}

struct ConsumerState<'a> {
    options: &'a ConsumerOptions,
    process: ProcessState,
    paused: bool,
    isolated: bool,
}

/// The link between one consumer and one broker.
#[derive(Clone, Copy)]
struct LinkState {
    clogged: bool,
    link: Link,
}

#[derive(Clone, Copy)]
struct BrokerState {
    up: bool,
    paused: bool,
    isolated: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum ProcessState {
    NotStarted,
    Running,
    Crashed,
    Left,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Link {
    Up,
    /// Messages of the consumer are lost, in most cases those of the broker too.
    Cut,
    /// Only messages of the broker are lost.
    ResponsesLost,
}

impl<'a> ScheduleState<'a> {
    /// The state before the first step.
    pub fn new(options: &'a Options) -> Self {
        let names = || options.consumers.iter().map(|options| options.name.as_str());
        let brokers = || (0..i32::from(options.broker.count)).map(BrokerId);
        let state = |options| ConsumerState {
            options,
            process: ProcessState::NotStarted,
            paused: false,
            isolated: false,
        };
        let link = LinkState { clogged: false, link: Link::Up };
        let broker = BrokerState { up: true, paused: false, isolated: false };
        let topic = |topic: &'a TopicSpec| (topic.name.as_str(), Some(topic.partitions));
        ScheduleState {
            options,
            consumers: names().zip(options.consumers.iter().map(state)).collect(),
            links: names().flat_map(|name| brokers().map(move |id| ((name, id), link))).collect(),
            brokers: brokers().map(|id| (id, broker)).collect(),
            topics: options.topics.iter().map(topic).collect(),
        }
    }

    /// Applies an action and returns true, or returns false if the action is impossible now.
    pub fn admit(&mut self, action: &Action) -> bool {
        match action {
            Action::Join { consumer, .. } => {
                self.change(consumer, ProcessState::NotStarted, ProcessState::Running)
            }
            Action::Leave(name) => {
                self.may_leave(name) && self.change(name, ProcessState::Running, ProcessState::Left)
            }
            Action::Crash(NodeName::Consumer(name), _) => {
                self.change(name, ProcessState::Running, ProcessState::Crashed)
            }
            Action::Restart(NodeName::Consumer(name)) => {
                self.change(name, ProcessState::Crashed, ProcessState::Running)
            }
            Action::Pause(node) => self.set_paused(node, true),
            Action::Resume(node) => self.set_paused(node, false),
            Action::Partition(from, to, direction) => self.cut(from, to, *direction),
            Action::Isolate(node) => self.set_isolated(node, true),
            Action::Reconnect(node) => self.set_isolated(node, false),
            Action::Heal(from, to) => self.heal(from, to),
            Action::Clog(from, to, _) => self.clog(from, to),
            Action::Unclog(from, to) => self.unclog(from, to),
            Action::Reset(name, _) | Action::Drop { consumer: name, .. } => self.runs(name),
            Action::Slow(name, _) => self.runs(name),
            Action::Skew(NodeName::Consumer(name), _) => self.runs(name),
            Action::Skew(NodeName::Broker(_), _) => true,
            Action::Crash(NodeName::Broker(id), _) => self.set_up(*id, false),
            Action::Restart(NodeName::Broker(id)) => self.set_up(*id, true),
            Action::Grow { topic, partitions } => self.grow(topic, *partitions),
            Action::DeleteTopic(topic) => self.delete(topic),
            Action::Produce { topic, .. } => self.topics[topic.as_str()].is_some(),
            Action::Move { to: Some(to), .. } => self.brokers[to].up,
            Action::Move { to: None, .. } => self.brokers.values().any(|broker| broker.up),
            Action::Admin(AdminRequest::Remove { member: Some(name), .. }) => self.runs(name),
            Action::Stall(_)
            | Action::Unstall(_)
            | Action::Refuse(..)
            | Action::Accept(_)
            | Action::Compact(_) => true,
            Action::Admin(AdminRequest::TxnCommit { consumer: Some(name), .. }) => self.runs(name),
            Action::Admin(_) => true,
            Action::Advance(_)
            | Action::Settle(_)
            | Action::Drain(_)
            | Action::Quiesce(_)
            | Action::Expect(_) => true,
        }
    }

    /// The consumers that have joined and not left, each with whether it is broken: crashed, paused
    /// or partitioned until `quiesce` heals it as part of the core.
    pub fn members(&self) -> impl Iterator<Item = (&'a ConsumerOptions, bool)> {
        self.consumers.values().filter_map(|state| match state.process {
            ProcessState::NotStarted | ProcessState::Left => None,
            ProcessState::Crashed => Some((state.options, true)),
            ProcessState::Running => {
                let cut = self.links_of(&state.options.name).any(|link| link != Link::Up);
                Some((state.options, state.paused || state.isolated || cut))
            }
        })
    }

    /// Whether a running consumer can send to a broker but not receive from it, or can reach some
    /// brokers but not all. A group cannot converge with such a member: it would request to join
    /// again and again, or own partitions that it cannot fetch.
    pub fn is_partially_cut(&self, name: &str) -> bool {
        let state = &self.consumers[name];
        let up = self.links_of(name).filter(|link| *link == Link::Up).count();
        let responses_lost = self.links_of(name).any(|link| link == Link::ResponsesLost);
        let partial = responses_lost || (up > 0 && up < self.brokers.len());
        partial && state.process == ProcessState::Running && !state.paused && !state.isolated
    }

    fn links_of(&self, name: &str) -> impl Iterator<Item = Link> {
        let links = self.links.iter().filter(move |((end, _), _)| *end == name);
        links.map(|(_, state)| state.link)
    }

    fn change(&mut self, name: &str, from: ProcessState, to: ProcessState) -> bool {
        let state = self.state(name);
        if state.process != from {
            return false;
        }
        state.process = to;
        if to != ProcessState::Running {
            state.paused = false;
        }
        true
    }

    /// A consumer may leave if it is not paused (a paused application cannot close it) and another
    /// member of its group reads all topics.
    fn may_leave(&self, name: &str) -> bool {
        let leaving = &self.consumers[name];
        let group = &leaving.options.group;
        let stays = |other: &ConsumerState<'_>| {
            other.options.name != name
                && other.options.group == *group
                && matches!(other.process, ProcessState::Running | ProcessState::Crashed)
                && self.options.reads_all(other.options)
        };
        !leaving.paused && self.consumers.values().any(stays)
    }

    fn set_paused(&mut self, node: &NodeName, paused: bool) -> bool {
        let flag = match node {
            NodeName::Broker(id) => {
                let broker = self.broker(*id);
                if !broker.up {
                    return false;
                }
                &mut broker.paused
            }
            NodeName::Consumer(name) => {
                let state = self.state(name);
                if state.process != ProcessState::Running {
                    return false;
                }
                &mut state.paused
            }
        };
        std::mem::replace(flag, paused) != paused
    }

    /// Consumers outside the core of `quiesce` stay isolated; brokers never do.
    fn set_isolated(&mut self, node: &NodeName, isolated: bool) -> bool {
        let flag = match node {
            NodeName::Broker(id) => &mut self.broker(*id).isolated,
            NodeName::Consumer(name) => {
                let state = self.state(name);
                if !matches!(state.process, ProcessState::Running | ProcessState::Crashed) {
                    return false;
                }
                &mut state.isolated
            }
        };
        std::mem::replace(flag, isolated) != isolated
    }

    fn set_up(&mut self, id: BrokerId, up: bool) -> bool {
        let broker = self.broker(id);
        broker.paused &= up;
        std::mem::replace(&mut broker.up, up) != up
    }

    fn grow(&mut self, topic: &str, to: i32) -> bool {
        match self.topics.get_mut(topic) {
            Some(Some(partitions)) if *partitions < to => {
                *partitions = to;
                true
            }
            _ => false,
        }
    }

    fn delete(&mut self, topic: &str) -> bool {
        self.topics.get_mut(topic).is_some_and(|partitions| partitions.take().is_some())
    }

    fn cut(&mut self, from: &NodeName, to: &NodeName, direction: Direction) -> bool {
        let (name, id) = ends(from, to);
        let process = self.state(name).process;
        let exists = matches!(process, ProcessState::Running | ProcessState::Crashed);
        let state = self.link(name, id);
        if state.link != Link::Up || !exists {
            return false;
        }
        state.link = match (from, direction) {
            (NodeName::Broker(_), Direction::Forward) => Link::ResponsesLost,
            (NodeName::Consumer(_), _) | (NodeName::Broker(_), Direction::Both) => Link::Cut,
        };
        true
    }

    fn heal(&mut self, from: &NodeName, to: &NodeName) -> bool {
        let (name, id) = ends(from, to);
        std::mem::replace(&mut self.link(name, id).link, Link::Up) != Link::Up
    }

    fn clog(&mut self, from: &NodeName, to: &NodeName) -> bool {
        let (name, id) = ends(from, to);
        let process = self.state(name).process;
        let exists = matches!(process, ProcessState::Running | ProcessState::Crashed);
        exists && !std::mem::replace(&mut self.link(name, id).clogged, true)
    }

    fn unclog(&mut self, from: &NodeName, to: &NodeName) -> bool {
        let (name, id) = ends(from, to);
        std::mem::replace(&mut self.link(name, id).clogged, false)
    }

    fn link(&mut self, name: &str, id: BrokerId) -> &mut LinkState {
        let key = self.consumers[name].options.name.as_str();
        self.links.get_mut(&(key, id)).expect("faults name links of their own options")
    }

    fn broker(&mut self, id: BrokerId) -> &mut BrokerState {
        self.brokers.get_mut(&id).expect("faults name brokers of their own options")
    }

    fn runs(&self, name: &str) -> bool {
        self.consumers[name].process == ProcessState::Running
    }

    fn state(&mut self, name: &str) -> &mut ConsumerState<'a> {
        self.consumers.get_mut(name).expect("faults name consumers of their own options")
    }
}

/// The consumer and the broker at the ends of a link.
fn ends<'n>(from: &'n NodeName, to: &'n NodeName) -> (&'n str, BrokerId) {
    match (from, to) {
        (NodeName::Consumer(name), NodeName::Broker(id))
        | (NodeName::Broker(id), NodeName::Consumer(name)) => (name, *id),
        (NodeName::Consumer(_), NodeName::Consumer(_))
        | (NodeName::Broker(_), NodeName::Broker(_)) => {
            panic!("a generated fault names a link that does not exist: {from:?} and {to:?}")
        }
    }
}
