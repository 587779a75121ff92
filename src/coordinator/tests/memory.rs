//! Memory is the log: after every step of any schedule, what a coordinator holds is what a replay of the log
//! gives (R9.11).
//!
//! A [`World`] is one partition of the offsets log with the coordinator that leads it. Steps are requests, the
//! fate of batches, time, compaction and fail-overs; the [`oracle`] reads the log record by record and knows nothing
//! of views or of what is under way. What is durable must be the meaning of the committed part, what is newest the
//! meaning of all of it.

mod check;
mod oracle;
mod world;

use std::cell::RefCell;
use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, RngSeed, TestRunner};

use world::World;

/// What happens next. Groups, partitions, producers and members are numbers, taken modulo how many there are.
#[derive(Clone, Debug)]
enum Step {
    Commit {
        group: usize,
        at: usize,
        offset: u8,
        retention: Option<i16>,
    },
    TxnCommit {
        group: usize,
        at: usize,
        offset: u8,
        producer: u8,
    },
    EndTxn {
        producer: u8,
        commit: bool,
    },
    DeleteOffsets {
        group: usize,
        at: usize,
    },
    DeleteGroup {
        group: usize,
    },
    DeleteTopic,
    /// A consumer joins, with the member id that it has; a process that has just started has none.
    Join {
        group: usize,
        consumer: usize,
        restarted: bool,
    },
    /// All that are in the group ask for their assignment.
    Sync {
        group: usize,
    },
    Leave {
        group: usize,
        consumer: usize,
    },
    Pass {
        seconds: u64,
    },
    /// The open batch goes to the log.
    Flush,
    /// From here on the log refuses batches, or takes them again.
    Refuse(bool),
    /// The high watermark passes so many batches.
    Commits(usize),
    /// What waits for the log has waited for too long.
    WriteTimeout,
    /// Compaction reaches so many percent of what is committed.
    Compact(u8),
    /// Another leader, which has some of the batches that are not committed. If the high watermark stands still
    /// they stay so. The old one may learn first that it leads no longer.
    FailOver {
        batches: usize,
        stalled: bool,
        told: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let (group, at, offset, producer) = (0..2_usize, 0..3_usize, 0..100_u8, 0..2_u8);
    let retention = prop::option::weighted(0.1, 0..60_i16);
    prop_oneof![
        6 => (group.clone(), at.clone(), offset.clone(), retention)
            .prop_map(|(group, at, offset, retention)| Step::Commit { group, at, offset, retention }),
        4 => (group.clone(), at.clone(), offset, producer.clone())
            .prop_map(|(group, at, offset, producer)| Step::TxnCommit { group, at, offset, producer }),
        2 => (producer, any::<bool>()).prop_map(|(producer, commit)| Step::EndTxn { producer, commit }),
        2 => (group.clone(), at).prop_map(|(group, at)| Step::DeleteOffsets { group, at }),
        4 => group.clone().prop_map(|group| Step::DeleteGroup { group }),
        1 => Just(Step::DeleteTopic),
        5 => (group.clone(), 0..3_usize, any::<bool>())
            .prop_map(|(group, consumer, restarted)| Step::Join { group, consumer, restarted }),
        4 => group.clone().prop_map(|group| Step::Sync { group }),
        2 => (group, 0..3_usize).prop_map(|(group, consumer)| Step::Leave { group, consumer }),
        2 => prop_oneof![4 => 0..4_u64, 1 => 5..50_u64].prop_map(|seconds| Step::Pass { seconds }),
        6 => Just(Step::Flush),
        2 => any::<bool>().prop_map(Step::Refuse),
        4 => (1..4_usize).prop_map(Step::Commits),
        1 => Just(Step::WriteTimeout),
        1 => (0..=100_u8).prop_map(Step::Compact),
        2 => (0..6_usize, any::<bool>(), any::<bool>())
            .prop_map(|(batches, stalled, told)| Step::FailOver { batches, stalled, told }),
    ]
}

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 1_500,
        failure_persistence: None,
        rng_algorithm: RngAlgorithm::ChaCha,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    }
}

