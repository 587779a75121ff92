//! The same brokers and consumers as asynchronous programs, which exchange real frames over real or
//! simulated sockets.
//!
//! One schedule runs on four engines. In the event engine ([`crate::sim`]) everything is a function
//! call. On the other engines the state machines stay in the simulator, which is the
//! [core](crate::sim::hosted) of the run, and each process gets a driver. The driver sleeps until
//! the next deadline, connects, reads frames and writes frames. Drivers are written once; an engine
//! provides a network and a clock, and it runs and breaks processes. So the outcomes of a schedule
//! can be compared between engines, and the invariants check the same events on all of them. Traces
//! are not compared, because each engine has its own randomness.
//!
//! Non-goal: carrying the workload, the controller's decisions and the administrator's requests.
//! They stay in the core, as in the event engine.
//!
//! | file | what it does |
//! |---|---|
//! | `net` | what a driver needs from an engine |
//! | `driver` | a broker and a consumer as programs |
//! | `router` | what the tasks share: the core, and the messages between core and drivers |
//! | `api`, `world` | what an engine does for a run; a run on an engine |
//! | `expressible` | the part of a schedule that an engine supports |
//! | `outcome` | the outcome of a run on any engine, to compare engines |
//! | `addresses` | the addresses of processes on a simulated network |
//! | `turmoil`, `tcp` | the engines; each module head says what the engine supports |
//! | `plug` | the interface for madsim, which only programs link that want it |
//! | `serve`, `external_clients` | brokers for external clients, and the faults of their links |
//! | `probe` | our consumers against third-party brokers |
//! | `virtual_probe` | the same against our own brokers, in virtual time |
//! | `group_describer` | asks third-party brokers for their versions, topics and groups |
//! | `link_gates` | breaks links where the network itself cannot be broken |
//! | `log_throttle` | limits repeated log messages about clients |
//!
//! Read next: `driver`, and [`crate::wire`] for the bytes.

mod addresses;
mod api;
mod driver;
mod expressible;
mod external_clients;
mod group_describer;
mod link_gates;
mod log_throttle;
mod net;
mod outcome;
#[doc(hidden)]
pub mod plug;
mod probe;
mod router;
mod serve;
mod tcp;
mod turmoil;
mod virtual_probe;
mod world;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::mpsc;

pub use driver::Limits;
pub use expressible::{LeftOut, expressible};
pub use outcome::{GroupOutcome, Outcome, OutcomeCollector};
pub use probe::{probe, probe_schedule};
pub use serve::{ServeObserver, Serving, serve};
pub use virtual_probe::{VirtualProbe, run_virtual_probe};

use crate::protocol::BrokerId;
use crate::run::{Checks, Report, Systems, run_in, run_with};
use crate::sim::Sim;
use crate::sim::hosted::Topology;
use crate::sim::schedule::Schedule;
use crate::trace::Event;

use expressible::{loses, refuses};
use router::Router;
use world::Hosted;

/// An engine that can run a schedule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EngineKind {
    /// The event engine: typed messages, idle time skipped. The reference.
    #[default]
    Sim,
    /// turmoil: simulated TCP, in ticks.
    Turmoil,
    /// madsim: simulated TCP, with tasks in random order.
    Madsim,
    /// Real TCP on loopback, in real time.
    Tcp,
}

impl EngineKind {
    /// Every engine.
    pub const ALL: [EngineKind; 4] =
        [EngineKind::Sim, EngineKind::Turmoil, EngineKind::Madsim, EngineKind::Tcp];

    /// The engine's name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            EngineKind::Sim => "sim",
            EngineKind::Turmoil => "turmoil",
            EngineKind::Madsim => "madsim",
            EngineKind::Tcp => "tcp",
        }
    }
}

impl fmt::Display for EngineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a schedule was not run at all. It is a mistake of the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The engine does not support a line.
    Line {
        /// The line of the script; 0 if it was generated.
        line: u32,
        /// The reason, and what to do instead.
        why: &'static str,
    },
    /// The engine does not support a setting.
    Setting {
        /// The verb of the setting's line.
        verb: &'static str,
        /// The option with its `=`; empty for the whole line.
        option: &'static str,
        /// The reason, and what to do instead.
        why: &'static str,
    },
    /// The engine is not available in this build or on this machine.
    Engine(String),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Line { why, .. } => f.write_str(why),
            Refused::Setting { why, .. } => f.write_str(why),
            Refused::Engine(why) => f.write_str(why),
        }
    }
}

impl Refused {
    /// The file, and the line if the refusal has one.
    pub fn place(&self, file: &str) -> String {
        match self {
            Refused::Line { line, .. } if *line > 0 => format!("{file}:{line}"),
            Refused::Line { .. } | Refused::Setting { .. } | Refused::Engine(_) => file.to_owned(),
        }
    }
}

impl std::error::Error for Refused {}

