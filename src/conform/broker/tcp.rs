//! A broker over TCP, in real time.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

use super::{Broker, CLOSED, ConnectionId, Received};
use crate::wire;

/// How long a connection may take to open.
const PATIENCE: Duration = Duration::from_secs(10);

/// The shortest timeout of a socket: zero would mean none.
const SHORTEST: Duration = Duration::from_millis(1);

/// A broker at an address.
pub struct TcpBroker {
    address: SocketAddr,
    links: Vec<Option<Link>>,
    began: Instant,
}

struct Link {
    stream: TcpStream,
    framing: wire::Framing,
    /// Bytes that have been read and not yet returned as frames.
    buffer: BytesMut,
}

impl TcpBroker {
    /// The broker at `bootstrap`, `host:port`.
    ///
    /// # Errors
    ///
    /// When no connection can be opened.
    pub fn find(bootstrap: &str) -> Result<TcpBroker, String> {
        let failed = |error: String| format!("no broker at {bootstrap}: {error}");
        let addresses = bootstrap.to_socket_addrs().map_err(|error| failed(error.to_string()))?;
        let mut why = "the name has no address".to_owned();
        for address in addresses {
            match TcpStream::connect_timeout(&address, PATIENCE) {
                Ok(_) => return Ok(TcpBroker::at(address)),
                Err(error) => why = error.to_string(),
            }
        }
        Err(failed(why))
    }

    /// The broker at an address.
    pub fn at(address: SocketAddr) -> TcpBroker {
        TcpBroker { address, links: Vec::new(), began: now() }
    }

    /// Its address.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

#[expect(clippy::disallowed_methods, reason = "third-party brokers run in real time")]
fn now() -> Instant {
    Instant::now()
}

impl Broker for TcpBroker {
    fn connect(&mut self) -> Result<ConnectionId, String> {
        let stream = TcpStream::connect_timeout(&self.address, PATIENCE);
        let stream = stream.and_then(|stream| {
            stream.set_nodelay(true)?;
            // A broker that does not read must not block the script forever.
            stream.set_write_timeout(Some(PATIENCE))?;
            Ok(stream)
        });
        let stream =
            stream.map_err(|error| format!("no connection to {}: {error}", self.address))?;
        self.links.push(Some(Link {
            stream,
            framing: wire::framing(wire::MAX_FRAME),
            buffer: BytesMut::new(),
        }));
        Ok(ConnectionId(self.links.len() as u32 - 1))
    }

    fn send(&mut self, conn: ConnectionId, frame: Bytes) {
        let Some(link) = &mut self.links[conn.0 as usize] else { return };
        let mut bytes = BytesMut::new();
        let encoded = link.framing.encode(frame, &mut bytes);
        encoded.expect("a script's request is shorter than the longest frame");
        // The next read will report the same error.
        let _ = link.stream.write_all(&bytes);
    }

    fn receive(&mut self, conn: ConnectionId, patience: Duration) -> Received {
        let Some(link) = &mut self.links[conn.0 as usize] else {
            return Received::Ended(CLOSED.to_owned());
        };
        let end = now() + patience;
        loop {
            match link.framing.decode(&mut link.buffer) {
                Ok(Some(frame)) => return Received::Frame(frame.freeze()),
                Ok(None) => {}
                Err(error) => return Received::Ended(error.to_string()),
            }
            let left = end.saturating_duration_since(now());
            if left.is_zero() {
                return Received::Nothing;
            }
            match link.read(left.max(SHORTEST)) {
                Ok(()) => {}
                Err(Received::Nothing) => return Received::Nothing,
                Err(ended) => return ended,
            }
        }
    }

    fn close(&mut self, conn: ConnectionId) {
        self.links[conn.0 as usize] = None;
    }

    #[expect(clippy::disallowed_methods, reason = "third-party brokers run in real time")]
    fn wait(&mut self, time: Duration) {
        std::thread::sleep(time);
    }

    fn elapsed(&self) -> Duration {
        now().saturating_duration_since(self.began)
    }
}

impl Link {
    /// Reads some bytes, or returns why it cannot.
    fn read(&mut self, patience: Duration) -> Result<(), Received> {
        let mut bytes = [0; 64 << 10];
        let read = self.stream.set_read_timeout(Some(patience));
        match read.and_then(|()| self.stream.read(&mut bytes)) {
            Ok(0) => Err(Received::Ended(CLOSED.to_owned())),
            Ok(count) => {
                self.buffer.extend_from_slice(&bytes[..count]);
                Ok(())
            }
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut => Err(Received::Nothing),
                ErrorKind::Interrupted => Ok(()),
                ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => {
                    Err(Received::Ended(CLOSED.to_owned()))
                }
                _ => Err(Received::Ended(error.to_string())),
            },
        }
    }
}
