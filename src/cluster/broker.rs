//! Requests in, responses out.
//!
//! As in Kafka, a broker takes up one request of a connection at a time: the next one waits until the
//! response is on its way. So responses leave in the order of their requests, and a parked JoinGroup
//! holds up everything behind it.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use crate::coordinator::{self, Call, GroupCoordinator, Release, RequestId};
use crate::protocol::{
    BrokerId, IndexMap, Request, RequestFrame, Response, ResponseFrame, TopicName, TopicPartition,
};
use crate::rng::Rng;
use crate::time::Time;

use super::fetching::ParkedFetches;
use super::offsets_log::OffsetsLog;
use super::topics::Topics;

/// One connection of a run; numbers are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u32);

/// The settings of a broker.
#[derive(Clone, Debug)]
pub struct BrokerConfig {
    /// Its node id.
    pub id: BrokerId,
    /// The time from the append of a record to the offsets log until it is committed.
    pub commit_delay: RangeInclusive<Duration>,
}

/// What a broker wants done, or wants known.
#[derive(Clone, Debug)]
pub enum Output {
    /// It began to handle a request.
    Handling {
        /// On which connection it came.
        conn: ConnectionId,
        /// The request.
        request: Arc<RequestFrame>,
    },
    /// Send a response.
    Respond {
        /// On which connection; it may be gone by now.
        conn: ConnectionId,
        /// The request it answers.
        request: Arc<RequestFrame>,
        /// The response.
        response: Arc<ResponseFrame>,
    },
    /// Records `first..next` are in the log of a partition.
    Appended {
        /// The partition.
        partition: TopicPartition,
        /// The first offset.
        first: i64,
        /// One past the last offset.
        next: i64,
    },
    /// Something inside the coordinator.
    Observe(coordinator::Observation),
}

#[derive(Default)]
struct Connection {
    /// The request being handled; nothing else of this connection is taken up meanwhile.
    busy: Option<RequestId>,
    queue: VecDeque<Arc<RequestFrame>>,
    /// The client has closed it; what arrived before that is still handled.
    closing: bool,
}

/// A broker without I/O. See the module head of [`crate::cluster`].
pub struct Broker {
    pub(super) config: BrokerConfig,
    pub(super) topics: Topics,
    pub(super) fetches: ParkedFetches,
    coordinator: Box<dyn GroupCoordinator>,
    offsets_log: OffsetsLog,
    connections: IndexMap<ConnectionId, Connection>,
    requests: IndexMap<RequestId, (ConnectionId, Arc<RequestFrame>)>,
    next_request: u64,
    /// What the coordinator wants done, reused between calls.
    wanted: Vec<coordinator::Output>,
    /// Connections whose next request may be taken up. Not at once when a response is made: everything
    /// the coordinator wanted along with it comes first.
    ready: VecDeque<ConnectionId>,
}

impl Broker {
    /// A broker that hosts `coordinator`; `rng` is the luck of its offsets log.
    pub fn new(config: BrokerConfig, coordinator: Box<dyn GroupCoordinator>, rng: Rng) -> Self {
        Broker {
            topics: Topics::default(),
            fetches: ParkedFetches::default(),
            offsets_log: OffsetsLog::new(config.commit_delay.clone(), rng),
            connections: IndexMap::default(),
            requests: IndexMap::default(),
            next_request: 0,
            wanted: Vec::new(),
            ready: VecDeque::new(),
            coordinator,
            config,
        }
    }

    /// Creates a topic.
    pub fn create_topic(&mut self, name: TopicName, partitions: i32) {
        self.topics.create(name, partitions);
    }

    /// The coordinator, for a look inside.
    pub fn coordinator(&self) -> &dyn GroupCoordinator {
        &*self.coordinator
    }

    /// One past the last offset of a partition, if it exists.
    pub fn log_end(&self, partition: &TopicPartition) -> Option<i64> {
        self.topics.log(partition).map(|log| log.end())
    }

    /// Takes a request that has arrived.
    pub fn handle(
        &mut self,
        now: Time,
        conn: ConnectionId,
        request: Arc<RequestFrame>,
        out: &mut Vec<Output>,
    ) {
        self.connections.entry(conn).or_default().queue.push_back(request);
        self.ready.push_back(conn);
        self.take_up_ready(now, out);
    }

