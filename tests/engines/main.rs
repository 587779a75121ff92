//! One schedule, four worlds: the same brokers and consumers as asynchronous programs come to the same end as
//! in the event engine.

mod again;
mod common;
mod refusals;
mod seeds;
mod shell;
mod tcp;

use groupsim::engine::{Engine, Onlooker, Outcome, run_on};
use groupsim::run::{Checks, Report, Systems};
use groupsim::sim::schedule::Schedule;

/// The engines that give the same trace for the same seed.
const REPEATABLE: [Engine; 3] = [Engine::Sim, Engine::Turmoil, Engine::Madsim];

/// Runs a schedule, and looks at what it comes to.
fn look(engine: Engine, schedule: &Schedule) -> (Report, Outcome) {
    let mut onlooker = Onlooker::default();
    let report = run_on(engine, schedule, &Systems::default(), Checks::ALL, &mut |event| {
        onlooker.observe(event);
    });
    match report {
        Ok(report) => (report, onlooker.into_outcome()),
        Err(refused) => panic!("{engine}: {refused}"),
    }
}

/// The tests of madsim need a flag that reaches it through cargo's configuration. They must not go away
/// silently with it.
#[cfg(not(madsim))]
#[test]
fn the_flag_of_madsim_got_lost() {
    panic!(
        "{}\nfor example: RUSTFLAGS=\"$RUSTFLAGS --cfg madsim\" cargo test",
        groupsim::engine::WITHOUT_MADSIM
    );
}
