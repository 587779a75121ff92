//! Carries out the actions of a schedule: faults, and the start and end of processes.
//!
//! [`legal::check`] decides whether an action can be carried out now; `facts` answers what it has
//! to know. After that nothing here can fail.
//!
//! | file | what it does |
//! |---|---|
//! | `facts` | what the rules of [`legal`] have to know of the run |
//! | `consumers` | joins, leaves, crashes, slows down consumers |
//! | `nodes` | pauses and skews any process |
//! | `brokers` | crashes brokers, moves leadership |
//! | `links` | partitions, isolates, clogs, drops, resets |
//! | `log` | stalls, refuses and compacts the offsets log |
//! | `topics` | grows and deletes topics |
//! | `quiesce` | ends all faults |

mod brokers;
mod consumers;
mod facts;
mod links;
mod log;
mod nodes;
mod quiesce;
mod topics;

use std::fmt;

use crate::protocol::{GroupId, str_bytes};
use crate::trace::{EventKind, FaultKind, Place};

use super::Sim;
use super::hosted::Process;
use super::schedule::legal::{self, Facts, Illegal, ProcessState};
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

impl From<Illegal> for Impossible {
    fn from(illegal: Illegal) -> Self {
        Impossible(illegal.to_string())
    }
}

impl Sim {
    /// Carries out one action of the schedule. The driver itself ([`crate::run`]) carries out the
    /// actions that let time pass or inspect the world.
    ///
    /// # Errors
    ///
    /// When the action is impossible at this point of the run.
    pub fn apply(&mut self, action: &Action) -> Result<(), Impossible> {
        if !self.targets_consumer_that_gave_up(action) {
            legal::check(self, action)?;
            self.carry_out(action);
        }
        Ok(())
    }

    fn carry_out(&mut self, action: &Action) {
        match action {
            Action::Join { consumer, group, settings } => {
                self.join(consumer, group.as_deref(), settings)
            }
            Action::Leave(consumer) => self.leave(self.index(consumer)),
            Action::Crash(NodeName::Consumer(consumer), _) => self.crash(self.index(consumer)),
            Action::Restart(NodeName::Consumer(consumer)) => self.restart(self.index(consumer)),
            Action::Slow(consumer, each) => self.slow(self.index(consumer), *each),
            Action::Crash(NodeName::Broker(broker), tail) => self.crash_broker(*broker, *tail),
            Action::Restart(NodeName::Broker(broker)) => self.restart_broker(*broker),
            Action::Move { group, to, unaware, tail } => {
                self.move_group(group.as_deref(), *to, *unaware, *tail)
            }
            Action::Pause(node) => self.pause(self.process_of(node)),
            Action::Resume(node) => self.resume(self.process_of(node)),
            Action::Skew(node, ppm) => self.skew(self.process_of(node), *ppm),
            Action::Stall(_)
            | Action::Unstall(_)
            | Action::Refuse(..)
            | Action::Accept(_)
            | Action::Compact(_) => self.apply_to_log(action),
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
        self.process(name) == Some(ProcessState::GaveUp)
    }

    /// The index of a consumer that has joined.
    pub(super) fn index(&self, name: &str) -> u16 {
        self.consumers.find(name).unwrap_or_else(|| panic!("{name} was taken to have joined"))
    }

    fn process_of(&self, node: &NodeName) -> Process {
        match node {
            NodeName::Consumer(name) => Process::Consumer(self.index(name)),
            NodeName::Broker(broker) => Process::Broker(*broker),
        }
    }

    fn place_of(&self, process: Process) -> Place {
        match process {
            Process::Consumer(index) => self.consumers[usize::from(index)].place(),
            Process::Broker(broker) => Place::Broker(broker),
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