    /// The client has closed a connection: what arrived before that is still taken up, one by one. A
    /// request of a client that is gone can be handled late.
    pub fn closed(&mut self, now: Time, conn: ConnectionId, out: &mut Vec<Output>) {
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.closing = true;
            self.ready.push_back(conn);
            self.take_up_ready(now, out);
        }
    }

    /// A connection was reset: what waits on it is dropped. A request that the coordinator has parked
    /// stays parked; Kafka does not notice either, and counts the member as joined.
    pub fn reset(&mut self, conn: ConnectionId) {
        if let Some(Connection { busy: Some(request), .. }) = self.connections.swap_remove(&conn)
            && self.fetches.remove(request, &mut self.topics).is_some()
        {
            self.requests.swap_remove(&request);
        }
    }

    /// Does whatever is due at `now`.
    pub fn advance(&mut self, now: Time, out: &mut Vec<Output>) {
        while let Some(append) = self.offsets_log.commit_next(now) {
            self.coordinator.committed(now, append, &mut self.wanted);
            self.carry_out(now, out);
            while let Some((request, response)) = self.offsets_log.release_next() {
                self.respond(request, response, out);
            }
        }
        self.coordinator.advance(now, &mut self.wanted);
        self.carry_out(now, out);
        while let Some(request) = self.fetches.expired(now) {
            self.answer_fetch(request, out);
        }
        self.take_up_ready(now, out);
    }

    /// When [`Self::advance`] wants to be called next. May be too early, never too late.
    pub fn next_deadline(&self) -> Option<Time> {
        [
            self.offsets_log.next_deadline(),
            self.coordinator.next_deadline(),
            self.fetches.next_deadline(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn take_up_ready(&mut self, now: Time, out: &mut Vec<Output>) {
        while let Some(conn) = self.ready.pop_front() {
            self.take_up(now, conn, out);
        }
    }

    fn take_up(&mut self, now: Time, conn: ConnectionId, out: &mut Vec<Output>) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        if connection.busy.is_some() {
            return;
        }
        let Some(request) = connection.queue.pop_front() else {
            if connection.closing {
                self.connections.swap_remove(&conn);
            }
            return;
        };
        let id = RequestId(self.next_request);
        self.next_request += 1;
        connection.busy = Some(id);
        self.requests.insert(id, (conn, Arc::clone(&request)));
        out.push(Output::Handling { conn, request: Arc::clone(&request) });
        self.dispatch(now, id, &request, out);
    }

    fn dispatch(
        &mut self,
        now: Time,
        id: RequestId,
        frame: &Arc<RequestFrame>,
        out: &mut Vec<Output>,
    ) {
        let answer: Response = match &frame.body {
            Request::Metadata(request) => self.metadata(request).into(),
            Request::FindCoordinator(request) => {
                self.find_coordinator(frame.version, request).into()
            }
            Request::ListOffsets(request) => self.topics.list_offsets(request).into(),
            Request::Produce(request) => self.produce(request, out).into(),
            Request::Fetch(_) => return self.begin_fetch(now, id, frame, out),
            Request::OffsetCommit(_)
            | Request::OffsetFetch(_)
            | Request::JoinGroup(_)
            | Request::Heartbeat(_)
            | Request::LeaveGroup(_)
            | Request::SyncGroup(_) => {
                let call = Call {
                    id,
                    version: frame.version,
                    client_id: &frame.client_id,
                    request: &frame.body,
                };
                self.coordinator.handle(now, call, &mut self.wanted);
                return self.carry_out(now, out);
            }
        };
        self.respond(id, answer, out);
    }

    /// Does what the coordinator wants done, in its order.
    fn carry_out(&mut self, now: Time, out: &mut Vec<Output>) {
        let (mut wanted, mut due) = (std::mem::take(&mut self.wanted), None);
        for one in wanted.drain(..) {
            match one {
                coordinator::Output::Respond { to, response, release } => match release {
                    Release::WhenDurable if self.offsets_log.has_uncommitted() => {
                        self.offsets_log.hold_back(to, response);
                    }
                    Release::Now | Release::WhenDurable => self.respond(to, response, out),
                },
                coordinator::Output::Append { id, record: _ } => {
                    let due = *due.get_or_insert_with(|| self.offsets_log.commit_time(now));
                    self.offsets_log.append(due, id);
                }
                coordinator::Output::Observe(what) => out.push(Output::Observe(what)),
            }
        }
        self.wanted = wanted;
    }

    pub(super) fn respond(&mut self, id: RequestId, body: Response, out: &mut Vec<Output>) {
        let (conn, request) = self
            .requests
            .swap_remove(&id)
            .unwrap_or_else(|| panic!("request {id:?} was answered twice: {body:?}"));
        assert_eq!(request.body.api(), body.api(), "request {id:?} was answered by another API");
        let response = Arc::new(ResponseFrame { correlation: request.correlation, body });
        out.push(Output::Respond { conn, request, response });
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.busy = None;
            self.ready.push_back(conn);
        }
    }
}
