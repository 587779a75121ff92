//! What a driver needs from an engine: a network, a clock, and a way to spawn tasks.
//!
//! One thread runs everything, so nothing has to be `Send`. Drivers need no randomness: all
//! randomness of a run comes from its seed, and an engine draws its own from its own generator.

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::time::Time;

/// A network, a clock and a spawner. A task belongs to the process that spawns it and ends with it.
pub trait Net: Clone + 'static {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + 'static;
    /// A listening socket.
    type Listener: 'static;

    /// Listens at an address.
    fn bind(&self, at: SocketAddr) -> impl Future<Output = io::Result<Self::Listener>>;

    /// Accepts the next client: its connection and its address.
    fn accept(
        &self,
        listener: &Self::Listener,
    ) -> impl Future<Output = io::Result<(Self::Stream, SocketAddr)>>;

    /// Connects to an address.
    fn connect(&self, to: SocketAddr) -> impl Future<Output = io::Result<Self::Stream>>;

    /// Resolves a host name to an address.
    fn resolve(&self, host: &str, port: u16) -> impl Future<Output = io::Result<SocketAddr>> {
        let address = host.parse().map(|ip| SocketAddr::new(ip, port));
        let unknown = format!("no host {host} on this network");
        std::future::ready(address.map_err(|_| io::Error::other(unknown)))
    }

    /// The address of this end of a connection.
    ///
    /// # Errors
    ///
    /// When the connection is gone.
    fn local_address(stream: &Self::Stream) -> io::Result<SocketAddr>;

    /// The time since the run began.
    fn now(&self) -> Time;

    /// Sleeps until `at`.
    fn sleep_until(&self, at: Time) -> impl Future<Output = ()>;

    /// Runs a task concurrently, on the same process as the caller.
    fn spawn(&self, task: impl Future<Output = ()> + 'static);
}
