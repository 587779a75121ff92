//! What a schedule has done to a cluster up to one of its steps, as far as that is known without a
//! run.

use std::collections::BTreeMap;

use crate::protocol::BrokerId;
use crate::sim::schedule::{Action, Direction, GroupSpec, NodeName};

use super::{Facts, Illegal, ProcessState, TopicState, check, link_between};

/// The state of consumers, links, brokers, topics and groups at one step of a schedule.
#[derive(Clone, Debug, Default)]
pub struct ClusterState {
    /// The consumers that have joined.
    consumers: BTreeMap<String, ConsumerState>,
    /// The number of brokers; `None` if a mistake in the `broker` line hides it.
    broker_count: Option<u8>,
    /// The brokers that something was done to.
    brokers: BTreeMap<BrokerId, BrokerState>,
    topics: BTreeMap<String, TopicState>,
    groups: Vec<GroupSpec>,
}

#[derive(Clone, Debug)]
struct ConsumerState {
    process: ProcessState,
    paused: bool,
    isolated: bool,
    /// Its links that something was done to.
    links: BTreeMap<BrokerId, Link>,
}

#[derive(Clone, Copy, Debug, Default)]
struct BrokerState {
    down: bool,
    paused: bool,
    isolated: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Link {
    state: LinkState,
    clogged: bool,
}

/// What passes on the link between one consumer and one broker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LinkState {
    /// Everything.
    #[default]
    Up,
    /// No message of the consumer, and in most cases none of the broker.
    Cut,
    /// No message of the broker.
    ResponsesLost,
}

impl Facts for ClusterState {
    fn process(&self, consumer: &str) -> Option<ProcessState> {
        self.consumers.get(consumer).map(|consumer| consumer.process)
    }

    fn is_up(&self, broker: BrokerId) -> Option<bool> {
        let exists = self.broker_count.is_none_or(|count| broker.0 < i32::from(count));
        exists.then(|| !self.broker(broker).down)
    }

    fn any_is_up(&self) -> bool {
        self.broker_count.is_none_or(|count| {
            (0..i32::from(count)).any(|broker| !self.broker(BrokerId(broker)).down)
        })
    }

    fn is_paused(&self, node: &NodeName) -> bool {
        match node {
            NodeName::Broker(broker) => self.broker(*broker).paused,
            NodeName::Consumer(name) => self.consumers.get(name).is_some_and(|one| one.paused),
        }
    }

    fn topic(&self, name: &str) -> Option<TopicState> {
        self.topics.get(name).copied()
    }

    fn has_group(&self, name: Option<&str>) -> bool {
        self.group(name).is_some()
    }
}

/// What settings declare.
impl ClusterState {
    /// Sets the number of brokers; `None` if it is not known, and any broker may exist.
    pub const fn set_brokers(&mut self, count: Option<u8>) {
        self.broker_count = count;
    }

    /// The number of brokers, if it is known.
    pub const fn broker_count(&self) -> Option<u8> {
        self.broker_count
    }

    /// Declares a topic; false if it was declared before.
    pub fn declare_topic(&mut self, name: &str, partitions: Option<i32>) -> bool {
        let topic = TopicState { partitions, deleted: false };
        self.topics.insert(name.to_owned(), topic).is_none()
    }

    /// The names of all topics, including those that were deleted.
    pub fn topics(&self) -> impl Iterator<Item = &str> + Clone {
        self.topics.keys().map(String::as_str)
    }

    /// Declares a group; false if it was declared before.
    pub fn declare_group(&mut self, group: GroupSpec) -> bool {
        let new = !self.has_group(Some(&group.name));
        if new {
            self.groups.push(group);
        }
        new
    }

    /// The group of this name; without a name, the first one.
    pub fn group(&self, name: Option<&str>) -> Option<&GroupSpec> {
        GroupSpec::find(&self.groups, name)
    }

    /// The groups, in the order of their lines.
    pub fn groups(&self) -> &[GroupSpec] {
        &self.groups
    }
}

/// What steps do.
impl ClusterState {
    /// Checks an action and records what it does.
    ///
    /// # Errors
    ///
    /// If the action is illegal. Then nothing changes.
    pub fn apply(&mut self, action: &Action) -> Result<(), Illegal> {
        check(self, action)?;
        self.record(action);
        Ok(())
    }

