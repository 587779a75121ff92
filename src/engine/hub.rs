//! What the tasks of a run share: the stage, and the post between the stage and the shells.
//!
//! A task enters the stage with what has arrived or come due, and leaves it at once; what the stage wants
//! done is sorted into the mailboxes of those who can do it. A panic on the stage, or of any task, is kept
//! for whoever lets time pass: some engines would swallow it.

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

use crate::cluster::ConnectionId;
use crate::protocol::{Api, BrokerId, RequestFrame, Response, StrBytes, str_bytes};
use crate::sim::Sim;
use crate::sim::hosted::{Fate, Host, Link, Order, fate};
use crate::trace::chosen;
use crate::wire;

use super::folding::Folding;
use super::net::Net;
use super::valves::Valves;

/// What the client's end of a connection is to do. It ends when its sender is dropped: the consumer has
/// closed the connection. What waits here is bounded by the consumer, which has few requests in flight.
pub(super) enum ToBroker {
    /// Send a request; its answer will be one of this API and version.
    Send { correlation: i32, api: Api, version: i16, bytes: Bytes },
    /// The connection is reset.
    Abort,
}

/// What the broker's end of a connection is to do. There is one for each request it has handed over, and it
/// takes up no other request before.
pub(super) enum ToClient {
    /// Send the answer.
    Send(Bytes),
    /// There is no answer to send.
    Nothing,
    /// The connection is to end, and why.
    Abort(&'static str),
}

/// Why a connection ends that a fault has hit.
pub(super) const RESET: &str = "reset";

/// A connection that a consumer wants.
pub(super) struct Dial {
    pub(super) conn: ConnectionId,
    pub(super) to: BrokerId,
    pub(super) mail: UnboundedReceiver<ToBroker>,
}

/// What waits for a host.
#[derive(Default)]
pub(super) struct Mailbox {
    pub(super) dials: RefCell<VecDeque<Dial>>,
    /// Look again: there is something to dial, or the next deadline has changed.
    pub(super) look: Notify,
}

#[derive(Default)]
struct Post {
    /// What only the engine can do.
    engine: Vec<Order>,
    hosts: BTreeMap<Host, Rc<Mailbox>>,
    clients: BTreeMap<ConnectionId, UnboundedSender<ToBroker>>,
    brokers: BTreeMap<ConnectionId, UnboundedSender<ToClient>>,
    /// What the clients call themselves whose connections are at a broker's end.
    names: BTreeMap<ConnectionId, StrBytes>,
    /// Which connections the stage's consumers have made from an address, and no broker has seen yet. There is
    /// more than one when a port is used again while a broken link still holds back what was sent from it.
    dialled: BTreeMap<SocketAddr, Vec<ConnectionId>>,
    /// Where brokers are.
    addresses: BTreeMap<BrokerId, SocketAddr>,
    /// Whether they are where they say they are: then they are found by what Metadata says.
    learns: bool,
    /// The hosts and ports that brokers have named as their own.
    named: BTreeMap<BrokerId, (String, u16)>,
    panic: Option<Box<dyn Any + Send>>,
}

/// Who has made a connection.
enum Dialled {
    /// Nobody whom the stage knows.
    Never,
    /// A consumer.
    By(ConnectionId),
    /// A consumer that has given it up since.
    Forgotten,
}

struct Inner {
    sim: RefCell<Sim>,
    post: RefCell<Post>,
    happened: Notify,
    valves: Valves,
    folding: RefCell<Folding>,
}

/// What the tasks of a run share, and the network of the host they run on; cheap to clone.
#[derive(Clone)]
pub(super) struct Hub<N> {
    shared: Rc<Inner>,
    net: N,
}

impl<N: Net> Hub<N> {
    pub(super) fn new(net: N, sim: Sim, addresses: BTreeMap<BrokerId, SocketAddr>) -> Self {
        let post = Post { addresses, ..Post::default() };
        let (sim, post) = (RefCell::new(sim), RefCell::new(post));
        let (happened, valves) = (Notify::new(), Valves::default());
        let folding = RefCell::default();
        Hub { shared: Rc::new(Inner { sim, post, happened, valves, folding }), net }
    }

    /// What the tasks of a run share whose brokers are somebody else's and say themselves where they are.
    pub(super) fn abroad(net: N, sim: Sim, addresses: BTreeMap<BrokerId, SocketAddr>) -> Self {
        let hub = Hub::new(net, sim, addresses);
        hub.shared.post.borrow_mut().learns = true;
        hub
    }

    /// The same for another host.
    pub(super) fn on(&self, net: N) -> Self {
        Hub { shared: Rc::clone(&self.shared), net }
    }

    pub(super) fn net(&self) -> &N {
        &self.net
    }

    pub(super) fn valves(&self) -> &Valves {
        &self.shared.valves
    }

    /// The client id of the consumer at one end of a link.
    pub(super) fn client_of(&self, link: Link) -> StrBytes {
        self.client(link.consumer)
    }

    /// The client id of a consumer.
    pub(super) fn client(&self, consumer: u16) -> StrBytes {
        str_bytes(self.stage().consumer_name(consumer))
    }

