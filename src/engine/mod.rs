//! The same brokers and consumers as programs: asynchronous, with real frames on real or simulated sockets.
//!
//! One schedule runs in four worlds. In the event engine ([`crate::sim`]) everything is a function call. Here
//! the state machines stay where they are, on the simulator as a [stage](crate::sim::hosted), and each
//! process gets a shell: a driver that sleeps until the next deadline, connects, reads frames and writes
//! frames. The shell is written once; an engine gives it a network and a clock, and runs and breaks hosts.
//! So the outcome of a schedule can be compared between engines, and the invariants judge all of them from
//! the same events. Traces are not compared: each engine has its own luck.
//!
//! What it deliberately does not do: carry the workload, the controller's news and the administrator's
//! questions. Those stay on the stage, as in the event engine.
//!
//! | file | what it does |
//! |---|---|
//! | `net` | what a shell needs of an engine |
//! | `shell` | a broker and a consumer as programs |
//! | `hub` | what the tasks share: the stage, and the post between stage and shells |
//! | `api`, `world` | what an engine does for a run; a run on one |
//! | `expressible` | what of a schedule an engine can express |
//! | `outcome` | what a run comes to on any engine, for comparing them |
//! | `addresses` | where hosts are on a simulated network |
//! | `turmoil`, `madsim`, `tcp` | the engines; each head says what it can express |
//! | `serve`, `outsiders` | brokers for clients from outside, and what is done to those |
//! | `probe` | our consumers against third-party brokers |
//! | `rehearsal` | the same against our own brokers, in virtual time |
//! | `inquirer` | asking third-party brokers: what they speak, their topics, their groups |
//! | `valves` | links broken by hand, where the network itself cannot be |
//! | `folding` | what the log says of clients, once in a while |
//!
//! Read next: `shell`, and [`crate::wire`] for the bytes.

mod addresses;
mod api;
mod expressible;
mod folding;
mod hub;
mod inquirer;
#[cfg(madsim)]
mod madsim;
mod net;
mod outcome;
mod outsiders;
mod probe;
mod rehearsal;
mod serve;
mod shell;
mod tcp;
mod turmoil;
mod valves;
mod world;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::mpsc;

pub use expressible::{LeftOut, expressible};
pub use outcome::{GroupOutcome, Onlooker, Outcome};
pub use probe::{probe, probe_schedule};
pub use rehearsal::{Rehearsal, rehearse};
pub use serve::{Attendant, Serving, serve};
pub use shell::Limits;

use crate::protocol::BrokerId;
use crate::run::{Checks, Report, Systems, run_in, run_with};
use crate::sim::Sim;
use crate::sim::hosted::Cast;
use crate::sim::schedule::Schedule;
use crate::trace::Event;

use expressible::{loses, refuses};
use hub::Hub;
use world::Hosted;

/// Where a schedule can be run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Engine {
    /// The event engine: typed messages, idle time skipped. The reference.
    #[default]
    Sim,
    /// turmoil: simulated TCP in ticks.
    Turmoil,
    /// madsim: simulated TCP and a random order of tasks.
    Madsim,
    /// Real TCP on loopback, in real time.
    Tcp,
}

impl Engine {
    /// Every engine.
    pub const ALL: [Engine; 4] = [Engine::Sim, Engine::Turmoil, Engine::Madsim, Engine::Tcp];

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Engine::Sim => "sim",
            Engine::Turmoil => "turmoil",
            Engine::Madsim => "madsim",
            Engine::Tcp => "tcp",
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a schedule was not run at all; the user's mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// A line cannot be expressed on the engine.
    Line {
        /// The line of the script, 0 when generated.
        line: u32,
        /// Why, and what else to do.
        why: &'static str,
    },
    /// A setting cannot be expressed.
    Setting {
        /// The verb of its line.
        verb: &'static str,
        /// The option, with its `=`; empty for the whole line.
        option: &'static str,
        /// Why, and what else to do.
        why: &'static str,
    },
    /// The engine cannot be had in this build or on this machine.
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
    /// Where in a file the line stands that was refused.
    pub fn place(&self, file: &str) -> String {
        match self {
            Refused::Line { line, .. } if *line > 0 => format!("{file}:{line}"),
            Refused::Line { .. } | Refused::Setting { .. } | Refused::Engine(_) => file.to_owned(),
        }
    }
}

