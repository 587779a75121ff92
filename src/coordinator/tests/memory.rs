//! Memory is the log: after every step of any schedule, a coordinator's state equals a replay of
//! the log (R9.11).
//!
//! A [`World`] is one partition of the offsets log with the coordinator that leads it. Steps are
//! requests, outcomes of batches, time, compaction and failovers. The [`oracle`] reads the log
//! record by record and knows nothing of views or appends in flight. The durable view must equal
//! the state of the committed part, the newest view that of the whole log.

mod check;
mod oracle;
mod world;

use std::cell::RefCell;
use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, RngSeed, TestRunner};

use world::World;

/// One step of a schedule. Groups, partitions, producers and members are numbers, taken modulo how
/// many there are.
#[derive(Clone, Debug)]
enum Operation {
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
    /// A consumer joins with the member id that it has; a restarted process has none.
    Join {
        group: usize,
        consumer: usize,
        restarted: bool,
    },
    /// All members of the group send SyncGroup.
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
    /// The open batch is written to the log.
    Flush,
    /// The log refuses batches from now on, or accepts them again.
    Refuse(bool),
    /// The high watermark passes that many batches.
    Commits(usize),
    /// Requests that wait for the log time out.
    WriteTimeout,
    /// Compaction runs over that percentage of the committed records.
    Compact(u8),
    /// A new leader has some of the uncommitted batches. If the high watermark stands still they
    /// stay uncommitted. The old leader may learn first that it no longer leads.
    FailOver {
        batches: usize,
        stalled: bool,
        learns_first: bool,
    },
}

fn step() -> impl Strategy<Value = Operation> {
    let (group, at, offset, producer) = (0..2_usize, 0..3_usize, 0..100_u8, 0..2_u8);
    let retention = prop::option::weighted(0.1, 0..60_i16);
    prop_oneof![
        6 => (group.clone(), at.clone(), offset.clone(), retention)
            .prop_map(|(group, at, offset, retention)| Operation::Commit { group, at, offset, retention }),
        4 => (group.clone(), at.clone(), offset, producer.clone())
            .prop_map(|(group, at, offset, producer)| Operation::TxnCommit { group, at, offset, producer }),
        2 => (producer, any::<bool>()).prop_map(|(producer, commit)| Operation::EndTxn { producer, commit }),
        2 => (group.clone(), at).prop_map(|(group, at)| Operation::DeleteOffsets { group, at }),
        4 => group.clone().prop_map(|group| Operation::DeleteGroup { group }),
        1 => Just(Operation::DeleteTopic),
        5 => (group.clone(), 0..3_usize, any::<bool>())
            .prop_map(|(group, consumer, restarted)| Operation::Join { group, consumer, restarted }),
        4 => group.clone().prop_map(|group| Operation::Sync { group }),
        2 => (group, 0..3_usize).prop_map(|(group, consumer)| Operation::Leave { group, consumer }),
        2 => prop_oneof![4 => 0..4_u64, 1 => 5..50_u64].prop_map(|seconds| Operation::Pass { seconds }),
        6 => Just(Operation::Flush),
        2 => any::<bool>().prop_map(Operation::Refuse),
        4 => (1..4_usize).prop_map(Operation::Commits),
        1 => Just(Operation::WriteTimeout),
        1 => (0..=100_u8).prop_map(Operation::Compact),
        2 => (0..6_usize, any::<bool>(), any::<bool>())
            .prop_map(|(batches, stalled, learns_first)| Operation::FailOver { batches, stalled, learns_first }),
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

/// Corners that some schedule must reach; otherwise the property says little.
const REACHED: [&str; 10] = [
    "the end of the log is uncommitted at the load",
    "a loaded record is committed after a removal",
    "a removal is refused",
    "a removal is refused and another group of the name exists",
    "a group whose creation failed gives way",
    "a marker is refused",
    "a replacement is refused",
    "something expires",
    "compaction drops something",
    "a leader learns that it is deposed",
];

/// R9.3, R9.7, R9.8, R9.9, R9.10, R9.11, R11.1.
#[test]
fn memory_equals_a_replay_of_the_log() {
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

/// A commit that was found uncommitted in the log becomes durable with the rest of the log, even if
/// its group has been deleted meanwhile and another one of its name exists. (R9.7, R9.8, R9.11)
#[test]
fn a_commit_found_in_the_log_stays_behind_a_removal() {
    let commit = |offset| Operation::Commit { group: 0, at: 0, offset, retention: None };
    let steps = [
        commit(1),
        Operation::Flush,
        Operation::FailOver { batches: 1, stalled: true, learns_first: false },
        Operation::DeleteGroup { group: 0 },
        Operation::Flush,
        Operation::Commits(2),
        commit(4),
        Operation::Flush,
        Operation::Commits(1),
        Operation::Refuse(true),
        commit(5),
        Operation::Flush,
    ];
    replayed(&steps);
}

/// Two removed groups of one name wait for their tombstones: the second comes back while the first
/// is still being removed. (R9.8, R9.11)
#[test]
fn the_newer_of_two_removed_groups_comes_back_alone() {
    let commit = |offset| Operation::Commit { group: 0, at: 0, offset, retention: None };
    let steps = [
        commit(5),
        Operation::Flush,
        Operation::Commits(1),
        Operation::DeleteGroup { group: 0 },
        Operation::Flush,
        commit(7),
        Operation::Flush,
        Operation::Refuse(true),
        Operation::DeleteGroup { group: 0 },
        Operation::Flush,
    ];
    let mut world = replayed(&steps);
    assert_eq!(world.offsets(0), (vec!["t-0=7".to_owned()], vec!["t-0=5".to_owned()]));
}

/// A group that has had members is deleted and created again by a commit, in one batch that is
/// refused: it is back with its generation and with the time since when it is Empty. (R9.3, R9.8,
/// R9.11)
#[test]
fn a_group_whose_creation_failed_gives_way_to_the_previous_one() {
    let mut steps = vec![
        Operation::Join { group: 0, consumer: 0, restarted: false },
        Operation::Join { group: 0, consumer: 0, restarted: false },
        Operation::Pass { seconds: 1 },
        Operation::Sync { group: 0 },
        Operation::Flush,
        Operation::Commits(9),
        Operation::Leave { group: 0, consumer: 0 },
        Operation::Commit { group: 0, at: 0, offset: 5, retention: None },
        Operation::Flush,
        Operation::Commits(9),
    ];
    let since = replayed(&steps).empty_since(0).expect("an Empty group of consumers");
    let commit = Operation::Commit { group: 0, at: 1, offset: 1, retention: None };
    let join = Operation::Join { group: 0, consumer: 1, restarted: true };
    steps.extend([Operation::Pass { seconds: 3 }, Operation::Refuse(true)]);
    for created in
        [vec![commit.clone()], vec![join], vec![commit, Operation::DeleteGroup { group: 0 }]]
    {
        let all =
            [&steps[..], &[Operation::DeleteGroup { group: 0 }], &created, &[Operation::Flush]];
        let world = replayed(&all.concat());
        assert_eq!(world.empty_since(0), Some(since), "{created:?}");
    }
}

fn replayed(steps: &[Operation]) -> World {
    let mut world = World::new();
    for step in steps {
        let taken = world.take(step);
        taken.unwrap_or_else(|what| panic!("after {step:?}: {what}\n{}", world.log()));
    }
    world
}
