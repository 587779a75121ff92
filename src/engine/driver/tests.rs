//! The broker's end of connections with misbehaving clients, over pipes in memory.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::{Arc, Mutex as StdMutex};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::{FetchRequest, MetadataRequest};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::LocalSet;
use tokio::time::Instant;
use tokio_util::codec::Framed;

use crate::engine::net::Net;
use crate::engine::router::Router;
use crate::protocol::{
    Api, BrokerId, Request, RequestFrame, Response, ResponseFrame, TopicName, str_bytes,
};
use crate::sim::hosted::Topology;
use crate::sim::schedule::{Schedule, TopicSpec};
use crate::sim::{Sim, Systems};
use crate::time::Time;
use crate::trace::{Event, EventKind, Message};
use crate::wire;

use super::{Limits, broker};

/// The capacity of a pipe: how much a slow reader leaves unread.
const PIPE: usize = 4 * 1024;

/// Pipes in memory instead of a network. Nothing connects through it: a test holds the other ends.
#[derive(Clone)]
struct Pipes {
    start: Instant,
    incoming: Rc<RefCell<Option<UnboundedReceiver<DuplexStream>>>>,
    /// Each client has its own port.
    next_port: Rc<RefCell<u16>>,
}

impl Net for Pipes {
    type Stream = DuplexStream;
    type Listener = Mutex<UnboundedReceiver<DuplexStream>>;

    async fn bind(&self, _at: SocketAddr) -> io::Result<Self::Listener> {
        Ok(Mutex::new(self.incoming.take().expect("one listener")))
    }

    async fn accept(&self, listener: &Self::Listener) -> io::Result<(DuplexStream, SocketAddr)> {
        match listener.lock().await.recv().await {
            Some(stream) => Ok((stream, loopback(self.next_port.replace_with(|port| *port + 1)))),
            None => std::future::pending().await,
        }
    }

    async fn connect(&self, _to: SocketAddr) -> io::Result<DuplexStream> {
        Err(io::ErrorKind::ConnectionRefused.into())
    }

    fn local_address(_stream: &DuplexStream) -> io::Result<SocketAddr> {
        Ok(loopback(1))
    }

    fn now(&self) -> Time {
        Time::ZERO + self.start.elapsed()
    }

    async fn sleep_until(&self, at: Time) {
        tokio::time::sleep_until(self.start + at.since(Time::ZERO)).await;
    }

    fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        tokio::task::spawn_local(task);
    }
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)
}

/// A broker with one topic, and a way to connect to it.
struct Bench {
    router: Router<Pipes>,
    connect: UnboundedSender<DuplexStream>,
}

impl Bench {
    fn connect(&self) -> DuplexStream {
        let (own, other) = duplex(PIPE);
        self.connect.send(other).expect("the broker listens");
        own
    }

    /// How many requests the broker has handled so far.
    fn handled(&self) -> usize {
        let mut events = Vec::new();
        self.router.core().take_events(&mut events);
        let request = |event: &&Event| {
            matches!(event.kind, EventKind::Received { message: Message::Request(_), .. })
        };
        events.iter().filter(request).count()
    }
}

/// Runs a test against a broker and returns what was logged.
fn with_broker(limits: Limits, test: impl AsyncFnOnce(Bench)) -> String {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing::Level::INFO)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let work = async {
            let bench = bench(limits);
            let router = bench.router.clone();
            // A client that waits forever must fail the test instead of hanging it.
            tokio::time::timeout(Duration::from_secs(20), test(bench)).await.expect("in time");
            router.rethrow();
        };
        LocalSet::new().block_on(&runtime.expect("a runtime"), work);
    });
    let bytes = log.0.lock().expect("no panic while logging").clone();
    String::from_utf8(bytes).expect("a log is text")
}

fn bench(limits: Limits) -> Bench {
    let topic = TopicSpec { name: "t".to_owned(), partitions: 1, rate: 0 };
    let schedule = Rc::new(Schedule { topics: vec![topic], ..Schedule::default() });
    let sim = Sim::hosted(&schedule, &Systems::default(), &Topology::default());
    let (connect, incoming) = unbounded_channel();
    let incoming = Rc::new(RefCell::new(Some(incoming)));
    #[expect(clippy::disallowed_methods, reason = "the pipes are in real time")]
    let start = Instant::now();
    let net = Pipes { start, incoming, next_port: Rc::new(RefCell::new(1_000)) };
    let router = Router::new(net, sim, BTreeMap::from([(BrokerId(0), loopback(9092))]));
    router.spawn(broker(router.clone(), BrokerId(0), limits));
    Bench { router, connect }
}

#[derive(Clone, Default)]
struct Log(Arc<StdMutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic while logging").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn request(correlation: i32, version: i16, body: Request) -> Bytes {
    let frame = RequestFrame { correlation, version, client_id: str_bytes("test"), body };
    wire::encode_request(&frame).expect("a request")
}

fn metadata(correlation: i32) -> Bytes {
    request(correlation, 9, MetadataRequest::default().with_topics(None).into())
}

/// The broker parks it, since there is nothing to read.
fn fetch(correlation: i32) -> Bytes {
    let partition = FetchPartition::default().with_partition(0).with_partition_max_bytes(1 << 20);
    let topic = FetchTopic::default().with_topic(TopicName(str_bytes("t")));
    let body = FetchRequest::default()
        .with_max_wait_ms(300)
        .with_min_bytes(1)
        .with_topics(vec![topic.with_partitions(vec![partition])]);
    request(correlation, 11, body.into())
}

fn frames(stream: DuplexStream) -> Framed<DuplexStream, wire::Framing> {
    Framed::new(stream, wire::framing(wire::MAX_FRAME))
}