impl std::error::Error for Refused {}

/// Why no other engine takes `aim=`.
const AIM: &str = "`aim=` holds requests back until deadlines of the coordinator, which only the engine sim \
    can; run this on it, or take `aim=` out: deadlines are then met by luck alone";

/// Why some take no `loss=`.
const LOSS: &str = "`loss=` needs a network that loses messages and sends them again, which only the engines sim \
    and madsim have; run this on one of them, or take `loss=` out";

/// Carries out `schedule` on an engine and shows every event to `watch`; for the rest like
/// [`crate::run::run_with`].
///
/// # Errors
///
/// When the engine cannot express a line of the schedule, or is not there.
pub fn run_on(
    engine: Engine,
    schedule: &Schedule,
    systems: &Systems,
    checks: Checks,
    watch: &mut dyn FnMut(&Event),
) -> Result<Report, Refused> {
    if let Some(refusal) = refusal(engine, schedule) {
        return Err(refusal);
    }
    match engine {
        Engine::Sim => Ok(run_with(schedule, systems, checks, watch)),
        Engine::Turmoil => Ok(apart(schedule, systems, checks, watch, |schedule| {
            (turmoil::Turmoil::new(schedule), turmoil::TurmoilNet, addresses::of_brokers(schedule))
        })),
        #[cfg(madsim)]
        Engine::Madsim => Ok(apart(schedule, systems, checks, watch, |schedule| {
            (madsim::Madsim::new(schedule), madsim::MadsimNet, addresses::of_brokers(schedule))
        })),
        #[cfg(not(madsim))]
        Engine::Madsim => unreachable!("refused before"),
        Engine::Tcp => {
            let addresses = tcp::free_addresses(schedule.broker.count)
                .map_err(|error| Refused::Engine(format!("no free ports on loopback: {error}")))?;
            Ok(apart(schedule, systems, checks, watch, |_| {
                let engine = tcp::Tcp::new(shell::Limits::NONE)
                    .unwrap_or_else(|error| panic!("an event queue of the system: {error}"));
                let net = engine.net();
                (engine, net, addresses)
            }))
        }
    }
}

/// Why a schedule cannot be run on an engine, if it cannot.
pub fn refusal(engine: Engine, schedule: &Schedule) -> Option<Refused> {
    if engine == Engine::Madsim && cfg!(not(madsim)) {
        return Some(Refused::Engine(WITHOUT_MADSIM.to_owned()));
    }
    if engine != Engine::Sim && schedule.network.aim > 0 {
        return Some(Refused::Setting { verb: "network", option: "aim=", why: AIM });
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

/// What is said where the flag got lost.
pub const WITHOUT_MADSIM: &str = "this build has no madsim: it needs `--cfg madsim`, which the project's \
    .cargo/config.toml sets and RUSTFLAGS in the environment replaces; add the flag there";

/// A run on a thread of its own: an engine may keep things by the thread, and what hash maps a run makes are
/// seeded by it.
fn apart<E: api::Engine>(
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
                let sim = Sim::hosted(&schedule, systems, &Cast::default());
                Hosted::new(engine, Hub::new(net, sim, addresses))
            };
            // Whoever watched may have gone.
            run_in(&schedule, world, checks, &mut |event| drop(sender.send(event.clone())))
        });
        events.iter().for_each(|event| watch(&event));
        run.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Where each broker listens.
type Addresses = BTreeMap<BrokerId, SocketAddr>;