/// Why only the event engine supports `race=`.
const RACE: &str = "`race=` delays requests until coordinator deadlines, which only the engine sim \
    supports; use it, or remove `race=`, so that requests race deadlines only by chance";

/// Why some engines do not support `loss=`.
const LOSS: &str = "`loss=` needs a network that loses and retransmits messages, which only \
    the engines sim and madsim have; use one of them, or remove `loss=`";

/// Carries out `schedule` on an engine and shows every event to `watch`. Otherwise like
/// [`crate::run::run_with`].
///
/// # Errors
///
/// When the engine does not support a part of the schedule or is not available.
pub fn run_on(
    engine: EngineKind,
    schedule: &Schedule,
    systems: &Systems,
    checks: Checks,
    watch: &mut dyn FnMut(&Event),
) -> Result<Report, Refused> {
    if let Some(refusal) = refusal(engine, schedule) {
        return Err(refusal);
    }
    match engine {
        EngineKind::Sim => Ok(run_with(schedule, systems, checks, watch)),
        EngineKind::Turmoil => Ok(on_own_thread(schedule, systems, checks, watch, |schedule| {
            (turmoil::Turmoil::new(schedule), turmoil::TurmoilNet, addresses::of_brokers(schedule))
        })),
        EngineKind::Madsim => {
            let madsim = plug::madsim().expect("refused above where it is not there");
            Ok(madsim.run(schedule, systems, checks, watch))
        }
        EngineKind::Tcp => {
            let addresses = tcp::free_addresses(schedule.broker.count)
                .map_err(|error| Refused::Engine(format!("no free port on loopback: {error}")))?;
            Ok(on_own_thread(schedule, systems, checks, watch, |_| {
                let engine = tcp::Tcp::new(driver::Limits::NONE)
                    .unwrap_or_else(|error| panic!("cannot create an event queue: {error}"));
                let net = engine.net();
                (engine, net, addresses)
            }))
        }
    }
}

/// Why a schedule cannot be run on an engine; `None` if it can.
pub fn refusal(engine: EngineKind, schedule: &Schedule) -> Option<Refused> {
    if !is_available(engine) {
        return Some(Refused::Engine(WITHOUT_MADSIM.to_owned()));
    }
    if engine != EngineKind::Sim && schedule.network.race > 0 {
        return Some(Refused::Setting { verb: "network", option: "race=", why: RACE });
    }
    if !loses(engine) && schedule.network.loss > 0 {
        return Some(Refused::Setting { verb: "network", option: "loss=", why: LOSS });
    }
    let mut steps = schedule.steps.iter();
    steps.find_map(|step| {
        let why = refuses(engine, &step.action)?;
        Some(Refused::Line { line: step.line, why })
    })
}

/// Whether a run on the engine is possible in this process: madsim has to be
/// [plugged in](plug::plug_in).
pub fn is_available(engine: EngineKind) -> bool {
    engine != EngineKind::Madsim || plug::madsim().is_some()
}

/// The error message of a program without madsim.
#[cfg(madsim)]
const WITHOUT_MADSIM: &str = "this program does not have madsim, which replaces the clock and the \
    random numbers of a whole process. The example `madsim` of the repository is the same program \
    with it: cargo run --release --example madsim -- run --engine madsim FILE.sim";

/// The error message of a build without the flag, which is every build outside of the repository.
#[cfg(not(madsim))]
const WITHOUT_MADSIM: &str = "this program does not have madsim. The example `madsim` of the \
    repository is the same program with it: cargo run --release --example madsim -- run --engine \
    madsim FILE.sim. It has to be built with `--cfg madsim`, which the repository's \
    .cargo/config.toml sets; RUSTFLAGS in the environment replaces that";

/// Makes a run on a thread of its own, because an engine may keep thread-local state, and the
/// standard library seeds the hash maps of a run once per thread.
fn on_own_thread<E: api::Engine>(
    schedule: &Schedule,
    systems: &Systems,
    checks: Checks,
    watch: &mut dyn FnMut(&Event),
    make: impl FnOnce(&Schedule) -> (E, E::Net, Addresses) + Send,
) -> Report {
    let (sender, events) = mpsc::channel::<Event>();
    std::thread::scope(|scope| {
        let run = scope.spawn(move || {
            let schedule = Rc::new(schedule.clone());
            let world = || {
                let (engine, net, addresses) = make(&schedule);
                let sim = Sim::hosted(&schedule, systems, &Topology::default());
                Hosted::new(engine, Router::new(net, sim, addresses))
            };
            // The receiver may be gone if `watch` has panicked.
            run_in(&schedule, world, checks, &mut |event| drop(sender.send(event.clone())))
        });
        events.iter().for_each(|event| watch(&event));
        run.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// The address at which each broker listens.
type Addresses = BTreeMap<BrokerId, SocketAddr>;
