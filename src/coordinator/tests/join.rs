//! R6.1, R7.2 to R7.5: joining, and what starts and ends a rebalance.

use super::bench::{SESSION, group, join_request, offer};
use super::*;
use crate::coordinator::{ClassicObservation, GroupState, Observation, Record, Release, Removal};
use crate::coordinator::{Inspect, TransitionReason};
use crate::protocol::{GroupId, MemberId, str_bytes};

/// R3.4, R4.2, R6.1.7, R6.1.9.
#[test]
fn a_new_member_gets_an_id_and_joins_with_it() {
    let mut bench = Bench::new();
    let first = bench.send("c1", 4, join_request(""));
    let response = bench.joined(first);
    assert_eq!(response.error_code, code(E::MemberIdRequired));
    assert_eq!((response.generation_id, response.leader.as_str()), (-1, ""));
    assert_eq!(bench.state(), GroupState::Empty);
    let uuid = response.member_id.strip_prefix("c1-").expect("the client id comes first");
    let parts: Vec<_> = uuid.split('-').map(str::len).collect();
    assert_eq!(parts, [8, 4, 4, 4, 12]);
    assert_eq!(uuid.as_bytes()[14], b'4');
    assert!(b"89ab".contains(&uuid.as_bytes()[19]));

    let second = bench.join(&response.member_id);
    assert!(bench.is_parked(second));
    bench.pass(secs(3));
    let joined = bench.joined(second);
    assert_eq!((joined.error_code, joined.generation_id), (0, 1));
    assert_eq!((&joined.leader, &joined.member_id), (&response.member_id, &response.member_id));
    assert_eq!(joined.protocol_type, Some(str_bytes("consumer")));
    assert_eq!(joined.protocol_name, Some(str_bytes("range")));
    assert_eq!(joined.members.len(), 1);
    assert_eq!(bench.responses[&second].1, Release::Now);
}

/// R6.1.4.
#[test]
fn a_new_group_writes_its_record_whatever_the_outcome_of_the_join() {
    let mut bench = Bench::new();
    bench.send("c", 9, offer(join_request(""), &[]));
    let Record::GroupMetadata(metadata) = &bench.log[0].1 else { panic!("not metadata") };
    assert_eq!((metadata.generation.0, metadata.members.len()), (0, 0));
    bench.send("c", 9, join_request(""));
    assert_eq!(bench.log.len(), 1);
}

/// R9.3.
#[test]
fn a_new_group_that_cannot_be_stored_fails_its_join() {
    let mut bench = Bench::new();
    let join = bench.send("c", 3, join_request(""));
    bench.fail(E::NotEnoughReplicas);
    assert_eq!(bench.joined(join).error_code, code(E::CoordinatorNotAvailable));
    assert_eq!(bench.joined(join).member_id.as_str(), "", "R6.1.1");
    assert!(bench.coordinator.groups.is_empty());
    let mut armed = 0;
    bench.coordinator.deadlines(&mut |_| armed += 1);
    assert_eq!(armed, 1, "the retention timer");
}

/// R9.3: everything in the same batch goes with the group, including pending ids.
#[test]
fn a_group_that_could_not_be_stored_was_never_created() {
    let mut bench = Bench::new();
    let first = bench.send("c", 9, join_request(""));
    let id = bench.joined(first).member_id.clone();
    let parked = bench.send("c", 3, join_request(""));
    bench.fail(E::NotEnoughReplicas);
    assert_eq!(bench.joined(parked).error_code, code(E::CoordinatorNotAvailable));
    let again = bench.send("c", 9, join_request(id.as_str()));
    assert_eq!(bench.joined(again).error_code, code(E::UnknownMemberId));
    let created = bench.send("c", 9, join_request(""));
    assert_eq!(bench.joined(created).error_code, code(E::MemberIdRequired));
    assert_eq!(bench.log.len(), 2, "another group, with a record of its own");
}

