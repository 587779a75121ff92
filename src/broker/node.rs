//! Connections: requests in, responses out.
//!
//! As in Kafka, a broker handles one request of a connection at a time: the next one waits until
//! the response has been sent. So responses leave in the order of their requests, and a parked
//! JoinGroup holds up everything behind it.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::coordinator::{self, RequestId};
use crate::protocol::{
    BrokerId, IndexMap, Request, RequestFrame, Response, ResponseFrame, StrBytes, TopicPartition,
};
use crate::rng::Rng;

use super::cluster::{Term, TermState};
use super::context::BrokerContext;
use super::controller::{Controller, Leadership};
use super::coordinator_term::CoordinatorTerm;
use super::fetching::ParkedFetches;
use super::front_end;
use super::init_producer_id;
use super::scatter::Scattered;
use super::topics::Topics;

/// Names one connection of a run; numbers are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u32);

/// An output of a broker.
#[derive(Clone, Debug)]
pub enum BrokerOutput {
    /// It began to handle a request.
    Handling {
        /// The connection the request arrived on.
        conn: ConnectionId,
        /// The request.
        request: Arc<RequestFrame>,
    },
    /// Send a response.
    Respond {
        /// The connection to send it on; it may be closed already.
        conn: ConnectionId,
        /// The request it responds to.
        request: Arc<RequestFrame>,
        /// The response.
        response: Arc<ResponseFrame>,
    },
    /// Records `first..next` were appended to the log of a partition.
    Appended {
        /// The partition.
        partition: TopicPartition,
        /// The first offset.
        first: i64,
        /// One past the last offset.
        next: i64,
    },
    /// Something that happened inside a coordinator.
    Observe(coordinator::Observation),
    /// A term of the broker as coordinator is now in this state. Active comes before any output of
    /// its coordinator, Unloaded after all of them.
    TermChanged(Term, TermState),
    /// The number of records that a term found in the log and that are not committed. Reported when
    /// the term becomes active, and with 0 when they are committed.
    Uncommitted(Term, u64),
}

#[derive(Default)]
struct Connection {
    /// The client's host.
    host: StrBytes,
    /// The request being handled; no other request of this connection is handled meanwhile.
    busy: Option<RequestId>,
    queue: VecDeque<Arc<RequestFrame>>,
    /// The client has closed it; the requests that arrived before are still handled.
    closing: bool,
}

/// One broker: the state it loses in a crash, and its view of the cluster.
pub(super) struct Broker {
    pub(super) id: BrokerId,
    pub(super) up: bool,
    /// How often it has crashed.
    pub(super) crashes: u32,
    /// The controller's state when the broker last learned it.
    pub(super) image: Controller,
    /// Its terms as coordinator, indexed by partition of the offsets log.
    pub(super) terms: Vec<Option<Box<CoordinatorTerm>>>,
    /// The partitions of which it has a term, sorted. They are few of many, and every event
    /// iterates over them.
    pub(super) term_partitions: Vec<usize>,
    pub(super) fetches: ParkedFetches,
    pub(super) scattered: Scattered,
    /// Random numbers for the delays of its commits.
    pub(super) log_rng: Rng,
    /// Random numbers for the durations of its loads.
    pub(super) load_rng: Rng,
    connections: IndexMap<ConnectionId, Connection>,
    requests: IndexMap<RequestId, (ConnectionId, Arc<RequestFrame>)>,
    next_request: u64,
    /// The outputs of a coordinator; the buffer is reused between calls.
    pub(super) outputs: Vec<coordinator::Output>,
    /// Connections whose next request may be handled. This waits until all outputs that the
    /// coordinator returned together with a response are carried out.
    ready: VecDeque<ConnectionId>,
}

impl Broker {
    pub(super) fn new(id: BrokerId, image: Controller, seed: u64) -> Self {
        let rng = |purpose: &str| Rng::stream(seed, &format!("{purpose}/{id}"));
        Broker {
            id,
            up: true,
            crashes: 0,
            terms: image.offsets.iter().map(|_| None).collect(),
            term_partitions: Vec::new(),
            image,
            fetches: ParkedFetches::default(),
            scattered: Scattered::default(),
            log_rng: rng("log"),
            load_rng: rng("load"),
            connections: IndexMap::default(),
            requests: IndexMap::default(),
            next_request: 0,
            outputs: Vec::new(),
            ready: VecDeque::new(),
        }
    }

    /// Begins a term, or replaces it by its next stage.
    pub(super) fn install_term(&mut self, partition: usize, term: CoordinatorTerm) {
        self.terms[partition] = Some(Box::new(term));
        if let Err(index) = self.term_partitions.binary_search(&partition) {
            self.term_partitions.insert(index, partition);
        }
    }

    /// Ends a term.
    pub(super) fn remove_term(&mut self, partition: usize) -> Option<Box<CoordinatorTerm>> {
        self.term_partitions.retain(|other| *other != partition);
        self.terms[partition].take()
    }