/// What must have happened in some schedule, or the property says little.
const REACHED: [&str; 10] = [
    "the end of the log is found uncommitted",
    "it is committed behind a removal",
    "a removal is refused",
    "a removal is refused and another group of the name is there",
    "a group that is founded in vain gives way",
    "a marker is refused",
    "a replacement is refused",
    "something expires",
    "compaction drops something",
    "a leader is told that it is deposed",
];

/// R9.3, R9.7, R9.8, R9.9, R9.10, R9.11, R11.1.
#[test]
fn memory_is_what_a_replay_of_the_log_gives() {
    let reached = RefCell::new(BTreeSet::new());
    let schedules = prop::collection::vec(step(), 1..60);
    let outcome = TestRunner::new(config()).run(&schedules, |steps| {
        let mut world = World::new();
        for step in &steps {
            let taken = world.take(step);
            prop_assert!(taken.is_ok(), "after {step:?}: {}\n{}", taken.unwrap_err(), world.log());
        }
        reached.borrow_mut().extend(world.reached());
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    for what in REACHED {
        assert!(reached.borrow().contains(what), "never: {what}");
    }
}

/// A commit that was found in the log and not committed yet is durable when the rest of the log is; also where its
/// group has been deleted meanwhile, and another one of its name goes on. (R9.7, R9.8, R9.11)
#[test]
fn a_commit_found_in_the_log_stays_behind_a_removal() {
    let commit = |offset| Step::Commit { group: 0, at: 0, offset, retention: None };
    let steps = [
        commit(1),
        Step::Flush,
        Step::FailOver { batches: 1, stalled: true, told: false },
        Step::DeleteGroup { group: 0 },
        Step::Flush,
        Step::Commits(2),
        commit(4),
        Step::Flush,
        Step::Commits(1),
        Step::Refuse(true),
        commit(5),
        Step::Flush,
    ];
    replayed(&steps);
}

/// Two groups of one name on their way out: the second comes back while the first is still going.
/// (R9.8, R9.11)
#[test]
fn the_younger_of_two_groups_that_are_gone_comes_back_alone() {
    let commit = |offset| Step::Commit { group: 0, at: 0, offset, retention: None };
    let steps = [
        commit(5),
        Step::Flush,
        Step::Commits(1),
        Step::DeleteGroup { group: 0 },
        Step::Flush,
        commit(7),
        Step::Flush,
        Step::Refuse(true),
        Step::DeleteGroup { group: 0 },
        Step::Flush,
    ];
    let mut world = replayed(&steps);
    assert_eq!(world.offsets(0), (vec!["t-0=7".to_owned()], vec!["t-0=5".to_owned()]));
}

/// A group of members is deleted and founded again by a commit, all in one batch that is refused: it is back with its
/// generation, and since when it is Empty. (R9.3, R9.8, R9.11)
#[test]
fn a_group_that_was_founded_in_vain_leaves_its_place_to_the_one_before() {
    let mut steps = vec![
        Step::Join { group: 0, consumer: 0, restarted: false },
        Step::Join { group: 0, consumer: 0, restarted: false },
        Step::Pass { seconds: 1 },
        Step::Sync { group: 0 },
        Step::Flush,
        Step::Commits(9),
        Step::Leave { group: 0, consumer: 0 },
        Step::Commit { group: 0, at: 0, offset: 5, retention: None },
        Step::Flush,
        Step::Commits(9),
    ];
    let since = replayed(&steps).empty_since(0).expect("an Empty group of consumers");
    let commit = Step::Commit { group: 0, at: 1, offset: 1, retention: None };
    let join = Step::Join { group: 0, consumer: 1, restarted: true };
    steps.extend([Step::Pass { seconds: 3 }, Step::Refuse(true)]);
    for founded in [vec![commit.clone()], vec![join], vec![commit, Step::DeleteGroup { group: 0 }]]
    {
        let all = [&steps[..], &[Step::DeleteGroup { group: 0 }], &founded, &[Step::Flush]];
        let world = replayed(&all.concat());
        assert_eq!(world.empty_since(0), Some(since), "{founded:?}");
    }
}

fn replayed(steps: &[Step]) -> World {
    let mut world = World::new();
    for step in steps {
        let taken = world.take(step);
        taken.unwrap_or_else(|what| panic!("after {step:?}: {what}\n{}", world.log()));
    }
    world
}
