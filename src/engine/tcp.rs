//! Real TCP on loopback, and the wall clock.
//!
//! Brokers and consumers are tasks of one thread; their messages go through the kernel. Nothing can break
//! the kernel's loopback, so links are broken by [valves](super::valves) at the broker's end. No two runs
//! are the same: the kernel and the clock see to that. So the same seed is not the same trace here, a line of a
//! schedule may come late when the machine is busy, and a finding may not come again.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::task::{AbortHandle, LocalSet};
use tokio::time::Instant;

use crate::protocol::{BrokerId, GroupId};
use crate::sim::hosted::{Directions, Host, Link};
use crate::sim::schedule::Action;
use crate::time::Time;

use super::api::Engine;
use super::hub::Hub;
use super::inquirer::Inquirer;
use super::net::Net;
use super::shell::{self, Limits};
use super::valves::End;

/// Tasks on one thread, real sockets, real time.
pub(super) struct Tcp {
    runtime: Runtime,
    local: LocalSet,
    start: Instant,
    limits: Limits,
    /// What has been bound and is not used yet.
    listeners: Rc<RefCell<Listeners>>,
    /// The tasks of each host that runs.
    hosts: BTreeMap<Host, Tasks>,
    /// Who asks third-party brokers about groups, where there are such brokers.
    inquirer: Option<Rc<Inquirer>>,
}

type Tasks = Rc<RefCell<Vec<AbortHandle>>>;
type Listeners = BTreeMap<SocketAddr, std::net::TcpListener>;

/// How long it runs at most before whoever lets time pass is asked again, who may have been told to stop.
const SLICE: Duration = Duration::from_millis(100);

impl Tcp {
    /// # Errors
    ///
    /// When the operating system has no event queue for it.
    pub(super) fn new(limits: Limits) -> io::Result<Tcp> {
        Tcp::listening(limits, BTreeMap::new())
    }

    /// The same, with listeners that are there already.
    pub(super) fn listening(limits: Limits, listeners: Listeners) -> io::Result<Tcp> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        // Time before the first step of a run counts too: the clock is the world's, not the run's.
        #[expect(clippy::disallowed_methods, reason = "real time is what this engine is for")]
        let start = Instant::now();
        let listeners = Rc::new(RefCell::new(listeners));
        let (local, hosts) = (LocalSet::new(), BTreeMap::new());
        Ok(Tcp { runtime, local, start, limits, listeners, hosts, inquirer: None })
    }

    /// From now on this is who asks third-party brokers about groups.
    pub(super) fn ask_through(&mut self, inquirer: Inquirer) {
        self.inquirer = Some(Rc::new(inquirer));
    }

    /// Its network, for tasks of no host.
    pub(super) fn net(&self) -> TcpNet {
        let listeners = Rc::clone(&self.listeners);
        TcpNet { start: self.start, tasks: Tasks::default(), listeners }
    }

    /// Runs something on this engine's thread until it is done.
    pub(super) fn block_on<T>(&self, what: impl Future<Output = T>) -> T {
        self.local.block_on(&self.runtime, what)
    }
}

