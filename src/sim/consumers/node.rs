//! The state of the consumers: their processes, what became of them, and their open connections.

use std::collections::{BTreeMap, VecDeque};
use std::ops::{Index, IndexMut, Range};
use std::sync::Arc;
use std::time::Duration;

use crate::broker::ConnectionId;
use crate::client::{ClientInput, ClientOutput, Conn, ConsumerConfig, GroupConsumer};
use crate::protocol::{RequestFrame, ResponseFrame};
use crate::sim::node::Node;
use crate::sim::schedule::legal::ProcessState;
use crate::time::Time;
use crate::trace::{ConsumerRef, Place};

/// What arrives at a consumer; it waits here while the process is paused.
pub(in crate::sim) enum ConsumerInput {
    Response(ConnectionId, Conn, Arc<RequestFrame>, Arc<ResponseFrame>),
    Other(ClientInput),
}

/// All consumers that have joined, by the index of their [`ConsumerRef`].
#[derive(Default)]
pub(in crate::sim) struct Consumers {
    nodes: Vec<ConsumerNode>,
    indices: BTreeMap<String, u16>,
}

impl Consumers {
    /// Adds a consumer that has not been started yet, and returns its index.
    pub(in crate::sim) fn add(&mut self, name: &str, config: Arc<ConsumerConfig>) -> u16 {
        let index = self.next_index();
        self.indices.insert(name.to_owned(), index);
        self.nodes.push(ConsumerNode::new(index, name, config));
        index
    }

    /// The index of the next consumer to join for the first time.
    pub(in crate::sim) const fn next_index(&self) -> u16 {
        self.nodes.len() as u16
    }

    /// The index of the consumer of this name, if it has joined.
    pub(in crate::sim) fn find(&self, name: &str) -> Option<u16> {
        self.indices.get(name).copied()
    }

    pub(in crate::sim) const fn indices(&self) -> Range<u16> {
        0..self.next_index()
    }

    pub(in crate::sim) fn iter(&self) -> impl Iterator<Item = &ConsumerNode> {
        self.nodes.iter()
    }
}

impl Index<usize> for Consumers {
    type Output = ConsumerNode;

    fn index(&self, index: usize) -> &ConsumerNode {
        &self.nodes[index]
    }
}

impl IndexMut<usize> for Consumers {
    fn index_mut(&mut self, index: usize) -> &mut ConsumerNode {
        &mut self.nodes[index]
    }
}

pub(in crate::sim) struct ConsumerNode {
    pub(in crate::sim) node: Node<ConsumerInput>,
    pub(in crate::sim) name: Arc<str>,
    pub(in crate::sim) id: ConsumerRef,
    pub(in crate::sim) config: Arc<ConsumerConfig>,
    /// The running process, if any.
    pub(in crate::sim) process: Option<Box<dyn GroupConsumer>>,
    /// The application has called close.
    pub(in crate::sim) closing: bool,
    /// The process ended without closing.
    crashed: bool,
    /// The consumer closed by itself, after a fatal error.
    gave_up: bool,
    /// The application's processing time has been increased.
    slow: bool,
    /// The open connections.
    connections: Vec<(Conn, ConnectionId)>,
    /// Reused between calls.
    outputs: Vec<ClientOutput>,
}

impl ConsumerNode {
    fn new(index: u16, name: &str, config: Arc<ConsumerConfig>) -> Self {
        ConsumerNode {
            node: Node::new(),
            name: Arc::from(name),
            id: ConsumerRef { index, incarnation: 0 },
            config,
            process: None,
            closing: false,
            crashed: false,
            gave_up: false,
            slow: false,
            connections: Vec::new(),
            outputs: Vec::new(),
        }
    }

    pub(in crate::sim) fn place(&self) -> Place {
        Place::Consumer(self.id)
    }

    /// Whether a process runs, or else why not.
    pub(in crate::sim) const fn state(&self) -> ProcessState {
        match self.process {
            Some(_) if self.closing => ProcessState::Closing,
            Some(_) => ProcessState::Running,
            None if self.gave_up => ProcessState::GaveUp,
            None if self.crashed => ProcessState::Crashed,
            None => ProcessState::Closed,
        }
    }

    /// Whether the application takes longer than its config says to process a record.
    pub(in crate::sim) const fn is_slow(&self) -> bool {
        self.slow
    }

    /// Begins the next incarnation, whose process `make` creates from the time on its clock.
    pub(super) fn start(
        &mut self,
        now: Time,
        make: impl FnOnce(&ConsumerNode, Time) -> Box<dyn GroupConsumer>,
    ) {
        self.id.incarnation += 1;
        self.crashed = false;
        self.closing = false;
        self.gave_up = false;
        self.slow = false;
        self.node.paused = false;
        self.node.forget_wake();
        self.process = Some(make(self, self.node.clock.local(now)));
    }

    /// Ends the process with everything that waits for it. Returns whether it was paused.
    pub(in crate::sim) fn crash(&mut self) -> bool {
        self.process = None;
        self.crashed = true;
        self.node.take_inbox();
        std::mem::take(&mut self.node.paused)
    }

    /// The process has closed: the application has called close, or the consumer gives up.
    pub(super) fn has_closed(&mut self) {
        self.process = None;
        self.gave_up = !self.closing;
    }

    /// Sets the time that the application takes to process a record.
    pub(in crate::sim) fn set_processing_time(&mut self, each: Duration) {
        self.slow = each > self.config.processing_time;
    }

    /// Lets the process, if there is one, handle an input and returns its outputs. They have to be
    /// given back, empty, to [`reuse`](Self::reuse).
    pub(super) fn handle(&mut self, now: Time, input: ClientInput) -> Vec<ClientOutput> {
        let mut outputs = std::mem::take(&mut self.outputs);
        let local = self.node.clock.local(now);
        if let Some(process) = &mut self.process {
            process.handle(local, input, &mut outputs);
        }
        outputs
    }

    /// The same for the timers that are due.
    pub(super) fn advance(&mut self, now: Time) -> Vec<ClientOutput> {
        let mut outputs = std::mem::take(&mut self.outputs);
        let local = self.node.clock.local(now);
        if let Some(process) = &mut self.process {
            process.advance(local, &mut outputs);
        }
        outputs
    }

    pub(super) fn reuse(&mut self, outputs: Vec<ClientOutput>) {
        self.outputs = outputs;
    }

    pub(super) fn take_inbox(&mut self) -> VecDeque<ConsumerInput> {
        self.node.take_inbox()
    }
}

/// Connections.
impl ConsumerNode {
    pub(super) fn connections(&self) -> impl Iterator<Item = (Conn, ConnectionId)> {
        self.connections.iter().copied()
    }

    /// The open connection that the client calls `own`.
    pub(super) fn connection(&self, own: Conn) -> Option<ConnectionId> {
        self.connections().find(|(open, _)| *open == own).map(|(_, conn)| conn)
    }

    pub(super) fn connected(&mut self, own: Conn, conn: ConnectionId) {
        self.connections.push((own, conn));
    }

    /// Forgets a connection that the broker has ended.
    pub(super) fn disconnected(&mut self, own: Conn) {
        self.connections.retain(|(open, _)| *open != own);
    }

    /// Forgets a connection that the client closes.
    pub(super) fn take_connection(&mut self, own: Conn) -> Option<ConnectionId> {
        let at = self.connections.iter().position(|(open, _)| *open == own)?;
        Some(self.connections.swap_remove(at).1)
    }

    pub(super) fn take_connections(&mut self) -> Vec<(Conn, ConnectionId)> {
        std::mem::take(&mut self.connections)
    }
}