/// R6.1.1, R6.1.2, R6.1.3, R6.1.6, R6.1.10.
#[test]
fn the_checks_are_made_in_order() {
    let mut bench = Bench::new();
    let mut refused = |request, error: E| {
        let id = bench.send("c", 9, request);
        assert_eq!(bench.joined(id).error_code, code(error), "{:?}", bench.joined(id));
    };
    let empty = GroupId(str_bytes(""));
    let wrong_everywhere = join_request("x")
        .with_group_instance_id(Some(str_bytes("i")))
        .with_group_id(empty.clone())
        .with_session_timeout_ms(0);
    refused(wrong_everywhere.clone(), E::InvalidGroupId);
    refused(wrong_everywhere.with_group_id(group()), E::InvalidSessionTimeout);
    refused(join_request("").with_session_timeout_ms(5_999), E::InvalidSessionTimeout);
    refused(join_request("").with_session_timeout_ms(1_800_001), E::InvalidSessionTimeout);
    refused(join_request("").with_session_timeout_ms(-1), E::InvalidSessionTimeout);
    refused(join_request("x"), E::UnknownMemberId);
    refused(join_request("").with_protocol_type(str_bytes("")), E::InconsistentGroupProtocol);
    refused(offer(join_request(""), &[]), E::InconsistentGroupProtocol);
    refused(offer(join_request("x"), &[]), E::InconsistentGroupProtocol);
    refused(join_request("x"), E::UnknownMemberId);
    refused(join_request("").with_session_timeout_ms(6_000), E::MemberIdRequired);
}

/// R6.1.6.
#[test]
fn protocol_type_and_assignors_must_be_shared_by_all_members() {
    let (mut bench, ids) = Bench::stable(1);
    let mut error_of = |request| {
        let id = bench.send("c", 9, request);
        bench.joined(id).error_code
    };
    let inconsistent = code(E::InconsistentGroupProtocol);
    assert_eq!(error_of(join_request("").with_protocol_type(str_bytes("connect"))), inconsistent);
    assert_eq!(error_of(offer(join_request(""), &[("sticky", "")])), inconsistent);
    // Even the only member may not change to a list that shares nothing with its previous one.
    assert_eq!(error_of(offer(join_request(&ids[0]), &[("sticky", "")])), inconsistent);
    let both = offer(join_request(""), &[("sticky", ""), ("range", "")]);
    assert_eq!(error_of(both), code(E::MemberIdRequired));
}

/// No protocol name is null from version 7 on (KIP-559), and empty before.
#[test]
fn an_error_has_no_protocol_in_the_form_of_its_version() {
    let (mut bench, _) = Bench::stable(1);
    let mut named = |version| {
        let id = bench.send("c", version, join_request("stranger"));
        assert_eq!(bench.joined(id).error_code, code(E::UnknownMemberId));
        bench.joined(id).protocol_name
    };
    let empty = Some(str_bytes(""));
    assert_eq!([2, 6, 7, 9].map(&mut named), [empty.clone(), empty, None, None]);
}

/// R6.1.16.
#[test]
fn an_empty_assignor_name_is_null_since_version_7() {
    for (version, name) in
        [(3, Some(str_bytes(""))), (6, Some(str_bytes(""))), (7, None), (9, None)]
    {
        let mut bench = Bench::new();
        let unnamed = |id: &str| offer(join_request(id), &[("", "topics")]);
        let first = bench.send("m", version, unnamed(""));
        let join = match version {
            3 => first,
            _ => {
                let id = bench.joined(first).member_id;
                bench.send("m", version, unnamed(&id))
            }
        };
        bench.pass(secs(3));
        let joined = bench.joined(join);
        assert_eq!((joined.error_code, joined.protocol_name), (0, name.clone()), "v{version}");
        assert_eq!(joined.members[0].metadata, "topics");
        let again = bench.send("m", version, unnamed(&joined.member_id));
        assert_eq!(bench.joined(again).protocol_name, name, "repeated in v{version}");
    }
}