    /// Looks at the stage from outside of all tasks.
    pub(super) fn stage(&self) -> RefMut<'_, Sim> {
        self.shared.sim.borrow_mut()
    }

    /// Enters the stage.
    pub(super) fn enter<R>(&self, act: impl FnOnce(&mut Sim) -> R) -> R {
        let result = {
            let mut sim = self.shared.sim.borrow_mut();
            sim.set_time(self.net.now());
            act(&mut sim)
        };
        self.sort();
        self.shared.happened.notify_one();
        result
    }

    /// Resolves when something has happened on the stage since this last did.
    pub(super) async fn happened(&self) {
        self.shared.happened.notified().await;
    }

    /// Runs a task on the host that calls this.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        self.net.spawn(self.clone().guarded(task));
    }

    /// A task whose panic is kept.
    pub(super) async fn guarded(self, task: impl Future<Output = ()> + 'static) {
        if let Err(panic) = AssertUnwindSafe(task).catch_unwind().await {
            self.shared.post.borrow_mut().panic.get_or_insert(panic);
            self.shared.happened.notify_one();
        }
    }

    /// Panics as the first task has that did.
    pub(super) fn rethrow(&self) {
        let kept = self.shared.post.borrow_mut().panic.take();
        if let Some(kept) = kept {
            panic::resume_unwind(kept);
        }
    }

    /// Takes what only the engine can do.
    pub(super) fn engine_orders(&self) -> Vec<Order> {
        std::mem::take(&mut self.shared.post.borrow_mut().engine)
    }

    pub(super) fn mailbox(&self, host: Host) -> Rc<Mailbox> {
        Rc::clone(self.shared.post.borrow_mut().hosts.entry(host).or_default())
    }

    /// A host is gone, and all that waits for it.
    pub(super) fn forget(&self, host: Host) {
        self.mailbox(host).dials.borrow_mut().clear();
    }

    pub(super) fn address(&self, broker: BrokerId) -> Option<SocketAddr> {
        self.shared.post.borrow().addresses.get(&broker).copied()
    }

    /// Where a broker is, by its address or by the name it goes by.
    pub(super) async fn locate(&self, broker: BrokerId) -> io::Result<SocketAddr> {
        if let Some(address) = self.address(broker) {
            return Ok(address);
        }
        let named = self.shared.post.borrow().named.get(&broker).cloned();
        match named {
            Some((host, port)) => self.net.resolve(&host, port).await,
            None => Err(io::Error::other(format!("nobody knows where {broker} is"))),
        }
    }

    /// Learns from an answer where brokers say that they are.
    pub(super) fn learn(&self, answer: &Response) {
        let mut post = self.shared.post.borrow_mut();
        if let (true, Response::Metadata(answer)) = (post.learns, answer) {
            for broker in &answer.brokers {
                let port = u16::try_from(broker.port).unwrap_or_default();
                let named = (broker.host.as_str().to_owned(), port);
                post.named.insert(BrokerId(broker.node_id.0), named);
            }
        }
    }

    /// The client's end of a connection has an address, by which the broker's end will know it.
    pub(super) fn has_dialled(&self, from: SocketAddr, conn: ConnectionId) {
        let sim = self.shared.sim.borrow();
        let mut post = self.shared.post.borrow_mut();
        let dialled = post.dialled.entry(from).or_default();
        dialled.retain(|earlier| sim.next_request(*earlier).is_some());
        dialled.push(conn);
    }

    /// Who has connected to a broker from an address and begun with a frame, and what the broker's end is to do
    /// for it. None for a connection that its client has forgotten: nothing on it is to arrive any more.
    pub(super) fn accept(
        &self,
        at: BrokerId,
        from: SocketAddr,
        first: &Bytes,
    ) -> Option<(ConnectionId, UnboundedReceiver<ToClient>)> {
        let conn = match self.dialled(from, first) {
            Dialled::Never => self.enter(|sim| sim.stranger_connected(at, shown(from.ip()))),
            Dialled::By(conn) => conn,
            Dialled::Forgotten => return None,
        };
        let (sender, receiver) = unbounded_channel();
        self.shared.post.borrow_mut().brokers.insert(conn, sender);
        Some((conn, receiver))
    }

    /// A consumer counts its requests over all of its connections, so the number of the first one tells which
    /// connection it came on.
    fn dialled(&self, from: SocketAddr, first: &Bytes) -> Dialled {
        let sim = self.shared.sim.borrow();
        let mut post = self.shared.post.borrow_mut();
        let Some(dialled) = post.dialled.get_mut(&from) else { return Dialled::Never };
        let number =
            first.get(4..8).and_then(|bytes| bytes.try_into().ok()).map(i32::from_be_bytes);
        let found = dialled.iter().position(|conn| sim.next_request(*conn) == number);
        let found = found.map(|index| dialled.remove(index));
        if dialled.is_empty() {
            post.dialled.remove(&from);
        }
        found.map_or(Dialled::Forgotten, Dialled::By)
    }

    /// The broker's end of a connection has ended.
    pub(super) fn hung_up(&self, conn: ConnectionId) {
        let mut post = self.shared.post.borrow_mut();
        post.brokers.remove(&conn);
        post.names.remove(&conn);
        drop(post);
        self.enter(|sim| sim.client_is_gone(conn));
    }

    /// What a client calls itself.
    pub(super) fn is_called(&self, conn: ConnectionId, client: &StrBytes) {
        let mut post = self.shared.post.borrow_mut();
        let name = post.names.entry(conn).or_default();
        if name.is_empty() {
            *name = client.clone();
        }
    }

    /// Warns in the log of what a client does, unless it has just been warned of.
    pub(super) fn warn(&self, at: BrokerId, (peer, client): (SocketAddr, &str), what: &str) {
        let now = self.net.now();
        let about = format!("{} {client} {what}", peer.ip());
        // A client may call itself anything, line breaks included.
        let who = match client {
            "" => peer.to_string(),
            client => format!("{} ({peer})", chosen(client)),
        };
        let line = self.shared.folding.borrow_mut().line(now, about, &format!("{who} {what}"));
        if let Some(line) = line {
            tracing::warn!(target: "groupsim", t = %now, node = %at, "{line}");
        }
    }

    /// What the clients call themselves that are connected.
    pub(super) fn clients(&self) -> BTreeSet<StrBytes> {
        let post = self.shared.post.borrow();
        post.names.values().filter(|name| !name.is_empty()).cloned().collect()
    }

    /// What the client at the other end of a connection calls itself, as far as that is known.
    pub(super) fn called(&self, conn: ConnectionId) -> StrBytes {
        self.shared.post.borrow().names.get(&conn).cloned().unwrap_or_default()
    }

    /// Both ends of all connections of a client are to end: how many there are.
    pub(super) fn reset_client(&self, client: &StrBytes) -> usize {
        let post = self.shared.post.borrow();
        let theirs = post.names.iter().filter(|(_, name)| *name == client);
        theirs.map(|(conn, _)| post.to_client(*conn, ToClient::Abort(RESET))).count()
    }

    /// Sorts what the stage wants done.
    pub(super) fn sort(&self) {
        let mut orders = Vec::new();
        self.shared.sim.borrow_mut().take_orders(&mut orders);
        let mut post = self.shared.post.borrow_mut();
        for order in orders {
            post.sort(order);
        }
    }
}

