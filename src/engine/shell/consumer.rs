//! A consumer as a program: it connects where it wants to, sends in order, and is told what comes back.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, split};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::codec::{FramedRead, FramedWrite};

use crate::cluster::ConnectionId;
use crate::engine::hub::{Dial, Hub, ToBroker};
use crate::engine::net::Net;
use crate::protocol::Api;
use crate::sim::hosted::Host;
use crate::wire;

use super::timer;

/// What was sent and not answered, in order: a response says neither its API nor its version.
type InFlight = RefCell<VecDeque<(i32, Api, i16)>>;

/// Runs a consumer until its host ends.
pub(in crate::engine) async fn consumer<N: Net>(hub: Hub<N>, index: u16) {
    let host = Host::Consumer(index);
    let mailbox = hub.mailbox(host);
    loop {
        while let Some(dial) = { mailbox.dials.borrow_mut().pop_front() } {
            hub.spawn(connection(hub.clone(), dial));
        }
        timer::next(&hub, host, &mailbox).await;
    }
}

/// The client's end of one connection, from the attempt to connect to its end.
async fn connection<N: Net>(hub: Hub<N>, dial: Dial) {
    let Dial { conn, to, mut mail } = dial;
    let mut early = VecDeque::new();
    let connected = match hub.locate(to).await {
        Ok(address) => connect(&hub, address, &mut mail, &mut early).await,
        Err(error) => Err(error),
    };
    let ended = match connected {
        Ok(None) => return,
        Ok(Some(stream)) => talk(&hub, conn, stream, mail, early).await,
        Err(error) => Ended::ByBroker(error.to_string()),
    };
    if let Ended::ByBroker(why) = ended {
        tracing::debug!(target: "groupsim", ?conn, %to, why, "a connection ended");
        hub.enter(|sim| sim.broker_is_gone(conn));
    }
}

/// How long a connection may take to be made, `socket.connection.setup.timeout.ms` (KIP-601).
const SETUP: Duration = Duration::from_secs(10);

/// Connects; none when the consumer gives the connection up meanwhile.
async fn connect<N: Net>(
    hub: &Hub<N>,
    to: SocketAddr,
    mail: &mut UnboundedReceiver<ToBroker>,
    early: &mut VecDeque<ToBroker>,
) -> io::Result<Option<N::Stream>> {
    let mut connecting = std::pin::pin!(hub.net().connect(to));
    let mut patience = std::pin::pin!(hub.net().sleep_until(hub.net().now() + SETUP));
    loop {
        tokio::select! {
            biased;
            stream = &mut connecting => return stream.map(Some),
            order = mail.recv() => match order {
                Some(ToBroker::Abort) | None => return Ok(None),
                Some(order) => early.push_back(order),
            },
            () = &mut patience => return Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

/// Who ended a connection.
enum Ended {
    ByConsumer,
    ByBroker(String),
}

async fn talk<N: Net>(
    hub: &Hub<N>,
    conn: ConnectionId,
    stream: N::Stream,
    mail: UnboundedReceiver<ToBroker>,
    early: VecDeque<ToBroker>,
) -> Ended {
    match N::local_address(&stream) {
        Ok(own) => hub.has_dialled(own, conn),
        Err(error) => return Ended::ByBroker(error.to_string()),
    }
    let in_flight = InFlight::default();
    let (reading, writing) = split(stream);
    tokio::select! {
        biased;
        ended = read(hub, conn, reading, &in_flight) => ended,
        ended = write(writing, mail, early, &in_flight) => ended,
    }
}

async fn read<N: Net>(
    hub: &Hub<N>,
    conn: ConnectionId,
    stream: impl AsyncRead + Unpin,
    in_flight: &InFlight,
) -> Ended {
    let mut frames = FramedRead::new(stream, wire::framing(wire::MAX_FRAME));
    loop {
        let bytes = match frames.next().await {
            Some(Ok(bytes)) => bytes.freeze(),
            Some(Err(error)) => return Ended::ByBroker(error.to_string()),
            None => return Ended::ByBroker("the broker hung up".to_owned()),
        };
        let asked = in_flight.borrow_mut().pop_front();
        let Some((correlation, api, version)) = asked else {
            return Ended::ByBroker("an answer to nothing that was asked".to_owned());
        };
        match wire::decode_response(bytes, api, version) {
            Ok(frame) if frame.correlation == correlation => {
                hub.learn(&frame.body);
                hub.enter(|sim| sim.response_arrived(conn, frame));
            }
            Ok(frame) => {
                let why = format!("answer {} came before answer {correlation}", frame.correlation);
                return Ended::ByBroker(why);
            }
            Err(malformed) => return Ended::ByBroker(malformed.to_string()),
        }
    }
}

async fn write(
    stream: impl AsyncWrite + Unpin,
    mut mail: UnboundedReceiver<ToBroker>,
    mut early: VecDeque<ToBroker>,
    in_flight: &InFlight,
) -> Ended {
    let mut frames = FramedWrite::new(stream, wire::framing(wire::MAX_FRAME));
    loop {
        let order = match early.pop_front() {
            Some(order) => Some(order),
            None => mail.recv().await,
        };
        match order {
            Some(ToBroker::Send { correlation, api, version, bytes }) => {
                in_flight.borrow_mut().push_back((correlation, api, version));
                if let Err(error) = frames.send(bytes).await {
                    return Ended::ByBroker(error.to_string());
                }
            }
            Some(ToBroker::Abort) => return Ended::ByConsumer,
            None => {
                // An end that cannot be told is an end all the same.
                let _ = frames.get_mut().shutdown().await;
                return Ended::ByConsumer;
            }
        }
    }
}
