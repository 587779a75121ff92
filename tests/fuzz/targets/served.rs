//! A broker as `serve` has it, without the sockets: frames in, frames out, and all that watches in between.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use groupsim::cluster::{Cluster, ClusterConfig, ConnectionId, Detail, Output};
use groupsim::coordinator::{Coordinator, CoordinatorConfig};
use groupsim::invariant::{Checker, Violation};
use groupsim::protocol::{BrokerId, Request, RequestFrame, Response, TopicName, str_bytes};
use groupsim::time::Time;
use groupsim::trace::{Coverage, Digest, Event, Json, Kind, Message, Place, Renderer, Zoom};
use groupsim::wire::{self, Incoming};

const B0: BrokerId = BrokerId(0);

/// The broker, and who watches it.
pub struct Served {
    cluster: Cluster<'static>,
    now: Time,
    outputs: Vec<Output>,
    answers: Vec<(ConnectionId, Response)>,
    checker: Checker,
    pub violation: Option<Violation>,
    renderers: [Renderer; 3],
    json: Json,
    digest: Digest,
    coverage: Coverage,
}

impl Served {
    /// A broker with the topic `orders`, of four partitions.
    pub fn new() -> Served {
        let coordinator = CoordinatorConfig {
            initial_rebalance_delay: Duration::ZERO,
            ..CoordinatorConfig::default()
        };
        let config = ClusterConfig {
            brokers: 1,
            endpoints: Vec::new(),
            detail: Detail::Full,
            racks: Vec::new(),
            offsets_partitions: 1,
            coordinator: coordinator.clone(),
            commit_delay: Duration::ZERO..=Duration::ZERO,
            linger: Duration::ZERO,
            write_timeout: Duration::from_secs(5),
            load: Duration::ZERO..=Duration::ZERO,
        };
        let make = Rc::new(|config, rng| Box::new(Coordinator::new(config, rng)) as Box<_>);
        let mut served = Served {
            cluster: Cluster::new(config, make, 1),
            now: Time::ZERO,
            outputs: Vec::new(),
            answers: Vec::new(),
            checker: Checker::new(None),
            violation: None,
            renderers: [Zoom::Group, Zoom::Wire, Zoom::Timeline].map(Renderer::new),
            json: Json::default(),
            digest: Digest::default(),
            coverage: Coverage::default(),
        };
        let topic = TopicName(str_bytes("orders"));
        served.cluster.create_topic(topic.clone(), 4);
        served.tell(Place::Schedule, Kind::TopicCreated { topic, partitions: 4 });
        let started = Kind::CoordinatorStarted { config: coordinator, offsets_partitions: 1 };
        served.tell(Place::Broker(B0), started);
        served.cluster.learn(served.now, B0, &mut served.outputs);
        served.carry_out();
        served
    }

    /// A client sends a frame; false when the broker hangs up on it.
    pub fn frame(&mut self, conn: u32, frame: &[u8]) -> bool {
        match wire::decode_request(Bytes::copy_from_slice(frame)) {
            Ok(Incoming::Request(frame)) => {
                self.receive(ConnectionId(conn), frame);
                true
            }
            Ok(Incoming::ApiVersions { correlation, version, refused, .. }) => {
                assert!(!wire::api_versions_response(correlation, version, refused).is_empty());
                true
            }
            Err(malformed) => {
                assert!(!malformed.to_string().is_empty());
                false
            }
        }
    }

    /// A client asks something; the answer, if it comes within a minute.
    pub fn ask(&mut self, conn: u32, version: i16, body: impl Into<Request>) -> Option<Response> {
        self.send(conn, version, body);
        self.answer(conn)
    }

    /// A client asks something, and its answer is left for [`Served::answer`].
    pub fn send(&mut self, conn: u32, version: i16, body: impl Into<Request>) {
        let body = body.into();
        let frame = RequestFrame { correlation: 7, version, client_id: str_bytes("x"), body };
        self.receive(ConnectionId(conn), frame);
    }

    /// The next answer on a connection.
    pub fn answer(&mut self, conn: u32) -> Option<Response> {
        let end = self.now + Duration::from_secs(60);
        loop {
            let at = self.answers.iter().position(|(of, _)| *of == ConnectionId(conn));
            if let Some(at) = at {
                return Some(self.answers.remove(at).1);
            }
            self.now = self.cluster.next_deadline(B0).filter(|due| *due <= end)?.max(self.now);
            self.cluster.advance(self.now, B0, &mut self.outputs);
            self.carry_out();
        }
    }

    /// Time passes.
    pub fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.cluster.next_deadline(B0).filter(|due| *due <= end) {
            self.now = due.max(self.now);
            self.cluster.advance(self.now, B0, &mut self.outputs);
            self.carry_out();
        }
        self.now = end;
    }

    fn receive(&mut self, conn: ConnectionId, frame: RequestFrame) {
        let from = (conn, &str_bytes("/10.1.0.1"));
        self.cluster.handle(self.now, B0, from, Arc::new(frame), &mut self.outputs);
        self.carry_out();
    }

    fn carry_out(&mut self) {
        for output in std::mem::take(&mut self.outputs) {
            let kind = match output {
                Output::Handling { conn, request } => {
                    let message = Message::Request(request);
                    Kind::Received { from: Place::Client(conn), conn, message }
                }
                Output::Respond { conn, request, response } => {
                    let encoded = wire::encode_response(&response, request.version);
                    encoded.unwrap_or_else(|why| panic!("{why}: {request:?} {response:?}"));
                    self.answers.push((conn, response.body.clone()));
                    let message = Message::Response { request, response };
                    Kind::Sent { to: Place::Client(conn), conn, message }
                }
                Output::Appended { partition, first, next } => {
                    Kind::Appended { partition, first, next }
                }
                Output::Observe(what) => Kind::Coordinator(what),
                Output::Shard(shard, state) => Kind::Shard { shard, state },
                Output::Uncommitted(shard, records) => Kind::Uncommitted { shard, records },
            };
            self.tell(Place::Broker(B0), kind);
        }
    }

    fn tell(&mut self, place: Place, kind: Kind) {
        let event = Event { at: self.now, local: self.now, place, kind };
        let mut shown = String::new();
        for renderer in &mut self.renderers {
            renderer.render(&event, &mut shown);
        }
        self.json.render(&event, &mut shown);
        self.digest.observe(&event);
        self.coverage.observe(&event);
        if self.violation.is_none() {
            self.violation = self.checker.check(&event);
        }
    }
}
