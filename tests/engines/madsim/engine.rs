//! madsim: nodes, a simulated TCP that retransmits lost packets, and a scheduler that runs ready
//! tasks in random order.
//!
//! | in a schedule | on madsim |
//! |---|---|
//! | partition, heal | `clog_link`, `unclog_link`; nothing passes, retries back off up to 10 s |
//! | isolate, reconnect | `clog_node`, `unclog_node` |
//! | `loss=` | `packet_loss_rate`; a lost first message refuses the connection |
//! | crash, restart | `kill`, `restart` |
//! | pause, resume | `pause`, `resume`: the node's tasks are suspended |
//! | skew | done by the driver, which reads another clock |
//! | clog | refused: there is one latency for the whole network |
//! | `race=` | refused: requests cannot be delayed to race deadlines |
//!
//! Not guaranteed: that a link is fast as soon as it is healed, because what waits there retries
//! only after a pause that has doubled in the meantime; that an end stays silent when its peer dies
//! behind a cut, because the end of a connection crosses any cut; and time finer than a
//! millisecond. A closed port is reused at once, so a connection is identified by its first
//! request, not by its address alone.
//!
//! Determinism: the same seed gives the same trace, and madsim's own check confirms that a second
//! run draws the same random numbers at the same points. Each run has its own thread, because the
//! standard library seeds its hash maps once per thread.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use madsim::net::{NetSim, TcpListener, TcpStream};
use madsim::runtime::Runtime;
use madsim::task::NodeId;

use groupsim::engine::plug::{self, Engine, Limits, Net, Plug, Router};
use groupsim::sim::hosted::{Directions, Link, Process};
use groupsim::sim::schedule::{Action, Schedule};
use groupsim::time::Time;

/// madsim for [`plug::plug_in`].
pub static MADSIM: Plug<Madsim> =
    Plug(|schedule| (Madsim::new(schedule), MadsimNet, plug::addresses_of_brokers(schedule)));

thread_local! {
    /// The router of the run on this thread. A node's first task is created by a closure that must
    /// be `Send`, which a router is not.
    pub static ROUTER: RefCell<Option<Router<MadsimNet>>> = const { RefCell::new(None) };
}

pub struct Madsim {
    runtime: Runtime,
    /// The processes that were ever started: their nodes, and whether they run.
    processes: BTreeMap<Process, (NodeId, bool)>,
    /// The time when the nodes last stood still. Asking the runtime for it would let them run.
    now: Time,
}

impl Madsim {
    pub fn new(schedule: &Schedule) -> Madsim {
        let mut config = madsim::Config::default();
        config.net.packet_loss_rate = f64::from(schedule.network.loss) / 1_000.0;
        config.net.send_latency =
            *schedule.network.latency.start()..*schedule.network.latency.end();
        let runtime = Runtime::with_seed_and_config(schedule.seed, config);
        Madsim { runtime, processes: BTreeMap::new(), now: Time::ZERO }
    }

    fn node(&self, process: Process) -> NodeId {
        self.processes[&process].0
    }

    fn ends(&self, link: Link) -> (NodeId, NodeId) {
        (self.node(Process::Consumer(link.consumer)), self.node(Process::Broker(link.broker)))
    }

    fn on_network(&self, use_network: impl FnOnce(&NetSim)) {
        self.runtime.block_on(async { use_network(&NetSim::current()) });
    }
}

impl Engine for Madsim {
    type Net = MadsimNet;

    const LOSES: bool = true;

    /// A sleep takes at least a millisecond, and each poll of a task takes a moment.
    const LATENESS: Duration = Duration::from_millis(5);

    fn now(&self) -> Time {
        self.now
    }

