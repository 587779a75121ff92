//! The speed of the event engine, with every invariant on: `cargo bench`; `cargo bench -- --quick`
//! for the short form.
//!
//! Criterion reports messages and simulated seconds per second of wall time. Then this prints the
//! cost of the digest and of the invariants, and the growth of a run with the size of the group, as
//! ratios of runs taken in turn, because ratios are meaningful on a noisy machine, too.
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the wall clock")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput};
use groupsim::run::{Checks, Report, Run};
use groupsim::sim::schedule::{
    Action, GroupSpec, NodeName, Schedule, Settings, Step, Tail, TopicSpec,
};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    engine(&mut criterion);
    criterion.final_summary();
    println!("\nratios of medians, runs taken in turn:");
    costs();
    growth();
}

/// A group that forms, reads for a while, and periodically loses and regains a member.
fn schedule(members: u16, partitions: i32, seconds: u64) -> Schedule {
    let settings = Settings {
        session: Some(Duration::from_secs(10)),
        heartbeat: Some(Duration::from_secs(3)),
        rebalance: Some(Duration::from_secs(30)),
        ..Settings::default()
    };
    let name = |number: u16| format!("c{number}");
    let join =
        |number| Action::Join { consumer: name(number), group: None, settings: Box::default() };
    let mut actions: Vec<Action> = (1..=members).map(join).collect();
    actions.push(Action::Settle(None));
    let quarter = Duration::from_secs(seconds / 4);
    actions.push(Action::Advance(quarter));
    actions.push(Action::Crash(NodeName::Consumer(name(members)), Tail::Random));
    actions.push(Action::Advance(quarter));
    actions.push(Action::Restart(NodeName::Consumer(name(members))));
    actions.push(Action::Advance(quarter * 2));
    Schedule {
        topics: vec![TopicSpec { name: "orders".to_owned(), partitions, rate: 120 }],
        groups: vec![GroupSpec { name: "g".to_owned(), settings }],
        steps: actions.into_iter().map(|action| Step { line: 0, at: None, action }).collect(),
        ..Schedule::default()
    }
}

fn simulate(schedule: &Schedule, checks: Checks) -> Report {
    let report = Run::of(black_box(schedule)).checks(checks).run();
    assert_eq!(report.finding, None, "the benchmark's own run must hold");
    report
}

fn engine(criterion: &mut Criterion) {
    for members in [8, 32, 128] {
        let schedule = schedule(members, i32::from(members) * 2, 1_800);
        let report = simulate(&schedule, Checks::ALL);
        let mut group = criterion.benchmark_group("engine");
        group.sample_size(10);
        group.throughput(Throughput::Elements(report.messages));
        group.bench_function(BenchmarkId::new("messages", members), |bencher| {
            bencher.iter(|| simulate(&schedule, Checks::ALL));
        });
        group.throughput(Throughput::Elements(report.simulated.as_secs()));
        group.bench_function(BenchmarkId::new("simulated-seconds", members), |bencher| {
            bencher.iter(|| simulate(&schedule, Checks::ALL));
        });
        group.finish();
    }
}

/// Prints the cost of each kind of check, as a ratio to a run without it.
fn costs() {
    let schedule = schedule(32, 64, 1_800);
    let without = |what: &str, checks: Checks| {
        let ratio =
            ratio(|| drop(simulate(&schedule, Checks::ALL)), || drop(simulate(&schedule, checks)));
        println!("  32 members: everything / without {what}: {ratio}");
    };
    without("digest", Checks { digest: false, ..Checks::ALL });
    without("invariants", Checks { invariants: false, ..Checks::ALL });
    without("coverage", Checks { coverage: false, ..Checks::ALL });
    without("any of them", Checks::NONE);
}

/// Prints the growth of a full rebalance and a minute of reading, each time for a group twice as
/// large.
fn growth() {
    for (members, partitions) in [(125, 1_250), (250, 2_500), (500, 5_000)] {
        let small = schedule(members, partitions, 60);
        let large = schedule(members * 2, partitions * 2, 60);
        let ratio =
            ratio(|| drop(simulate(&large, Checks::ALL)), || drop(simulate(&small, Checks::ALL)));
        println!(
            "  {} members × {} partitions / {members} × {partitions}: {ratio}",
            members * 2,
            partitions * 2
        );
    }
}

/// The median ratio of runs taken in turn, with the spread.
fn ratio(first: impl Fn(), second: impl Fn()) -> String {
    let mut permille: Vec<u128> =
        (0..9).map(|_| time(&first).as_nanos() * 1_000 / time(&second).as_nanos().max(1)).collect();
    permille.sort_unstable();
    let shown = |permille: u128| format!("{}.{:02}", permille / 1_000, permille % 1_000 / 10);
    format!("{} ({} to {})", shown(permille[4]), shown(permille[0]), shown(permille[8]))
}

fn time(work: impl Fn()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}