/// R7.4.
#[test]
fn the_assignor_with_the_most_votes_wins_among_those_all_support() {
    let mut bench = Bench::new();
    let offers: [&[(&str, &str)]; 4] = [
        &[("a", ""), ("b", ""), ("c", "")],
        &[("x", ""), ("c", ""), ("b", "")],
        &[("c", ""), ("b", ""), ("c", "")],
        &[("b", ""), ("c", "")],
    ];
    // All members support only b and c: b has the votes of the first and the last, c of the others.
    // The first name wins the tie.
    let joins = offers.map(|offered| bench.send("m", 3, offer(join_request(""), offered)));
    bench.pass(secs(6));
    for join in joins {
        assert_eq!(bench.joined(join).protocol_name, Some(str_bytes("b")));
    }
    // Without the last one, c has the most votes.
    let ids = joins.map(|join| bench.joined(join).member_id);
    bench.leave(&[&ids[3]]);
    let again: Vec<_> = (0..3).map(|n| bench.join_with(&ids[n], offers[n])).collect();
    for join in again {
        assert_eq!(bench.joined(join).protocol_name, Some(str_bytes("c")));
    }
}

/// R5.4, R7.2, R7.3, R7.5.
#[test]
fn a_member_that_does_not_rejoin_is_removed_and_another_leads() {
    let (mut bench, ids) = Bench::stable(3);
    let joins = [bench.join(&ids[2]), bench.join_with(&ids[1], &[("range", "new")])];
    // The first one changed nothing and got a response; the second one started the rebalance.
    assert_eq!(bench.joined(joins[0]).members.len(), 0);
    let third = bench.join(&ids[2]);
    for _ in 0..6 {
        bench.pass(secs(5));
        bench.heartbeat(&ids[0], 1);
    }
    assert_eq!(bench.describe().generation.0, 2);
    let leader = bench.describe().leader.expect("the group has a leader").0;
    assert!(leader == ids[1] || leader == ids[2]);
    let lists =
        [bench.joined(joins[1]), bench.joined(third)].map(|a| (a.member_id, a.members.len()));
    for (member, listed) in lists {
        assert_eq!(listed, if member == leader { 2 } else { 0 });
    }
    assert!(bench.observed.contains(&Observation::Classic(ClassicObservation::MemberRemoved {
        group: group(),
        member: MemberId(ids[0].clone()),
        why: Removal::NotRejoined,
    })));
    assert_eq!(
        bench.reasons()[3..],
        [TransitionReason::MetadataChanged, TransitionReason::JoinTimeout]
    );
    assert_eq!(bench.heartbeat(&ids[0], 1), code(E::UnknownMemberId));
}

/// R4.3, R6.1.14, R7.2, R7.3.
#[test]
fn the_leader_stays_while_it_rejoins() {
    let (mut bench, ids) = Bench::stable(2);
    bench.join(&ids[0]);
    bench.join(&ids[1]);
    assert_eq!(bench.describe().generation.0, 2);
    assert_eq!(bench.describe().leader, Some(MemberId(ids[0].clone())));
    assert_eq!(
        bench.reasons()[3..],
        [TransitionReason::LeaderRejoined, TransitionReason::AllMembersJoined]
    );
}

/// R3.5.
#[test]
fn an_older_join_of_the_same_member_fails_with_not_coordinator() {
    let (mut bench, ids) = Bench::stable(2);
    let older = bench.join(&ids[0]);
    let newer = bench.join(&ids[0]);
    assert_eq!(bench.joined(older).error_code, code(E::NotCoordinator));
    assert!(bench.is_parked(newer));
}

/// R4.4, R5.1, R6.1.12, R6.1.13, R7.6.
#[test]
fn rejoining_in_the_sync_phase_repeats_the_response_unless_metadata_changed() {
    let (mut bench, ids) = Bench::completing(2);
    let before = bench.session_of(&ids[0]);
    bench.pass(secs(1));
    let [leader, follower] = [bench.join(&ids[0]), bench.join(&ids[1])];
    assert_eq!(bench.joined(leader).members.len(), 2);
    assert_eq!(bench.joined(follower).members.len(), 0);
    assert_eq!(bench.joined(follower).generation_id, 1);
    assert_eq!(bench.session_of(&ids[0]), before, "JoinGroup does not restart the session");

    let sync = bench.sync(&ids[0], 1, &ids);
    let changed = bench.join_with(&ids[1], &[("range", "other")]);
    assert!(bench.is_parked(changed));
    assert_eq!(bench.synced(sync).error_code, code(E::RebalanceInProgress));
    bench.commit();
    assert_eq!(bench.state(), GroupState::PreparingRebalance, "the old assignment is void");
    bench.join(&ids[0]);
    assert_eq!(bench.joined(changed).generation_id, 2);
}

