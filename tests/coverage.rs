//! The default swarm comes to all the places that it must come to.

use std::sync::atomic::AtomicBool;

use groupsim::run::Systems;
use groupsim::sometimes::Mark;
use groupsim::swarm::{Profile, Summary, run_seeds};
use groupsim::trace::must_reach;

/// Corners that take more than a thousand seeds, and are shown by tests of their own.
const RARE: [(Mark, &str); 2] = [
    (
        Mark::AssignmentUndone,
        "src/consumer/tests/cooperative.rs: an assignment that arrives at a busy application",
    ),
    (Mark::OffsetExpired, "sims/retention/unsubscribed-topic.sim"),
];

fn swarm() -> Summary {
    let (systems, stop) = (Systems::default(), AtomicBool::new(false));
    run_seeds(0..1_000, Profile::Default, 0, &systems, &stop, &|_| ()).expect("threads can be had")
}

#[test]
fn the_default_swarm_reaches_what_it_must() {
    let reached = swarm().reached;
    let rare = |name: &String| RARE.iter().any(|(mark, _)| mark.to_string() == *name);
    let missing: Vec<String> = reached.missing().into_iter().filter(|name| !rare(name)).collect();
    assert!(missing.is_empty(), "never met in 1,000 seeds: {}", missing.join(", "));
    let cells: Vec<String> = must_reach()
        .filter(|cell| !reached.cells.contains(*cell))
        .map(|cell| cell.to_string())
        .collect();
    let count = must_reach().count();
    assert!(cells.is_empty(), "{} of {count} cells never met:\n{}", cells.len(), cells.join("\n"));
}
