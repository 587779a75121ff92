//! DescribeGroups: R6.7.7, R6.7.8.

use super::offset_world::*;
use super::*;
use crate::coordinator::Release;
use crate::protocol::{StrBytes, str_bytes};

/// R6.7.8.
#[test]
fn a_group_that_does_not_exist_is_dead_and_since_version_6_an_error() {
    let mut bench = Bench::new();
    for version in 0..=6 {
        let group = described(&mut bench, version, "nope");
        assert_eq!(group.group_id, named("nope"));
        assert_eq!(group.group_state.as_str(), "Dead");
        let error = if version == 6 { code(E::GroupIdNotFound) } else { 0 };
        assert_eq!(group.error_code, error, "version {version}");
        assert_eq!(group.error_message.is_some(), version == 6);
    }
}

/// R6.7.7.
#[test]
fn all_operations_are_authorized_on_every_group_without_an_error() {
    let (mut bench, _) = Bench::stable(1);
    for (version, requested, expected) in [
        (2, true, [i32::MIN, i32::MIN]),
        (3, false, [i32::MIN, i32::MIN]),
        (3, true, [3400, 3400]),
        (5, true, [3400, 3400]),
        (6, true, [3400, i32::MIN]),
    ] {
        let request = kafka_protocol::messages::DescribeGroupsRequest::default()
            .with_groups(vec![named("g"), named("nope")])
            .with_include_authorized_operations(requested);
        // A field that the version does not have has no effect.
        let request = match version >= 3 {
            true => request,
            false => request.with_include_authorized_operations(false),
        };
        let id = bench.send("a", version, request);
        let crate::protocol::Response::DescribeGroups(response) = bench.response(id) else {
            panic!("not a description")
        };
        let all: Vec<_> = response.groups.iter().map(|group| group.authorized_operations).collect();
        assert_eq!(all, expected, "version {version}");
    }
}

/// R6.7.7.
#[test]
fn an_empty_id_is_an_id() {
    let mut bench = Bench::new();
    commit_to(&mut bench, "", "t-0", 5);
    assert_eq!(described(&mut bench, 5, "").group_state.as_str(), "Empty");
}

/// R6.7.7, R7.6.
#[test]
fn only_a_stable_group_is_described_with_its_subscriptions() {
    let (mut bench, ids) = Bench::stable(2);
    make_static(&mut bench, &ids[1], "i1");
    let mut sorted = ids.clone();
    sorted.sort();
    let check = |bench: &mut Bench, state: &str, protocol: &str, metadata: &str, assigned: bool| {
        for version in 0..=6 {
            let group = described(bench, version, "g");
            assert_eq!(group.error_code, 0);
            assert_eq!(group.group_state.as_str(), state);
            assert_eq!(group.protocol_type.as_str(), "consumer");
            assert_eq!(group.protocol_data.as_str(), protocol);
            let members: Vec<_> = group.members.iter().map(|m| m.member_id.clone()).collect();
            assert_eq!(members, sorted);
            for member in &group.members {
                assert_eq!(member.member_metadata, metadata.as_bytes());
                let own: StrBytes = if assigned { member.member_id.clone() } else { str_bytes("") };
                assert_eq!(member.member_assignment, own.into_bytes());
                let is_static = member.member_id == ids[1];
                assert_eq!(member.group_instance_id.is_some(), is_static);
                assert!(member.client_id.starts_with('m'));
                assert_eq!(member.client_host.as_str(), "/10.1.0.1");
            }
        }
    };
    check(&mut bench, "Stable", "range", "topics", true);
    bench.join(&ids[0]);
    check(&mut bench, "PreparingRebalance", "", "", true);
    bench.join(&ids[1]);
    // A member's old assignment stands until it gets another.
    check(&mut bench, "CompletingRebalance", "", "", true);
    bench.join_with(&ids[0], &[("range", "other")]);
    check(&mut bench, "PreparingRebalance", "", "", false);
    let members: Vec<&str> = ids.iter().map(|id| id.as_str()).collect();
    bench.leave(&members);
    let group = described(&mut bench, 5, "g");
    assert_eq!((group.group_state.as_str(), group.members.len()), ("Empty", 0));
    assert_eq!(group.protocol_type.as_str(), "consumer");
}

/// R6.7.10.
#[test]
fn several_groups_are_described_in_request_order_and_at_once() {
    let (mut bench, _) = Bench::stable(1);
    let request = kafka_protocol::messages::DescribeGroupsRequest::default()
        .with_groups(vec![named("nope"), named("g")]);
    let id = bench.send("a", 5, request);
    assert_eq!(bench.responses[&id].1, Release::Now);
    let crate::protocol::Response::DescribeGroups(response) = bench.response(id) else {
        panic!("not a description")
    };
    let states: Vec<_> = response.groups.iter().map(|g| g.group_state.as_str()).collect();
    assert_eq!(states, ["Dead", "Stable"]);
}
