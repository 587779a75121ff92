//! Brokers on real TCP for external clients.
//!
//! The clients are external, so the schedule has no consumers. Its steps break brokers, logs and
//! the links of clients, which are identified by their client ids. Every event is judged as in a
//! simulation. Judging continues after a violation: each rule of an invariant is reported once per
//! group.
//!
//! Non-goal: looking into clients. Their internal state is not visible, so the invariants that need
//! it check only what the clients send.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::time::{Duration, SystemTime};

use crate::invariant::Allow;
use crate::model::Model;
use crate::protocol::{BrokerId, StrBytes, str_bytes};
use crate::run::{Driver, Finding, Report, Run, Systems, World};
use crate::sim::Sim;
use crate::sim::hosted::Topology;
use crate::sim::schedule::{Schedule, Step};
use crate::trace::Event;

use super::Refused;
use super::addresses::Addresses;
use super::driver::Limits;
use super::external_clients::ExternalClients;
use super::router::Router;
use super::tcp::Tcp;
use super::world::Hosted;

/// How often the loop checks for steps and for the end.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Where and how to serve.
#[derive(Clone, Debug)]
pub struct Serving {
    /// The address of the first broker. The others listen on the following ports.
    pub listen: SocketAddr,
    /// The host that brokers advertise; by default the address at which they listen.
    pub advertise: Option<String>,
    /// The limits for each client.
    pub limits: Limits,
    /// The violations that are allowed.
    pub allowed: Vec<Allow>,
}

/// Callbacks for the caller of [`serve`].
pub trait ServeObserver {
    /// Every broker listens, at these addresses.
    fn ready(&mut self, addresses: &[SocketAddr]);
    /// An event happened, and the model has been fed with it.
    fn event(&mut self, event: &Event, model: &Model);
    /// There is a new finding. Judging continues.
    fn found(&mut self, finding: &Finding);
    /// A step that was given while serving could not be carried out.
    fn refused(&mut self, why: &str);
}

/// Serves until `stop` is true: carries out the steps of the schedule, then those that `steps`
/// receives.
///
/// # Errors
///
/// When a broker cannot listen at its address.
pub fn serve(
    schedule: &Schedule,
    systems: &Systems,
    serving: &Serving,
    steps: &Receiver<Step>,
    stop: &AtomicBool,
    observer: &mut dyn ServeObserver,
) -> Result<Report, Refused> {
    let listeners = listen(serving.listen, schedule.broker.count)?;
    let addresses: Vec<SocketAddr> = listeners.values().map(|(address, _)| *address).collect();
    #[expect(clippy::disallowed_methods, reason = "serving happens in real time")]
    let epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let endpoints = endpoints(&addresses, serving);
    let topology = Topology { endpoints, external_clients: true, epoch, ..Topology::default() };
    observer.ready(&addresses);
    let core = Rc::new(schedule.clone());
    let world = || {
        let (addresses, listeners) = split(listeners);
        let engine = Tcp::listening(serving.limits, listeners);
        let engine = engine.unwrap_or_else(|error| panic!("cannot create an event queue: {error}"));
        let sim = Sim::hosted(&core, &systems.into(), &topology);
        let router = Router::new(engine.net(), sim, addresses);
        ExternalClients::new(Hosted::new(engine, router))
    };
    let observer = RefCell::new(observer);
    let watch = |event: &Event, model: &Model| observer.borrow_mut().event(event, model);
    let report = Run::of(schedule).systems(systems).watch(watch).drive_in(world, |driver| {
        driver.go_on_after_violations(serving.allowed.clone());
        let mut serving = ServeLoop { driver, steps, stop, observer: &observer };
        serving.schedule(schedule);
        serving.serve();
    });
    Ok(report)
}

/// The loop of [`serve`].
struct ServeLoop<'s, 'd, 'a, 'w, W> {
    driver: &'s mut Driver<'a, 'w, W>,
    steps: &'s Receiver<Step>,
    stop: &'s AtomicBool,
    observer: &'s RefCell<&'d mut dyn ServeObserver>,
}

impl<W: World> ServeLoop<'_, '_, '_, '_, W> {
    /// Carries out the steps of the schedule. One that is impossible ends them.
    fn schedule(&mut self, schedule: &Schedule) {
        for step in &schedule.steps {
            if self.stop.load(Ordering::Relaxed) || !self.carry_out(step) {
                return;
            }
        }
    }

    fn serve(&mut self) {
        while !self.stop.load(Ordering::Relaxed) {
            while let Ok(step) = self.steps.try_recv() {
                self.carry_out(&step);
            }
            let now = self.driver.world().core().now();
            let _ = self.driver.run_until(now + POLL_INTERVAL);
            self.report_new_findings();
        }
        let _ = self.driver.finish();
        self.report_new_findings();
    }

    /// Carries out a step; false if it was impossible.
    fn carry_out(&mut self, step: &Step) -> bool {
        let _ = self.driver.carry_out(step);
        self.report_new_findings();
        if let Some(why) = self.driver.take_bad_step() {
            self.observer.borrow_mut().refused(&why);
            return false;
        }
        true
    }

    fn report_new_findings(&mut self) {
        for finding in self.driver.new_findings() {
            self.observer.borrow_mut().found(&finding);
        }
    }
}

type Listeners = BTreeMap<BrokerId, (SocketAddr, TcpListener)>;

fn listen(first: SocketAddr, brokers: u8) -> Result<Listeners, Refused> {
    let mut listeners = Listeners::new();
    for id in 0..u16::from(brokers) {
        let port = match first.port() {
            0 => Ok(0),
            port => port.checked_add(id).ok_or(io::ErrorKind::InvalidInput.into()),
        };
        let refused = |error: io::Error, port: u16| {
            Refused::Engine(format!("b{id} cannot listen at {}:{port}: {error}", first.ip()))
        };
        let port = port.map_err(|error| refused(error, u16::MAX))?;
        let bind = || {
            let listener = TcpListener::bind((first.ip(), port))?;
            listener.set_nonblocking(true)?;
            Ok((listener.local_addr()?, listener))
        };
        let listening = bind().map_err(|error| refused(error, port))?;
        listeners.insert(BrokerId(i32::from(id)), listening);
    }
    Ok(listeners)
}

fn split(listeners: Listeners) -> (Addresses, BTreeMap<SocketAddr, TcpListener>) {
    let addresses = listeners.iter().map(|(id, (address, _))| (*id, *address)).collect();
    (addresses, listeners.into_values().collect())
}

fn endpoints(addresses: &[SocketAddr], serving: &Serving) -> Vec<(StrBytes, i32)> {
    let host = |address: &SocketAddr| match &serving.advertise {
        Some(host) => str_bytes(host),
        None => str_bytes(&address.ip().to_string()),
    };
    addresses.iter().map(|address| (host(address), i32::from(address.port()))).collect()
}