impl Post {
    fn sort(&mut self, order: Order) {
        match order {
            Order::Open { conn, from, to } => {
                let (sender, mail) = unbounded_channel();
                self.clients.insert(conn, sender);
                let host = self.hosts.entry(Host::Consumer(from.index)).or_default();
                host.dials.borrow_mut().push_back(Dial { conn, to, mail });
                host.look.notify_one();
            }
            Order::Wake(host) => self.hosts.entry(host).or_default().look.notify_one(),
            Order::Request(conn, frame) => self.to_broker(conn, request(&frame)),
            Order::Response(conn, request, response) => {
                let mail = match fate(&request.body, &response.body) {
                    // A client may choose a text that its version can send and an answer made of it cannot: a
                    // client id of 32,767 bytes is part of the member id.
                    Fate::Sent => match wire::encode_response(&response, request.version) {
                        Ok(bytes) => ToClient::Send(bytes),
                        Err(_) => ToClient::Abort("the answer cannot be written in this version"),
                    },
                    Fate::Unwanted => ToClient::Nothing,
                    Fate::HangUp => ToClient::Abort("records sent with acks 0 were not taken"),
                };
                self.to_client(conn, mail);
            }
            Order::Swallow(conn) => self.to_client(conn, ToClient::Nothing),
            Order::Close(conn) => drop(self.clients.remove(&conn)),
            Order::Reset(conn) => {
                self.to_broker(conn, ToBroker::Abort);
                self.to_client(conn, ToClient::Abort(RESET));
                self.clients.remove(&conn);
                self.brokers.remove(&conn);
            }
            Order::Start(_)
            | Order::Kill(_)
            | Order::Pause(_)
            | Order::Resume(_)
            | Order::Cut(..)
            | Order::Heal(_)
            | Order::Isolate(_)
            | Order::Reconnect(_)
            | Order::StopLoss
            | Order::Clog(..)
            | Order::Describe(_) => self.engine.push(order),
        }
    }

    /// Nobody minds mail for an end that is gone.
    fn to_broker(&self, conn: ConnectionId, mail: ToBroker) {
        if let Some(sender) = self.clients.get(&conn) {
            let _ = sender.send(mail);
        }
    }

    fn to_client(&self, conn: ConnectionId, mail: ToClient) {
        if let Some(sender) = self.brokers.get(&conn) {
            let _ = sender.send(mail);
        }
    }
}

/// An address as Java shows that of a host without a name: `/127.0.0.1`.
fn shown(ip: IpAddr) -> StrBytes {
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
    use super::shown;

    #[test]
    fn hosts_are_shown_as_java_shows_them() {
        for (ip, text) in [("127.0.0.1", "/127.0.0.1"), ("::1", "/0:0:0:0:0:0:0:1")] {
            assert_eq!(shown(ip.parse().expect("an address")).as_str(), text);
        }
    }
}
