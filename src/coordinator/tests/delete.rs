//! DeleteGroups: R6.7.6, R9.8.

use super::bench::group;
use super::offset_world::*;
use super::*;
use crate::coordinator::{
    CoordinatorConfig, GroupState, Input, Inspect, Observation, Record, Release,
};
use crate::time::Time;

/// Group `g` without members, with offsets in two topics.
fn with_offsets() -> Bench {
    let mut bench = Bench::new();
    commit_to(&mut bench, "g", "t-0", 5);
    commit_to(&mut bench, "g", "u-1", 6);
    bench.commit();
    bench
}

/// The tombstones among the records after the first `from`: groups and partitions.
fn tombstones(bench: &Bench, from: usize) -> Vec<String> {
    let line = |record: &Record| match record {
        Record::GroupTombstone { group } => group.0.to_string(),
        Record::OffsetTombstone { group, partition } => format!("{} {partition}", group.0),
        other => panic!("{other:?} is no tombstone"),
    };
    bench.log[from..].iter().map(|(_, record)| line(record)).collect()
}

/// R6.7.6.
#[test]
fn a_group_that_does_not_exist_cannot_be_deleted() {
    let mut bench = Bench::new();
    let id = delete_groups(&mut bench, &["g", ""]);
    assert_eq!(codes(&bench, id), [code(E::GroupIdNotFound); 2]);
    assert_eq!(bench.responses[&id].1, Release::WhenDurable);
}

/// R6.7.6.
#[test]
fn a_group_with_members_cannot_be_deleted() {
    let (mut bench, ids) = Bench::completing(1);
    let refused = |bench: &mut Bench| {
        let appended = bench.log.len();
        let id = delete_groups(bench, &["g"]);
        assert_eq!(codes(bench, id), [code(E::NonEmptyGroup)], "{}", bench.state());
        assert_eq!(bench.log.len(), appended);
    };
    refused(&mut bench);
    bench.sync(&ids[0], 1, &ids);
    bench.commit();
    assert_eq!(bench.state(), GroupState::Stable);
    refused(&mut bench);
    bench.enter("m1");
    assert_eq!(bench.state(), GroupState::PreparingRebalance);
    refused(&mut bench);
}

/// R6.7.6, R9.8.
#[test]
fn an_empty_group_is_removed_with_all_its_offsets() {
    let mut bench = with_offsets();
    txn_to(&mut bench, "g", 7, "t-0", 8);
    txn_to(&mut bench, "g", 8, "v-0", 9);
    bench.commit();
    let before = bench.log.len();
    let id = delete_groups(&mut bench, &["g"]);
    assert_eq!(tombstones(&bench, before), ["g t-0", "g u-1", "g v-0", "g"]);
    assert!(bench.is_parked(id), "the response waits until all of them are durable");
    assert!(bench.coordinator.groups().is_empty(), "removed at once");
    assert_eq!(offsets_of(&mut bench, "g", true), [] as [&str; 0]);
    assert_eq!(offsets_of(&mut bench, "g", false), ["t-0=5", "u-1=6"], "not durable yet");
    bench.commit();
    assert_eq!(codes(&bench, id), [0]);
    assert_eq!(gone(&mut bench), ["g deleted"]);
    // Offsets pending in a transaction are gone as well.
    end_txn(&mut bench, 7, true);
    bench.commit();
    assert_eq!(offsets_of(&mut bench, "g", false), [] as [&str; 0]);
    assert_eq!(described(&mut bench, 5, "g").group_state.as_str(), "Dead");
}

/// R6.7.6.
#[test]
fn each_group_is_handled_on_its_own_and_once() {
    let mut bench = with_offsets();
    bench.enter("m");
    commit_to(&mut bench, "a", "t-0", 5);
    bench.commit();
    let id = delete_groups(&mut bench, &["nope", "a", "g", "a"]);
    bench.commit();
    let results = codes(&bench, id);
    assert_eq!(results, [code(E::GroupIdNotFound), 0, code(E::NonEmptyGroup)]);
    assert_eq!(gone(&mut bench), ["a deleted"]);
}

/// R6.7.6.
#[test]
fn pending_ids_are_removed_with_their_group() {
    let mut bench = Bench::new();
    let first = bench.send("m", 9, bench::join_request(""));
    let id = bench.joined(first).member_id;
    delete_groups(&mut bench, &["g"]);
    bench.commit();
    // Its timer would find no group.
    bench.pass(secs(600));
    let second = bench.join(&id);
    assert_eq!(bench.joined(second).error_code, code(E::UnknownMemberId));
}

