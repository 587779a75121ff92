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
//! All of that needs the feature `engines`. Without it, this module has the names of the engines,
//! and a run on any but the event engine is [refused](Refused::Engine).
//!
//! Non-goal: carrying the workload, the controller's decisions and the administrator's requests.
//! They stay in the core, as in the event engine.
//!
//! | file | what it does |
//! |---|---|
//! | `net` | what a driver needs from an engine |
//! | `driver` | a broker and a consumer as programs |
//! | `router` | what the tasks share: the core, and the messages between core and drivers |
//! | `async_engine` | which engines this process has, and what the library asks of them |
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

#[cfg(feature = "engines")]
mod addresses;
#[cfg(feature = "engines")]
mod api;
mod async_engine;
#[cfg(feature = "engines")]
mod driver;
mod expressible;
#[cfg(feature = "engines")]
mod external_clients;
#[cfg(feature = "engines")]
mod group_describer;
#[cfg(feature = "engines")]
mod link_gates;
#[cfg(feature = "engines")]
mod log_throttle;
#[cfg(feature = "engines")]
mod net;
mod outcome;
#[cfg(feature = "engines")]
#[doc(hidden)]
pub mod plug;
#[cfg(feature = "engines")]
mod probe;
#[cfg(feature = "engines")]
mod router;
#[cfg(feature = "engines")]
mod serve;
#[cfg(feature = "engines")]
mod tcp;
#[cfg(feature = "engines")]
mod turmoil;
#[cfg(feature = "engines")]
mod virtual_probe;
#[cfg(feature = "engines")]
mod world;

use std::fmt;

#[cfg(feature = "engines")]
pub use driver::Limits;
pub use expressible::{LeftOut, expressible};
#[doc(hidden)]
pub use outcome::{GroupOutcome, Outcome};
#[cfg(feature = "engines")]
pub use probe::{probe, probe_schedule};
#[cfg(feature = "engines")]
pub use serve::{ServeObserver, Serving, serve};
#[cfg(feature = "engines")]
pub use virtual_probe::{VirtualProbe, run_virtual_probe};

use crate::run::{Report, Run};
use crate::sim::schedule::Schedule;

use expressible::{loses, refuses};

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

impl Run<'_> {
    /// Runs the schedule on an engine. On [`EngineKind::Sim`] this is [`Run::run`].
    ///
    /// ```
    /// use groupsim::engine::EngineKind;
    /// use groupsim::{run::Run, script};
    ///
    /// let text = "topic orders partitions=2\ngroup g\njoin c1\nsettle\n";
    /// let schedule = script::parse("one.sim", text).expect("a valid script");
    /// for engine in [EngineKind::Sim, EngineKind::Turmoil] {
    ///     match Run::of(&schedule).run_on(engine) {
    ///         Ok(report) => assert_eq!(report.finding, None, "{engine}"),
    ///         Err(refused) => println!("{engine}: {refused}"),
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// When the engine does not support a part of the schedule or is not available.
    pub fn run_on(self, engine: EngineKind) -> Result<Report, Refused> {
        if let Some(refusal) = refusal(engine, self.schedule) {
            return Err(refusal);
        }
        match engine {
            EngineKind::Sim => Ok(self.run()),
            EngineKind::Turmoil | EngineKind::Madsim | EngineKind::Tcp => {
                async_engine::find(engine).expect("refused above where it is not there").run(self)
            }
        }
    }
}

/// Why a schedule cannot be run on an engine; `None` if it can.
pub fn refusal(engine: EngineKind, schedule: &Schedule) -> Option<Refused> {
    if !is_available(engine) {
        return Some(Refused::Engine(MISSING.to_owned()));
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

/// Whether a run on the engine is possible in this process. All but [`EngineKind::Sim`] need the
/// feature `engines`; madsim has to be plugged in as well.
pub fn is_available(engine: EngineKind) -> bool {
    engine == EngineKind::Sim || async_engine::find(engine).is_some()
}

/// The error message of a build without the feature.
#[cfg(not(feature = "engines"))]
const MISSING: &str = "this program was built without the feature `engines` of groupsim, so it has \
    only the engine sim";

/// The error message of a program without madsim, the only engine that can be missing.
#[cfg(all(feature = "engines", madsim))]
const MISSING: &str = "this program does not have madsim, which replaces the clock and the random \
    numbers of a whole process. The example `madsim` of the repository is the same program with \
    it: cargo run --release --example madsim -- run --engine madsim FILE.sim";

/// The error message of a build without the flag, which is every build outside of the repository.
#[cfg(all(feature = "engines", not(madsim)))]
const MISSING: &str = "this program does not have madsim. The example `madsim` of the repository \
    is the same program with it: cargo run --release --example madsim -- run --engine madsim \
    FILE.sim. It has to be built with `--cfg madsim`, which the repository's .cargo/config.toml \
    sets; RUSTFLAGS in the environment replaces that";
