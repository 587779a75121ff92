//! The simulator as the core of another engine. Its processes run as programs on that engine, which
//! carries the messages between consumers and brokers and wakes the processes.
//!
//! Like the rest of the simulator, this does no I/O. The core's wishes come out as [`Command`]s;
//! the engine reports what has arrived, ended or come due. The run uses the engine's clock. The
//! workload and the administrator stay on the simulator's own network, where no fault affects them.
//!
//! Non-goal: knowing any particular engine. Read next: [`crate::engine`], which has three.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::broker::ConnectionId;
use crate::client::ClientInput;
use crate::protocol::{
    BrokerId, GroupId, Request, RequestFrame, Response, ResponseFrame, StrBytes,
};
use crate::time::Time;
use crate::trace::{ConsumerRef, Loss};

use super::broker::BrokerInput;
use super::consumers::ConsumerInput;
use super::network::{Client, Item};
use super::schedule::Schedule;
use super::transport::Transport;
use super::{Sim, Systems};

/// A process that an engine runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Process {
    /// A broker.
    Broker(BrokerId),
    /// A consumer, by the index of its [`ConsumerRef`].
    Consumer(u16),
}

/// What takes part in a run besides the simulated processes, and where the brokers advertise
/// themselves.
#[derive(Clone, Debug, Default)]
pub struct Topology {
    /// The host and port that each broker advertises, by broker id. If empty, Kafka's defaults.
    pub endpoints: Vec<(StrBytes, i32)>,
    /// External clients will connect. Brokers fill in every field of their responses, and the trace
    /// includes groups that no script names.
    pub external_clients: bool,
    /// The time from the start of 1970 to time zero of the run's clock, for record timestamps.
    pub epoch: Duration,
    /// The brokers are third-party ones. The core runs none, and its consumers know only
    /// [`BOOTSTRAP`].
    pub third_party_brokers: bool,
}

/// The broker that a consumer knows before it has received any broker ids.
pub const BOOTSTRAP: BrokerId = BrokerId(-1);

/// What the core wants the engine to do.
#[derive(Clone, Debug)]
pub enum Command {
    /// Start a process, unless it runs.
    Start(Process),
    /// Kill a process, with everything that it has open.
    Kill(Process),
    /// Suspend a process.
    Pause(Process),
    /// Resume a process.
    Resume(Process),
    /// The next deadline of a process may have changed.
    Wake(Process),
    /// A consumer opens a connection to a broker.
    Open {
        /// The id of the new connection.
        conn: ConnectionId,
        /// The consumer that opens it.
        from: ConsumerRef,
        /// The broker that it connects to.
        to: BrokerId,
    },
    /// A consumer sends a request.
    Request(ConnectionId, Arc<RequestFrame>),
    /// A broker sends the response to a request.
    Response(ConnectionId, Arc<RequestFrame>, Arc<ResponseFrame>),
    /// A response is lost, so nothing behind it may arrive either. The connection stays open.
    Swallow(ConnectionId),
    /// A consumer closes a connection.
    Close(ConnectionId),
    /// Both ends lose a connection.
    Reset(ConnectionId),
    /// Messages between a consumer and a broker are held in these directions.
    Cut(Link, Directions),
    /// The link delivers again, including what it held.
    Heal(Link),
    /// Nothing that a process sends arrives, and nothing arrives at it. All of it is held.
    Isolate(Process),
    /// The links of the process deliver again.
    Reconnect(Process),
    /// No message is lost at random any more.
    StopLoss,
    /// Messages on a link take this much longer; zero ends the clog.
    Clog(Link, Duration),
    /// Ask the third-party brokers to describe a group. The result goes to [`Sim::on_described`].
    Describe(GroupId),
}

/// The link between a consumer and a broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link {
    /// The consumer's index.
    pub consumer: u16,
    /// The broker.
    pub broker: BrokerId,
}

/// The directions of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Directions {
    /// From the consumer to the broker.
    pub up: bool,
    /// From the broker to the consumer.
    pub down: bool,
}

impl Sim {
    /// A core for `schedule`, before its first step. Its first commands start the brokers.
    pub fn hosted(schedule: &Rc<Schedule>, systems: &Systems, topology: &Topology) -> Sim {
        let mut sim = Sim::with_transport(schedule, systems, topology, Transport::engine());
        for broker in sim.broker_ids() {
            sim.command(Command::Start(Process::Broker(broker)));
        }
        sim
    }

    /// The commands since the last call, in order.
    pub fn take_commands(&mut self, into: &mut Vec<Command>) {
        self.network.transport.take_commands(into);
    }

    /// Sets the clock to the engine's. The run's clock never goes back.
    pub fn set_time(&mut self, now: Time) {
        if now > self.now {
            self.now = now;
            self.steps_at_this_instant = 0;
        }
    }

    /// An external client has connected to a broker. `host` is the client's host as brokers show
    /// it.
    pub fn external_client_connected(&mut self, at: BrokerId, host: StrBytes) -> ConnectionId {
        self.network.open_from(host, at)
    }

    /// The correlation id of the next request to arrive on a connection, if one is in flight.
    pub fn next_request(&self, conn: ConnectionId) -> Option<i32> {
        match self.network.peek_up(conn)? {
            Item::Message(sent) => Some(sent.request().correlation),
            Item::Fin | Item::Rst => None,
        }
    }

