//! What keeps a generated schedule valid: a note of who runs, is paused, cut off or gone.
//!
//! The families of faults do not know of each other. They propose actions, and those that make no sense
//! at their time (resume of a consumer that has crashed since, a second partition of one link) are left
//! out here. So a family can be added or switched off without changing what the others draw.

use std::collections::BTreeMap;

use crate::sim::schedule::{Action, Direction, NodeName};

use super::options::{ConsumerOptions, Options};

/// Everybody's state at one point of a schedule.
pub struct Lives<'a> {
    options: &'a Options,
    consumers: BTreeMap<&'a str, State<'a>>,
    broker_paused: bool,
}

struct State<'a> {
    options: &'a ConsumerOptions,
    life: Life,
    paused: bool,
    clogged: bool,
    link: Link,
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
        let consumers = options.consumers.iter().map(|options| {
            let state = State {
                options,
                life: Life::Unborn,
                paused: false,
                clogged: false,
                link: Link::Up,
            };
            (options.name.as_str(), state)
        });
        Lives { options, consumers: consumers.collect(), broker_paused: false }
    }

    /// Whether the action makes sense now; if so, it is taken note of.
    pub fn admit(&mut self, action: &Action) -> bool {
        match action {
            Action::Join { consumer, .. } => self.change(consumer, Life::Unborn, Life::Running),
            Action::Leave(name) => {
                self.may_leave(name) && self.change(name, Life::Running, Life::Left)
            }
            Action::Crash(name) => self.change(name, Life::Running, Life::Crashed),
            Action::Restart(name) => self.change(name, Life::Crashed, Life::Running),
            Action::Pause(node) => self.set_paused(node, true),
            Action::Resume(node) => self.set_paused(node, false),
            Action::Partition(from, to, direction) => self.cut(from, to, *direction),
            Action::Heal(from, to) => self.heal(from, to),
            Action::Clog(from, to, _) => self.clog(from, to),
            Action::Unclog(from, to) => self.unclog(from, to),
            Action::Reset(name, _) | Action::Drop { consumer: name, .. } => self.runs(name),
            Action::Slow(name, _) => self.runs(name),
            Action::Skew(NodeName::Consumer(name), _) => self.runs(name),
            Action::Skew(NodeName::Broker(_), _) | Action::Produce { .. } => true,
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
            Life::Running => Some((state.options, state.paused || state.link != Link::Up)),
        })
    }

    /// Whether the consumer is heard by the broker and does not hear it. Left like that it would ask to
    /// join again and again, and a group can never converge around such a member.
    pub fn is_deaf(&self, name: &str) -> bool {
        let state = &self.consumers[name];
        state.link == Link::Deaf && state.life == Life::Running && !state.paused
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
            NodeName::Broker(_) => &mut self.broker_paused,
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

    fn cut(&mut self, from: &NodeName, to: &NodeName, direction: Direction) -> bool {
        let state = self.end_of_link(from, to);
        if state.link != Link::Up || !matches!(state.life, Life::Running | Life::Crashed) {
            return false;
        }
        state.link = match (from, direction) {
            (NodeName::Broker(_), Direction::Forward) => Link::Deaf,
            (NodeName::Consumer(_), _) | (NodeName::Broker(_), Direction::Both) => Link::Cut,
        };
        true
    }

    fn heal(&mut self, from: &NodeName, to: &NodeName) -> bool {
        std::mem::replace(&mut self.end_of_link(from, to).link, Link::Up) != Link::Up
    }

    fn clog(&mut self, from: &NodeName, to: &NodeName) -> bool {
        let state = self.end_of_link(from, to);
        let alive = matches!(state.life, Life::Running | Life::Crashed);
        alive && !std::mem::replace(&mut state.clogged, true)
    }

    fn unclog(&mut self, from: &NodeName, to: &NodeName) -> bool {
        std::mem::replace(&mut self.end_of_link(from, to).clogged, false)
    }

    /// The consumer of a link: the other end is the broker.
    fn end_of_link(&mut self, from: &NodeName, to: &NodeName) -> &mut State<'a> {
        match (from, to) {
            (NodeName::Consumer(name), NodeName::Broker(_))
            | (NodeName::Broker(_), NodeName::Consumer(name)) => self.state(name),
            (NodeName::Consumer(_), NodeName::Consumer(_))
            | (NodeName::Broker(_), NodeName::Broker(_)) => {
                panic!("a generated fault cuts a link that is not there: {from:?} and {to:?}")
            }
        }
    }

    fn runs(&self, name: &str) -> bool {
        self.consumers[name].life == Life::Running
    }

    fn state(&mut self, name: &str) -> &mut State<'a> {
        self.consumers.get_mut(name).expect("faults name consumers of their own options")
    }
}
