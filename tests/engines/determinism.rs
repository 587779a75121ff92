//! madsim's own check: a second run draws the same random numbers at the same points as the first.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use groupsim::engine::plug::{Net as _, Router, address_of, addresses_of_brokers};
use groupsim::sim::Sim;
use groupsim::sim::Systems;
use groupsim::sim::hosted::{Command, Process, Topology};
use groupsim::sim::schedule::{Action, GroupSpec, NodeName, Schedule, Settings, Tail, TopicSpec};
use groupsim::time::Time;

use madsim::runtime::Runtime;
use madsim::task::NodeId;

use crate::madsim_engine::{MadsimNet, ROUTER, run};

fn schedule() -> Schedule {
    let topic = TopicSpec { name: "t".to_owned(), partitions: 4, rate: 120 };
    let group = GroupSpec { name: "g".to_owned(), settings: Settings::default() };
    Schedule { seed: 5, topics: vec![topic], groups: vec![group], ..Schedule::default() }
}

/// Two members join, and one crashes.
fn actions() -> [Option<Action>; 4] {
    let join = |name: &str| Action::Join {
        consumer: name.to_owned(),
        group: None,
        settings: Box::default(),
    };
    let crash = Action::Crash(NodeName::Consumer("c2".to_owned()), Tail::Random);
    [Some(join("c1")), Some(join("c2")), Some(crash), None]
}

/// A run inside a given runtime: how many generations began, and how many batches of records were
/// processed.
async fn a_group_reads() -> (usize, usize) {
    let schedule = Rc::new(schedule());
    let sim = Sim::hosted(&schedule, &Systems::default(), &Topology::default());
    let router = Router::new(MadsimNet, sim, addresses_of_brokers(&schedule));
    ROUTER.set(Some(router.clone()));
    let mut nodes = BTreeMap::new();
    for action in actions() {
        if let Some(action) = action {
            router.core().apply(&action).expect("the action is possible");
        }
        router.dispatch();
        carry_out(&router, &mut nodes);
        run_until(&router, MadsimNet.now() + Duration::from_secs(5)).await;
    }
    let mut events = Vec::new();
    router.core().take_events(&mut events);
    router.rethrow();
    let count = |is: fn(&groupsim::trace::EventKind) -> bool| {
        events.iter().filter(|event| is(&event.kind)).count()
    };
    (
        count(|kind| {
            matches!(
                kind,
                groupsim::trace::EventKind::Coordinator(
                    groupsim::coordinator::Observation::Classic(
                        groupsim::coordinator::ClassicObservation::GenerationBegan { .. }
                    )
                )
            )
        }),
        count(|kind| {
            matches!(
                kind,
                groupsim::trace::EventKind::Consumer(
                    groupsim::client::ClientObservation::Processed { .. }
                )
            )
        }),
    )
}

fn carry_out(router: &Router<MadsimNet>, nodes: &mut BTreeMap<Process, NodeId>) {
    let runtime = madsim::runtime::Handle::current();
    for command in router.engine_commands() {
        match command {
            Command::Start(process) => {
                let node = runtime
                    .create_node()
                    .ip(address_of(process))
                    .init(move || run(process))
                    .build();
                nodes.insert(process, node.id());
            }
            Command::Kill(process) => runtime.kill(nodes[&process]),
            other => panic!("unexpected command {other:?}"),
        }
    }
}

/// Lets processes and core run until a time.
async fn run_until(router: &Router<MadsimNet>, until: Time) {
    while MadsimNet.now() < until {
        let due = router.core().next_time().map_or(until, |due| due.min(until));
        tokio::select! {
            biased;
            () = router.activity() => {}
            () = MadsimNet.sleep_until(due) => {}
        }
        let now = MadsimNet.now();
        let mut sim = router.core();
        sim.set_time(now);
        while sim.next_time().is_some_and(|due| due <= now) {
            sim.step();
        }
        drop(sim);
        router.dispatch();
    }
}

#[test]
fn a_second_run_draws_the_same_random_numbers() {
    let (generations, read) =
        Runtime::check_determinism(5, madsim::Config::default(), a_group_reads);
    assert!(generations >= 1 && read > 10, "{generations} generations, {read} records");
}
