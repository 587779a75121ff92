//! The simulator as a stage: its processes run as programs on another engine, which carries what consumers
//! and brokers say to each other and wakes them.
//!
//! Like everything here this is without I/O. What the stage wants done comes out as [`Order`]s; what has
//! arrived, ended or come due goes in. The clock of the run is the engine's. The workload and the
//! administrator stay on the simulator's own network, where nothing ever happens to them.
//!
//! What it deliberately does not do: know any engine. Read next: [`crate::engine`], which has three.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::cluster::ConnectionId;
use crate::consumer::Input as ConsumerInput;
use crate::protocol::{
    BrokerId, GroupId, Request, RequestFrame, Response, ResponseFrame, StrBytes,
};
use crate::time::Time;
use crate::trace::{ConsumerRef, Loss};

use super::broker::Input;
use super::consumers::Waiting;
use super::network::{Client, Item};
use super::schedule::Schedule;
use super::{Sim, Systems};

/// A process that an engine runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Host {
    /// A broker.
    Broker(BrokerId),
    /// A consumer, by the index of its [`ConsumerRef`].
    Consumer(u16),
}

/// Who else there is, and where brokers say that they are.
#[derive(Clone, Debug, Default)]
pub struct Cast {
    /// The host and the port that each broker names as its own, by its id; Kafka's default when empty.
    pub endpoints: Vec<(StrBytes, i32)>,
    /// Clients that are not the simulator's will come: the brokers answer in every detail, and groups that
    /// no script names are spoken of.
    pub outsiders: bool,
    /// How long ago 1970 began when the run's clock stood at zero, for the timestamps of records.
    pub epoch: Duration,
    /// The brokers are somebody else's: none is on the stage, and its consumers know only [`BOOTSTRAP`].
    pub foreign_brokers: bool,
}

/// The broker that a consumer knows before anybody has told it of brokers and their numbers.
pub const BOOTSTRAP: BrokerId = BrokerId(-1);

/// What the stage wants done.
#[derive(Clone, Debug)]
pub enum Order {
    /// A process begins, if it does not run.
    Start(Host),
    /// A process ends at once, with everything it has open.
    Kill(Host),
    /// A process does not run for a while.
    Pause(Host),
    /// It runs again.
    Resume(Host),
    /// The time at which a process wants to be woken may have changed.
    Wake(Host),
    /// A consumer opens a connection to a broker.
    Open {
        /// Its name from now on.
        conn: ConnectionId,
        /// Who opens it.
        from: ConsumerRef,
        /// To whom.
        to: BrokerId,
    },
    /// A consumer sends.
    Request(ConnectionId, Arc<RequestFrame>),
    /// A broker answers.
    Response(ConnectionId, Arc<RequestFrame>, Arc<ResponseFrame>),
    /// A message is lost, so that nothing behind it can arrive either; the connection stays open.
    Swallow(ConnectionId),
    /// A consumer closes a connection.
    Close(ConnectionId),
    /// Both ends lose a connection.
    Reset(ConnectionId),
    /// What a consumer and a broker send each other waits from now on: what goes up to the broker, what comes
    /// down from it.
    Cut(Link, Directions),
    /// It arrives again.
    Heal(Link),
    /// Nothing that a host sends arrives from now on, and nothing arrives at it; it waits.
    Isolate(Host),
    /// It arrives again.
    Reconnect(Host),
    /// No message is lost by luck from now on.
    StopLoss,
    /// What is sent on a link takes that much longer from now on; zero for no longer.
    Clog(Link, Duration),
    /// Third-party brokers are to be asked what a group is; the answer goes to [`Sim::described`].
    Describe(GroupId),
}

/// The link between a consumer, by its index, and a broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link {
    /// The consumer's index.
    pub consumer: u16,
    /// The broker.
    pub broker: BrokerId,
}

/// Which ways of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Directions {
    /// From the consumer to the broker.
    pub up: bool,
    /// From the broker to the consumer.
    pub down: bool,
}

impl Sim {
    /// A stage for `schedule`, before its first step. Its brokers are the first orders.
    pub fn hosted(schedule: &Rc<Schedule>, systems: &Systems, cast: &Cast) -> Sim {
        let mut sim = Sim::with_cast(schedule, systems, cast);
        sim.network.orders = Some(Vec::new());
        for broker in sim.broker_ids() {
            sim.order(Order::Start(Host::Broker(broker)));
        }
        sim
    }

    /// What is wanted done since this was last called, in order.
    pub fn take_orders(&mut self, into: &mut Vec<Order>) {
        if let Some(orders) = &mut self.network.orders {
            into.append(orders);
        }
    }

    /// The engine's clock; the run's never goes back.
    pub fn set_time(&mut self, now: Time) {
        if now > self.now {
            self.now = now;
            self.steps_at_this_instant = 0;
        }
    }

    /// A client that is not one of the stage's own has connected to a broker from a host, as a broker shows it.
    pub fn stranger_connected(&mut self, at: BrokerId, host: StrBytes) -> ConnectionId {
        self.network.open_from(host, at)
    }

    /// The number of the next request that will arrive on a connection, if any is under way.
    pub fn next_request(&self, conn: ConnectionId) -> Option<i32> {
        match self.network.next_up(conn)? {
            Item::Message(sent) => Some(sent.request().correlation),
            Item::Fin | Item::Rst => None,
        }
    }