    /// A request has arrived at the broker's end of a connection. Does nothing if the broker no
    /// longer has the connection open.
    pub fn request_arrived(&mut self, conn: ConnectionId, frame: RequestFrame) {
        if self.network.client(conn) != Client::External {
            match self.network.arrive(conn) {
                Some(Item::Message(sent)) => assert_eq!(
                    sent.request().correlation,
                    frame.correlation,
                    "requests of {conn:?} arrive out of order"
                ),
                Some(Item::Fin | Item::Rst) | None => return,
            }
        }
        let at = self.network.broker(conn);
        if self.cluster.is_up(at) {
            self.deliver_to_broker(at, BrokerInput::Request(conn, Arc::new(frame)));
        }
    }

    /// A response has arrived at the client's end.
    pub fn response_arrived(&mut self, conn: ConnectionId, frame: ResponseFrame) {
        let Client::Consumer(who, own) = self.network.client(conn) else { return };
        // A third-party broker does not show when it takes up a request. Brokers respond in order.
        let sent = match self.brokers.are_third_party() {
            true => self.network.arrive(conn),
            false => self.network.arrive_back(conn),
        };
        let Some(Item::Message(sent)) = sent else { return };
        let request = Arc::clone(sent.request());
        assert_eq!(request.correlation, frame.correlation, "a response to another request");
        self.deliver_to_consumer(who, ConsumerInput::Response(conn, own, request, Arc::new(frame)));
    }

    /// The broker's end has read to the end of what the client sent.
    pub fn client_disconnected(&mut self, conn: ConnectionId) {
        let at = self.network.broker(conn);
        if self.network.end_at_broker(conn) && self.cluster.is_up(at) {
            self.deliver_to_broker(at, BrokerInput::Closed(conn));
        }
    }

    /// The client's end has learned that the broker has closed the connection or never accepted it.
    pub fn broker_disconnected(&mut self, conn: ConnectionId) {
        let Client::Consumer(who, own) = self.network.client(conn) else { return };
        if !self.network.is_open(conn) {
            return;
        }
        let lost = self.network.end(conn);
        self.note_lost(conn, lost, Loss::ConnectionReset);
        self.deliver_to_consumer(
            who,
            ConsumerInput::Other(ClientInput::Disconnected { conn: own }),
        );
    }

    /// The next deadline of a process on the run's clock; `None` while the process does not run.
    pub fn deadline(&self, process: Process) -> Option<Time> {
        match process {
            Process::Broker(at) => {
                let node = &self.broker(at).node;
                let runs = self.cluster.is_up(at) && !node.paused;
                let deadline = runs.then(|| self.cluster.next_deadline(at)).flatten()?;
                Some(node.clock.when(deadline))
            }
            Process::Consumer(index) => {
                let consumer = &self.consumers[usize::from(index)];
                let process = consumer.process.as_ref().filter(|_| !consumer.node.paused)?;
                Some(consumer.node.clock.when(process.next_deadline()?))
            }
        }
    }

    /// Lets a process handle its due timers.
    pub fn advance(&mut self, process: Process) {
        match process {
            Process::Broker(at) if self.cluster.is_up(at) && !self.broker(at).node.paused => {
                self.advance_broker(at);
                self.schedule_broker_wake(at);
            }
            Process::Consumer(index) if !self.consumers[usize::from(index)].node.paused => {
                self.advance_consumer(index);
            }
            Process::Broker(_) | Process::Consumer(_) => {}
        }
    }

    /// The name that the schedule gave a consumer.
    pub fn consumer_name(&self, index: u16) -> &str {
        &self.consumers[usize::from(index)].name
    }

    pub(super) fn command(&mut self, command: Command) {
        self.network.transport.command(command);
    }
}

/// How a response is delivered to its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseDelivery {
    /// The response is sent.
    Sent,
    /// The client does not expect a response, so none is sent.
    Unwanted,
    /// The client expects no response but has to learn that its request failed, so the connection
    /// is closed.
    Disconnect,
}

/// How to deliver the response to a request. A producer that sends with `acks=0` expects none.
pub fn response_delivery(request: &Request, response: &Response) -> ResponseDelivery {
    let (Request::Produce(request), Response::Produce(response)) = (request, response) else {
        return ResponseDelivery::Sent;
    };
    let mut partitions = response.responses.iter().flat_map(|topic| &topic.partition_responses);
    match request.acks {
        0 if partitions.any(|partition| partition.error_code != 0) => ResponseDelivery::Disconnect,
        0 => ResponseDelivery::Unwanted,
        _ => ResponseDelivery::Sent,
    }
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::produce_response::{
        PartitionProduceResponse, TopicProduceResponse,
    };
    use kafka_protocol::messages::{HeartbeatRequest, HeartbeatResponse};
    use kafka_protocol::messages::{ProduceRequest, ProduceResponse};

    use super::*;

    #[test]
    fn a_client_that_expects_no_response_is_disconnected_if_a_partition_failed() {
        let response = |codes: &[i16]| {
            let code = |&code: &i16| PartitionProduceResponse::default().with_error_code(code);
            let partitions = codes.iter().map(code).collect();
            let topic = TopicProduceResponse::default().with_partition_responses(partitions);
            ProduceResponse::default().with_responses(vec![topic]).into()
        };
        let of = |acks, codes: &[i16]| {
            response_delivery(&ProduceRequest::default().with_acks(acks).into(), &response(codes))
        };
        assert_eq!([of(-1, &[3]), of(1, &[0])], [ResponseDelivery::Sent; 2]);
        assert_eq!([of(0, &[0, 0]), of(0, &[])], [ResponseDelivery::Unwanted; 2]);
        assert_eq!(of(0, &[0, 3]), ResponseDelivery::Disconnect);
        let heartbeat = response_delivery(
            &HeartbeatRequest::default().into(),
            &HeartbeatResponse::default().into(),
        );
        assert_eq!(heartbeat, ResponseDelivery::Sent);
    }
}
