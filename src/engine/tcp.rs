//! Real TCP on loopback, and the wall clock.
//!
//! Brokers and consumers are tasks of one thread; their messages go through the kernel. The
//! kernel's loopback cannot be broken, so [link gates](super::link_gates) at the broker's end break
//! links. Kernel and clock make every run different: the same seed does not give the same trace, a
//! step may be late when the machine is busy, and a finding may not be reproducible.

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
use crate::run::{Report, Run};
use crate::sim::hosted::{Directions, Link, Process};
use crate::sim::schedule::Action;
use crate::time::Time;

use super::Refused;
use super::api::Engine;
use super::async_engine::AsyncEngine;
use super::driver::{self, Limits};
use super::group_describer::GroupDescriber;
use super::link_gates::End;
use super::net::Net;
use super::router::Router;
use super::world::on_own_thread;

/// Tasks on one thread, real sockets, real time.
pub(super) struct Tcp {
    runtime: Runtime,
    local: LocalSet,
    start: Instant,
    limits: Limits,
    /// Sockets that are bound but not used yet.
    listeners: Rc<RefCell<Listeners>>,
    /// The tasks of each process that runs.
    processes: BTreeMap<Process, Tasks>,
    /// Describes the groups of third-party brokers, if the brokers are third-party ones.
    describer: Option<Rc<GroupDescriber>>,
}

type Tasks = Rc<RefCell<Vec<AbortHandle>>>;
type Listeners = BTreeMap<SocketAddr, std::net::TcpListener>;

/// The longest time that the engine runs before it returns to the driver, which may have been asked
/// to stop.
const SLICE: Duration = Duration::from_millis(100);

impl Tcp {
    /// # Errors
    ///
    /// When the operating system has no event queue for it.
    pub(super) fn new(limits: Limits) -> io::Result<Tcp> {
        Tcp::listening(limits, BTreeMap::new())
    }

    /// Like [`new`](Self::new), with sockets that are already bound.
    pub(super) fn listening(limits: Limits, listeners: Listeners) -> io::Result<Tcp> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        // Time before the first step counts too: the clock belongs to the world, not to the run.
        #[expect(clippy::disallowed_methods, reason = "real time is what this engine is for")]
        let start = Instant::now();
        let listeners = Rc::new(RefCell::new(listeners));
        let (local, processes) = (LocalSet::new(), BTreeMap::new());
        Ok(Tcp { runtime, local, start, limits, listeners, processes, describer: None })
    }

    /// Sets the client that describes the groups of third-party brokers.
    pub(super) fn describe_through(&mut self, describer: GroupDescriber) {
        self.describer = Some(Rc::new(describer));
    }

    /// The engine's network, for tasks outside of any process.
    pub(super) fn net(&self) -> TcpNet {
        let listeners = Rc::clone(&self.listeners);
        TcpNet { start: self.start, tasks: Tasks::default(), listeners }
    }

    /// Runs a future on this engine's thread until it completes.
    pub(super) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.local.block_on(&self.runtime, future)
    }
}

/// The engine for runs whose brokers listen on loopback, for [`find`](super::async_engine::find).
pub(super) struct Loopback;

impl AsyncEngine for Loopback {
    fn loses(&self) -> bool {
        Tcp::LOSES
    }

    fn refusal(&self, action: &Action) -> Option<&'static str> {
        Tcp::refusal(action)
    }

    fn run(&self, run: Run<'_>) -> Result<Report, Refused> {
        let addresses = free_addresses(run.schedule.broker.count)
            .map_err(|error| Refused::Engine(format!("no free port on loopback: {error}")))?;
        Ok(on_own_thread(run, |_| {
            let engine = Tcp::new(Limits::NONE)
                .unwrap_or_else(|error| panic!("cannot create an event queue: {error}"));
            let net = engine.net();
            (engine, net, addresses)
        }))
    }
}

/// A free loopback address for each of `count` brokers.
///
/// # Errors
///
/// When the operating system has no free port.
fn free_addresses(count: u8) -> io::Result<BTreeMap<BrokerId, SocketAddr>> {
    // All ports are held before the first is released, so that no two are the same.
    let taken = (0..count).map(|_| std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
    let taken = taken.collect::<io::Result<Vec<_>>>()?;
    let numbered = (0..).map(BrokerId).zip(&taken);
    numbered.map(|(id, listener)| Ok((id, listener.local_addr()?))).collect()
}

impl Engine for Tcp {
    type Net = TcpNet;

    const LOSES: bool = false;

    /// Other processes of the machine need CPU time, too.
    const LATENESS: Duration = Duration::from_secs(1);

    fn now(&self) -> Time {
        Time::ZERO + self.start.elapsed()
    }

    fn run(&mut self, router: &Router<TcpNet>, limit: Time) {
        let limit = limit.min(self.now() + SLICE);
        let deadline = self.start + limit.since(Time::ZERO);
        self.block_on(async {
            tokio::select! {
                biased;
                () = router.activity() => {}
                () = tokio::time::sleep_until(deadline) => {}
            }
        });
    }

    fn start(&mut self, router: &Router<TcpNet>, process: Process) {
        if self.processes.contains_key(&process) {
            return;
        }
        let net = self.net();
        self.processes.insert(process, Rc::clone(&net.tasks));
        let (router, limits) = (router.on(net), self.limits);
        self.block_on(async {
            match process {
                Process::Broker(at) => router.spawn(driver::broker(router.clone(), at, limits)),
                Process::Consumer(index) => router.spawn(driver::consumer(router.clone(), index)),
            }
        });
    }

    fn kill(&mut self, process: Process) {
        for task in self.processes.remove(&process).iter().flat_map(|tasks| tasks.take()) {
            task.abort();
        }
    }

    fn pause(&mut self, _process: Process) {}

    fn resume(&mut self, _process: Process) {}

    fn cut(&mut self, router: &Router<TcpNet>, link: Link, directions: Directions) {
        router.gates().cut(router.link_client_id(link), link.broker, directions);
    }

    fn heal(&mut self, router: &Router<TcpNet>, link: Link) {
        router.gates().heal(router.link_client_id(link), link.broker);
    }

    fn isolate(&mut self, router: &Router<TcpNet>, process: Process) {
        router.gates().isolate(end(router, process));
    }

    fn reconnect(&mut self, router: &Router<TcpNet>, process: Process) {
        router.gates().reconnect(&end(router, process));
    }

    fn stop_loss(&mut self) {}

    fn clog(&mut self, router: &Router<TcpNet>, link: Link, by: Duration) {
        router.gates().clog(router.link_client_id(link), link.broker, by);
    }

    fn describe(&mut self, router: &Router<TcpNet>, group: GroupId) {
        let describer = self.describer.clone();
        let describer = describer.expect("groups are described for third-party brokers only");
        let router = router.clone();
        self.local.spawn_local(router.clone().guarded(async move {
            let result = describer.describe(&group).await;
            router.enter(|sim| sim.on_described(&group, result));
        }));
    }

    fn refusal(_action: &Action) -> Option<&'static str> {
        None
    }
}

fn end(router: &Router<TcpNet>, process: Process) -> End {
    match process {
        Process::Consumer(index) => End::Client(router.consumer_client_id(index)),
        Process::Broker(broker) => End::Broker(broker),
    }
}

/// Real sockets, for the tasks of one process.
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
