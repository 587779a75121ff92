//! A broker as a program. It listens, handles one request per connection at a time, as Kafka does,
//! and responds in order.
//!
//! The memory that a client can make it use is bounded: one frame up to the size limit, and one
//! response. While it handles a request, it reads nothing more from that connection, so the
//! client's own buffers fill up. A client that sends an invalid request is disconnected, with the
//! reason in the log.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::codec::Framed;

use crate::broker::ConnectionId;
use crate::engine::link_gates::Direction;
use crate::engine::net::Net;
use crate::engine::router::{RESET, Router, ToClient};
use crate::protocol::{BrokerId, RequestFrame, StrBytes};
use crate::sim::hosted::Process;
use crate::sim::schedule::Side;
use crate::wire::{self, Incoming};

use super::{timer, warnings};

type Frames<N> = Framed<<N as Net>::Stream, wire::Framing>;

/// The initial size of a connection's buffer. It grows with the frames.
const BUFFER: usize = 1024;

/// Limits for a client.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The largest frame in bytes, `socket.request.max.bytes`.
    pub max_frame: usize,
    /// How long a connection may be idle while no request is being handled,
    /// `connections.max.idle.ms`, and how long the client may take to read a response. `None` for
    /// no limit, for simulated clients.
    pub idle: Option<Duration>,
}

impl Limits {
    /// For trusted programs: no idle timeout.
    pub const NONE: Limits = Limits { max_frame: wire::MAX_FRAME, idle: None };
}

/// Runs a broker until its process ends.
pub async fn broker<N: Net>(router: Router<N>, at: BrokerId, limits: Limits) {
    let address = router.address(at).expect("a broker has an address");
    let listener = router.net().bind(address).await;
    let listener =
        listener.unwrap_or_else(|error| panic!("{at} cannot listen at {address}: {error}"));
    router.spawn(accept(router.clone(), at, listener, limits));
    wake(router, at).await;
}

/// Wakes a broker at its deadlines.
pub(in crate::engine) async fn wake<N: Net>(router: Router<N>, at: BrokerId) {
    let process = Process::Broker(at);
    let mailbox = router.mailbox(process);
    loop {
        timer::next(&router, process, &mailbox).await;
    }
}

/// Accepts clients forever.
pub(in crate::engine) async fn accept<N: Net>(
    router: Router<N>,
    at: BrokerId,
    listener: N::Listener,
    limits: Limits,
) {
    loop {
        match router.net().accept(&listener).await {
            Ok((stream, peer)) => {
                router.spawn(connection(router.clone(), at, stream, peer, limits))
            }
            Err(error) => {
                // Most likely out of file descriptors; connections that end will free some.
                tracing::warn!(target: "groupsim", %at, %error, "a connection could not be accepted");
                let pause = router.net().now() + Duration::from_millis(100);
                router.net().sleep_until(pause).await;
            }
        }
    }
}

/// The broker's end of one connection.
async fn connection<N: Net>(
    router: Router<N>,
    at: BrokerId,
    stream: N::Stream,
    peer: SocketAddr,
    limits: Limits,
) {
    let mut frames = Framed::with_capacity(stream, wire::framing(limits.max_frame), BUFFER);
    // The client is identified by its first frame; at that point its own end has an address.
    let ending = match next_frame(&router, &mut frames, limits).await {
        Err(ending) => ending,
        Ok(first) => match router.accept(at, peer, &first) {
            Some((conn, mut inbox)) => {
                let ends = ConnectionEnds { at, conn, peer };
                let ending = serve(&router, ends, &mut frames, &mut inbox, first, limits).await;
                let ending = ending.or_client_id(router.client_id(conn).as_str());
                router.connection_ended(conn);
                ending
            }
            None => CloseReason::silent("its client has already closed it"),
        },
    };
    if let Some((client, warning)) = &ending.warning {
        router.warn(at, (peer, client), warning);
    }
    let why = ending.why;
    tracing::info!(target: "groupsim", %at, %peer, why, "a connection ended");
}

/// Why a connection has ended.
struct CloseReason {
    why: String,
    /// The client id and the warning to log, if the broker disconnected the client.
    warning: Option<(String, String)>,
}

impl CloseReason {
    fn silent(why: impl Into<String>) -> CloseReason {
        CloseReason { why: why.into(), warning: None }
    }

    fn with_warning(why: impl Into<String>, client: String, warning: String) -> CloseReason {
        CloseReason { why: why.into(), warning: Some((client, warning)) }
    }

    /// Fills in the client id from an earlier request if the last frame had none.
    fn or_client_id(mut self, name: &str) -> CloseReason {
        if let Some((client, _)) = &mut self.warning
            && client.is_empty()
        {
            name.clone_into(client);
        }
        self
    }
}

/// The broker's end of a connection and the client's address.
#[derive(Clone, Copy)]
struct ConnectionEnds {
    at: BrokerId,
    conn: ConnectionId,
    peer: SocketAddr,
}

