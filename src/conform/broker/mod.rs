//! The brokers that scripts run on: connections that send and receive frames, and a clock.

mod ready;
mod settings;
mod tcp;
mod virtual_time;

use std::time::Duration;

use bytes::Bytes;

pub use ready::is_ready;
pub use tcp::TcpBroker;
pub use virtual_time::VirtualBroker;

/// A connection of a script. A name that is closed and opened again is another connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u32);

/// The result of a read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// One frame, without its length prefix.
    Frame(Bytes),
    /// No frame arrived in time.
    Nothing,
    /// The connection has ended, with the reason.
    Ended(String),
}

/// The reason when the broker ends a connection, by a close or a reset.
pub(super) const CLOSED: &str = "closed by the broker";

/// A broker as a script sees it.
pub trait Broker {
    /// Opens a connection.
    ///
    /// # Errors
    ///
    /// When there is no broker, or it accepts no more clients.
    fn connect(&mut self) -> Result<ConnectionId, String>;

    /// Sends a frame, without its length prefix. If the connection has ended, the next
    /// [`receive`](Broker::receive) reports it.
    fn send(&mut self, conn: ConnectionId, frame: Bytes);

    /// Waits for the next frame of a connection, at most for `patience`.
    fn receive(&mut self, conn: ConnectionId, patience: Duration) -> Received;

    /// Closes a connection.
    fn close(&mut self, conn: ConnectionId);

    /// Lets time pass.
    fn wait(&mut self, time: Duration);

    /// The time since the broker was created.
    fn elapsed(&self) -> Duration;
}
