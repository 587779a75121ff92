//! ListGroups: R6.7.9.

use kafka_protocol::messages::ListGroupsRequest;

use super::offset_world::*;
use super::*;
use crate::coordinator::{GroupState, Inspect, Release};
use crate::protocol::{Response, StrBytes, str_bytes};

fn list(bench: &mut Bench, version: i16, states: &[&str], types: &[&str]) -> Vec<String> {
    let names = |names: &[&str]| -> Vec<StrBytes> { names.iter().map(|n| str_bytes(n)).collect() };
    let request = ListGroupsRequest::default()
        .with_states_filter(names(states))
        .with_types_filter(names(types));
    let id = bench.send("a", version, request);
    assert_eq!(bench.responses[&id].1, Release::Now);
    let Response::ListGroups(response) = bench.response(id) else { panic!("not a list") };
    assert_eq!(response.error_code, 0);
    let line = |g: &kafka_protocol::messages::list_groups_response::ListedGroup| {
        let (id, protocol) = (g.group_id.0.as_str(), g.protocol_type.as_str());
        let line = format!("{id} {protocol} {} {}", g.group_state, g.group_type);
        line.trim_end().to_owned()
    };
    response.groups.iter().map(line).collect()
}

const A: &str = "a  Empty classic";
const G: &str = "g consumer Stable classic";

/// A Stable group `g`, and `a`, which has only offsets.
fn two_groups() -> Bench {
    let (mut bench, _) = Bench::stable(1);
    commit_to(&mut bench, "a", "t-0", 5);
    bench
}

/// R6.7.9, R6.7.10.
#[test]
fn every_group_is_listed_by_id() {
    let mut bench = two_groups();
    for version in 0..=3 {
        assert_eq!(list(&mut bench, version, &[], &[]), ["a", "g consumer"]);
    }
    assert_eq!(list(&mut bench, 4, &[], &[]), ["a  Empty", "g consumer Stable"]);
    assert_eq!(list(&mut bench, 5, &[], &[]), [A, G]);
    assert_eq!(list(&mut Bench::new(), 5, &[], &[]), [] as [&str; 0]);
}

/// R6.7.9.
#[test]
fn a_version_that_has_no_filter_lists_everything() {
    let mut bench = two_groups();
    for version in 0..=3 {
        assert_eq!(list(&mut bench, version, &["Stable"], &["share"]).len(), 2);
    }
    assert_eq!(list(&mut bench, 4, &["Stable"], &["share"]), ["g consumer Stable"]);
}

/// R6.7.9.
#[test]
fn states_are_filtered_by_name_ignoring_case() {
    let mut bench = two_groups();
    for (states, listed) in [
        (vec!["Stable"], vec![G]),
        (vec!["stable"], vec![G]),
        (vec!["STABLE", "eMPTY"], vec![A, G]),
        (vec!["Empty"], vec![A]),
        (vec!["PreparingRebalance", "CompletingRebalance", "Dead"], vec![]),
        (vec!["Stab"], vec![]),
        (vec!["nonsense", "Empty"], vec![A]),
        (vec![" Stable\t"], vec![G]),
        (vec![""], vec![]),
    ] {
        assert_eq!(list(&mut bench, 5, &states, &[]), listed, "{states:?}");
        let ids = |listed: Vec<String>| -> Vec<String> {
            listed.into_iter().map(|line| line[..1].to_owned()).collect()
        };
        let old = list(&mut bench, 4, &states, &[]);
        assert_eq!(ids(old), ids(list(&mut bench, 5, &states, &[])), "{states:?}");
    }
}

/// R6.7.9.
#[test]
fn types_are_filtered_by_name_ignoring_case() {
    let mut bench = two_groups();
    for (types, listed) in [
        (vec!["classic"], vec![A, G]),
        (vec!["Classic", "consumer"], vec![A, G]),
        (vec!["consumer"], vec![]),
        (vec!["share"], vec![]),
        (vec!["nonsense"], vec![]),
        (vec![" classic"], vec![]),
        (vec![""], vec![]),
    ] {
        assert_eq!(list(&mut bench, 5, &[], &types), listed, "{types:?}");
    }
    assert_eq!(list(&mut bench, 5, &["stable"], &["CLASSIC"]), [G], "both must hold");
    assert_eq!(list(&mut bench, 5, &["stable"], &["share"]), [] as [&str; 0]);
}

/// R6.7.9.
#[test]
fn every_state_has_its_name() {
    let (mut bench, ids) = Bench::completing(1);
    assert_eq!(list(&mut bench, 4, &["completingREBALANCE"], &[]).len(), 1);
    bench.join_with(&ids[0], &[("range", "other")]);
    assert_eq!(bench.state(), GroupState::CompletingRebalance, "the only member: closed at once");
    bench.enter("m1");
    assert_eq!(list(&mut bench, 4, &["PreparingRebalance"], &[]).len(), 1);
    assert_eq!(bench.coordinator.groups().len(), 1);
}