    /// Records what an action does, if the run carries it out. What is done to something unknown
    /// leaves no trace.
    pub fn record(&mut self, action: &Action) {
        match action {
            Action::Join { consumer, .. } => self.start(consumer),
            Action::Restart(NodeName::Consumer(name)) if self.consumers.contains_key(name) => {
                self.start(name);
            }
            Action::Leave(name) => self.stop(name, ProcessState::Left),
            // One that has left may have closed before.
            Action::Crash(NodeName::Consumer(name), _)
                if self.process(name) == Some(ProcessState::Running) =>
            {
                self.stop(name, ProcessState::Crashed);
            }
            Action::Crash(NodeName::Broker(broker), _) => {
                let broker = self.broker_mut(*broker);
                (broker.down, broker.paused) = (true, false);
            }
            Action::Restart(NodeName::Broker(broker)) => self.broker_mut(*broker).down = false,
            Action::Pause(node) => self.set_paused(node, true),
            Action::Resume(node) => self.set_paused(node, false),
            Action::Isolate(node) => self.set_isolated(node, true),
            Action::Reconnect(node) => self.set_isolated(node, false),
            Action::Partition(from, to, direction) => {
                let state = match (from, direction) {
                    (NodeName::Broker(_), Direction::Forward) => LinkState::ResponsesLost,
                    (NodeName::Consumer(_), _) | (NodeName::Broker(_), Direction::Both) => {
                        LinkState::Cut
                    }
                };
                self.change_link(from, to, |link| link.state = state);
            }
            Action::Heal(a, b) => self.change_link(a, b, |link| link.state = LinkState::Up),
            Action::Clog(a, b, _) => self.change_link(a, b, |link| link.clogged = true),
            Action::Unclog(a, b) => self.change_link(a, b, |link| link.clogged = false),
            Action::Grow { topic, partitions } => {
                if let Some(topic) = self.topics.get_mut(topic) {
                    topic.partitions = Some(*partitions);
                }
            }
            Action::DeleteTopic(topic) => {
                if let Some(topic) = self.topics.get_mut(topic) {
                    topic.deleted = true;
                }
            }
            Action::Quiesce(core) => self.quiesce(core.as_deref()),
            _ => {}
        }
    }

    fn start(&mut self, name: &str) {
        let new = ConsumerState {
            process: ProcessState::Running,
            paused: false,
            isolated: false,
            links: BTreeMap::new(),
        };
        let consumer = self.consumers.entry(name.to_owned()).or_insert(new);
        consumer.process = ProcessState::Running;
    }

    fn stop(&mut self, name: &str, process: ProcessState) {
        if let Some(consumer) = self.consumers.get_mut(name) {
            (consumer.process, consumer.paused) = (process, false);
        }
    }

    fn set_paused(&mut self, node: &NodeName, paused: bool) {
        match node {
            NodeName::Broker(broker) => self.broker_mut(*broker).paused = paused,
            NodeName::Consumer(name) => {
                if let Some(consumer) = self.consumers.get_mut(name) {
                    consumer.paused = paused;
                }
            }
        }
    }

    fn set_isolated(&mut self, node: &NodeName, isolated: bool) {
        match node {
            NodeName::Broker(broker) => self.broker_mut(*broker).isolated = isolated,
            NodeName::Consumer(name) => {
                if let Some(consumer) = self.consumers.get_mut(name) {
                    consumer.isolated = isolated;
                }
            }
        }
    }

    fn change_link(&mut self, a: &NodeName, b: &NodeName, change: impl FnOnce(&mut Link)) {
        if let Some((name, broker)) = link_between(a, b)
            && let Some(consumer) = self.consumers.get_mut(name)
        {
            change(consumer.links.entry(broker).or_default());
        }
    }

    /// Brokers and clogs recover everywhere; pauses, links and crashed processes in the core: the
    /// named consumers, or all if none is named.
    fn quiesce(&mut self, core: Option<&[String]>) {
        self.brokers.clear();
        for (name, consumer) in &mut self.consumers {
            let in_core = core.is_none_or(|core| core.contains(name));
            consumer.links.values_mut().for_each(|link| link.clogged = false);
            if in_core {
                consumer.links.clear();
                (consumer.paused, consumer.isolated) = (false, false);
            }
            if in_core && consumer.process == ProcessState::Crashed {
                consumer.process = ProcessState::Running;
            }
        }
    }

    fn broker(&self, broker: BrokerId) -> BrokerState {
        self.brokers.get(&broker).copied().unwrap_or_default()
    }

    fn broker_mut(&mut self, broker: BrokerId) -> &mut BrokerState {
        self.brokers.entry(broker).or_default()
    }
}

/// What was done so far.
impl ClusterState {
    /// The consumers that have joined.
    pub fn consumers(&self) -> impl Iterator<Item = &str> + Clone {
        self.consumers.keys().map(String::as_str)
    }

    /// Whether a node is isolated.
    pub fn is_isolated(&self, node: &NodeName) -> bool {
        match node {
            NodeName::Broker(broker) => self.broker(*broker).isolated,
            NodeName::Consumer(name) => self.consumers.get(name).is_some_and(|one| one.isolated),
        }
    }

    /// The links of a consumer that are not up.
    pub fn cut_links(&self, consumer: &str) -> impl Iterator<Item = LinkState> {
        let links = self.consumers.get(consumer).into_iter().flat_map(|one| one.links.values());
        links.map(|link| link.state).filter(|state| *state != LinkState::Up)
    }

    /// Whether the action breaks a link in a way in which it is broken already, or repairs one that
    /// is not broken. That is legal, but a run would report a fault that changes nothing.
    pub fn is_redundant(&self, action: &Action) -> bool {
        match action {
            Action::Partition(a, b, _) => self.link(a, b).state != LinkState::Up,
            Action::Heal(a, b) => self.link(a, b).state == LinkState::Up,
            Action::Clog(a, b, _) => self.link(a, b).clogged,
            Action::Unclog(a, b) => !self.link(a, b).clogged,
            Action::Isolate(node) => self.is_isolated(node),
            Action::Reconnect(node) => !self.is_isolated(node),
            _ => false,
        }
    }

    fn link(&self, a: &NodeName, b: &NodeName) -> Link {
        let consumer =
            link_between(a, b).and_then(|(name, broker)| Some((self.consumers.get(name)?, broker)));
        let link = consumer.and_then(|(consumer, broker)| consumer.links.get(&broker));
        link.copied().unwrap_or_default()
    }
}
