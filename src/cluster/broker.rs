//! Connections: requests in, responses out.
//!
//! As in Kafka, a broker takes up one request of a connection at a time: the next one waits until the
//! response is on its way. So responses leave in the order of their requests, and a parked JoinGroup
//! holds up everything behind it.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::coordinator::{self, RequestId};
use crate::protocol::{
    BrokerId, IndexMap, Request, RequestFrame, Response, ResponseFrame, StrBytes, TopicPartition,
};
use crate::rng::Rng;

use super::cluster::{Shard, ShardState};
use super::controller::{Controller, Leadership};
use super::fetching::ParkedFetches;
use super::front_end;
use super::scatter::Scattered;
use super::shard::Term;
use super::topics::Topics;
use super::turn::Turn;

/// One connection of a run; numbers are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u32);

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
    /// Something inside a coordinator.
    Observe(coordinator::Observation),
    /// A term of the broker as coordinator is now in this state. Active comes before anything its
    /// coordinator does, Unloaded after.
    Shard(Shard, ShardState),
    /// So many records that a term has found in the log are not committed; said when it becomes active, and with
    /// 0 when they are.
    Uncommitted(Shard, u64),
}

#[derive(Default)]
struct Connection {
    /// Where the client is.
    host: StrBytes,
    /// The request being handled; nothing else of this connection is taken up meanwhile.
    busy: Option<RequestId>,
    queue: VecDeque<Arc<RequestFrame>>,
    /// The client has closed it; what arrived before that is still handled.
    closing: bool,
}

/// One broker: what is lost when it crashes, and what it has learned.
pub(super) struct Broker {
    pub(super) id: BrokerId,
    pub(super) up: bool,
    /// How often it has crashed.
    pub(super) crashes: u32,
    /// What the controller had decided when the broker last learned of it.
    pub(super) image: Controller,
    /// Its terms as coordinator, by partition of the offsets log.
    pub(super) terms: Vec<Option<Box<Term>>>,
    /// The partitions of which it has a term, in order: few of many, and looked at with every event.
    pub(super) seats: Vec<usize>,
    pub(super) fetches: ParkedFetches,
    pub(super) scattered: Scattered,
    /// The luck of its commits.
    pub(super) log_luck: Rng,
    /// The luck of its loads.
    pub(super) load_luck: Rng,
    connections: IndexMap<ConnectionId, Connection>,
    requests: IndexMap<RequestId, (ConnectionId, Arc<RequestFrame>)>,
    next_request: u64,
    /// What a coordinator wants done, reused between calls.
    pub(super) wanted: Vec<coordinator::Output>,
    /// Connections whose next request may be taken up. Not at once when a response is made: everything
    /// the coordinator wanted along with it comes first.
    ready: VecDeque<ConnectionId>,
}

impl Broker {
    pub(super) fn new(id: BrokerId, image: Controller, seed: u64) -> Self {
        let luck = |purpose: &str| Rng::stream(seed, &format!("{purpose}/{id}"));
        Broker {
            id,
            up: true,
            crashes: 0,
            terms: image.offsets.iter().map(|_| None).collect(),
            seats: Vec::new(),
            image,
            fetches: ParkedFetches::default(),
            scattered: Scattered::default(),
            log_luck: luck("log"),
            load_luck: luck("load"),
            connections: IndexMap::default(),
            requests: IndexMap::default(),
            next_request: 0,
            wanted: Vec::new(),
            ready: VecDeque::new(),
        }
    }

    /// A term begins, or goes on to its next stage.
    pub(super) fn seat(&mut self, partition: usize, term: Term) {
        self.terms[partition] = Some(Box::new(term));
        if let Err(place) = self.seats.binary_search(&partition) {
            self.seats.insert(place, partition);
        }
    }

    /// A term is over.
    pub(super) fn unseat(&mut self, partition: usize) -> Option<Box<Term>> {
        self.seats.retain(|seat| *seat != partition);
        self.terms[partition].take()
    }

    /// Memory and connections are gone.
    pub(super) fn crash(&mut self, topics: &mut Topics, out: &mut Vec<Output>) {
        self.up = false;
        self.crashes += 1;
        self.seats.clear();
        for (partition, term) in self.terms.iter_mut().enumerate() {
            if let Some(term) = term.take() {
                out.push(Output::Shard(term.shard(partition), ShardState::Unloaded));
            }
        }
        self.fetches.clear(topics);
        self.scattered = Scattered::default();
        self.connections.clear();
        self.requests.clear();
        self.ready.clear();
    }

    /// A connection was reset: what waits on it is dropped. A request that a coordinator has parked
    /// stays parked; Kafka does not notice either, and counts the member as joined.
    pub(super) fn reset(&mut self, conn: ConnectionId, topics: &mut Topics) {
        if let Some(Connection { busy: Some(request), .. }) = self.connections.swap_remove(&conn)
            && self.fetches.remove(request, topics).is_some()
        {
            self.requests.swap_remove(&request);
        }
    }

    /// Whether it leads a partition, as far as it knows; with the epoch.
    pub(super) fn leads(&self, partition: usize) -> Option<i32> {
        let Leadership { leader, epoch } = self.image.offsets[partition];
        (leader == Some(self.id)).then_some(epoch)
    }

    pub(super) fn fresh_request_id(&mut self) -> RequestId {
        self.next_request += 1;
        RequestId(self.next_request - 1)
    }

