//! The default swarm reaches all races, marks and coverage cells that it must reach.

use std::sync::atomic::AtomicBool;

use groupsim::coverage::must_reach;
use groupsim::marks::Mark;
use groupsim::run::Systems;
use groupsim::swarm::{Profile, Summary, Swarm};

/// Marks that take more than a thousand seeds to reach, and the tests that cover them.
const RARE: [(Mark, &str); 2] = [
    (
        Mark::AssignmentUndone,
        "src/client/tests/cooperative.rs: an assignment that arrives at a busy application",
    ),
    (Mark::OffsetExpired, "sims/retention/unsubscribed-topic.sim"),
];

fn swarm() -> Summary {
    let (systems, stop) = (Systems::default(), AtomicBool::new(false));
    Swarm::of(0..1_000, Profile::Default, &systems).run(&stop, &()).expect("threads can be had")
}

#[test]
fn the_default_swarm_reaches_everything_that_it_must_reach() {
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