/// The record of the first group's assignment becomes durable while a second group of the same name
/// waits for one in the same generation. (R9.8)
#[test]
fn a_new_group_of_the_same_name_is_independent_of_the_old_one() {
    let config =
        CoordinatorConfig { initial_rebalance_delay: ms(0), ..CoordinatorConfig::default() };
    let mut bench = Bench::with(config);
    let ids: Vec<_> = ["a", "b"].iter().map(|client| bench.enter(client)).collect();
    bench.pass(ms(0));
    bench.sync(&ids[0], 1, &ids);
    bench.leave(&[ids[0].as_str(), ids[1].as_str()]);
    assert_eq!(bench.state(), GroupState::Empty);
    commit_to(&mut bench, "g", "t-0", 5);
    delete_groups(&mut bench, &["g"]);
    let old = bench.log.last().expect("a tombstone").0;
    let own = bench.enter("c");
    bench.pass(ms(0));
    assert_eq!(bench.state(), GroupState::CompletingRebalance);
    assert_eq!(bench.describe().generation.0, 1);
    bench.settle_one(old, None);
    assert_eq!(bench.state(), GroupState::CompletingRebalance, "it waits for its own leader");
    let sync = bench.sync(&own, 1, std::slice::from_ref(&own));
    bench.commit();
    assert_eq!(bench.synced(sync).error_code, 0);
    assert_eq!(offsets_of(&mut bench, "g", true), [] as [&str; 0]);
}

/// R9.8.
#[test]
fn a_removal_that_could_not_be_stored_is_undone() {
    let (mut bench, ids) = Bench::stable(1);
    bench.leave(&[ids[0].as_str()]);
    commit_to(&mut bench, "g", "t-0", 5);
    bench.commit();
    bench.observed.clear();
    let id = delete_groups(&mut bench, &["g"]);
    assert!(bench.coordinator.describe(&group()).is_none());
    bench.fail(E::NotEnoughReplicas);
    assert_eq!(codes(&bench, id), [code(E::CoordinatorNotAvailable)]);
    assert_eq!((bench.state(), bench.describe().generation.0), (GroupState::Empty, 2));
    assert_eq!(offsets_of(&mut bench, "g", true), ["t-0=5"]);
    let [Observation::GroupRemoved { .. }, Observation::GroupLoaded(loaded)] = &bench.observed[..]
    else {
        panic!("{:?}", bench.observed)
    };
    assert_eq!(loaded.metadata.generation.0, 2);
    assert_eq!(loaded.offsets, [(at("t-0"), 5)]);
    let again = delete_groups(&mut bench, &["g"]);
    bench.commit();
    assert_eq!(codes(&bench, again), [0]);
}

/// R9.8.
#[test]
fn a_group_created_meanwhile_gets_back_the_offsets_of_the_previous_one() {
    let mut bench = with_offsets();
    delete_groups(&mut bench, &["g"]);
    let tombstones: Vec<_> = bench.log[2..].iter().map(|(append, _)| *append).collect();
    commit_to(&mut bench, "g", "t-0", 1);
    assert_eq!(offsets_of(&mut bench, "g", true), ["t-0=1"]);
    assert_eq!(offsets_of(&mut bench, "g", false), ["t-0=5", "u-1=6"]);
    for tombstone in tombstones {
        bench.settle_one(tombstone, Some(E::NotEnoughReplicas));
    }
    assert_eq!(offsets_of(&mut bench, "g", true), ["t-0=1", "u-1=6"]);
    assert_eq!(offsets_of(&mut bench, "g", false), ["t-0=5", "u-1=6"]);
    let last = bench.log.last().expect("a commit").0;
    bench.settle_one(last, None);
    assert_eq!(offsets_of(&mut bench, "g", false), ["t-0=1", "u-1=6"]);
}

/// Records from before the removal complete while the group is gone. (R9.8)
#[test]
fn appends_in_flight_for_a_removed_group_complete() {
    let mut bench = Bench::new();
    let commit = commit_to(&mut bench, "g", "t-0", 5);
    let txn = txn_to(&mut bench, "g", 7, "t-1", 5);
    let end = end_txn(&mut bench, 7, true);
    let delete = delete_groups(&mut bench, &["g"]);
    commit_to(&mut bench, "g", "t-0", 1);
    bench.commit();
    for id in [commit, txn, end, delete] {
        assert_eq!(codes(&bench, id), [0]);
    }
    assert_eq!(offsets_of(&mut bench, "g", false), ["t-0=1"]);
}

/// A broker that has just been elected cannot know yet whether the end of its log will be
/// committed. (R9.8)
#[test]
fn a_removal_found_in_the_log_hides_the_offsets_when_it_is_durable() {
    let mut before = with_offsets();
    let durable = before.log.len();
    delete_groups(&mut before, &["g"]);
    let mut bench = Bench::loading(Default::default(), "members", Time::ZERO);
    for (position, (_, record)) in before.log.iter().enumerate() {
        bench.replay(position as u64, record, position < durable);
    }
    loaded(&mut bench);
    assert!(bench.coordinator.groups().is_empty());
    assert_eq!(offsets_of(&mut bench, "g", false), ["t-0=5", "u-1=6"]);
    bench.pass_in(Input::ReplayedCommitted);
    assert_eq!(offsets_of(&mut bench, "g", false), [""; 0]);
}
