//! What the tasks of a run share: the core, and the messages between the core and the drivers.
//!
//! A task enters the core with an input and leaves it at once. The core's commands are then
//! dispatched to the mailboxes of the drivers, or to the engine. A panic in the core or in any task
//! is kept and raised again by the caller that lets time pass, because some engines would swallow
//! it.

use std::any::Any;
use std::cell::{RefCell, RefMut};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::panic::{self, AssertUnwindSafe};
use std::rc::Rc;

use bytes::Bytes;
use futures_util::FutureExt;
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::broker::ConnectionId;
use crate::protocol::{Api, BrokerId, RequestFrame, Response, StrBytes, str_bytes};
use crate::sim::Sim;
use crate::sim::hosted::{Command, Link, Process, ResponseDelivery, response_delivery};
use crate::trace::printable;
use crate::wire;

use super::link_gates::LinkGates;
use super::log_throttle::LogThrottle;
use super::net::Net;

/// A message for the client's end of a connection. Dropping the sender closes the connection,
/// because the consumer has closed it. The queue is bounded by the consumer, which has few requests
/// in flight.
pub(super) enum ToBroker {
    /// Send a request, whose response will have this API and version.
    Send { correlation: i32, api: Api, version: i16, bytes: Bytes },
    /// The connection is reset.
    Abort,
}

/// A message for the broker's end of a connection. Exactly one follows each request that the end
/// hands over; until then it takes up no other request.
pub(super) enum ToClient {
    /// Send the response.
    Send(Bytes),
    /// There is no response to send.
    Nothing,
    /// Close the connection, for this reason.
    Abort(&'static str),
}

/// The reason of a connection that ends by a reset fault.
pub(super) const RESET: &str = "reset";

/// A connection that a consumer opens.
pub(super) struct Dial {
    pub(super) conn: ConnectionId,
    pub(super) to: BrokerId,
    pub(super) inbox: UnboundedReceiver<ToBroker>,
}

/// What waits for a process.
#[derive(Default)]
pub(super) struct Mailbox {
    pub(super) dials: RefCell<VecDeque<Dial>>,
    /// Notified when there is a connection to open or the next deadline has changed.
    pub(super) wake: Notify,
}

#[derive(Default)]
struct Mailboxes {
    /// Commands that only the engine can carry out.
    engine: Vec<Command>,
    processes: BTreeMap<Process, Rc<Mailbox>>,
    clients: BTreeMap<ConnectionId, UnboundedSender<ToBroker>>,
    brokers: BTreeMap<ConnectionId, UnboundedSender<ToClient>>,
    /// The client ids of the connections that have reached a broker's end.
    client_ids: BTreeMap<ConnectionId, StrBytes>,
    /// The connections that the core's consumers have opened from an address and no broker has
    /// accepted yet. There is more than one if a port is reused while a broken link still holds
    /// what was sent from it.
    pending_dials: BTreeMap<SocketAddr, Vec<ConnectionId>>,
    /// The brokers' addresses.
    addresses: BTreeMap<BrokerId, SocketAddr>,
    /// Whether the brokers advertise their real addresses, so that the router learns them from
    /// Metadata.
    learns_addresses: bool,
    /// The hosts and ports that the brokers advertise.
    advertised: BTreeMap<BrokerId, (String, u16)>,
    panic: Option<Box<dyn Any + Send>>,
}

/// Which client has opened a connection.
enum DialledBy {
    /// An external client, which the core does not know.
    External,
    /// A consumer, on this connection.
    Consumer(ConnectionId),
    /// A consumer that has given the connection up since.
    Abandoned,
}

struct Inner {
    sim: RefCell<Sim>,
    mailboxes: RefCell<Mailboxes>,
    activity: Notify,
    gates: LinkGates,
    log_throttle: RefCell<LogThrottle>,
}

/// What the tasks of a run share, and the network of the process they run on. Cheap to clone.
#[derive(Clone)]
pub struct Router<N> {
    shared: Rc<Inner>,
    net: N,
}

impl<N: Net> Router<N> {
    /// A router for the processes of `sim`, whose brokers are at `addresses`.
    pub fn new(net: N, sim: Sim, addresses: BTreeMap<BrokerId, SocketAddr>) -> Self {
        let mailboxes = Mailboxes { addresses, ..Mailboxes::default() };
        let (sim, mailboxes) = (RefCell::new(sim), RefCell::new(mailboxes));
        let (activity, gates) = (Notify::new(), LinkGates::default());
        let log_throttle = RefCell::default();
        Router { shared: Rc::new(Inner { sim, mailboxes, activity, gates, log_throttle }), net }
    }