    /// Loses memory and connections.
    pub(super) fn crash(&mut self, topics: &mut Topics, out: &mut Vec<BrokerOutput>) {
        self.up = false;
        self.crashes += 1;
        self.term_partitions.clear();
        for (partition, term) in self.terms.iter_mut().enumerate() {
            if let Some(term) = term.take() {
                out.push(BrokerOutput::TermChanged(term.term(partition), TermState::Unloaded));
            }
        }
        self.fetches.clear(topics);
        self.scattered = Scattered::default();
        self.connections.clear();
        self.requests.clear();
        self.ready.clear();
    }

    /// Drops a connection that was reset, with the requests queued on it. A request that a
    /// coordinator has parked stays parked: Kafka does not notice the reset either, and counts the
    /// member as joined.
    pub(super) fn reset(&mut self, conn: ConnectionId, topics: &mut Topics) {
        if let Some(Connection { busy: Some(request), .. }) = self.connections.swap_remove(&conn)
            && self.fetches.remove(request, topics).is_some()
        {
            self.requests.swap_remove(&request);
        }
    }

    /// The epoch in which it leads a partition, in its own view; `None` if it does not.
    pub(super) fn leads(&self, partition: usize) -> Option<i32> {
        let Leadership { leader, epoch } = self.image.offsets[partition];
        (leader == Some(self.id)).then_some(epoch)
    }

    pub(super) fn fresh_request_id(&mut self) -> RequestId {
        self.next_request += 1;
        RequestId(self.next_request - 1)
    }

    /// The frame of a request without a response, either a client's or a part of one.
    pub(super) fn open_request(&self, id: RequestId) -> Option<&Arc<RequestFrame>> {
        self.requests.get(&id).map(|(_, frame)| frame).or_else(|| self.scattered.frame(id))
    }

    /// The host of the client that sent a request; empty for a part of a request, where no
    /// coordinator needs it.
    pub(super) fn host_of(&self, id: RequestId) -> StrBytes {
        let conn = self.requests.get(&id).map(|(conn, _)| conn);
        let connection = conn.and_then(|conn| self.connections.get(conn));
        connection.map(|connection| connection.host.clone()).unwrap_or_default()
    }

    /// Clients' requests that have no response yet and were not cut into parts.
    pub(super) fn open_whole_requests(
        &self,
    ) -> impl Iterator<Item = (RequestId, &Arc<RequestFrame>)> {
        let open = self.requests.iter().map(|(id, (_, frame))| (*id, frame));
        open.filter(|(id, _)| !self.scattered.is_cut(*id))
    }
}

impl BrokerContext<'_, '_> {
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

    /// The client has closed a connection: the requests that arrived before are still handled, one
    /// at a time. So the broker may handle a request of a client that is gone.
    pub(super) fn closed(&mut self, conn: ConnectionId) {
        if let Some(connection) = self.broker.connections.get_mut(&conn) {
            connection.closing = true;
            self.broker.ready.push_back(conn);
            self.take_up_ready();
        }
    }

    /// Does everything that is due.
    pub(super) fn advance(&mut self) {
        let mut index = 0;
        while let Some(&partition) = self.broker.term_partitions.get(index) {
            index += 1;
            self.advance_term(partition);
        }
        while let Some(request) = self.broker.fetches.expired(self.now) {
            self.respond_fetch(request);
        }
        self.take_up_ready();
    }

    /// Handles the next requests of connections that have become free. Every call into a broker
    /// ends with this.
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
        self.out.push(BrokerOutput::Handling { conn, request: Arc::clone(&request) });
        self.dispatch(id, &request);
    }

    fn dispatch(&mut self, id: RequestId, frame: &Arc<RequestFrame>) {
        let response: Response = match &frame.body {
            Request::Metadata(_) => self.view().metadata(frame),
            Request::FindCoordinator(request) => {
                let (view, routing) = self.view_and_routing();
                view.find_coordinator(routing, frame.version, request).into()
            }
            Request::InitProducerId(request) => {
                init_producer_id::respond(&mut self.shared.next_producer, request).into()
            }
            Request::DescribeConfigs(request) => self.view().describe_configs(request).into(),
            Request::ListOffsets(_) | Request::Produce(_) | Request::Fetch(_)
                if self.broker.image.data_leader != Some(self.broker.id) =>
            {
                self.view().not_data_leader(frame)
            }
            Request::ListOffsets(request) => {
                self.view().list_offsets(frame.version, request).into()
            }
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
        self.respond(id, response);
    }

    /// Responds to a request, either a client's or a part of one. Returns the response if the
    /// request is not open.
    pub(super) fn try_respond(&mut self, id: RequestId, mut body: Response) -> Option<Response> {
        let Some((conn, request)) = self.broker.requests.swap_remove(&id) else {
            return self.on_part_response(id, body);
        };
        assert_eq!(request.body.api(), body.api(), "the response to {id:?} is of another API");
        front_end::adapt_to_version(request.version, &mut body);
        let response = Arc::new(ResponseFrame { correlation: request.correlation, body });
        self.out.push(BrokerOutput::Respond { conn, request, response });
        if let Some(connection) = self.broker.connections.get_mut(&conn) {
            connection.busy = None;
            self.broker.ready.push_back(conn);
        }
        None
    }

    /// Responds to a request that is known to be open.
    pub(super) fn respond(&mut self, id: RequestId, body: Response) {
        if let Some(body) = self.try_respond(id, body) {
            panic!("{} responded twice to request {id:?}: {body:?}", self.broker.id);
        }
    }
}
