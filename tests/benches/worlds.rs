//! The cost of a simulated second on each engine: `cargo bench --bench worlds`; `-- --quick` for
//! the short form.
//!
//! The same stable group reads, without faults and with every invariant checked. Each engine
//! simulates as many seconds as it can in reasonable time. The time of a run that ends as soon as
//! the group has formed is subtracted, so that only reading is compared. On real TCP a second takes
//! a second.
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the wall clock")]

use std::time::{Duration, Instant};

use groupsim::engine::{EngineKind, refusal};
use groupsim::run::Run;
use groupsim::sim::schedule::{Action, GroupSpec, Schedule, Settings, Step, TopicSpec};

#[cfg(madsim)]
#[path = "../engines/madsim/engine.rs"]
mod madsim_engine;

fn main() {
    #[cfg(madsim)]
    groupsim::engine::plug::plug_in(&madsim_engine::MADSIM);
    let quick = std::env::args().any(|arg| arg == "--quick");
    println!(
        "wall time of a simulated second, every invariant checked, two records read per second:"
    );
    for members in [8, 32] {
        println!("  {members} members, {} partitions", members * 2);
        let mut reference = None;
        for (engine, seconds) in engines(quick) {
            if let Some(why) = refusal(engine, &schedule(members, 0)) {
                println!("    {engine:<8} {why}");
                continue;
            }
            let each = a_second(engine, members, seconds, if quick { 1 } else { 3 });
            let reference = *reference.get_or_insert(each);
            let ratio = each.as_nanos() as f64 / reference.as_nanos().max(1) as f64;
            let speed = 1e9 / each.as_nanos().max(1) as f64;
            println!(
                "    {:<8} {:>10.3} ms {ratio:>9.1} × sim {speed:>9.0} × real time, over {seconds} s",
                engine.name(),
                each.as_nanos() as f64 / 1e6
            );
        }
    }
}

/// The engines with virtual time, and the seconds that each simulates.
fn engines(quick: bool) -> [(EngineKind, u64); 3] {
    match quick {
        true => [(EngineKind::Sim, 1_800), (EngineKind::Madsim, 120), (EngineKind::Turmoil, 3)],
        false => [(EngineKind::Sim, 7_200), (EngineKind::Madsim, 900), (EngineKind::Turmoil, 20)],
    }
}

/// A group that forms and reads for this many seconds.
fn schedule(members: u16, seconds: u64) -> Schedule {
    let settings = Settings {
        session: Some(Duration::from_secs(10)),
        heartbeat: Some(Duration::from_secs(3)),
        rebalance: Some(Duration::from_secs(30)),
        ..Settings::default()
    };
    let join = |number| Action::Join {
        consumer: format!("c{number}"),
        group: None,
        settings: Box::default(),
    };
    let mut actions: Vec<Action> = (1..=members).map(join).collect();
    actions.extend([Action::Settle(None), Action::Advance(Duration::from_secs(seconds))]);
    let mut schedule = Schedule {
        topics: vec![TopicSpec {
            name: "orders".to_owned(),
            partitions: i32::from(members) * 2,
            rate: 120,
        }],
        groups: vec![GroupSpec { name: "g".to_owned(), settings }],
        steps: actions.into_iter().map(|action| Step { line: 0, at: None, action }).collect(),
        ..Schedule::default()
    };
    schedule.broker.initial_delay = Duration::from_millis(500);
    schedule
}

/// The wall time of one second of reading, the median of several runs.
fn a_second(engine: EngineKind, members: u16, seconds: u64, tries: usize) -> Duration {
    let mut each: Vec<Duration> = (0..tries)
        .map(|_| {
            let formed = time(engine, &schedule(members, 0));
            let read = time(engine, &schedule(members, seconds));
            read.saturating_sub(formed) / u32::try_from(seconds).expect("a short benchmark")
        })
        .collect();
    each.sort_unstable();
    each[tries / 2]
}

fn time(engine: EngineKind, schedule: &Schedule) -> Duration {
    let start = Instant::now();
    let report = Run::of(schedule).run_on(engine);
    let report = report.unwrap_or_else(|refused| panic!("{engine}: {refused}"));
    assert_eq!(report.finding, None, "the benchmark's own run must hold on {engine}");
    start.elapsed()
}
