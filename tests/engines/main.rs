//! One schedule, four engines: the same brokers and consumers, run as asynchronous programs, have
//! the same outcome as in the event engine.

mod connections;
#[cfg(madsim)]
mod determinism;
#[cfg(madsim)]
#[path = "madsim/engine.rs"]
mod madsim_engine;
mod program;
mod refusals;
mod repeatable;
mod scripts;
mod seeds;
mod symbols;
mod tcp;

use groupsim::engine::{EngineKind, Outcome};
use groupsim::model::Model;
use groupsim::run::{Report, Run};
use groupsim::sim::schedule::Schedule;
use groupsim::trace::{Event, EventKind};

/// The engines that give the same trace for the same seed.
const REPEATABLE: [EngineKind; 3] = [EngineKind::Sim, EngineKind::Turmoil, EngineKind::Madsim];

/// Runs a schedule and computes its outcome.
fn look(engine: EngineKind, schedule: &Schedule) -> (Report, Outcome) {
    plug_in();
    let mut outcome = Outcome::default();
    let watch = |event: &Event, model: &Model| {
        if let EventKind::Finished = event.kind {
            outcome = Outcome::of(model);
        }
    };
    let report = Run::of(schedule).watch(watch).run_on(engine);
    match report {
        Ok(report) => (report, outcome),
        Err(refused) => panic!("{engine}: {refused}"),
    }
}

/// Makes madsim available in this process.
fn plug_in() {
    #[cfg(madsim)]
    groupsim::engine::plug::plug_in(&madsim_engine::MADSIM);
}

/// madsim's tests need a flag that reaches them through cargo's configuration. Without it they must
/// not disappear silently.
#[cfg(not(madsim))]
#[test]
fn the_madsim_flag_is_missing() {
    panic!(
        "RUSTFLAGS in the environment overrides .cargo/config.toml, which sets the flag; \
         for example: RUSTFLAGS=\"$RUSTFLAGS --cfg madsim\" cargo test"
    );
}