    /// A router for third-party brokers, which advertise their own addresses.
    pub(super) fn for_third_party_brokers(
        net: N,
        sim: Sim,
        addresses: BTreeMap<BrokerId, SocketAddr>,
    ) -> Self {
        let router = Router::new(net, sim, addresses);
        router.shared.mailboxes.borrow_mut().learns_addresses = true;
        router
    }

    /// The same router on the network of another process.
    pub(super) fn on(&self, net: N) -> Self {
        Router { shared: Rc::clone(&self.shared), net }
    }

    pub(super) fn net(&self) -> &N {
        &self.net
    }

    pub(super) fn gates(&self) -> &LinkGates {
        &self.shared.gates
    }

    /// The client id of the consumer at one end of a link.
    pub(super) fn link_client_id(&self, link: Link) -> StrBytes {
        self.consumer_client_id(link.consumer)
    }

    /// The client id of a consumer.
    pub(super) fn consumer_client_id(&self, consumer: u16) -> StrBytes {
        str_bytes(self.core().consumer_name(consumer))
    }

    /// Access to the core from outside all tasks.
    pub fn core(&self) -> RefMut<'_, Sim> {
        self.shared.sim.borrow_mut()
    }

    /// Enters the core at the current time, and dispatches its commands.
    pub fn enter<R>(&self, act: impl FnOnce(&mut Sim) -> R) -> R {
        let result = {
            let mut sim = self.shared.sim.borrow_mut();
            sim.set_time(self.net.now());
            act(&mut sim)
        };
        self.dispatch();
        self.shared.activity.notify_one();
        result
    }

    /// Resolves when something has happened in the core since it last resolved.
    pub async fn activity(&self) {
        self.shared.activity.notified().await;
    }