/// The correlation id of the next response, which comes first in every response.
async fn correlation(frames: &mut Framed<DuplexStream, wire::Framing>) -> i32 {
    let bytes = frames.next().await.expect("a response").expect("a complete response");
    i32::from_be_bytes(*bytes.first_chunk().expect("a correlation"))
}

/// Checks that the broker still serves other clients.
async fn still_serves(bench: &Bench) {
    let mut client = frames(bench.connect());
    client.send(metadata(1)).await.expect("the broker reads");
    let bytes = client.next().await.expect("a response").expect("a complete response");
    let response = wire::decode_response(bytes.freeze(), Api::Metadata, 9).expect("metadata");
    let ResponseFrame { correlation: 1, body: Response::Metadata(body) } = response else {
        panic!("another response: {response:?}");
    };
    assert_eq!(body.topics.len(), 1);
}

/// Sends bytes that no broker can accept, and waits until the broker disconnects the client.
fn disconnects(limits: Limits, sent: &[u8]) -> String {
    with_broker(limits, async |bench| {
        let mut client = bench.connect();
        client.write_all(sent).await.expect("the pipe holds it");
        let mut left = Vec::new();
        // The connection may end in any way.
        let _ = client.read_to_end(&mut left).await;
        assert!(left.is_empty(), "it responded {left:?}");
        still_serves(&bench).await;
    })
}

/// A frame around some bytes.
fn framed(bytes: &[u8]) -> Bytes {
    let mut frame = BytesMut::new();
    frame.put_u32(bytes.len() as u32);
    frame.put_slice(bytes);
    frame.freeze()
}

#[test]
fn pipelined_requests_are_handled_in_order() {
    with_broker(Limits::NONE, async |bench| {
        let mut client = frames(bench.connect());
        for bytes in [fetch(7), metadata(8), fetch(9), metadata(10)] {
            client.send(bytes).await.expect("the broker reads");
        }
        for expected in 7..=10 {
            assert_eq!(correlation(&mut client).await, expected);
        }
    });
}

#[test]
fn an_invalid_request_ends_the_connection_with_its_reason() {
    let log = disconnects(Limits::NONE, &framed(b"\x00\x03\x00"));
    assert!(log.contains("header: needs 8 bytes, but 3 are left"), "{log}");
    let mut cut_short = metadata(1).to_vec();
    cut_short.truncate(cut_short.len() - 3);
    let log = disconnects(Limits::NONE, &framed(&cut_short));
    assert!(log.contains("Metadata request v9"), "{log}");
}

#[test]
fn an_unknown_api_ends_the_connection_with_its_reason() {
    let log = disconnects(Limits::NONE, &framed(b"\x03\xe7\x00\x00\x00\x00\x00\x01\xff\xff"));
    assert!(log.contains("unknown API key 999"), "{log}");
}

#[test]
fn an_unsupported_version_ends_the_connection_with_its_reason() {
    let log = disconnects(Limits::NONE, &framed(b"\x00\x03\x00\x63\x00\x00\x00\x01\xff\xff"));
    assert!(log.contains("Metadata version 99 is not supported"), "{log}");
}

#[test]
fn a_frame_that_is_too_long_ends_the_connection_before_it_is_read() {
    let limits = Limits { max_frame: 1_000, ..Limits::NONE };
    for length in [1_001_u32, u32::MAX] {
        let log = disconnects(limits, &length.to_be_bytes());
        assert!(log.contains("a connection ended") && log.contains("frame"), "{log}");
    }
}

/// The one exception: a client with a newer version retries (KIP-511).
#[test]
fn an_unknown_version_of_api_versions_gets_a_response_in_the_oldest_layout() {
    with_broker(Limits::NONE, async |bench| {
        let mut client = frames(bench.connect());
        let request = Bytes::from_static(b"\x00\x12\x00\x63\x00\x00\x00\x05\xff\xff");
        client.send(request).await.expect("the broker reads");
        let response = client.next().await.expect("a response").expect("a complete response");
        assert_eq!(response[..6], *b"\x00\x00\x00\x05\x00\x23", "correlation 5, error 35");
        client.send(metadata(6)).await.expect("the connection is still open");
        assert_eq!(correlation(&mut client).await, 6);
    });
}

#[test]
fn an_idle_client_is_disconnected() {
    let limits = Limits { idle: Some(Duration::from_millis(50)), ..Limits::NONE };
    let log = disconnects(limits, b"\x00\x00");
    assert!(log.contains("idle for too long"), "{log}");
}

/// For a client that does not read, a broker holds one request and one response, plus what fits
/// into the pipe.
#[test]
fn a_slow_reader_does_not_grow_memory() {
    with_broker(Limits::NONE, async |bench| {
        let mut client = bench.connect();
        let (bytes, mut sent) = (framed(&metadata(1)), 0);
        while tokio::time::timeout(Duration::from_millis(200), client.write_all(&bytes))
            .await
            .is_ok()
        {
            sent += 1;
            assert!(sent < 10_000, "the broker reads without a bound");
        }
        let handled = bench.handled();
        assert!((1..200).contains(&handled), "{handled} requests were handled");
        let mut buffer = vec![0; PIPE];
        assert!(client.read(&mut buffer).await.is_ok_and(|read| read > 0));
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(bench.handled() > 0, "it does not go on when the responses are read");
        still_serves(&bench).await;
    });
}

#[test]
fn a_response_that_is_never_read_ends_the_connection() {
    let limits = Limits { idle: Some(Duration::from_millis(100)), ..Limits::NONE };
    let log = with_broker(limits, async |bench| {
        let mut client = bench.connect();
        let bytes = framed(&metadata(1));
        while client.write_all(&bytes).await.is_ok() {}
    });
    assert!(log.contains("the response was not read"), "{log}");
}