    fn run(&mut self, router: &Router<MadsimNet>, limit: Time) {
        // Even a sleep of zero would take a millisecond.
        if self.now >= limit {
            return;
        }
        self.now = self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = router.activity() => {}
                () = MadsimNet.sleep_until(limit) => {}
            }
            MadsimNet.now()
        });
    }

    fn start(&mut self, router: &Router<MadsimNet>, process: Process) {
        match self.processes.get_mut(&process) {
            Some((_, true)) => {}
            Some((node, runs)) => {
                *runs = true;
                let node = *node;
                self.runtime.handle().restart(node);
            }
            None => {
                ROUTER.set(Some(router.clone()));
                let node = self.runtime.create_node();
                let node = node.ip(plug::address_of(process)).init(move || run(process)).build();
                self.processes.insert(process, (node.id(), true));
            }
        }
    }

    fn kill(&mut self, process: Process) {
        if let Some((node, runs)) = self.processes.get_mut(&process)
            && std::mem::take(runs)
        {
            let node = *node;
            self.runtime.handle().kill(node);
        }
    }

    fn pause(&mut self, process: Process) {
        self.runtime.handle().pause(self.node(process));
    }

    fn resume(&mut self, process: Process) {
        self.runtime.handle().resume(self.node(process));
    }

    fn cut(&mut self, _router: &Router<MadsimNet>, link: Link, directions: Directions) {
        let (consumer, broker) = self.ends(link);
        self.on_network(|net| {
            if directions.up {
                net.clog_link(consumer, broker);
            }
            if directions.down {
                net.clog_link(broker, consumer);
            }
        });
    }

    fn heal(&mut self, _router: &Router<MadsimNet>, link: Link) {
        let (consumer, broker) = self.ends(link);
        self.on_network(|net| {
            net.unclog_link(consumer, broker);
            net.unclog_link(broker, consumer);
        });
    }

    fn isolate(&mut self, _router: &Router<MadsimNet>, process: Process) {
        let node = self.node(process);
        self.on_network(|net| net.clog_node(node));
    }

    fn reconnect(&mut self, _router: &Router<MadsimNet>, process: Process) {
        let node = self.node(process);
        self.on_network(|net| net.unclog_node(node));
    }

    fn stop_loss(&mut self) {
        self.on_network(|net| net.update_config(|config| config.packet_loss_rate = 0.0));
    }

    fn clog(&mut self, _router: &Router<MadsimNet>, link: Link, by: Duration) {
        assert!(by.is_zero(), "{link:?}: clogs are refused before the run");
    }

    fn refusal(action: &Action) -> Option<&'static str> {
        match action {
            Action::Clog(..) | Action::Unclog(..) => Some(
                "madsim has one latency for the whole network and cannot clog a single link; \
                 use the engine sim, turmoil or tcp",
            ),
            _ => None,
        }
    }
}

/// The first task of a process, in each of its incarnations.
pub async fn run(process: Process) {
    let router = ROUTER.with_borrow(Clone::clone).expect("a process of a run");
    let task = router.clone();
    match process {
        Process::Broker(at) => task.guarded(plug::broker(router, at, Limits::NONE)).await,
        Process::Consumer(index) => task.guarded(plug::consumer(router, index)).await,
    }
}

/// madsim's network, from inside a node.
#[derive(Clone, Copy)]
pub struct MadsimNet;

impl Net for MadsimNet {
    type Stream = TcpStream;
    type Listener = TcpListener;

    async fn bind(&self, at: SocketAddr) -> io::Result<TcpListener> {
        TcpListener::bind(at).await
    }

    async fn accept(&self, listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
        listener.accept().await
    }

    async fn connect(&self, to: SocketAddr) -> io::Result<TcpStream> {
        TcpStream::connect(to).await
    }

    fn local_address(stream: &TcpStream) -> io::Result<SocketAddr> {
        stream.local_addr()
    }

    fn now(&self) -> Time {
        Time::ZERO + madsim::time::TimeHandle::current().elapsed()
    }

    async fn sleep_until(&self, at: Time) {
        madsim::time::sleep(at.since(self.now())).await;
    }

    fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        madsim::task::spawn_local(task);
    }
}