    /// Spawns a task on this router's process.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        self.net.spawn(self.clone().guarded(task));
    }

    /// Runs a task and keeps its panic.
    pub async fn guarded(self, task: impl Future<Output = ()> + 'static) {
        if let Err(panic) = AssertUnwindSafe(task).catch_unwind().await {
            self.shared.mailboxes.borrow_mut().panic.get_or_insert(panic);
            self.shared.activity.notify_one();
        }
    }

    /// Raises the first panic of a task again.
    pub fn rethrow(&self) {
        let kept = self.shared.mailboxes.borrow_mut().panic.take();
        if let Some(kept) = kept {
            panic::resume_unwind(kept);
        }
    }

    /// Takes the commands that only the engine can carry out.
    pub fn engine_commands(&self) -> Vec<Command> {
        std::mem::take(&mut self.shared.mailboxes.borrow_mut().engine)
    }

    pub(super) fn mailbox(&self, process: Process) -> Rc<Mailbox> {
        Rc::clone(self.shared.mailboxes.borrow_mut().processes.entry(process).or_default())
    }

    /// Drops everything that waits for a process that has ended.
    pub(super) fn drop_dials(&self, process: Process) {
        self.mailbox(process).dials.borrow_mut().clear();
    }

    pub(super) fn address(&self, broker: BrokerId) -> Option<SocketAddr> {
        self.shared.mailboxes.borrow().addresses.get(&broker).copied()
    }

    /// The address of a broker: a known one, or the resolved host that the broker advertises.
    pub(super) async fn locate(&self, broker: BrokerId) -> io::Result<SocketAddr> {
        if let Some(address) = self.address(broker) {
            return Ok(address);
        }
        let advertised = self.shared.mailboxes.borrow().advertised.get(&broker).cloned();
        match advertised {
            Some((host, port)) => self.net.resolve(&host, port).await,
            None => Err(io::Error::other(format!("the address of {broker} is not known"))),
        }
    }

    /// Learns from a Metadata response where the brokers are.
    pub(super) fn learn_addresses(&self, response: &Response) {
        let mut mailboxes = self.shared.mailboxes.borrow_mut();
        if let (true, Response::Metadata(metadata)) = (mailboxes.learns_addresses, response) {
            for broker in &metadata.brokers {
                let port = u16::try_from(broker.port).unwrap_or_default();
                let advertised = (broker.host.as_str().to_owned(), port);
                mailboxes.advertised.insert(BrokerId(broker.node_id.0), advertised);
            }
        }
    }

    /// Registers the address of the client's end of a connection, by which the broker's end
    /// identifies it.
    pub(super) fn register_dial(&self, from: SocketAddr, conn: ConnectionId) {
        let sim = self.shared.sim.borrow();
        let mut mailboxes = self.shared.mailboxes.borrow_mut();
        let pending = mailboxes.pending_dials.entry(from).or_default();
        pending.retain(|earlier| sim.next_request(*earlier).is_some());
        pending.push(conn);
    }

    /// Identifies the client that has connected to a broker from an address, by its first frame,
    /// and returns the connection with the messages for the broker's end. `None` for a connection
    /// that its client has given up: nothing on it may arrive any more.
    pub(super) fn accept(
        &self,
        at: BrokerId,
        from: SocketAddr,
        first: &Bytes,
    ) -> Option<(ConnectionId, UnboundedReceiver<ToClient>)> {
        let conn = match self.identify(from, first) {
            DialledBy::External => {
                self.enter(|sim| sim.external_client_connected(at, java_host(from.ip())))
            }
            DialledBy::Consumer(conn) => conn,
            DialledBy::Abandoned => return None,
        };
        let (sender, receiver) = unbounded_channel();
        self.shared.mailboxes.borrow_mut().brokers.insert(conn, sender);
        Some((conn, receiver))
    }

    /// A consumer numbers its requests across all of its connections, so the correlation id of the
    /// first request identifies the connection.
    fn identify(&self, from: SocketAddr, first: &Bytes) -> DialledBy {
        let sim = self.shared.sim.borrow();
        let mut mailboxes = self.shared.mailboxes.borrow_mut();
        let Some(pending) = mailboxes.pending_dials.get_mut(&from) else {
            return DialledBy::External;
        };
        let number =
            first.get(4..8).and_then(|bytes| bytes.try_into().ok()).map(i32::from_be_bytes);
        let found = pending.iter().position(|conn| sim.next_request(*conn) == number);
        let found = found.map(|index| pending.remove(index));
        if pending.is_empty() {
            mailboxes.pending_dials.remove(&from);
        }
        found.map_or(DialledBy::Abandoned, DialledBy::Consumer)
    }

    /// The broker's end of a connection has ended.
    pub(super) fn connection_ended(&self, conn: ConnectionId) {
        let mut mailboxes = self.shared.mailboxes.borrow_mut();
        mailboxes.brokers.remove(&conn);
        mailboxes.client_ids.remove(&conn);
        drop(mailboxes);
        self.enter(|sim| sim.client_disconnected(conn));
    }

    /// Records the client id of a connection's client.
    pub(super) fn record_client_id(&self, conn: ConnectionId, client: &StrBytes) {
        let mut mailboxes = self.shared.mailboxes.borrow_mut();
        let name = mailboxes.client_ids.entry(conn).or_default();
        if name.is_empty() {
            *name = client.clone();
        }
    }

    /// Logs a warning about a client, unless the same warning was logged recently.
    pub(super) fn warn(&self, at: BrokerId, (peer, client): (SocketAddr, &str), text: &str) {
        let now = self.net.now();
        let about = format!("{} {client} {text}", peer.ip());
        // A client id may contain anything, including line breaks.
        let who = match client {
            "" => peer.to_string(),
            client => format!("{} ({peer})", printable(client)),
        };
        let line = self.shared.log_throttle.borrow_mut().line(now, about, &format!("{who} {text}"));
        if let Some(line) = line {
            tracing::warn!(target: "groupsim", t = %now, node = %at, "{line}");
        }
    }

    /// The client ids of the connected clients.
    pub(super) fn connected_clients(&self) -> BTreeSet<StrBytes> {
        let mailboxes = self.shared.mailboxes.borrow();
        mailboxes.client_ids.values().filter(|name| !name.is_empty()).cloned().collect()
    }

    /// The client id of the client at the other end of a connection; empty if unknown.
    pub(super) fn client_id(&self, conn: ConnectionId) -> StrBytes {
        self.shared.mailboxes.borrow().client_ids.get(&conn).cloned().unwrap_or_default()
    }

    /// Resets all connections of a client and returns their number.
    pub(super) fn reset_client(&self, client: &StrBytes) -> usize {
        let mailboxes = self.shared.mailboxes.borrow();
        let theirs = mailboxes.client_ids.iter().filter(|(_, name)| *name == client);
        theirs.map(|(conn, _)| mailboxes.to_client(*conn, ToClient::Abort(RESET))).count()
    }

    /// Dispatches the core's commands.
    pub fn dispatch(&self) {
        let mut commands = Vec::new();
        self.shared.sim.borrow_mut().take_commands(&mut commands);
        let mut mailboxes = self.shared.mailboxes.borrow_mut();
        for command in commands {
            mailboxes.dispatch(command);
        }
    }
}

