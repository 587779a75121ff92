//! What a script runs on: frames go in and come out on connections, and time passes.

mod ready;
mod settings;
mod tcp;
mod virtual_time;

use std::time::Duration;

use bytes::Bytes;

pub use ready::is_ready;
pub use tcp::TcpBroker;
pub use virtual_time::VirtualBroker;

/// A connection of a script; a name that is closed and opened again is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u32);

/// What was there to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// One frame, without its length prefix.
    Frame(Bytes),
    /// Nothing within the time.
    Nothing,
    /// The connection has ended, for this reason.
    Ended(String),
}

/// Why a connection ends that the broker ends, whether it says goodbye or not.
pub(super) const CLOSED: &str = "closed by the broker";

/// A broker as a script sees it.
pub trait Broker {
    /// Opens a connection.
    ///
    /// # Errors
    ///
    /// When there is no broker, or it takes no more clients.
    fn connect(&mut self) -> Result<ConnectionId, String>;

    /// Sends a frame, without its length prefix. That a connection has ended shows when something
    /// is received.
    fn send(&mut self, conn: ConnectionId, frame: Bytes);

    /// Waits for the next frame of a connection.
    fn receive(&mut self, conn: ConnectionId, patience: Duration) -> Received;

    /// Closes a connection.
    fn close(&mut self, conn: ConnectionId);

    /// Lets time pass.
    fn wait(&mut self, time: Duration);

    /// How much time has passed.
    fn elapsed(&self) -> Duration;
}
