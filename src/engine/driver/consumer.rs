//! A consumer as a program: it connects to brokers, sends requests in order, and passes responses
//! on.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, split};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::codec::{FramedRead, FramedWrite};

use crate::broker::ConnectionId;
use crate::engine::net::Net;
use crate::engine::router::{Dial, Router, ToBroker};
use crate::protocol::Api;
use crate::sim::hosted::Process;
use crate::wire;

use super::timer;

/// The requests in flight, in order: correlation id, API and version. A response contains neither
/// its API nor its version.
type InFlight = RefCell<VecDeque<(i32, Api, i16)>>;

/// Runs a consumer until its process ends.
pub async fn consumer<N: Net>(router: Router<N>, index: u16) {
    let process = Process::Consumer(index);
    let mailbox = router.mailbox(process);
    loop {
        while let Some(dial) = { mailbox.dials.borrow_mut().pop_front() } {
            router.spawn(connection(router.clone(), dial));
        }
        timer::next(&router, process, &mailbox).await;
    }
}

/// The client's end of one connection, from the connection attempt to its end.
async fn connection<N: Net>(router: Router<N>, dial: Dial) {
    let Dial { conn, to, mut inbox } = dial;
    let mut queued = VecDeque::new();
    let connected = match router.locate(to).await {
        Ok(address) => connect(&router, address, &mut inbox, &mut queued).await,
        Err(error) => Err(error),
    };
    let ended = match connected {
        Ok(None) => return,
        Ok(Some(stream)) => run_connection(&router, conn, stream, inbox, queued).await,
        Err(error) => Ended::ByBroker(error.to_string()),
    };
    if let Ended::ByBroker(why) = ended {
        tracing::debug!(target: "groupsim", ?conn, %to, why, "a connection ended");
        router.enter(|sim| sim.broker_disconnected(conn));
    }
}

/// The timeout for a connection attempt, `socket.connection.setup.timeout.ms` (KIP-601).
const SETUP: Duration = Duration::from_secs(10);

/// Connects; `None` if the consumer gives up the connection in the meantime.
async fn connect<N: Net>(
    router: &Router<N>,
    to: SocketAddr,
    inbox: &mut UnboundedReceiver<ToBroker>,
    queued: &mut VecDeque<ToBroker>,
) -> io::Result<Option<N::Stream>> {
    let mut connecting = std::pin::pin!(router.net().connect(to));
    let mut setup_timeout = std::pin::pin!(router.net().sleep_until(router.net().now() + SETUP));
    loop {
        tokio::select! {
            biased;
            stream = &mut connecting => return stream.map(Some),
            message = inbox.recv() => match message {
                Some(ToBroker::Abort) | None => return Ok(None),
                Some(message) => queued.push_back(message),
            },
            () = &mut setup_timeout => return Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

/// Which side ended a connection.
enum Ended {
    ByConsumer,
    ByBroker(String),
}

async fn run_connection<N: Net>(
    router: &Router<N>,
    conn: ConnectionId,
    stream: N::Stream,
    inbox: UnboundedReceiver<ToBroker>,
    queued: VecDeque<ToBroker>,
) -> Ended {
    match N::local_address(&stream) {
        Ok(own) => router.register_dial(own, conn),
        Err(error) => return Ended::ByBroker(error.to_string()),
    }
    let in_flight = InFlight::default();
    let (reading, writing) = split(stream);
    tokio::select! {
        biased;
        ended = read(router, conn, reading, &in_flight) => ended,
        ended = write(writing, inbox, queued, &in_flight) => ended,
    }
}

async fn read<N: Net>(
    router: &Router<N>,
    conn: ConnectionId,
    stream: impl AsyncRead + Unpin,
    in_flight: &InFlight,
) -> Ended {
    let mut frames = FramedRead::new(stream, wire::framing(wire::MAX_FRAME));
    loop {
        let bytes = match frames.next().await {
            Some(Ok(bytes)) => bytes.freeze(),
            Some(Err(error)) => return Ended::ByBroker(error.to_string()),
            None => return Ended::ByBroker("the broker closed the connection".to_owned()),
        };
        let sent = in_flight.borrow_mut().pop_front();
        let Some((correlation, api, version)) = sent else {
            return Ended::ByBroker("a response without a request".to_owned());
        };
        match wire::decode_response(bytes, api, version) {
            Ok(frame) if frame.correlation == correlation => {
                router.learn_addresses(&frame.body);
                router.enter(|sim| sim.response_arrived(conn, frame));
            }
            Ok(frame) => {
                let why =
                    format!("response {} came before response {correlation}", frame.correlation);
                return Ended::ByBroker(why);
            }
            Err(malformed) => return Ended::ByBroker(malformed.to_string()),
        }
    }
}

async fn write(
    stream: impl AsyncWrite + Unpin,
    mut inbox: UnboundedReceiver<ToBroker>,
    mut queued: VecDeque<ToBroker>,
    in_flight: &InFlight,
) -> Ended {
    let mut frames = FramedWrite::new(stream, wire::framing(wire::MAX_FRAME));
    loop {
        let message = match queued.pop_front() {
            Some(message) => Some(message),
            None => inbox.recv().await,
        };
        match message {
            Some(ToBroker::Send { correlation, api, version, bytes }) => {
                in_flight.borrow_mut().push_back((correlation, api, version));
                if let Err(error) = frames.send(bytes).await {
                    return Ended::ByBroker(error.to_string());
                }
            }
            Some(ToBroker::Abort) => return Ended::ByConsumer,
            None => {
                // The connection ends even if the shutdown fails.
                let _ = frames.get_mut().shutdown().await;
                return Ended::ByConsumer;
            }
        }
    }
}
