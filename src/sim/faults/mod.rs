//! Carrying out the actions of a schedule: faults, and the comings and goings of processes.
//!
//! | file | what it is done to |
//! |---|---|
//! | `consumers` | joining, leaving, crashing, slowing down |
//! | `nodes` | pausing and skewing any process |
//! | `brokers` | crashing, moving leadership |
//! | `links` | cutting, isolating, clogging, dropping, resetting |
//! | `log` | the offsets log: stalling, refusing, compacting |
//! | `topics` | growing and deleting |
//! | `calm` | ending all of it |

mod brokers;
mod calm;
mod consumers;
mod links;
mod log;
mod nodes;
mod topics;

use std::fmt;

use crate::protocol::{BrokerId, GroupId, str_bytes};
use crate::trace::{FaultKind, Kind, Place};

use super::Sim;
use super::schedule::{Action, AdminRequest, NodeName};

pub(super) use log::Broken;

/// Why an action cannot be carried out at this point of a run; the user's mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Impossible(pub String);

impl fmt::Display for Impossible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

type Done = Result<(), Impossible>;

pub(super) fn impossible(message: impl Into<String>) -> Impossible {
    Impossible(message.into())
}

impl Sim {
    /// Does what a line of the schedule does to the world. Lines that let time pass or that look at the
    /// world are the driver's business ([`crate::run`]).
    pub fn apply(&mut self, action: &Action) -> Done {
        if self.comes_too_late(action) {
            return Ok(());
        }
        match action {
            Action::Join { consumer, group, settings } => {
                self.join(consumer, group.as_deref(), settings)
            }
            Action::Leave(consumer) => self.leave(consumer),
            Action::Crash(NodeName::Consumer(consumer), _) => self.crash(consumer),
            Action::Restart(NodeName::Consumer(consumer)) => self.restart(consumer),
            Action::Slow(consumer, each) => self.slow(consumer, *each),
            Action::Crash(NodeName::Broker(broker), tail) => self.crash_broker(*broker, *tail),
            Action::Restart(NodeName::Broker(broker)) => self.restart_broker(*broker),
            Action::Move { group, to, unaware, tail } => {
                self.move_group(group.as_deref(), *to, *unaware, *tail)
            }
            Action::Pause(node) => self.pause(node),
            Action::Resume(node) => self.resume(node),
            Action::Skew(node, ppm) => self.skew(node, *ppm),
            Action::Stall(_)
            | Action::Unstall(_)
            | Action::Refuse(..)
            | Action::Accept(_)
            | Action::Compact(_) => {
                self.apply_to_log(action);
                Ok(())
            }
            Action::Grow { topic, partitions } => self.grow_topic(topic, *partitions),
            Action::DeleteTopic(topic) => self.delete_topic(topic),
            Action::Partition(..)
            | Action::Heal(..)
            | Action::Isolate(_)
            | Action::Reconnect(_)
            | Action::Clog(..)
            | Action::Unclog(..)
            | Action::Reset(..)
            | Action::Drop { .. } => self.apply_to_link(action),
            Action::Produce { topic, partition, count } => {
                self.produce_by_hand(topic, *partition, *count);
                Ok(())
            }
            Action::Admin(request) => self.ask(request),
            Action::Calm(core) => self.calm(core.as_deref()),
            Action::Advance(_) | Action::Settle(_) | Action::Drain(_) | Action::Expect(_) => {
                panic!("the driver of the run carries out {action:?} itself")
            }
        }
    }

    /// What is to be done to a consumer that has given up by itself meanwhile comes too late, which a
    /// script cannot know: it is no mistake, and nothing happens.
    fn comes_too_late(&self, action: &Action) -> bool {
        let name = match action {
            Action::Leave(name)
            | Action::Admin(AdminRequest::Remove { member: Some(name), .. })
            | Action::Slow(name, _)
            | Action::Crash(NodeName::Consumer(name), _)
            | Action::Pause(NodeName::Consumer(name))
            | Action::Resume(NodeName::Consumer(name)) => name,
            _ => return false,
        };
        self.index(name).is_ok_and(|index| self.consumers[usize::from(index)].gave_up)
    }

    fn place(&self, node: &NodeName) -> Result<Place, Impossible> {
        match node {
            NodeName::Broker(broker) => Ok(Place::Broker(self.known(*broker)?)),
            NodeName::Consumer(name) => Ok(self.consumers[usize::from(self.index(name)?)].place()),
        }
    }

    /// A broker that exists.
    pub(super) fn known(&self, broker: BrokerId) -> Result<BrokerId, Impossible> {
        match usize::try_from(broker.0).is_ok_and(|index| index < self.brokers.len()) {
            true => Ok(broker),
            false => Err(impossible(format!("there is no broker {broker}"))),
        }
    }

    /// The group that a line names, or the first one.
    pub(super) fn named_group(&self, group: Option<&str>) -> GroupId {
        GroupId(str_bytes(group.or(self.first_group()).unwrap_or_default()))
    }

    fn began(&mut self, place: Place, fault: FaultKind) {
        self.emit(place, Kind::FaultBegan { fault, peer: None, direction: None });
    }

    fn ended(&mut self, place: Place, fault: FaultKind) {
        self.emit(place, Kind::FaultEnded { fault, peer: None });
    }
}
