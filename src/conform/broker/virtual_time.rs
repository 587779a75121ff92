//! The cluster of this crate as a broker of one node: no sockets, no threads, and time that passes
//! at once.
//!
//! A message takes [`LATENCY`] each way. Frames are bytes: what arrives is decoded like what comes
//! from a socket, what a client is answered is encoded. As behind a socket, one request of a
//! connection is handled at a time, ApiVersions is answered by the connection's end, and bytes that
//! are no request end the connection.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::settings::{self, TOPICS};
use super::{Broker, CLOSED, ConnectionId, Received};
use crate::cluster::{self, Cluster, Output};
use crate::conform::script::Settings;
use crate::protocol::{BrokerId, StrBytes, TopicName, str_bytes};
use crate::sim::Systems;
use crate::sim::hosted::{Fate, fate};
use crate::time::Time;
use crate::wire::{self, Incoming};

/// How long a message is under way.
const LATENCY: Duration = Duration::from_micros(500);

const B0: BrokerId = BrokerId(0);

/// Where the clients are, as Kafka writes it: those of the recordings were on the broker's machine.
const HOST: &str = "/127.0.0.1";

/// The cluster of this crate, in virtual time.
pub struct VirtualBroker {
    cluster: Cluster<'static>,
    /// [`HOST`].
    host: StrBytes,
    now: Time,
    links: Vec<Link>,
    /// What is under way, in the order of its arrival.
    queue: BTreeMap<(Time, u64), Arrival>,
    sent: u64,
    outputs: Vec<Output>,
}

/// One connection: what has arrived at either end and is not taken up.
#[derive(Default)]
struct Link {
    at_broker: VecDeque<Bytes>,
    /// A request is being handled.
    busy: bool,
    /// The client has closed it.
    closing: bool,
    /// The broker has ended it.
    ended: bool,
    at_client: VecDeque<Received>,
}

enum Arrival {
    Request(ConnectionId, Bytes),
    Closed(ConnectionId),
    Response(ConnectionId, Received),
}

impl VirtualBroker {
    /// A broker with the settings and topics that all scripts presume, and those beyond that one
    /// does.
    ///
    /// # Errors
    ///
    /// When there is no such setting here.
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

    /// Puts something under way.
    fn post(&mut self, arrival: Arrival) {
        self.queue.insert((self.now + LATENCY, self.sent), arrival);
        self.sent += 1;
    }

    /// Does what comes next, if that is before `end`.
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
                self.take_up(conn);
            }
            Arrival::Closed(conn) => {
                self.link(conn).closing = true;
                self.take_up(conn);
            }
        }
    }

    /// Takes up what has arrived on a connection, until one request has to wait.
    fn take_up(&mut self, conn: ConnectionId) {
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
                self.post(Arrival::Response(conn, Received::Frame(answer)));
            }
            Ok(Incoming::Request(request)) => {
                self.link(conn).busy = true;
                let (id, request) = (cluster::ConnectionId(conn.0), Arc::new(request));
                self.cluster.handle(self.now, B0, (id, &self.host), request, &mut self.outputs);
                self.carry_out();
            }
        }
    }

    fn hang_up(&mut self, conn: ConnectionId) {
        self.link(conn).ended = true;
        self.post(Arrival::Response(conn, Received::Ended(CLOSED.to_owned())));
        self.closed(conn);
    }

    fn closed(&mut self, conn: ConnectionId) {
        let id = cluster::ConnectionId(conn.0);
        self.cluster.closed(self.now, B0, id, &mut self.outputs);
        self.carry_out();
    }

    /// Sends what the cluster answers.
    fn carry_out(&mut self) {
        for output in std::mem::take(&mut self.outputs) {
            let Output::Respond { conn, request, response } = output else { continue };
            let conn = ConnectionId(conn.0);
            self.link(conn).busy = false;
            match fate(&request.body, &response.body) {
                Fate::Unwanted => {}
                Fate::HangUp => self.hang_up(conn),
                // As behind a socket, an answer that its version cannot write ends the connection.
                Fate::Sent => match wire::encode_response(&response, request.version) {
                    Ok(bytes) => self.post(Arrival::Response(conn, Received::Frame(bytes))),
                    Err(_) => self.hang_up(conn),
                },
            }
            self.take_up(conn);
        }
    }
}

impl Broker for VirtualBroker {
    fn connect(&mut self) -> Result<ConnectionId, String> {
        self.links.push(Link::default());
        Ok(ConnectionId(self.links.len() as u32 - 1))
    }

    fn send(&mut self, conn: ConnectionId, frame: Bytes) {
        self.post(Arrival::Request(conn, frame));
    }

    fn receive(&mut self, conn: ConnectionId, patience: Duration) -> Received {
        let end = self.now + patience;
        loop {
            let arrived = &mut self.link(conn).at_client;
            // An end stays an end, however often it is looked at.
            match arrived.front() {
                Some(ended @ Received::Ended(_)) => return ended.clone(),
                Some(Received::Frame(_) | Received::Nothing) => {
                    return arrived.pop_front().expect("there is one in front");
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
        self.post(Arrival::Closed(conn));
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
