//! A broker as a program: it listens, takes up one request of a connection at a time, as Kafka does, and
//! answers in order.
//!
//! What a client can make it hold is bounded: one frame, which is no longer than the limit, and one answer.
//! While a request is being handled nothing more is read of its connection, so the client's own buffers fill
//! up behind it. Whoever sends what is no request is hung up on, with the reason in the log.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::codec::Framed;

use crate::cluster::ConnectionId;
use crate::engine::hub::{Hub, RESET, ToClient};
use crate::engine::net::Net;
use crate::engine::valves::Way;
use crate::protocol::{BrokerId, RequestFrame, StrBytes};
use crate::sim::hosted::Host;
use crate::sim::schedule::Side;
use crate::wire::{self, Incoming};

use super::{complaints, timer};

type Frames<N> = Framed<<N as Net>::Stream, wire::Framing>;

/// What a connection has for its frames from the start; it grows to the frame that comes.
const BUFFER: usize = 1024;

/// Bounds on what a client may do.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The longest frame, `socket.request.max.bytes`.
    pub max_frame: usize,
    /// How long a connection may say nothing while nothing is being handled, `connections.max.idle.ms`, and how
    /// long it may take to read an answer. For ever when none: a simulated client does not forget.
    pub idle: Option<Duration>,
}

impl Limits {
    /// Among programs that are trusted.
    pub const NONE: Limits = Limits { max_frame: wire::MAX_FRAME, idle: None };
}

/// Runs a broker until its host ends.
pub(in crate::engine) async fn broker<N: Net>(hub: Hub<N>, at: BrokerId, limits: Limits) {
    let address = hub.address(at).expect("a broker has an address");
    let listener = hub.net().bind(address).await;
    let listener = listener.unwrap_or_else(|error| panic!("{at} listens at {address}: {error}"));
    hub.spawn(accept(hub.clone(), at, listener, limits));
    wake(hub, at).await;
}

/// Wakes a broker at its deadlines.
pub(in crate::engine) async fn wake<N: Net>(hub: Hub<N>, at: BrokerId) {
    let host = Host::Broker(at);
    let mailbox = hub.mailbox(host);
    loop {
        timer::next(&hub, host, &mailbox).await;
    }
}

/// Takes clients in, for ever.
pub(in crate::engine) async fn accept<N: Net>(
    hub: Hub<N>,
    at: BrokerId,
    listener: N::Listener,
    limits: Limits,
) {
    loop {
        match hub.net().accept(&listener).await {
            Ok((stream, peer)) => hub.spawn(connection(hub.clone(), at, stream, peer, limits)),
            Err(error) => {
                // Out of file descriptors, most likely: connections that end will free some.
                tracing::warn!(target: "groupsim", %at, %error, "a client could not be taken in");
                let pause = hub.net().now() + Duration::from_millis(100);
                hub.net().sleep_until(pause).await;
            }
        }
    }
}

/// The broker's end of one connection.
async fn connection<N: Net>(
    hub: Hub<N>,
    at: BrokerId,
    stream: N::Stream,
    peer: SocketAddr,
    limits: Limits,
) {
    let mut frames = Framed::with_capacity(stream, wire::framing(limits.max_frame), BUFFER);
    // Who a client is shows with its first frame: by then its own end has an address.
    let ending = match next(&hub, &mut frames, limits).await {
        Err(ending) => ending,
        Ok(first) => match hub.accept(at, peer, &first) {
            Some((conn, mut mail)) => {
                let who = Who { at, conn, peer };
                let ending = serve(&hub, who, &mut frames, &mut mail, first, limits).await;
                let ending = ending.known_as(hub.called(conn).as_str());
                hub.hung_up(conn);
                ending
            }
            None => Ending::quiet("its client has given it up long ago"),
        },
    };
    if let Some((client, complaint)) = &ending.complaint {
        hub.warn(at, (peer, client), complaint);
    }
    let why = ending.why;
    tracing::info!(target: "groupsim", %at, %peer, why, "a connection ended");
}

/// Why a connection has ended.
struct Ending {
    why: String,
    /// What the client did that it was hung up on for, and what it calls itself.
    complaint: Option<(String, String)>,
}

impl Ending {
    fn quiet(why: impl Into<String>) -> Ending {
        Ending { why: why.into(), complaint: None }
    }

    fn hung_up(why: impl Into<String>, client: String, complaint: String) -> Ending {
        Ending { why: why.into(), complaint: Some((client, complaint)) }
    }

    /// A client that did not say now what it calls itself may have said it before.
    fn known_as(mut self, name: &str) -> Ending {
        if let Some((client, _)) = &mut self.complaint
            && client.is_empty()
        {
            name.clone_into(client);
        }
        self
    }
}

/// The two ends of a connection.
#[derive(Clone, Copy)]
struct Who {
    at: BrokerId,
    conn: ConnectionId,
    peer: SocketAddr,
}

