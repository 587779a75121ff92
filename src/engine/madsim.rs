//! madsim: hosts, a simulated TCP that sends again what was lost, and a scheduler that runs ready tasks in a
//! random order.
//!
//! | of a schedule | on madsim |
//! |---|---|
//! | a cut, either way, healed | `clog_link`, `unclog_link`: nothing passes meanwhile; it backs off up to 10 s before it tries again |
//! | isolate, reconnect | `clog_node`, `unclog_node` |
//! | `loss=` | `packet_loss_rate`: what is lost is sent again after a pause, and a lost first message refuses the connection |
//! | crash, restart | `kill`, `restart` |
//! | pause, resume | `pause`, `resume`: the tasks of the host stand still |
//! | skew | the shell's own: a host's driver reads another clock |
//! | clog | refused: there is one latency for the whole network |
//! | what has no place here | `aim`: deliveries cannot be aimed at deadlines |
//!
//! What it cannot promise: that a link is quick again as soon as it is healed, because what waits there looks only
//! after a pause that has doubled meanwhile; that an end is silent when its peer dies behind a cut, because the
//! end of a connection crosses any cut; and time finer than a millisecond. A port that is given up is given out
//! again at once, so who a connection belongs to is told by its first request, not by its address alone.
//!
//! Determinism: the same seed gives the same trace, and madsim's own check agrees that a second run draws the same
//! random numbers at the same points. Each run has a thread of its own, because the standard
//! library seeds its hash maps once a thread.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use madsim::net::{NetSim, TcpListener, TcpStream};
use madsim::runtime::Runtime;
use madsim::task::NodeId;

use crate::sim::hosted::{Directions, Host, Link};
use crate::sim::schedule::{Action, Schedule};
use crate::time::Time;

use super::addresses;
use super::api::Engine;
use super::hub::Hub;
use super::net::Net;
use super::shell::{self, Limits};

thread_local! {
    /// The hub of the run on this thread. What makes a host's first task has to be `Send`, which no hub is.
    static HUB: RefCell<Option<Hub<MadsimNet>>> = const { RefCell::new(None) };
}

pub(super) struct Madsim {
    runtime: Runtime,
    /// The hosts that were ever started, and whether they run.
    hosts: BTreeMap<Host, (NodeId, bool)>,
    /// The time when the hosts last stood still: asking the runtime would let them run.
    now: Time,
}

impl Madsim {
    pub(super) fn new(schedule: &Schedule) -> Madsim {
        let mut config = madsim::Config::default();
        config.net.packet_loss_rate = f64::from(schedule.network.loss) / 1_000.0;
        config.net.send_latency =
            *schedule.network.latency.start()..*schedule.network.latency.end();
        let runtime = Runtime::with_seed_and_config(schedule.seed, config);
        Madsim { runtime, hosts: BTreeMap::new(), now: Time::ZERO }
    }

    fn node(&self, host: Host) -> NodeId {
        self.hosts[&host].0
    }

    fn ends(&self, link: Link) -> (NodeId, NodeId) {
        (self.node(Host::Consumer(link.consumer)), self.node(Host::Broker(link.broker)))
    }

    fn on_network(&self, what: impl FnOnce(&NetSim)) {
        self.runtime.block_on(async { what(&NetSim::current()) });
    }
}

impl Engine for Madsim {
    type Net = MadsimNet;

    const LOSES: bool = true;

    /// It sleeps for a millisecond at least, and each poll of a task takes a moment.
    const LATENESS: Duration = Duration::from_millis(5);

    fn now(&self) -> Time {
        self.now
    }

    fn run(&mut self, hub: &Hub<MadsimNet>, limit: Time) {
        // Even a sleep of no time would take it a millisecond.
        if self.now >= limit {
            return;
        }
        self.now = self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = hub.happened() => {}
                () = MadsimNet.sleep_until(limit) => {}
            }
            MadsimNet.now()
        });
    }

    fn start(&mut self, hub: &Hub<MadsimNet>, host: Host) {
        match self.hosts.get_mut(&host) {
            Some((_, true)) => {}
            Some((node, runs)) => {
                *runs = true;
                let node = *node;
                self.runtime.handle().restart(node);
            }
            None => {
                HUB.set(Some(hub.clone()));
                let node = self.runtime.create_node();
                let node = node.ip(addresses::of(host)).init(move || run(host)).build();
                self.hosts.insert(host, (node.id(), true));
            }
        }
    }

    fn kill(&mut self, host: Host) {
        if let Some((node, runs)) = self.hosts.get_mut(&host)
            && std::mem::take(runs)
        {
            let node = *node;
            self.runtime.handle().kill(node);
        }
    }

    fn pause(&mut self, host: Host) {
        self.runtime.handle().pause(self.node(host));
    }

    fn resume(&mut self, host: Host) {
        self.runtime.handle().resume(self.node(host));
    }

    fn cut(&mut self, _hub: &Hub<MadsimNet>, link: Link, ways: Directions) {
        let (consumer, broker) = self.ends(link);
        self.on_network(|net| {
            if ways.up {
                net.clog_link(consumer, broker);
            }
            if ways.down {
                net.clog_link(broker, consumer);
            }
        });
    }

    fn heal(&mut self, _hub: &Hub<MadsimNet>, link: Link) {
        let (consumer, broker) = self.ends(link);
        self.on_network(|net| {
            net.unclog_link(consumer, broker);
            net.unclog_link(broker, consumer);
        });
    }

    fn isolate(&mut self, _hub: &Hub<MadsimNet>, host: Host) {
        let node = self.node(host);
        self.on_network(|net| net.clog_node(node));
    }

    fn reconnect(&mut self, _hub: &Hub<MadsimNet>, host: Host) {
        let node = self.node(host);
        self.on_network(|net| net.unclog_node(node));
    }

    fn stop_loss(&mut self) {
        self.on_network(|net| net.update_config(|config| config.packet_loss_rate = 0.0));
    }

    fn clog(&mut self, _hub: &Hub<MadsimNet>, link: Link, by: Duration) {
        assert!(by.is_zero(), "{link:?}: a clog was refused before");
    }

    fn refusal(action: &Action) -> Option<&'static str> {
        match action {
            Action::Clog(..) | Action::Unclog(..) => Some(
                "madsim has one latency for the whole network, so one link cannot be clogged; \
                 run this on the engines sim, turmoil or tcp",
            ),
            _ => None,
        }
    }
}

/// The first task of a host, in each of its lives.
async fn run(host: Host) {
    let hub = HUB.with_borrow(Clone::clone).expect("a host of a run");
    let task = hub.clone();
    match host {
        Host::Broker(at) => task.guarded(shell::broker(hub, at, Limits::NONE)).await,
        Host::Consumer(index) => task.guarded(shell::consumer(hub, index)).await,
    }
}

/// madsim's network, from inside of a host.
#[derive(Clone, Copy)]
pub(super) struct MadsimNet;

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

#[cfg(test)]
#[path = "madsim_tests.rs"]
mod tests;
