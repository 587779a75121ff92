//! turmoil: hosts and a simulated TCP, in ticks of a millisecond.
//!
//! | of a schedule | on turmoil |
//! |---|---|
//! | a cut both ways, healed | `hold`, `release`: what is under way waits, as TCP would send it again |
//! | a cut one way, healed | `partition_oneway`, `repair_oneway`: what is sent meanwhile is lost, and with it whatever comes behind it on that connection, until its client gives it up |
//! | clog | `set_link_latency` |
//! | crash, restart | `crash`, and `bounce` into an empty machine; `bounce` |
//! | pause, skew | the shell's own: a host's driver stands still, or reads another clock |
//! | isolate | refused: links are held, not hosts |
//! | `loss=` | refused: what turmoil loses is never sent again |
//! | what has no place here | `aim`: deliveries cannot be aimed at deadlines |
//!
//! What it cannot promise: time finer than its tick, so that latencies are whole milliseconds and what is due at
//! one instant on the event engine may come a tick later here; and that a connection goes on after a cut one
//! way. The segment that was lost is not sent again, so the connection is half-open until a request on it times
//! out, and what was asked on it is asked again on another. A connection that is being made while its link is
//! held is given up after ten seconds. What a tick costs grows faster than the number of hosts, whether anything
//! happens in it or not: 33 of them take eight times as long as 9.
//!
//! Determinism: the same seed gives the same trace. turmoil draws latencies from its seeded generator, hosts
//! run in the order of their registration, and nothing here iterates in a random order or asks tokio to
//! choose.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use turmoil::net::{TcpListener, TcpStream};

use crate::sim::hosted::{Directions, Host, Link};
use crate::sim::schedule::{Action, Schedule};
use crate::time::Time;

use super::addresses;
use super::api::Engine;
use super::hub::Hub;
use super::net::Net;
use super::shell::{self, Limits};

/// How far one step goes. Latencies are drawn in microseconds and felt in ticks.
const TICK: Duration = Duration::from_millis(1);

pub(super) struct Turmoil {
    sim: turmoil::Sim<'static>,
    /// The hosts that were ever started, and whether they run.
    hosts: BTreeMap<Host, Rc<Cell<bool>>>,
    latency: (Duration, Duration),
}

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
        Turmoil { sim, hosts: BTreeMap::new(), latency }
    }

    /// The two ends of a link.
    fn ends(&self, link: Link) -> (IpAddr, IpAddr) {
        (addresses::of(Host::Consumer(link.consumer)), addresses::of(Host::Broker(link.broker)))
    }
}

impl Engine for Turmoil {
    type Net = TurmoilNet;

    const LOSES: bool = false;

    const LATENESS: Duration = TICK;

    fn now(&self) -> Time {
        Time::ZERO + self.sim.elapsed()
    }

    fn run(&mut self, _hub: &Hub<TurmoilNet>, limit: Time) {
        if self.now() < limit {
            self.sim.step().unwrap_or_else(|error| panic!("a host of turmoil failed: {error}"));
        }
    }

    fn start(&mut self, hub: &Hub<TurmoilNet>, host: Host) {
        match self.hosts.get(&host) {
            Some(runs) if runs.get() => {}
            Some(runs) => {
                runs.set(true);
                self.sim.bounce(addresses::of(host));
            }
            None => {
                let runs = Rc::new(Cell::new(true));
                self.hosts.insert(host, Rc::clone(&runs));
                let hub = hub.clone();
                self.sim.host(addresses::of(host), move || run(hub.clone(), host, runs.get()));
            }
        }
    }

    /// The process is gone, not the machine, which goes on to refuse whoever connects. A crashed host of
    /// turmoil would not answer at all.
    fn kill(&mut self, host: Host) {
        if self.hosts.get(&host).is_some_and(|runs| runs.replace(false)) {
            self.sim.crash(addresses::of(host));
            self.sim.bounce(addresses::of(host));
        }
    }

    fn pause(&mut self, _host: Host) {}

    fn resume(&mut self, _host: Host) {}

    fn cut(&mut self, _hub: &Hub<TurmoilNet>, link: Link, ways: Directions) {
        let (consumer, broker) = self.ends(link);
        match (ways.up, ways.down) {
            (true, true) => self.sim.hold(consumer, broker),
            (true, false) => self.sim.partition_oneway(consumer, broker),
            (false, true) => self.sim.partition_oneway(broker, consumer),
            (false, false) => {}
        }
    }

    fn heal(&mut self, _hub: &Hub<TurmoilNet>, link: Link) {
        let (consumer, broker) = self.ends(link);
        self.sim.release(consumer, broker);
        self.sim.repair(consumer, broker);
    }

    fn isolate(&mut self, _hub: &Hub<TurmoilNet>, host: Host) {
        panic!("{host:?}: an isolation was refused before");
    }

    fn reconnect(&mut self, _hub: &Hub<TurmoilNet>, host: Host) {
        panic!("{host:?}: an isolation was refused before");
    }

    fn stop_loss(&mut self) {}

    fn clog(&mut self, _hub: &Hub<TurmoilNet>, link: Link, by: Duration) {
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
                "turmoil holds links, and knows no host as a whole; partition its links one by one, or run this \
                 on the engines sim, madsim or tcp",
            ),
            _ => None,
        }
    }
}

async fn run(hub: Hub<TurmoilNet>, host: Host, runs: bool) -> turmoil::Result {
    let task = hub.clone();
    match host {
        _ if !runs => std::future::pending().await,
        Host::Broker(at) => task.guarded(shell::broker(hub, at, Limits::NONE)).await,
        Host::Consumer(index) => task.guarded(shell::consumer(hub, index)).await,
    }
    Ok(())
}

/// turmoil's network, from inside of a host.
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
        let elapsed = turmoil::sim_elapsed().expect("a task of a host asks for the time");
        Time::ZERO + elapsed
    }

    async fn sleep_until(&self, at: Time) {
        tokio::time::sleep(at.since(self.now())).await;
    }

    fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        tokio::task::spawn_local(task);
    }
}