async fn serve<N: Net>(
    hub: &Hub<N>,
    who: Who,
    frames: &mut Frames<N>,
    mail: &mut UnboundedReceiver<ToClient>,
    first: Bytes,
    limits: Limits,
) -> Ending {
    let Who { at, conn, .. } = who;
    let mut bytes = first;
    loop {
        let answer = match wire::decode_request(bytes.clone()) {
            Err(malformed) => {
                let complaint = complaints::of_a_request(&malformed, &bytes);
                let client = wire::client_id(&bytes);
                return Ending::hung_up(malformed.to_string(), client, complaint);
            }
            Ok(Incoming::ApiVersions { correlation, version, client_id, refused }) => {
                // Whoever is cut off does not even learn that there is a broker.
                hub.is_called(conn, &client_id);
                pass(hub, at, &client_id, Way::Up).await;
                pass(hub, at, &client_id, Way::Down).await;
                ToClient::Send(wire::api_versions_response(correlation, version, refused))
            }
            Ok(Incoming::Request(frame)) => {
                // Its strings are views into it.
                drop(std::mem::take(&mut bytes));
                handle(hub, who, mail, frame).await
            }
        };
        match answer {
            ToClient::Abort(RESET) => return Ending::quiet(RESET),
            ToClient::Abort(why) => {
                return Ending::hung_up(why, String::new(), format!("is hung up on: {why}"));
            }
            ToClient::Nothing => {}
            ToClient::Send(answer) => {
                if let Err(ending) = send(hub, frames, answer, limits).await {
                    return ending;
                }
            }
        }
        // Nothing is being handled, so all the mail there can be is a reset.
        let next = tokio::select! {
            biased;
            _ = mail.recv() => return Ending::quiet(RESET),
            next = next(hub, frames, limits) => next,
        };
        bytes = match next {
            Ok(bytes) => bytes,
            Err(ending) => return ending,
        };
    }
}

/// Hands a request over and waits for its answer, unless somebody swallows one of the two.
async fn handle<N: Net>(
    hub: &Hub<N>,
    Who { at, conn, peer }: Who,
    mail: &mut UnboundedReceiver<ToClient>,
    frame: RequestFrame,
) -> ToClient {
    if let Some(complaint) = complaints::of_a_wish(&frame) {
        hub.warn(at, (peer, frame.client_id.as_str()), &complaint);
    }
    let (client, api) = (frame.client_id.clone(), frame.body.api());
    hub.is_called(conn, &client);
    pass(hub, at, &client, Way::Up).await;
    if hub.valves().swallows(&client, api, Side::Request) {
        return stuck(mail).await;
    }
    hub.enter(|sim| sim.request_arrived(conn, frame));
    let answer = mail.recv().await.unwrap_or(ToClient::Abort(RESET));
    pass(hub, at, &client, Way::Down).await;
    match hub.valves().swallows(&client, api, Side::Response) {
        true => stuck(mail).await,
        false => answer,
    }
}

/// Nothing gets through any more on this connection, not even the news that the client has given it up; only a
/// reset ends it.
async fn stuck(mail: &mut UnboundedReceiver<ToClient>) -> ToClient {
    while !matches!(mail.recv().await, Some(ToClient::Abort(_)) | None) {}
    ToClient::Abort(RESET)
}

/// Passes the valve of a link.
async fn pass<N: Net>(hub: &Hub<N>, at: BrokerId, client: &StrBytes, way: Way) {
    let clog = hub.valves().pass(client, at, way).await;
    if !clog.is_zero() {
        hub.net().sleep_until(hub.net().now() + clog).await;
    }
}

async fn next<N: Net>(
    hub: &Hub<N>,
    frames: &mut Frames<N>,
    limits: Limits,
) -> Result<Bytes, Ending> {
    match in_time(hub, limits, frames.next()).await {
        Some(Some(Ok(bytes))) => Ok(bytes.freeze()),
        Some(Some(Err(error))) if error.kind() == io::ErrorKind::InvalidData => {
            let complaint = complaints::of_a_frame(frames.read_buffer(), limits.max_frame);
            let complaint = format!("is hung up on: {complaint}");
            Err(Ending::hung_up(error.to_string(), String::new(), complaint))
        }
        Some(Some(Err(error))) => Err(Ending::quiet(error.to_string())),
        Some(None) => Err(Ending::quiet("the client closed it")),
        None => Err(Ending::quiet("idle for too long")),
    }
}

async fn send<N: Net>(
    hub: &Hub<N>,
    frames: &mut Frames<N>,
    answer: Bytes,
    limits: Limits,
) -> Result<(), Ending> {
    let size = answer.len();
    match in_time(hub, limits, frames.send(answer)).await {
        Some(sent) => sent.map_err(|error| Ending::quiet(error.to_string())),
        None => {
            let complaint = format!("is hung up on: it did not read an answer of {size} bytes");
            Err(Ending::hung_up("the answer was not read", String::new(), complaint))
        }
    }
}

/// What comes of `what`, unless it takes too long.
async fn in_time<N: Net, T>(
    hub: &Hub<N>,
    limits: Limits,
    what: impl Future<Output = T>,
) -> Option<T> {
    let Some(idle) = limits.idle else { return Some(what.await) };
    let deadline = hub.net().now() + idle;
    tokio::select! {
        biased;
        outcome = what => Some(outcome),
        () = hub.net().sleep_until(deadline) => None,
    }
}
