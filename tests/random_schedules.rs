//! Random schedules that `proptest` generates, and shrinks if they fail.
//!
//! The randomness of `proptest` comes from a fixed seed, so the test is deterministic.
//! `GROUPSIM_SEED=N` selects another seed.

use std::cell::Cell;
use std::time::Duration;

use groupsim::mutant;
use groupsim::protocol::Api;
use groupsim::protocol::BrokerId;
use groupsim::run::{Run, Systems};
use groupsim::script;
use groupsim::sim::schedule::{
    Action, Direction, GroupSpec, NodeName, Schedule, Settings, Side, Step, Tail, TopicSpec,
};
use groupsim::time::Time;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};

/// A fault of one consumer. Faults follow each other, so every list of them is a valid schedule.
#[derive(Clone, Debug)]
struct Fault {
    /// The healthy time before the fault.
    after: Duration,
    consumer: usize,
    kind: FaultKind,
    lasts: Duration,
}

#[derive(Clone, Copy, Debug)]
enum FaultKind {
    Crash,
    Pause,
    PauseBroker,
    Cut(bool),
    Clog,
    Reset,
    Drop(Api, Side),
    Slow,
}

fn kind() -> impl Strategy<Value = FaultKind> {
    let api = prop::sample::select(vec![
        Api::Heartbeat,
        Api::JoinGroup,
        Api::SyncGroup,
        Api::OffsetCommit,
    ]);
    let side = prop::sample::select(vec![Side::Request, Side::Response]);
    prop_oneof![
        Just(FaultKind::Reset),
        Just(FaultKind::Pause),
        Just(FaultKind::Crash),
        Just(FaultKind::Slow),
        Just(FaultKind::Clog),
        Just(FaultKind::PauseBroker),
        any::<bool>().prop_map(FaultKind::Cut),
        (api, side).prop_map(|(api, side)| FaultKind::Drop(api, side)),
    ]
}

fn faults() -> impl Strategy<Value = Vec<Fault>> {
    let millis =
        |range| prop::num::u64::ANY.prop_map(move |n| n % range).prop_map(Duration::from_millis);
    let fault = (millis(20_000), 0..CONSUMERS, kind(), millis(25_000));
    let fault =
        fault.prop_map(|(after, consumer, kind, lasts)| Fault { after, consumer, kind, lasts });
    prop::collection::vec(fault, 0..12)
}

const CONSUMERS: usize = 3;

fn schedule(seed: u64, faults: &[Fault]) -> Schedule {
    let settings = Settings {
        session: Some(Duration::from_secs(10)),
        rebalance: Some(Duration::from_secs(20)),
        request: Some(Duration::from_secs(12)),
        ..Settings::default()
    };
    let mut steps: Vec<Step> = (0..CONSUMERS).map(|number| step(None, join(number))).collect();
    let mut now = Time::ZERO;
    for fault in faults {
        now += fault.after;
        let (begin, end) = actions(fault);
        steps.push(step(Some(now), begin));
        now += fault.lasts;
        steps.extend(end.map(|end| step(Some(now), end)));
    }
    steps.push(step(Some(now + Duration::from_secs(1)), Action::Quiesce(None)));
    steps.push(step(None, Action::Settle(None)));
    steps.push(step(None, Action::Drain(None)));
    Schedule {
        seed,
        topics: vec![TopicSpec { name: "orders".to_owned(), partitions: 5, rate: 120 }],
        groups: vec![GroupSpec { name: "g".to_owned(), settings }],
        steps,
        ..Schedule::default()
    }
}

fn step(at: Option<Time>, action: Action) -> Step {
    Step { line: 0, at, action }
}

fn name(number: usize) -> String {
    format!("c{}", number + 1)
}

fn join(number: usize) -> Action {
    Action::Join { consumer: name(number), group: None, settings: Box::default() }
}

fn actions(fault: &Fault) -> (Action, Option<Action>) {
    let consumer = name(fault.consumer);
    let (node, broker) = (NodeName::Consumer(consumer.clone()), NodeName::Broker(BrokerId(0)));
    match fault.kind {
        FaultKind::Crash => {
            let node = NodeName::Consumer(consumer);
            (Action::Crash(node.clone(), Tail::Random), Some(Action::Restart(node)))
        }
        FaultKind::Pause => (Action::Pause(node.clone()), Some(Action::Resume(node))),
        FaultKind::PauseBroker => (Action::Pause(broker.clone()), Some(Action::Resume(broker))),
        FaultKind::Cut(both) => {
            let direction = if both { Direction::Both } else { Direction::Forward };
            let cut = Action::Partition(node.clone(), broker.clone(), direction);
            (cut, Some(Action::Heal(node, broker)))
        }
        FaultKind::Clog => {
            let clog = Action::Clog(node.clone(), broker.clone(), Duration::from_secs(3));
            (clog, Some(Action::Unclog(node, broker)))
        }
        FaultKind::Reset => (Action::Reset(consumer, None), None),
        FaultKind::Drop(api, side) => {
            (Action::Drop { consumer, api, side, nth: 1, count: 1 }, None)
        }
        FaultKind::Slow => {
            let (slow, normal) = (Duration::from_secs(30), Duration::from_millis(1));
            (Action::Slow(consumer.clone(), slow), Some(Action::Slow(consumer, normal)))
        }
    }
}

fn runner(cases: u32, seed: u64) -> TestRunner {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

#[test]
fn correct_systems_hold_on_any_faults() {
    let systems = Systems::default();
    let seed = std::env::var("GROUPSIM_SEED").map_or(0, |seed| seed.parse().expect("a number"));
    let held = runner(150, seed).run(&(any::<u64>(), faults()), |(seed, faults)| {
        let schedule = schedule(seed, &faults);
        let report = Run::of(&schedule).systems(&systems).run();
        let script = script::print(&schedule);
        prop_assert!(report.finding.is_none(), "{:?}\n{script}", report.finding);
        Ok(())
    });
    held.unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn proptest_shrinks_a_failing_schedule_to_the_fault_that_matters() {
    let systems = mutant::find("forgiving-heartbeats").expect("a mutant").systems();
    let runs = Cell::new(0);
    let found = runner(200, 0).run(&(Just(7), faults()), |(seed, faults)| {
        runs.set(runs.get() + 1);
        let report = Run::of(&schedule(seed, &faults)).systems(&systems).run();
        prop_assert!(report.finding.is_none(), "{:?}", report.finding);
        Ok(())
    });
    let Err(TestError::Fail(_, (_, smallest))) = found else {
        panic!("the mutant was not found in {} runs: {found:?}", runs.get());
    };
    assert!(smallest.len() <= 2, "after {} runs still {smallest:?}", runs.get());
}