async fn serve<N: Net>(
    router: &Router<N>,
    ends: ConnectionEnds,
    frames: &mut Frames<N>,
    inbox: &mut UnboundedReceiver<ToClient>,
    first: Bytes,
    limits: Limits,
) -> CloseReason {
    let ConnectionEnds { at, conn, .. } = ends;
    let mut bytes = first;
    loop {
        let response = match wire::decode_request(bytes.clone()) {
            Err(malformed) => {
                let warning = warnings::about_malformed(&malformed, &bytes);
                let client = wire::client_id(&bytes);
                return CloseReason::with_warning(malformed.to_string(), client, warning);
            }
            Ok(Incoming::ApiVersions { correlation, version, client_id, refused }) => {
                // ApiVersions passes the gates, too: a client that is cut off must not even learn
                // that the broker is there.
                router.record_client_id(conn, &client_id);
                pass_gate(router, at, &client_id, Direction::Up).await;
                pass_gate(router, at, &client_id, Direction::Down).await;
                ToClient::Send(wire::api_versions_response(correlation, version, refused))
            }
            Ok(Incoming::Request(frame)) => {
                // The frame's strings are views into these bytes.
                drop(std::mem::take(&mut bytes));
                handle(router, ends, inbox, frame).await
            }
        };
        match response {
            ToClient::Abort(RESET) => return CloseReason::silent(RESET),
            ToClient::Abort(why) => {
                return CloseReason::with_warning(
                    why,
                    String::new(),
                    format!("is disconnected: {why}"),
                );
            }
            ToClient::Nothing => {}
            ToClient::Send(response) => {
                if let Err(ending) = send(router, frames, response, limits).await {
                    return ending;
                }
            }
        }
        // No request is being handled, so the only possible message is a reset.
        let next = tokio::select! {
            biased;
            _ = inbox.recv() => return CloseReason::silent(RESET),
            next = next_frame(router, frames, limits) => next,
        };
        bytes = match next {
            Ok(bytes) => bytes,
            Err(ending) => return ending,
        };
    }
}

/// Hands a request to the core and waits for its response, unless a drop rule swallows one of the
/// two.
async fn handle<N: Net>(
    router: &Router<N>,
    ConnectionEnds { at, conn, peer }: ConnectionEnds,
    inbox: &mut UnboundedReceiver<ToClient>,
    frame: RequestFrame,
) -> ToClient {
    if let Some(warning) = warnings::about_unsupported(&frame) {
        router.warn(at, (peer, frame.client_id.as_str()), &warning);
    }
    let (client, api) = (frame.client_id.clone(), frame.body.api());
    router.record_client_id(conn, &client);
    pass_gate(router, at, &client, Direction::Up).await;
    if router.gates().swallows(&client, api, Side::Request) {
        return wait_for_reset(inbox).await;
    }
    router.enter(|sim| sim.request_arrived(conn, frame));
    let response = inbox.recv().await.unwrap_or(ToClient::Abort(RESET));
    pass_gate(router, at, &client, Direction::Down).await;
    match router.gates().swallows(&client, api, Side::Response) {
        true => wait_for_reset(inbox).await,
        false => response,
    }
}

/// After a swallowed message nothing gets through on this connection, not even its close by the
/// client. Only a reset ends it.
async fn wait_for_reset(inbox: &mut UnboundedReceiver<ToClient>) -> ToClient {
    while !matches!(inbox.recv().await, Some(ToClient::Abort(_)) | None) {}
    ToClient::Abort(RESET)
}

/// Waits until the link's gate is open, and adds its delay.
async fn pass_gate<N: Net>(
    router: &Router<N>,
    at: BrokerId,
    client: &StrBytes,
    direction: Direction,
) {
    let clog = router.gates().pass(client, at, direction).await;
    if !clog.is_zero() {
        router.net().sleep_until(router.net().now() + clog).await;
    }
}

async fn next_frame<N: Net>(
    router: &Router<N>,
    frames: &mut Frames<N>,
    limits: Limits,
) -> Result<Bytes, CloseReason> {
    match with_idle_timeout(router, limits, frames.next()).await {
        Some(Some(Ok(bytes))) => Ok(bytes.freeze()),
        Some(Some(Err(error))) if error.kind() == io::ErrorKind::InvalidData => {
            let warning = warnings::about_frame(frames.read_buffer(), limits.max_frame);
            let warning = format!("is disconnected: {warning}");
            Err(CloseReason::with_warning(error.to_string(), String::new(), warning))
        }
        Some(Some(Err(error))) => Err(CloseReason::silent(error.to_string())),
        Some(None) => Err(CloseReason::silent("the client closed it")),
        None => Err(CloseReason::silent("idle for too long")),
    }
}

async fn send<N: Net>(
    router: &Router<N>,
    frames: &mut Frames<N>,
    response: Bytes,
    limits: Limits,
) -> Result<(), CloseReason> {
    let size = response.len();
    match with_idle_timeout(router, limits, frames.send(response)).await {
        Some(sent) => sent.map_err(|error| CloseReason::silent(error.to_string())),
        None => {
            let warning = format!("is disconnected: it did not read a response of {size} bytes");
            Err(CloseReason::with_warning("the response was not read", String::new(), warning))
        }
    }
}

/// The output of `future`, or `None` if it takes longer than the idle timeout.
async fn with_idle_timeout<N: Net, T>(
    router: &Router<N>,
    limits: Limits,
    future: impl Future<Output = T>,
) -> Option<T> {
    let Some(idle) = limits.idle else { return Some(future.await) };
    let deadline = router.net().now() + idle;
    tokio::select! {
        biased;
        outcome = future => Some(outcome),
        () = router.net().sleep_until(deadline) => None,
    }
}
