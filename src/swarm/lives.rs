//! What keeps a generated schedule valid: a note of who runs, is paused, cut off or gone.
//!
//! The families of faults do not know of each other. They propose actions, and those that make no sense
//! at their time (resume of a consumer that has crashed since, a second partition of one link, records for a topic that is gone) are left
//! out here. So a family can be added or switched off without changing what the others draw.

use std::collections::BTreeMap;

use crate::protocol::BrokerId;
use crate::sim::schedule::{Action, AdminRequest, Direction, NodeName, TopicSpec};

use super::options::{ConsumerOptions, Options};

/// Everybody's state at one point of a schedule.
pub struct Lives<'a> {
    options: &'a Options,
    consumers: BTreeMap<&'a str, State<'a>>,
    links: BTreeMap<(&'a str, BrokerId), LinkState>,
    brokers: BTreeMap<BrokerId, BrokerState>,
    topics: BTreeMap<&'a str, Option<i32>>,
}

struct State<'a> {
    options: &'a ConsumerOptions,
    life: Life,
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
enum Life {
    Unborn,
    Running,
    Crashed,
    Left,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Link {
    Up,
    /// Nothing the broker sends arrives, if perhaps the other way round.
    Cut,
    /// Only what the broker sends is lost.
    Deaf,
}

impl<'a> Lives<'a> {
    /// Before the first step.
    pub fn new(options: &'a Options) -> Self {
        let names = || options.consumers.iter().map(|options| options.name.as_str());
        let brokers = || (0..i32::from(options.broker.count)).map(BrokerId);
        let state = |options| State { options, life: Life::Unborn, paused: false, isolated: false };
        let link = LinkState { clogged: false, link: Link::Up };
        let broker = BrokerState { up: true, paused: false, isolated: false };
        let topic = |topic: &'a TopicSpec| (topic.name.as_str(), Some(topic.partitions));
        Lives {
            options,
            consumers: names().zip(options.consumers.iter().map(state)).collect(),
            links: names().flat_map(|name| brokers().map(move |id| ((name, id), link))).collect(),
            brokers: brokers().map(|id| (id, broker)).collect(),
            topics: options.topics.iter().map(topic).collect(),
        }
    }

    /// Whether the action makes sense now; if so, it is taken note of.
    pub fn admit(&mut self, action: &Action) -> bool {
        match action {
            Action::Join { consumer, .. } => self.change(consumer, Life::Unborn, Life::Running),
            Action::Leave(name) => {
                self.may_leave(name) && self.change(name, Life::Running, Life::Left)
            }
            Action::Crash(NodeName::Consumer(name), _) => {
                self.change(name, Life::Running, Life::Crashed)
            }
            Action::Restart(NodeName::Consumer(name)) => {
                self.change(name, Life::Crashed, Life::Running)
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
            | Action::Calm(_)
            | Action::Expect(_) => true,
        }
    }

    /// Those that have joined and not left: each with whether anything is wrong with it that only its
    /// place in the core would heal.
    pub fn members(&self) -> impl Iterator<Item = (&'a ConsumerOptions, bool)> {
        self.consumers.values().filter_map(|state| match state.life {
            Life::Unborn | Life::Left => None,
            Life::Crashed => Some((state.options, true)),
            Life::Running => {
                let cut = self.links_of(&state.options.name).any(|link| link != Link::Up);
                Some((state.options, state.paused || state.isolated || cut))
            }
        })
    }

    /// Whether the consumer is heard by a broker that it does not hear, or reaches some brokers and not
    /// others. Left like that it would ask to join again and again, or hold partitions whose records it
    /// cannot fetch, and a group can never converge around such a member.
    pub fn is_half_cut(&self, name: &str) -> bool {
        let state = &self.consumers[name];
        let up = self.links_of(name).filter(|link| *link == Link::Up).count();
        let deaf = self.links_of(name).any(|link| link == Link::Deaf);
        let half = deaf || (up > 0 && up < self.brokers.len());
        half && state.life == Life::Running && !state.paused && !state.isolated
    }

    fn links_of(&self, name: &str) -> impl Iterator<Item = Link> {
        let links = self.links.iter().filter(move |((end, _), _)| *end == name);
        links.map(|(_, state)| state.link)
    }

    fn change(&mut self, name: &str, from: Life, to: Life) -> bool {
        let state = self.state(name);
        if state.life != from {
            return false;
        }
        state.life = to;
        if to != Life::Running {
            state.paused = false;
        }
        true
    }

    /// A paused application cannot close its consumer; and somebody has to stay who reads everything.
    fn may_leave(&self, name: &str) -> bool {
        let leaving = &self.consumers[name];
        let group = &leaving.options.group;
        let stays = |other: &State<'_>| {
            other.options.name != name
                && other.options.group == *group
                && matches!(other.life, Life::Running | Life::Crashed)
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
                if state.life != Life::Running {
                    return false;
                }
                &mut state.paused
            }
        };
        std::mem::replace(flag, paused) != paused
    }

    /// Whoever `calm` leaves alone stays isolated; brokers never do.
    fn set_isolated(&mut self, node: &NodeName, isolated: bool) -> bool {
        let flag = match node {
            NodeName::Broker(id) => &mut self.broker(*id).isolated,
            NodeName::Consumer(name) => {
                let state = self.state(name);
                if !matches!(state.life, Life::Running | Life::Crashed) {
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
        let alive = matches!(self.state(name).life, Life::Running | Life::Crashed);
        let state = self.link(name, id);
        if state.link != Link::Up || !alive {
            return false;
        }
        state.link = match (from, direction) {
            (NodeName::Broker(_), Direction::Forward) => Link::Deaf,
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
        let alive = matches!(self.state(name).life, Life::Running | Life::Crashed);
        alive && !std::mem::replace(&mut self.link(name, id).clogged, true)
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
        self.consumers[name].life == Life::Running
    }

    fn state(&mut self, name: &str) -> &mut State<'a> {
        self.consumers.get_mut(name).expect("faults name consumers of their own options")
    }
}

/// The two ends of a link.
fn ends<'n>(from: &'n NodeName, to: &'n NodeName) -> (&'n str, BrokerId) {
    match (from, to) {
        (NodeName::Consumer(name), NodeName::Broker(id))
        | (NodeName::Broker(id), NodeName::Consumer(name)) => (name, *id),
        (NodeName::Consumer(_), NodeName::Consumer(_))
        | (NodeName::Broker(_), NodeName::Broker(_)) => {
            panic!("a generated fault cuts a link that is not there: {from:?} and {to:?}")
        }
    }
}