    /// The frame of a request that is not answered yet, be it a client's or a part of one.
    pub(super) fn open_request(&self, id: RequestId) -> Option<&Arc<RequestFrame>> {
        self.requests.get(&id).map(|(_, frame)| frame).or_else(|| self.scattered.frame(id))
    }

    /// Where the client is that has sent a request; empty for a part of a request, of which no coordinator asks.
    pub(super) fn host_of(&self, id: RequestId) -> StrBytes {
        let conn = self.requests.get(&id).map(|(conn, _)| conn);
        let connection = conn.and_then(|conn| self.connections.get(conn));
        connection.map(|connection| connection.host.clone()).unwrap_or_default()
    }

    /// Clients' requests that are not answered yet and have not been cut into parts.
    pub(super) fn open_whole_requests(
        &self,
    ) -> impl Iterator<Item = (RequestId, &Arc<RequestFrame>)> {
        let open = self.requests.iter().map(|(id, (_, frame))| (*id, frame));
        open.filter(|(id, _)| !self.scattered.is_cut(*id))
    }
}

impl Turn<'_, '_> {
    pub(super) fn receive(
        &mut self,
        (conn, host): (ConnectionId, &StrBytes),
        request: Arc<RequestFrame>,
    ) {
        let connection = self.broker.connections.entry(conn);
        let new = || Connection { host: host.clone(), ..Connection::default() };
        connection.or_insert_with(new).queue.push_back(request);
        self.broker.ready.push_back(conn);
        self.take_up_ready();
    }

    /// The client has closed a connection: what arrived before that is still taken up, one by one. A
    /// request of a client that is gone can be handled late.
    pub(super) fn closed(&mut self, conn: ConnectionId) {
        if let Some(connection) = self.broker.connections.get_mut(&conn) {
            connection.closing = true;
            self.broker.ready.push_back(conn);
            self.take_up_ready();
        }
    }

    /// Does whatever is due.
    pub(super) fn advance(&mut self) {
        let mut seat = 0;
        while let Some(&partition) = self.broker.seats.get(seat) {
            seat += 1;
            self.advance_term(partition);
        }
        while let Some(request) = self.broker.fetches.expired(self.now) {
            self.answer_fetch(request);
        }
        self.take_up_ready();
    }

    /// Takes up what waits on connections that have become free. The last thing in every turn.
    pub(super) fn take_up_ready(&mut self) {
        while let Some(conn) = self.broker.ready.pop_front() {
            self.take_up(conn);
        }
    }

    fn take_up(&mut self, conn: ConnectionId) {
        let Some(connection) = self.broker.connections.get_mut(&conn) else { return };
        if connection.busy.is_some() {
            return;
        }
        let Some(request) = connection.queue.pop_front() else {
            if connection.closing {
                self.broker.connections.swap_remove(&conn);
            }
            return;
        };
        let id = RequestId(self.broker.next_request);
        self.broker.next_request += 1;
        connection.busy = Some(id);
        self.broker.requests.insert(id, (conn, Arc::clone(&request)));
        self.out.push(Output::Handling { conn, request: Arc::clone(&request) });
        self.dispatch(id, &request);
    }

    fn dispatch(&mut self, id: RequestId, frame: &Arc<RequestFrame>) {
        let answer: Response = match &frame.body {
            Request::Metadata(_) => self.metadata(frame),
            Request::FindCoordinator(request) => {
                self.find_coordinator(frame.version, request).into()
            }
            Request::InitProducerId(request) => self.init_producer_id(request).into(),
            Request::DescribeConfigs(request) => self.describe_configs(request).into(),
            Request::ListOffsets(_) | Request::Produce(_) | Request::Fetch(_)
                if self.broker.image.data_leader != Some(self.broker.id) =>
            {
                self.not_data_leader(frame)
            }
            Request::ListOffsets(request) => self.list_offsets(frame.version, request).into(),
            Request::Produce(request) => self.produce(frame.version, request).into(),
            Request::Fetch(_) => return self.begin_fetch(id, frame),
            Request::OffsetCommit(_)
            | Request::OffsetFetch(_)
            | Request::JoinGroup(_)
            | Request::Heartbeat(_)
            | Request::LeaveGroup(_)
            | Request::SyncGroup(_)
            | Request::DescribeGroups(_)
            | Request::ListGroups(_)
            | Request::WriteTxnMarkers(_)
            | Request::TxnOffsetCommit(_)
            | Request::DeleteGroups(_)
            | Request::OffsetDelete(_) => return self.group_request(id, frame),
        };
        self.respond(id, answer);
    }

    /// Answers a request, be it a client's or a part of one; gives the answer back if it is not open.
    pub(super) fn try_respond(&mut self, id: RequestId, mut body: Response) -> Option<Response> {
        let Some((conn, request)) = self.broker.requests.swap_remove(&id) else {
            return self.part_answered(id, body);
        };
        assert_eq!(request.body.api(), body.api(), "request {id:?} was answered by another API");
        front_end::put_for_version(request.version, &mut body);
        let response = Arc::new(ResponseFrame { correlation: request.correlation, body });
        self.out.push(Output::Respond { conn, request, response });
        if let Some(connection) = self.broker.connections.get_mut(&conn) {
            connection.busy = None;
            self.broker.ready.push_back(conn);
        }
        None
    }

    /// Answers a request that is known to be open.
    pub(super) fn respond(&mut self, id: RequestId, body: Response) {
        if let Some(body) = self.try_respond(id, body) {
            panic!("request {id:?} was answered twice at {}: {body:?}", self.broker.id);
        }
    }
}