/// An address on loopback that is free now, for each of so many brokers.
///
/// # Errors
///
/// When the operating system gives out no port.
pub(super) fn free_addresses(count: u8) -> io::Result<BTreeMap<BrokerId, SocketAddr>> {
    // All are held before the first is given up, so that no two are the same.
    let taken = (0..count).map(|_| std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
    let taken = taken.collect::<io::Result<Vec<_>>>()?;
    let numbered = (0..).map(BrokerId).zip(&taken);
    numbered.map(|(id, listener)| Ok((id, listener.local_addr()?))).collect()
}

impl Engine for Tcp {
    type Net = TcpNet;

    const LOSES: bool = false;

    /// Other processes of the machine want their time, too.
    const LATENESS: Duration = Duration::from_secs(1);

    fn now(&self) -> Time {
        Time::ZERO + self.start.elapsed()
    }

    fn run(&mut self, hub: &Hub<TcpNet>, limit: Time) {
        let limit = limit.min(self.now() + SLICE);
        let deadline = self.start + limit.since(Time::ZERO);
        self.block_on(async {
            tokio::select! {
                biased;
                () = hub.happened() => {}
                () = tokio::time::sleep_until(deadline) => {}
            }
        });
    }

    fn start(&mut self, hub: &Hub<TcpNet>, host: Host) {
        if self.hosts.contains_key(&host) {
            return;
        }
        let net = self.net();
        self.hosts.insert(host, Rc::clone(&net.tasks));
        let (hub, limits) = (hub.on(net), self.limits);
        self.block_on(async {
            match host {
                Host::Broker(at) => hub.spawn(shell::broker(hub.clone(), at, limits)),
                Host::Consumer(index) => hub.spawn(shell::consumer(hub.clone(), index)),
            }
        });
    }

    fn kill(&mut self, host: Host) {
        for task in self.hosts.remove(&host).iter().flat_map(|tasks| tasks.take()) {
            task.abort();
        }
    }

    fn pause(&mut self, _host: Host) {}

    fn resume(&mut self, _host: Host) {}

    fn cut(&mut self, hub: &Hub<TcpNet>, link: Link, ways: Directions) {
        hub.valves().cut(hub.client_of(link), link.broker, ways);
    }

    fn heal(&mut self, hub: &Hub<TcpNet>, link: Link) {
        hub.valves().heal(hub.client_of(link), link.broker);
    }

    fn isolate(&mut self, hub: &Hub<TcpNet>, host: Host) {
        hub.valves().isolate(end(hub, host));
    }

    fn reconnect(&mut self, hub: &Hub<TcpNet>, host: Host) {
        hub.valves().reconnect(&end(hub, host));
    }

    fn stop_loss(&mut self) {}

    fn clog(&mut self, hub: &Hub<TcpNet>, link: Link, by: Duration) {
        hub.valves().clog(hub.client_of(link), link.broker, by);
    }

    fn describe(&mut self, hub: &Hub<TcpNet>, group: GroupId) {
        let inquirer = self.inquirer.clone();
        let inquirer = inquirer.expect("only third-party brokers are asked about groups");
        let hub = hub.clone();
        self.local.spawn_local(hub.clone().guarded(async move {
            let answer = inquirer.describe(&group).await;
            hub.enter(|sim| sim.described(&group, answer));
        }));
    }

    fn refusal(_action: &Action) -> Option<&'static str> {
        None
    }
}

fn end(hub: &Hub<TcpNet>, host: Host) -> End {
    match host {
        Host::Consumer(index) => End::Client(hub.client(index)),
        Host::Broker(broker) => End::Broker(broker),
    }
}

/// Real sockets, for the tasks of one host.
#[derive(Clone)]
pub(super) struct TcpNet {
    start: Instant,
    tasks: Tasks,
    listeners: Rc<RefCell<Listeners>>,
}

impl Net for TcpNet {
    type Stream = TcpStream;
    type Listener = TcpListener;

    async fn bind(&self, at: SocketAddr) -> io::Result<TcpListener> {
        let bound = self.listeners.borrow_mut().remove(&at);
        match bound {
            Some(listener) => TcpListener::from_std(listener),
            None => TcpListener::bind(at).await,
        }
    }

    async fn accept(&self, listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, peer) = listener.accept().await?;
        stream.set_nodelay(true)?;
        Ok((stream, peer))
    }

    async fn connect(&self, to: SocketAddr) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    async fn resolve(&self, host: &str, port: u16) -> io::Result<SocketAddr> {
        let mut found = tokio::net::lookup_host((host, port)).await?;
        found.next().ok_or_else(|| io::Error::other(format!("{host} has no address")))
    }

    fn local_address(stream: &TcpStream) -> io::Result<SocketAddr> {
        stream.local_addr()
    }

    fn now(&self) -> Time {
        Time::ZERO + self.start.elapsed()
    }

    async fn sleep_until(&self, at: Time) {
        tokio::time::sleep_until(self.start + at.since(Time::ZERO)).await;
    }

    fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        let mut tasks = self.tasks.borrow_mut();
        // Most tasks are connections, which come and go.
        if tasks.len() == tasks.capacity() {
            tasks.retain(|task| !task.is_finished());
        }
        tasks.push(tokio::task::spawn_local(task).abort_handle());
    }
}
