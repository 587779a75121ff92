//! R11.1 to R11.6: what a coordinator loads from the log of the previous one.

use super::bench::{SESSION, group, join_request};
use super::*;
use crate::coordinator::{
    ClassicObservation, CoordinatorConfig, GroupMetadata, GroupState, Inspect, LoadedGroup,
    Observation, Record, TimerKind,
};
use crate::protocol::{Generation, GroupId, MemberId, StrBytes, str_bytes};

/// A coordinator that loads, a minute later, what is durable in the log of `before`.
fn fail_over(before: &Bench) -> Bench {
    after(before, before.log.len())
}

/// Like [`fail_over`], but only the first `kept` records survived.
fn after(before: &Bench, kept: usize) -> Bench {
    let records: Vec<_> = before.log[..kept].iter().map(|(_, record)| record.clone()).collect();
    Bench::after(CoordinatorConfig::default(), "next", before.now + secs(60), &records)
}

fn loaded(bench: &Bench) -> Vec<LoadedGroup> {
    let loaded = |o: &Observation| match o {
        Observation::GroupLoaded(group) => Some(LoadedGroup::clone(group)),
        _ => None,
    };
    bench.observed.iter().filter_map(loaded).collect()
}

fn last_metadata(bench: &Bench) -> GroupMetadata {
    let metadata = |record: &Record| match record {
        Record::GroupMetadata(metadata) => Some(metadata.clone()),
        _ => None,
    };
    let mut records = bench.log.iter().rev();
    records.find_map(|(_, record)| metadata(record)).expect("a group was stored")
}

/// R11.4.
#[test]
fn an_empty_log_has_no_group() {
    let bench = fail_over(&Bench::new());
    assert_eq!((bench.coordinator.groups(), bench.observed.len()), (Vec::new(), 0));
}

/// R4.1, R11.1, R11.2.
#[test]
fn a_loaded_group_with_members_is_stable_and_its_sessions_restart() {
    let (before, ids) = Bench::stable_static(2);
    let mut bench = fail_over(&before);
    let found = loaded(&bench);
    assert_eq!(found.len(), 1);
    assert_eq!((&found[0].metadata, found[0].state), (&last_metadata(&before), GroupState::Stable));
    assert_eq!(bench.observed.len(), 1, "no other move was seen");
    let describe = bench.describe();
    assert_eq!((describe.generation, describe.timers), (Generation(1), Vec::new()));
    assert_eq!(describe.leader, Some(MemberId(ids[0].clone())));
    for id in &ids {
        assert_eq!(bench.session_of(id), Some(bench.now + SESSION));
        let sync = bench.sync(id, 1, &[]);
        assert_eq!(bench.synced(sync).assignment, id.as_bytes());
    }
    assert_eq!(bench.heartbeat_as(&ids[1], 1, Some("i1")), 0);
    assert_eq!(bench.heartbeat_as(&ids[1], 1, Some("i0")), code(E::FencedInstanceId));
    bench.pass(SESSION);
    assert_eq!((bench.state(), bench.describe().generation), (GroupState::Empty, Generation(2)));
}

/// R11.3.
#[test]
fn loaded_members_have_only_the_assignor_that_was_chosen() {
    let mut before = Bench::new();
    let offered = [("range", "x"), ("sticky", "y")];
    let join = before.send("c", 3, super::bench::offer(join_request(""), &offered));
    before.pass(secs(3));
    let id = before.joined(join).member_id;
    before.sync(&id, 1, &[]);
    before.commit();
    let mut bench = fail_over(&before);
    let other = bench.join_with("", &[("sticky", "y")]);
    assert_eq!(bench.joined(other).error_code, code(E::InconsistentGroupProtocol));
    // Its full list counts as other metadata for this coordinator.
    let again = bench.join_with(&id, &offered);
    assert_eq!(bench.joined(again).generation_id, 2);
}

/// R4.1, R11.1, R11.4.
#[test]
fn the_last_record_counts_and_a_tombstone_ends_a_group() {
    let (mut before, ids) = Bench::stable(1);
    before.leave(&[&ids[0]]);
    let bench = fail_over(&before);
    assert_eq!((bench.state(), bench.describe().generation), (GroupState::Empty, Generation(2)));
    assert_eq!(loaded(&bench)[0].metadata, last_metadata(&before));
    // Compaction may have dropped all but the last.
    let last = Record::GroupMetadata(last_metadata(&before));
    let bench = Bench::after(CoordinatorConfig::default(), "n", bench.now, &[last]);
    assert_eq!(bench.describe().generation, Generation(2));

    let mut records: Vec<_> = before.log.iter().map(|(_, record)| record.clone()).collect();
    records.push(Record::GroupTombstone { group: group() });
    let bench = Bench::after(CoordinatorConfig::default(), "n", bench.now, &records);
    assert_eq!((bench.coordinator.groups(), loaded(&bench)), (Vec::new(), Vec::new()));
    records.push(before.log[0].1.clone());
    let bench = Bench::after(CoordinatorConfig::default(), "n", bench.now, &records);
    assert_eq!((bench.state(), bench.describe().generation), (GroupState::Empty, Generation(0)));
}

