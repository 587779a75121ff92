//! Carries out the actions of a schedule: faults, and the start and end of processes.
//!
//! | file | what it does |
//! |---|---|
//! | `consumers` | joins, leaves, crashes, slows down consumers |
//! | `nodes` | pauses and skews any process |
//! | `brokers` | crashes brokers, moves leadership |
//! | `links` | partitions, isolates, clogs, drops, resets |
//! | `log` | stalls, refuses and compacts the offsets log |
//! | `topics` | grows and deletes topics |
//! | `quiesce` | ends all faults |

mod brokers;
mod consumers;
mod links;
mod log;
mod nodes;
mod quiesce;
mod topics;

use std::fmt;

use crate::protocol::{BrokerId, GroupId, str_bytes};
use crate::trace::{EventKind, FaultKind, Place};

use super::Sim;
use super::schedule::{Action, AdminRequest, NodeName};

pub(super) use log::LogFaults;

/// Why an action cannot be carried out at this point of a run. It is a mistake in the schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Impossible(pub String);

impl fmt::Display for Impossible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

type StepResult = Result<(), Impossible>;

pub(super) fn impossible(message: impl Into<String>) -> Impossible {
    Impossible(message.into())
}

impl Sim {
    /// Carries out one action of the schedule. The driver itself ([`crate::run`]) carries out the
    /// actions that let time pass or inspect the world.
    ///
    /// # Errors
    ///
    /// When the action is impossible at this point of the run.
    pub fn apply(&mut self, action: &Action) -> StepResult {
        if self.targets_consumer_that_gave_up(action) {
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
                self.produce_now(topic, *partition, *count);
                Ok(())
            }
            Action::Admin(request) => self.request(request),
            Action::Quiesce(core) => self.quiesce(core.as_deref()),
            Action::Advance(_) | Action::Settle(_) | Action::Drain(_) | Action::Expect(_) => {
                panic!("the driver of the run carries out {action:?} itself")
            }
        }
    }

    /// Whether the action targets a consumer that has given up by itself. A schedule cannot foresee
    /// that, so the action is no mistake and does nothing.
    fn targets_consumer_that_gave_up(&self, action: &Action) -> bool {
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
            NodeName::Broker(broker) => Ok(Place::Broker(self.existing_broker(*broker)?)),
            NodeName::Consumer(name) => Ok(self.consumers[usize::from(self.index(name)?)].place()),
        }
    }

    /// Checks that a broker exists.
    pub(super) fn existing_broker(&self, broker: BrokerId) -> Result<BrokerId, Impossible> {
        match self.brokers.find(broker) {
            Some(_) => Ok(broker),
            None => Err(impossible(format!("there is no broker {broker}"))),
        }
    }

    /// The group that a line names, or the first one.
    pub(super) fn named_group(&self, group: Option<&str>) -> GroupId {
        GroupId(str_bytes(group.or(self.first_group()).unwrap_or_default()))
    }

    fn fault_began(&mut self, place: Place, fault: FaultKind) {
        self.emit(place, EventKind::FaultBegan { fault, peer: None, direction: None });
    }

    fn fault_ended(&mut self, place: Place, fault: FaultKind) {
        self.emit(place, EventKind::FaultEnded { fault, peer: None });
    }
}
