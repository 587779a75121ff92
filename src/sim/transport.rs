//! What carries the messages between consumers and brokers, and what wakes the processes: the
//! simulator itself, or an engine that hosts the simulator as its core.
//!
//! A simulator is built with its transport. This file alone asks which of the two it is. The rest
//! of the simulator says what it wants: it opens a connection, which has one [`Carrier`] for all of
//! its messages, gives a command, has a process woken. In the simulator a command has no effect,
//! because the caller has already done all there is to do: it has changed the link, or ended the
//! process.
//!
//! The producer and the administrator are on the simulated network in either case, because no fault
//! ever affects them.
//!
//! Not here: how messages travel in the simulator (`network`), and what the commands of an engine
//! mean (`hosted`).

use crate::time::Time;

use super::hosted::{Command, Process};
use super::network::Client;
use super::node::Node;
use super::queue::{Due, Queue};

/// What carries the messages and wakes the processes of a simulator.
pub(super) enum Transport {
    /// The simulator itself: what happens later is an entry of the run's queue.
    Simulated,
    /// An engine, with the commands that it has not taken yet.
    Engine(Vec<Command>),
}

/// What carries the messages of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carrier {
    /// The simulated network, over the link with this index.
    Link(usize),
    /// The engine.
    Engine,
}

impl Transport {
    /// The transport of a simulator that an engine hosts.
    pub(super) const fn engine() -> Transport {
        Transport::Engine(Vec::new())
    }

    /// What carries the messages of a client's connection. `link` returns its link in the simulated
    /// network, which has none to third-party brokers.
    pub(super) fn carrier(&self, client: Client, link: impl FnOnce() -> usize) -> Carrier {
        match (self, client) {
            (Transport::Engine(_), Client::Consumer(..)) => Carrier::Engine,
            _ => Carrier::Link(link()),
        }
    }

    /// Tells the engine to do something.
    pub(super) fn command(&mut self, command: Command) {
        match self {
            Transport::Simulated => {}
            Transport::Engine(pending) => pending.push(command),
        }
    }

    /// Moves the commands since the last call to `into`, in order.
    pub(super) fn take_commands(&mut self, into: &mut Vec<Command>) {
        match self {
            Transport::Simulated => {}
            Transport::Engine(pending) => into.append(pending),
        }
    }

    /// Has a process woken at its next deadline, a time on its own clock.
    pub(super) fn wake<I>(
        &mut self,
        (process, node): (Process, &mut Node<I>),
        (now, queue): (Time, &mut Queue),
        deadline: impl FnOnce() -> Option<Time>,
    ) {
        match self {
            Transport::Simulated => node.wake_by((now, queue), deadline(), Due::Wake(process)),
            // The engine asks for the deadline itself.
            Transport::Engine(pending) => pending.push(Command::Wake(process)),
        }
    }
}
