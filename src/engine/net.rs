//! What a shell needs of an engine: a network, a clock, and somewhere to run tasks.
//!
//! One thread runs everything, so nothing has to be `Send`. Randomness is not asked for: all luck of a run
//! comes from its seed, and what an engine adds of its own it draws from its own.

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::time::Time;

/// A network, a clock and a place for tasks. The tasks belong to the host that spawns them and end with it.
pub trait Net: Clone + 'static {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + 'static;
    /// Somewhere to connect to.
    type Listener: 'static;

    /// Listens at an address.
    fn bind(&self, at: SocketAddr) -> impl Future<Output = io::Result<Self::Listener>>;

    /// Waits for the next client: the connection, and the client's address.
    fn accept(
        &self,
        listener: &Self::Listener,
    ) -> impl Future<Output = io::Result<(Self::Stream, SocketAddr)>>;

    /// Connects to an address.
    fn connect(&self, to: SocketAddr) -> impl Future<Output = io::Result<Self::Stream>>;

    /// The address of a host that goes by a name.
    fn resolve(&self, host: &str, port: u16) -> impl Future<Output = io::Result<SocketAddr>> {
        let address = host.parse().map(|ip| SocketAddr::new(ip, port));
        let unknown = format!("nobody on this network is called {host}");
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

    /// Waits until a time has come.
    fn sleep_until(&self, at: Time) -> impl Future<Output = ()>;

    /// Runs a task beside the one that calls this, on the same host.
    fn spawn(&self, task: impl Future<Output = ()> + 'static);
}
