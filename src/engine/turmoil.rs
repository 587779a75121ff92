//! turmoil: hosts and a simulated TCP, in ticks of a millisecond.
//!
//! | in a schedule | on turmoil |
//! |---|---|
//! | partition both ways, heal | `hold`, `release`: messages wait, as if TCP retransmitted them |
//! | partition one way, heal | `partition_oneway`, `repair`: messages are lost (see below) |
//! | clog | `set_link_latency` |
//! | crash, restart | `crash`, and `bounce` into a machine without a process; `bounce` |
//! | pause, skew | done by the driver, which is suspended or reads another clock |
//! | isolate | refused: links are held, not hosts |
//! | `loss=` | refused: turmoil never retransmits |
//! | `race=` | refused: requests cannot be delayed to race deadlines |
//!
//! Not guaranteed: time finer than the tick, so latencies are whole milliseconds, and events that
//! are due at the same time on the event engine may be a tick apart here; and that a connection
//! survives a cut in one direction. The lost segment is not retransmitted, and nothing behind it on
//! that connection arrives. The connection is half-open until a request on it times out; the client
//! then repeats the request on another one. A connection attempt over a held link is given up after
//! ten seconds. The cost of a tick grows faster than the number of hosts, whether anything happens
//! in it or not: 33 of them take eight times as long as 9.
//!
//! Determinism: the same seed gives the same trace. turmoil draws latencies from its seeded
//! generator, hosts run in the order of their registration, and nothing here iterates in random
//! order or lets tokio choose at random.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use turmoil::net::{TcpListener, TcpStream};

use crate::sim::hosted::{Directions, Link, Process};
use crate::sim::schedule::{Action, Schedule};
use crate::time::Time;

use super::addresses;
use super::api::Engine;
use super::driver::{self, Limits};
use super::net::Net;
use super::plug::Plug;
use super::router::Router;

/// The length of one step. Latencies are drawn in microseconds and take effect in ticks.
const TICK: Duration = Duration::from_millis(1);

pub(super) struct Turmoil {
    sim: turmoil::Sim<'static>,
    /// The processes that were ever started, and whether they run.
    processes: BTreeMap<Process, Rc<Cell<bool>>>,
    latency: (Duration, Duration),
}

/// The engine, for [`find`](super::async_engine::find).
pub(super) static TURMOIL: Plug<Turmoil> =
    Plug(|schedule| (Turmoil::new(schedule), TurmoilNet, addresses::of_brokers(schedule)));

impl Turmoil {
    pub(super) fn new(schedule: &Schedule) -> Turmoil {
        let latency = (*schedule.network.latency.start(), *schedule.network.latency.end());
        let sim = turmoil::Builder::new()
            .rng_seed(schedule.seed)
            .epoch(SystemTime::UNIX_EPOCH)
            .tick_duration(TICK)
            .simulation_duration(Duration::MAX)
            .min_message_latency(latency.0)
            .max_message_latency(latency.1.max(TICK))
            .tcp_capacity(4096)
            .build();
        Turmoil { sim, processes: BTreeMap::new(), latency }
    }

    /// The addresses of the two ends of a link.
    fn ends(&self, link: Link) -> (IpAddr, IpAddr) {
        (
            addresses::of(Process::Consumer(link.consumer)),
            addresses::of(Process::Broker(link.broker)),
        )
    }
}

impl Engine for Turmoil {
    type Net = TurmoilNet;

    const LOSES: bool = false;

    const LATENESS: Duration = TICK;

    fn now(&self) -> Time {
        Time::ZERO + self.sim.elapsed()
    }

    fn run(&mut self, _router: &Router<TurmoilNet>, limit: Time) {
        if self.now() < limit {
            self.sim.step().unwrap_or_else(|error| panic!("a host of turmoil failed: {error}"));
        }
    }

    fn start(&mut self, router: &Router<TurmoilNet>, process: Process) {
        match self.processes.get(&process) {
            Some(runs) if runs.get() => {}
            Some(runs) => {
                runs.set(true);
                self.sim.bounce(addresses::of(process));
            }
            None => {
                let runs = Rc::new(Cell::new(true));
                self.processes.insert(process, Rc::clone(&runs));
                let router = router.clone();
                self.sim
                    .host(addresses::of(process), move || run(router.clone(), process, runs.get()));
            }
        }
    }

    /// The process is gone, but not its machine, which refuses connections. A crashed host of
    /// turmoil would not respond at all.
    fn kill(&mut self, process: Process) {
        if self.processes.get(&process).is_some_and(|runs| runs.replace(false)) {
            self.sim.crash(addresses::of(process));
            self.sim.bounce(addresses::of(process));
        }
    }

    fn pause(&mut self, _process: Process) {}

    fn resume(&mut self, _process: Process) {}

    fn cut(&mut self, _router: &Router<TurmoilNet>, link: Link, directions: Directions) {
        let (consumer, broker) = self.ends(link);
        match (directions.up, directions.down) {
            (true, true) => self.sim.hold(consumer, broker),
            (true, false) => self.sim.partition_oneway(consumer, broker),
            (false, true) => self.sim.partition_oneway(broker, consumer),
            (false, false) => {}
        }
    }

    fn heal(&mut self, _router: &Router<TurmoilNet>, link: Link) {
        let (consumer, broker) = self.ends(link);
        self.sim.release(consumer, broker);
        self.sim.repair(consumer, broker);
    }

    fn isolate(&mut self, _router: &Router<TurmoilNet>, process: Process) {
        panic!("{process:?}: isolations are refused before the run");
    }

    fn reconnect(&mut self, _router: &Router<TurmoilNet>, process: Process) {
        panic!("{process:?}: isolations are refused before the run");
    }

    fn stop_loss(&mut self) {}

    fn clog(&mut self, _router: &Router<TurmoilNet>, link: Link, by: Duration) {
        let (consumer, broker) = self.ends(link);
        match by {
            Duration::ZERO => {
                self.sim.set_link_latency(consumer, broker, self.latency.0);
                self.sim.set_link_max_message_latency(consumer, broker, self.latency.1.max(TICK));
            }
            by => self.sim.set_link_latency(consumer, broker, self.latency.1 + by),
        }
    }

    fn refusal(action: &Action) -> Option<&'static str> {
        match action {
            Action::Isolate(_) | Action::Reconnect(_) => Some(
                "turmoil can hold links but cannot isolate a host; partition its links one by one, or \
                 use the engine sim, madsim or tcp",
            ),
            _ => None,
        }
    }
}

async fn run(router: Router<TurmoilNet>, process: Process, runs: bool) -> turmoil::Result {
    let task = router.clone();
    match process {
        _ if !runs => std::future::pending().await,
        Process::Broker(at) => task.guarded(driver::broker(router, at, Limits::NONE)).await,
        Process::Consumer(index) => task.guarded(driver::consumer(router, index)).await,
    }
    Ok(())
}

/// turmoil's network, from inside a host.
#[derive(Clone, Copy)]
pub(super) struct TurmoilNet;

impl Net for TurmoilNet {
    type Stream = TcpStream;
    type Listener = TcpListener;

    async fn bind(&self, at: SocketAddr) -> io::Result<TcpListener> {
        TcpListener::bind((IpAddr::V4(Ipv4Addr::UNSPECIFIED), at.port())).await
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
        let elapsed = turmoil::sim_elapsed().expect("a task inside a host of turmoil");
        Time::ZERO + elapsed
    }

    async fn sleep_until(&self, at: Time) {
        tokio::time::sleep(at.since(self.now())).await;
    }

    fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        tokio::task::spawn_local(task);
    }
}
