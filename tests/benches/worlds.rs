//! What a simulated second costs in each world: `cargo bench --bench worlds`; `-- --quick` for the short form.
//!
//! The same group, formed and reading, with nothing wrong and every invariant judged. Each world is given as many
//! simulated seconds as it gets through in reasonable time; a run that ends as soon as the group has formed is
//! taken off, so that only reading is compared. On real TCP a second takes a second.
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the wall clock")]

use std::time::{Duration, Instant};

use groupsim::engine::{Engine, refusal, run_on};
use groupsim::run::{Checks, Systems};
use groupsim::sim::schedule::{Action, GroupSpec, Schedule, Settings, Step, TopicSpec};

fn main() {
    let quick = std::env::args().any(|arg| arg == "--quick");
    println!(
        "wall time of a simulated second, every invariant judged, two records read each second:"
    );
    for members in [8, 32] {
        println!("  {members} members, {} partitions", members * 2);
        let mut reference = None;
        for (engine, seconds) in worlds(quick) {
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

/// The worlds with a clock of their own, and how many seconds each is given.
fn worlds(quick: bool) -> [(Engine, u64); 3] {
    match quick {
        true => [(Engine::Sim, 1_800), (Engine::Madsim, 120), (Engine::Turmoil, 3)],
        false => [(Engine::Sim, 7_200), (Engine::Madsim, 900), (Engine::Turmoil, 20)],
    }
}

/// A group that forms and reads for so long.
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

/// What one second of reading takes, the median of several tries.
fn a_second(engine: Engine, members: u16, seconds: u64, tries: usize) -> Duration {
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

fn time(engine: Engine, schedule: &Schedule) -> Duration {
    let start = Instant::now();
    let report = run_on(engine, schedule, &Systems::default(), Checks::ALL, &mut |_| {});
    let report = report.unwrap_or_else(|refused| panic!("{engine}: {refused}"));
    assert_eq!(report.finding, None, "the benchmark's own run must hold on {engine}");
    start.elapsed()
}