/// R11.4, R11.5.
#[test]
fn every_group_is_observed_before_anything_happens_to_one() {
    let (before, _) = Bench::stable(2);
    let mut records = vec![Record::GroupMetadata(last_metadata(&before))];
    let other = GroupId(str_bytes("h"));
    records.push(Record::GroupMetadata(GroupMetadata {
        group: other.clone(),
        ..last_metadata(&before)
    }));
    let config = CoordinatorConfig { max_size: 1, ..Default::default() };
    let bench = Bench::after(config, "n", before.now, &records);
    let kinds: Vec<_> =
        bench.observed.iter().map(|o| matches!(o, Observation::GroupLoaded(_))).collect();
    assert_eq!(kinds, [true, true, false, false]);
    assert_eq!(loaded(&bench)[1].state, GroupState::Stable);
    let describe = bench.coordinator.describe(&other).expect("the other group");
    assert_eq!(describe.state, GroupState::PreparingRebalance);
    assert_eq!(describe.timers, [(TimerKind::Join, bench.now + secs(30))]);
}

// The moments of a failover (the table of R11).

/// R9.6, R11.1.
#[test]
fn in_the_join_phase_the_previous_generation_is_back() {
    let (mut before, ids) = Bench::stable(2);
    let late = before.enter("late");
    before.join(&ids[0]);
    let mut bench = fail_over(&before);
    assert_eq!((bench.state(), bench.describe().generation), (GroupState::Stable, Generation(1)));
    assert_eq!(bench.heartbeat(&ids[1], 1), 0);
    for lost in [bench.join(&late), bench.join("c-pending")] {
        assert_eq!(bench.joined(lost).error_code, code(E::UnknownMemberId));
    }
    let follower = bench.join(&ids[1]);
    assert_eq!(bench.joined(follower).generation_id, 1, "the same metadata, no rebalance");
    let leader = bench.join(&ids[0]);
    assert!(bench.is_parked(leader));
}

/// R9.6, R11.6.
#[test]
fn in_the_sync_phase_the_generation_is_lost_and_reused() {
    let (mut before, ids) = Bench::stable(1);
    let late = before.enter("late");
    before.join(&ids[0]);
    assert_eq!(before.describe().generation, Generation(2));
    // The same when the leader's record was appended and did not survive.
    before.sync(&ids[0], 2, &ids);
    let mut bench = after(&before, before.log.len() - 1);
    assert_eq!(bench.describe().generation, Generation(1));
    assert_eq!(bench.heartbeat(&ids[0], 2), code(E::IllegalGeneration));
    assert_eq!(bench.heartbeat(&late, 2), code(E::UnknownMemberId));
    let other = bench.enter("other");
    bench.join(&ids[0]);
    let began = |o: &&Observation| {
        matches!(o, Observation::Classic(ClassicObservation::GenerationBegan { .. }))
    };
    let Some(Observation::Classic(ClassicObservation::GenerationBegan {
        generation, members, ..
    })) = bench.observed.iter().find(began)
    else {
        panic!("no generation")
    };
    assert_eq!(*generation, Generation(2));
    assert!(members.contains(&MemberId(other)) && !members.contains(&MemberId(late)));
}

/// R6.2.9, R9.1, R11.1.
#[test]
fn a_leaders_record_that_survived_defines_the_generation() {
    let (mut before, ids) = Bench::completing(2);
    before.sync(&ids[0], 1, &ids);
    let mut bench = fail_over(&before);
    assert_eq!((bench.state(), bench.describe().generation), (GroupState::Stable, Generation(1)));
    let late: Vec<StrBytes> = vec![ids[1].clone()];
    let sync = bench.sync(&late[0], 1, &[]);
    assert_eq!(bench.synced(sync).assignment, ids[1].as_bytes());
}

/// R9.4, R11.2.
#[test]
fn a_lost_empty_record_brings_the_members_back_until_their_sessions_expire() {
    let (mut before, ids) = Bench::stable(1);
    before.leave(&[&ids[0]]);
    let mut bench = after(&before, before.log.len() - 1);
    assert_eq!(bench.heartbeat(&ids[0], 1), 0);
    bench.pass(SESSION);
    assert_eq!(bench.state(), GroupState::Empty);
}

/// R8.6, R11.1.
#[test]
fn a_replacement_that_survived_fences_the_old_id_and_one_that_did_not_the_new() {
    let (mut before, ids) = Bench::stable_static(1);
    before.join_as("i0", "");
    let new = before.describe().members[0].id.0.clone();
    let (fenced, all) = (code(E::FencedInstanceId), before.log.len());
    for (kept, there, gone) in [(all, &new, &ids[0]), (all - 1, &ids[0], &new)] {
        let mut bench = after(&before, kept);
        assert_eq!(bench.heartbeat_as(there, 1, Some("i0")), 0);
        assert_eq!(bench.heartbeat_as(gone, 1, Some("i0")), fenced);
    }
}