impl Mailboxes {
    fn dispatch(&mut self, command: Command) {
        match command {
            Command::Open { conn, from, to } => {
                let (sender, inbox) = unbounded_channel();
                self.clients.insert(conn, sender);
                let mailbox = self.processes.entry(Process::Consumer(from.index)).or_default();
                mailbox.dials.borrow_mut().push_back(Dial { conn, to, inbox });
                mailbox.wake.notify_one();
            }
            Command::Wake(process) => self.processes.entry(process).or_default().wake.notify_one(),
            Command::Request(conn, frame) => self.to_broker(conn, request(&frame)),
            Command::Response(conn, request, response) => {
                let message = match response_delivery(&request.body, &response.body) {
                    // A client may choose a string that its request version can carry but the
                    // response cannot: a client id of 32,767 bytes is part of the member id.
                    ResponseDelivery::Sent => {
                        match wire::encode_response(&response, request.version) {
                            Ok(bytes) => ToClient::Send(bytes),
                            Err(_) => {
                                ToClient::Abort("the response cannot be encoded in this version")
                            }
                        }
                    }
                    ResponseDelivery::Unwanted => ToClient::Nothing,
                    ResponseDelivery::Disconnect => {
                        ToClient::Abort("records sent with acks=0 were not appended")
                    }
                };
                self.to_client(conn, message);
            }
            Command::Swallow(conn) => self.to_client(conn, ToClient::Nothing),
            Command::Close(conn) => drop(self.clients.remove(&conn)),
            Command::Reset(conn) => {
                self.to_broker(conn, ToBroker::Abort);
                self.to_client(conn, ToClient::Abort(RESET));
                self.clients.remove(&conn);
                self.brokers.remove(&conn);
            }
            Command::Start(_)
            | Command::Kill(_)
            | Command::Pause(_)
            | Command::Resume(_)
            | Command::Cut(..)
            | Command::Heal(_)
            | Command::Isolate(_)
            | Command::Reconnect(_)
            | Command::StopLoss
            | Command::Clog(..)
            | Command::Describe(_) => self.engine.push(command),
        }
    }

    /// A message to an end that is gone is dropped.
    fn to_broker(&self, conn: ConnectionId, message: ToBroker) {
        if let Some(sender) = self.clients.get(&conn) {
            let _ = sender.send(message);
        }
    }

    fn to_client(&self, conn: ConnectionId, message: ToClient) {
        if let Some(sender) = self.brokers.get(&conn) {
            let _ = sender.send(message);
        }
    }
}

/// An address as Java prints that of an unresolved host: `/127.0.0.1`.
fn java_host(ip: IpAddr) -> StrBytes {
    let text = match ip {
        IpAddr::V4(ip) => format!("/{ip}"),
        IpAddr::V6(ip) => format!("/{}", ip.segments().map(|part| format!("{part:x}")).join(":")),
    };
    str_bytes(&text)
}

fn request(frame: &RequestFrame) -> ToBroker {
    let bytes = wire::encode_request(frame);
    ToBroker::Send {
        correlation: frame.correlation,
        api: frame.body.api(),
        version: frame.version,
        bytes: bytes.unwrap_or_else(|bad| panic!("our own request: {bad}")),
    }
}

#[cfg(test)]
mod tests {
    use super::java_host;

    #[test]
    fn hosts_are_printed_as_java_prints_them() {
        for (ip, text) in [("127.0.0.1", "/127.0.0.1"), ("::1", "/0:0:0:0:0:0:0:1")] {
            assert_eq!(java_host(ip.parse().expect("an address")).as_str(), text);
        }
    }
}
