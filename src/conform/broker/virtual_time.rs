//! The cluster of this crate with one broker, in virtual time: no sockets and no threads.
//!
//! A message takes [`LATENCY`] each way. Frames are bytes: requests are decoded and responses
//! encoded as on a socket. As on a socket, one request of a connection is handled at a time, the
//! connection itself responds to ApiVersions, and malformed bytes end the connection.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::settings::{self, TOPICS};
use super::{Broker, CLOSED, ConnectionId, Received};
use crate::broker::{self, BrokerOutput, Cluster};
use crate::conform::script::Settings;
use crate::protocol::{BrokerId, StrBytes, TopicName, str_bytes};
use crate::sim::Systems;
use crate::sim::hosted::{ResponseDelivery, response_delivery};
use crate::time::Time;
use crate::wire::{self, Incoming};

/// The latency of a message.
const LATENCY: Duration = Duration::from_micros(500);

const B0: BrokerId = BrokerId(0);

/// The host of the clients, as Kafka writes it. Those of the recordings ran on the broker's
/// machine.
const HOST: &str = "/127.0.0.1";

/// The cluster of this crate, in virtual time.
pub struct VirtualBroker {
    cluster: Cluster<'static>,
    /// [`HOST`].
    host: StrBytes,
    now: Time,
    links: Vec<Link>,
    /// Messages in flight, in the order of their arrival.
    queue: BTreeMap<(Time, u64), Arrival>,
    sent: u64,
    outputs: Vec<BrokerOutput>,
}

/// One connection, with the frames that have arrived at either end and are not yet handled.
#[derive(Default)]
struct Link {
    at_broker: VecDeque<Bytes>,
    /// Whether a request is being handled.
    busy: bool,
    /// Whether the client has closed it.
    closing: bool,
    /// Whether the broker has ended it.
    ended: bool,
    at_client: VecDeque<Received>,
}

enum Arrival {
    Request(ConnectionId, Bytes),
    Closed(ConnectionId),
    Response(ConnectionId, Received),
}

impl VirtualBroker {
    /// A broker with the settings and topics that all scripts presume, and with those that one
    /// script presumes.
    ///
    /// # Errors
    ///
    /// When the simulated broker has no such setting.
    pub fn new(presumes: &Settings, systems: &Systems) -> Result<VirtualBroker, String> {
        let config = settings::cluster(presumes)?;
        let make = Arc::clone(&systems.coordinator);
        let make = Rc::new(move |config, rng| make(config, rng));
        let mut cluster = Cluster::new(config, make, 0);
        for (topic, partitions) in TOPICS {
            cluster.create_topic(TopicName(str_bytes(topic)), partitions);
        }
        Ok(VirtualBroker {
            cluster,
            host: str_bytes(HOST),
            now: Time::ZERO,
            links: Vec::new(),
            queue: BTreeMap::new(),
            sent: 0,
            outputs: Vec::new(),
        })
    }

    fn link(&mut self, conn: ConnectionId) -> &mut Link {
        &mut self.links[conn.0 as usize]
    }

    /// Sends a message, which arrives after [`LATENCY`].
    fn send_after_latency(&mut self, arrival: Arrival) {
        self.queue.insert((self.now + LATENCY, self.sent), arrival);
        self.sent += 1;
    }

    /// Handles the next event, if it is due before `end`.
    fn step(&mut self, end: Time) -> bool {
        let message = self.queue.first_key_value().map(|(&(at, _), _)| at);
        let deadline = self.cluster.next_deadline(B0).map(|at| at.max(self.now));
        let Some(next) = message.into_iter().chain(deadline).min().filter(|&next| next <= end)
        else {
            return false;
        };
        self.now = next;
        match self.queue.first_entry().filter(|entry| entry.key().0 == next) {
            Some(entry) => {
                let arrival = entry.remove();
                self.arrive(arrival);
            }
            None => {
                self.cluster.advance(self.now, B0, &mut self.outputs);
                self.carry_out();
            }
        }
        true
    }