    /// A request has arrived at the broker's end of a connection. Nothing, if the broker no longer has it
    /// open.
    pub fn request_arrived(&mut self, conn: ConnectionId, frame: RequestFrame) {
        if self.network.client(conn) != Client::Stranger {
            match self.network.arrive(conn) {
                Some(Item::Message(sent)) => assert_eq!(
                    sent.request().correlation,
                    frame.correlation,
                    "requests of {conn:?} arrive out of their order"
                ),
                Some(Item::Fin | Item::Rst) | None => return,
            }
        }
        let at = self.network.broker(conn);
        if self.cluster.is_up(at) {
            self.tell_broker(at, Input::Request(conn, Arc::new(frame)));
        }
    }

    /// A response has arrived at the client's end.
    pub fn response_arrived(&mut self, conn: ConnectionId, frame: ResponseFrame) {
        let Client::Consumer(who, own) = self.network.client(conn) else { return };
        // Nobody has seen a foreign broker take the request up, or answer it; brokers answer in order.
        let sent = match self.brokers.is_empty() {
            true => self.network.arrive(conn),
            false => self.network.arrive_back(conn),
        };
        let Some(Item::Message(sent)) = sent else { return };
        let request = Arc::clone(sent.request());
        assert_eq!(request.correlation, frame.correlation, "an answer to another request");
        self.give(who, Waiting::Response(conn, own, request, Arc::new(frame)));
    }

    /// The broker's end has read to the end of what the client sent.
    pub fn client_is_gone(&mut self, conn: ConnectionId) {
        let at = self.network.broker(conn);
        if self.network.end_at_broker(conn) && self.cluster.is_up(at) {
            self.tell_broker(at, Input::Closed(conn));
        }
    }

    /// The client's end has learned that the broker's is gone, or was never there.
    pub fn broker_is_gone(&mut self, conn: ConnectionId) {
        let Client::Consumer(who, own) = self.network.client(conn) else { return };
        if !self.network.is_open(conn) {
            return;
        }
        let lost = self.network.end(conn);
        self.note_lost(conn, lost, Loss::ConnectionReset);
        self.give(who, Waiting::Other(ConsumerInput::Disconnected { conn: own }));
    }

    /// When a process wants to be woken, on the run's clock; none while it does not run.
    pub fn deadline(&self, host: Host) -> Option<Time> {
        match host {
            Host::Broker(at) => {
                let node = &self.broker(at).node;
                let runs = self.cluster.is_up(at) && !node.paused;
                let deadline = runs.then(|| self.cluster.next_deadline(at)).flatten()?;
                Some(node.clock.when(deadline))
            }
            Host::Consumer(index) => {
                let consumer = &self.consumers[usize::from(index)];
                let process = consumer.process.as_ref().filter(|_| !consumer.node.paused)?;
                Some(consumer.node.clock.when(process.next_deadline()?))
            }
        }
    }

    /// A process does what is due.
    pub fn advance(&mut self, host: Host) {
        match host {
            Host::Broker(at) if self.cluster.is_up(at) && !self.broker(at).node.paused => {
                self.advance_broker(at);
                self.after_broker(at);
            }
            Host::Consumer(index) if !self.consumers[usize::from(index)].node.paused => {
                self.advance_consumer(index);
            }
            Host::Broker(_) | Host::Consumer(_) => {}
        }
    }

    /// The name that the schedule gave a consumer.
    pub fn consumer_name(&self, index: u16) -> &str {
        &self.consumers[usize::from(index)].name
    }

    pub(super) fn order(&mut self, order: Order) {
        if let Some(orders) = &mut self.network.orders {
            orders.push(order);
        }
    }

    /// Whether the processes run on another engine.
    pub(super) fn is_hosted(&self) -> bool {
        self.network.orders.is_some()
    }
}

/// What becomes of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The client gets it.
    Sent,
    /// The client does not expect it.
    Unwanted,
    /// The client does not expect it, but has to know that its request failed: the connection ends.
    HangUp,
}

/// What becomes of the answer to a request: a producer that sends with `acks` 0 expects none.
pub fn fate(request: &Request, response: &Response) -> Fate {
    let (Request::Produce(request), Response::Produce(response)) = (request, response) else {
        return Fate::Sent;
    };
    let mut partitions = response.responses.iter().flat_map(|topic| &topic.partition_responses);
    match request.acks {
        0 if partitions.any(|partition| partition.error_code != 0) => Fate::HangUp,
        0 => Fate::Unwanted,
        _ => Fate::Sent,
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
    fn who_asked_for_no_answer_is_hung_up_on_when_a_partition_failed() {
        let answer = |codes: &[i16]| {
            let code = |&code: &i16| PartitionProduceResponse::default().with_error_code(code);
            let partitions = codes.iter().map(code).collect();
            let topic = TopicProduceResponse::default().with_partition_responses(partitions);
            ProduceResponse::default().with_responses(vec![topic]).into()
        };
        let of = |acks, codes: &[i16]| {
            fate(&ProduceRequest::default().with_acks(acks).into(), &answer(codes))
        };
        assert_eq!([of(-1, &[3]), of(1, &[0])], [Fate::Sent; 2]);
        assert_eq!([of(0, &[0, 0]), of(0, &[])], [Fate::Unwanted; 2]);
        assert_eq!(of(0, &[0, 3]), Fate::HangUp);
        let beat = fate(&HeartbeatRequest::default().into(), &HeartbeatResponse::default().into());
        assert_eq!(beat, Fate::Sent);
    }
}
