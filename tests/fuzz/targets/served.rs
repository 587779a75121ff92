//! A broker as in `serve`, without sockets: frames in, frames out, with invariants and trace.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use groupsim::broker::{BrokerOutput, Cluster, ClusterConfig, ConnectionId, Detail};
use groupsim::coordinator::{Coordinator, CoordinatorConfig};
use groupsim::coverage::Coverage;
use groupsim::invariant::{Checker, Violation};
use groupsim::model::Model;
use groupsim::protocol::{BrokerId, Request, RequestFrame, Response, TopicName, str_bytes};
use groupsim::render::{Renderer, Zoom};
use groupsim::time::Time;
use groupsim::trace::{Digest, Event, EventKind, Message, Place, jsonl};
use groupsim::wire::{self, Incoming};

const B0: BrokerId = BrokerId(0);

/// The broker, with the checker and the renderers of its events.
pub struct Served {
    cluster: Cluster<'static>,
    now: Time,
    outputs: Vec<BrokerOutput>,
    answers: Vec<(ConnectionId, Response)>,
    model: Model,
    checker: Checker,
    pub violation: Option<Violation>,
    renderers: [Renderer; 3],
    json: jsonl::Writer,
    digest: Digest,
    coverage: Coverage,
}

impl Served {
    /// A broker with the topic `orders` of four partitions.
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
            model: Model::default(),
            checker: Checker::new(None),
            violation: None,
            renderers: [Zoom::Group, Zoom::Wire, Zoom::Timeline].map(Renderer::new),
            json: jsonl::Writer::default(),
            digest: Digest::default(),
            coverage: Coverage::default(),
        };
        let topic = TopicName(str_bytes("orders"));
        served.cluster.create_topic(topic.clone(), 4);
        served.emit(Place::Schedule, EventKind::TopicCreated { topic, partitions: 4 });
        let started = EventKind::CoordinatorStarted { config: coordinator, offsets_partitions: 1 };
        served.emit(Place::Broker(B0), started);
        served.cluster.learn(served.now, B0, &mut served.outputs);
        served.carry_out();
        served
    }

    /// A client sends a frame; returns false if the broker closes the connection.
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

    /// A client sends a request; returns the response, if it arrives within a minute.
    pub fn request(
        &mut self,
        conn: u32,
        version: i16,
        body: impl Into<Request>,
    ) -> Option<Response> {
        self.send(conn, version, body);
        self.response(conn)
    }

    /// A client sends a request; [`Served::response`] returns its response.
    pub fn send(&mut self, conn: u32, version: i16, body: impl Into<Request>) {
        let body = body.into();
        let frame = RequestFrame { correlation: 7, version, client_id: str_bytes("x"), body };
        self.receive(ConnectionId(conn), frame);
    }

    /// The next response on a connection.
    pub fn response(&mut self, conn: u32) -> Option<Response> {
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

    /// Advances the time.
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
                BrokerOutput::Handling { conn, request } => {
                    let message = Message::Request(request);
                    EventKind::Received { from: Place::Client(conn), conn, message }
                }
                BrokerOutput::Respond { conn, request, response } => {
                    let encoded = wire::encode_response(&response, request.version);
                    encoded.unwrap_or_else(|why| panic!("{why}: {request:?} {response:?}"));
                    self.answers.push((conn, response.body.clone()));
                    let message = Message::Response { request, response };
                    EventKind::Sent { to: Place::Client(conn), conn, message }
                }
                BrokerOutput::Appended { partition, first, next } => {
                    EventKind::Appended { partition, first, next }
                }
                BrokerOutput::Observe(what) => EventKind::Coordinator(what),
                BrokerOutput::TermChanged(shard, state) => {
                    EventKind::TermChanged { term: shard, state }
                }
                BrokerOutput::Uncommitted(shard, records) => {
                    EventKind::Uncommitted { term: shard, records }
                }
            };
            self.emit(Place::Broker(B0), kind);
        }
    }

    /// Writes the event as a line of a trace, and reads it back.
    fn record(&mut self, event: &Event) {
        let mut lines = String::new();
        // Each line is read alone: no place in it has a name that another line introduces.
        jsonl::Writer::default().begin(&mut lines);
        let mut header = String::new();
        self.json.begin(&mut header);
        self.json.render(event, &mut lines);
        match jsonl::Reader::new("served", lines.as_bytes()).nth(1) {
            Some(Ok(jsonl::Entry::Event(again))) => {
                assert_eq!(format!("{again:?}"), format!("{event:?}"));
            }
            other => panic!("{other:?}: {lines}"),
        }
    }

    fn emit(&mut self, place: Place, kind: EventKind) {
        let event = Event { at: self.now, local: self.now, place, kind };
        self.coverage.observe(&self.model, &event);
        self.model.feed(&event);
        let mut shown = String::new();
        for renderer in &mut self.renderers {
            renderer.render(&event, &self.model, &mut shown);
        }
        self.record(&event);
        self.digest.observe(&event);
        if self.violation.is_none() {
            self.violation = self.checker.check(&self.model, &event);
        }
    }
}