/// R4.3, R6.1.15.
#[test]
fn a_follower_of_a_stable_group_gets_an_immediate_response_unless_metadata_changed() {
    let (mut bench, ids) = Bench::stable(2);
    let same = bench.join(&ids[1]);
    assert_eq!((bench.joined(same).generation_id, bench.state()), (1, GroupState::Stable));
    let changed = bench.join_with(&ids[1], &[("range", "topics"), ("roundrobin", "topics")]);
    assert!(bench.is_parked(changed));
    assert_eq!(bench.reasons().last(), Some(&TransitionReason::MetadataChanged));
}

/// R4.3, R4.4, R6.1.9.
#[test]
fn a_new_member_rebalances_a_group_in_any_state() {
    let (mut bench, ids) = Bench::stable(1);
    let late = bench.enter("late");
    assert_eq!(bench.state(), GroupState::PreparingRebalance);
    bench.enter("later");
    bench.join(&ids[0]);
    assert_eq!(
        (bench.state(), bench.describe().generation.0),
        (GroupState::CompletingRebalance, 2)
    );
    bench.enter("latest");
    assert_eq!(bench.state(), GroupState::PreparingRebalance);
    assert_eq!(bench.heartbeat(&late, 2), code(E::RebalanceInProgress));
}

/// R4.2, R5.3, R6.4.5, R7.2.
#[test]
fn a_pending_id_keeps_the_join_phase_open_until_it_joins_leaves_or_expires() {
    for end in ["joins", "leaves", "expires"] {
        let (mut bench, ids) = Bench::stable(1);
        let first = bench.send("late", 9, join_request(""));
        let pending = bench.joined(first).member_id;
        assert_eq!(bench.state(), GroupState::Stable, "an id is not a member");
        let join = bench.join(&ids[0]);
        assert!(bench.is_parked(join));
        match end {
            "joins" => assert!(bench.join(&pending) > join),
            "leaves" => assert_eq!(bench.leave(&[&pending]), (0, vec![0])),
            _ => bench.pass(SESSION),
        }
        assert!(!bench.is_parked(join), "the id {end}");
        assert_eq!(bench.describe().pending, []);
        assert_eq!(bench.describe().members.len(), if end == "joins" { 2 } else { 1 });
    }
}

/// R5.4, R7.2.
#[test]
fn pending_ids_outlive_the_join_timer_and_can_still_be_used() {
    let (mut bench, ids) = Bench::stable(1);
    let long = join_request("").with_session_timeout_ms(600_000);
    let first = bench.send("late", 9, long);
    let pending = bench.joined(first).member_id;
    let join = bench.join(&ids[0]);
    bench.pass(secs(29));
    assert!(bench.is_parked(join));
    bench.pass(secs(1));
    assert_eq!(bench.joined(join).generation_id, 2);
    assert_eq!(bench.describe().pending.len(), 1);
    let used = bench.join(&pending);
    assert!(bench.is_parked(used));
    assert_eq!(bench.describe().pending, []);
}

/// R6.1.11.
#[test]
fn the_last_join_of_a_member_in_the_join_phase_counts() {
    let (mut bench, ids) = Bench::stable(2);
    let leader = bench.join(&ids[0]);
    bench.join_with(&ids[0], &[("range", "newer")]);
    assert_eq!(bench.joined(leader).error_code, code(E::NotCoordinator));
    assert_eq!(bench.state(), GroupState::PreparingRebalance);
    let last = bench.join_with(&ids[0], &[("range", "newest")]);
    bench.join(&ids[1]);
    assert_eq!(&bench.joined(last).members[0].metadata[..], b"newest");
}