    fn arrive(&mut self, arrival: Arrival) {
        match arrival {
            Arrival::Response(conn, received) => self.link(conn).at_client.push_back(received),
            Arrival::Request(conn, frame) => {
                self.link(conn).at_broker.push_back(frame);
                self.handle_arrived(conn);
            }
            Arrival::Closed(conn) => {
                self.link(conn).closing = true;
                self.handle_arrived(conn);
            }
        }
    }

    /// Handles the frames that have arrived on a connection, until one request must wait.
    fn handle_arrived(&mut self, conn: ConnectionId) {
        while !self.link(conn).busy && !self.link(conn).ended {
            match self.link(conn).at_broker.pop_front() {
                Some(frame) => self.take(conn, frame),
                None if self.link(conn).closing => {
                    self.link(conn).ended = true;
                    self.closed(conn);
                }
                None => return,
            }
        }
    }

    fn take(&mut self, conn: ConnectionId, frame: Bytes) {
        match wire::decode_request(frame) {
            Err(_) => self.hang_up(conn),
            Ok(Incoming::ApiVersions { correlation, version, refused, .. }) => {
                let answer = wire::api_versions_response(correlation, version, refused);
                self.send_after_latency(Arrival::Response(conn, Received::Frame(answer)));
            }
            Ok(Incoming::Request(request)) => {
                self.link(conn).busy = true;
                let (id, request) = (broker::ConnectionId(conn.0), Arc::new(request));
                self.cluster.handle(self.now, B0, (id, &self.host), request, &mut self.outputs);
                self.carry_out();
            }
        }
    }

    fn hang_up(&mut self, conn: ConnectionId) {
        self.link(conn).ended = true;
        self.send_after_latency(Arrival::Response(conn, Received::Ended(CLOSED.to_owned())));
        self.closed(conn);
    }

    fn closed(&mut self, conn: ConnectionId) {
        let id = broker::ConnectionId(conn.0);
        self.cluster.closed(self.now, B0, id, &mut self.outputs);
        self.carry_out();
    }

    /// Sends the responses of the cluster.
    fn carry_out(&mut self) {
        for output in std::mem::take(&mut self.outputs) {
            let BrokerOutput::Respond { conn, request, response } = output else { continue };
            let conn = ConnectionId(conn.0);
            self.link(conn).busy = false;
            match response_delivery(&request.body, &response.body) {
                ResponseDelivery::Unwanted => {}
                ResponseDelivery::Disconnect => self.hang_up(conn),
                // As on a socket, a response that cannot be encoded in its version ends the
                // connection.
                ResponseDelivery::Sent => match wire::encode_response(&response, request.version) {
                    Ok(bytes) => {
                        self.send_after_latency(Arrival::Response(conn, Received::Frame(bytes)))
                    }
                    Err(_) => self.hang_up(conn),
                },
            }
            self.handle_arrived(conn);
        }
    }
}

impl Broker for VirtualBroker {
    fn connect(&mut self) -> Result<ConnectionId, String> {
        self.links.push(Link::default());
        Ok(ConnectionId(self.links.len() as u32 - 1))
    }

    fn send(&mut self, conn: ConnectionId, frame: Bytes) {
        self.send_after_latency(Arrival::Request(conn, frame));
    }

    fn receive(&mut self, conn: ConnectionId, patience: Duration) -> Received {
        let end = self.now + patience;
        loop {
            let arrived = &mut self.link(conn).at_client;
            // An ended connection stays ended, however often it is read.
            match arrived.front() {
                Some(ended @ Received::Ended(_)) => return ended.clone(),
                Some(Received::Frame(_) | Received::Nothing) => {
                    return arrived.pop_front().expect("there is a frame");
                }
                None => {}
            }
            if !self.step(end) {
                self.now = end;
                return Received::Nothing;
            }
        }
    }

    fn close(&mut self, conn: ConnectionId) {
        self.send_after_latency(Arrival::Closed(conn));
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while self.step(end) {}
        self.now = end;
    }

    fn elapsed(&self) -> Duration {
        self.now.since(Time::ZERO)
    }
}
