//! madsim's own check: a second run draws the same random numbers at the same points as the first.

use std::rc::Rc;

use crate::run::Systems;
use crate::sim::Sim;
use crate::sim::hosted::{Cast, Order};
use crate::sim::schedule::{Action, GroupSpec, NodeName, Schedule, Settings, Tail, TopicSpec};

use super::*;

fn schedule() -> Schedule {
    let topic = TopicSpec { name: "t".to_owned(), partitions: 4, rate: 120 };
    let group = GroupSpec { name: "g".to_owned(), settings: Settings::default() };
    Schedule { seed: 5, topics: vec![topic], groups: vec![group], ..Schedule::default() }
}

/// Two members join, and one dies and comes back.
fn actions() -> [Option<Action>; 4] {
    let join = |name: &str| Action::Join {
        consumer: name.to_owned(),
        group: None,
        settings: Box::default(),
    };
    let dies = Action::Crash(NodeName::Consumer("c2".to_owned()), Tail::Luck);
    [Some(join("c1")), Some(join("c2")), Some(dies), None]
}

/// A run inside of a runtime that somebody else has made, and what it comes to: how many generations began and
/// how many records were read.
async fn a_group_reads() -> (usize, usize) {
    let schedule = Rc::new(schedule());
    let sim = Sim::hosted(&schedule, &Systems::default(), &Cast::default());
    let hub = Hub::new(MadsimNet, sim, addresses::of_brokers(&schedule));
    HUB.set(Some(hub.clone()));
    let mut nodes = BTreeMap::new();
    for action in actions() {
        if let Some(action) = action {
            hub.stage().apply(&action).expect("nothing stands in its way");
        }
        hub.sort();
        carry_out(&hub, &mut nodes);
        live(&hub, MadsimNet.now() + Duration::from_secs(5)).await;
    }
    let mut events = Vec::new();
    hub.stage().take_events(&mut events);
    hub.rethrow();
    let count =
        |is: fn(&crate::trace::Kind) -> bool| events.iter().filter(|event| is(&event.kind)).count();
    (
        count(|kind| {
            matches!(
                kind,
                crate::trace::Kind::Coordinator(
                    crate::coordinator::Observation::GenerationBegan { .. }
                )
            )
        }),
        count(|kind| {
            matches!(
                kind,
                crate::trace::Kind::Consumer(crate::consumer::Observation::Processed { .. })
            )
        }),
    )
}

fn carry_out(hub: &Hub<MadsimNet>, nodes: &mut BTreeMap<Host, NodeId>) {
    let runtime = madsim::runtime::Handle::current();
    for order in hub.engine_orders() {
        match order {
            Order::Start(host) => {
                let node =
                    runtime.create_node().ip(addresses::of(host)).init(move || run(host)).build();
                nodes.insert(host, node.id());
            }
            Order::Kill(host) => runtime.kill(nodes[&host]),
            other => panic!("the schedule asks for {other:?}"),
        }
    }
}

/// Lets hosts and stage live until then.
async fn live(hub: &Hub<MadsimNet>, until: Time) {
    while MadsimNet.now() < until {
        let due = hub.stage().next_time().map_or(until, |due| due.min(until));
        tokio::select! {
            biased;
            () = hub.happened() => {}
            () = MadsimNet.sleep_until(due) => {}
        }
        let now = MadsimNet.now();
        let mut sim = hub.stage();
        sim.set_time(now);
        while sim.next_time().is_some_and(|due| due <= now) {
            sim.step();
        }
        drop(sim);
        hub.sort();
    }
}

#[test]
fn a_second_run_draws_the_same_luck() {
    let (generations, read) =
        Runtime::check_determinism(5, madsim::Config::default(), a_group_reads);
    assert!(generations >= 1 && read > 10, "{generations} generations, {read} records");
}
