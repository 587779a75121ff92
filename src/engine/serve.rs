//! Brokers on real TCP for clients that somebody else wrote.
//!
//! The clients come from outside, so the schedule has none of its own: its steps break brokers, logs and the
//! links of clients, who are known by their client ids. Every event is judged as in a simulation, also after
//! a violation: each claim of an invariant is reported once for each group.
//!
//! What it deliberately does not do: look into clients. What they believe and process is their own affair, so
//! the invariants that need to know it hold of what they say only.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::time::{Duration, SystemTime};

use crate::invariant::Allow;
use crate::protocol::{BrokerId, StrBytes, str_bytes};
use crate::run::{Checks, Driver, Finding, Report, Systems, World, drive_in};
use crate::sim::Sim;
use crate::sim::hosted::Cast;
use crate::sim::schedule::{Schedule, Step};
use crate::trace::Event;

use super::hub::Hub;
use super::outsiders::Outside;
use super::shell::Limits;
use super::tcp::Tcp;
use super::world::Hosted;
use super::{Addresses, Refused};

/// How often the world is left to look for steps and for the end.
const LOOK: Duration = Duration::from_millis(20);

/// Where and how to serve.
#[derive(Clone, Debug)]
pub struct Serving {
    /// Where the first broker listens; the others on the ports behind it.
    pub listen: SocketAddr,
    /// The host that brokers say they are on; the address they listen at when not said.
    pub advertise: Option<String>,
    /// What a client may do.
    pub limits: Limits,
    /// The invariants that may be violated.
    pub allowed: Vec<Allow>,
}

/// What happens to whoever serves.
pub trait Attendant {
    /// Every broker listens: where.
    fn ready(&mut self, addresses: &[SocketAddr]);
    /// Something happened.
    fn event(&mut self, event: &Event);
    /// Something was found, for the first time; judging goes on.
    fn found(&mut self, finding: &Finding);
    /// A step that came while serving could not be done.
    fn refused(&mut self, why: &str);
}

/// Serves until `stop` is true: carries out the steps of the schedule, then those that come.
///
/// # Errors
///
/// When no broker can listen there.
pub fn serve(
    schedule: &Schedule,
    systems: &Systems,
    serving: &Serving,
    steps: &Receiver<Step>,
    stop: &AtomicBool,
    attendant: &mut dyn Attendant,
) -> Result<Report, Refused> {
    let listeners = listen(serving.listen, schedule.broker.count)?;
    let addresses: Vec<SocketAddr> = listeners.values().map(|(address, _)| *address).collect();
    #[expect(clippy::disallowed_methods, reason = "serving happens in real time")]
    let epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let endpoints = endpoints(&addresses, serving);
    let cast = Cast { endpoints, outsiders: true, epoch, ..Cast::default() };
    attendant.ready(&addresses);
    let stage = Rc::new(schedule.clone());
    let world = || {
        let (addresses, listeners) = apart(listeners);
        let engine = Tcp::listening(serving.limits, listeners);
        let engine = engine.unwrap_or_else(|error| panic!("an event queue of the system: {error}"));
        let hub = Hub::new(engine.net(), Sim::hosted(&stage, systems, &cast), addresses);
        Outside::new(Hosted::new(engine, hub))
    };
    let attendant = RefCell::new(attendant);
    let mut watch = |event: &Event| attendant.borrow_mut().event(event);
    let report = drive_in(schedule, world, Checks::ALL, &mut watch, |driver| {
        driver.go_on_after_violations(serving.allowed.clone());
        let mut shift = Shift { driver, steps, stop, attendant: &attendant };
        shift.schedule(schedule);
        shift.serve();
    });
    Ok(report)
}

/// One turn at serving.
struct Shift<'s, 'd, 'a, 'w, W> {
    driver: &'s mut Driver<'a, 'w, W>,
    steps: &'s Receiver<Step>,
    stop: &'s AtomicBool,
    attendant: &'s RefCell<&'d mut dyn Attendant>,
}

impl<W: World> Shift<'_, '_, '_, '_, W> {
    /// The steps that were there from the start. One that cannot be done ends them.
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
            let now = self.driver.world().stage().now();
            let _ = self.driver.run_until(now + LOOK);
            self.tell_news();
        }
        let _ = self.driver.finish();
        self.tell_news();
    }

    /// Whether the step could be done.
    fn carry_out(&mut self, step: &Step) -> bool {
        let _ = self.driver.carry_out(step);
        self.tell_news();
        if let Some(why) = self.driver.forgive_bad_step() {
            self.attendant.borrow_mut().refused(&why);
            return false;
        }
        true
    }

    fn tell_news(&mut self) {
        for finding in self.driver.news() {
            self.attendant.borrow_mut().found(&finding);
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

fn apart(listeners: Listeners) -> (Addresses, BTreeMap<SocketAddr, TcpListener>) {
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
