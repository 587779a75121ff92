//! What each error does to the membership (rules R13.2), fail-over included.

use super::*;
use crate::client::CommitFailure;

fn eager() -> ConsumerConfig {
    config(&[Assignor::Range])
}

/// The member id and the owned generation of the JoinGroup that is sent within a second.
fn next_join(client: &mut Client) -> (String, i32) {
    client.wait(Duration::from_secs(1));
    let member = client.join_request().member_id.to_string();
    (member, client.offered().generation.0)
}

/// R13.2.2, R13.2.5.
#[test]
fn a_join_refused_with_a_retriable_error_is_retried() {
    for error in [ResponseError::CoordinatorLoadInProgress, ResponseError::RebalanceInProgress] {
        let mut client = Client::ready(eager());
        client.respond_join(code(error), "");
        assert_eq!(next_join(&mut client), (String::new(), -1), "{error:?}");
    }
    let mut client = Client::ready(eager());
    client.respond_join(code(ResponseError::CoordinatorLoadInProgress), "");
    assert!(!client.awaits(Api::JoinGroup));
}

/// R13.2.6.
#[test]
fn a_member_rejoins_at_once_with_the_member_id_it_was_given() {
    let mut client = Client::ready(eager());
    client.respond_join(code(ResponseError::MemberIdRequired), "m1");
    assert_eq!(client.join_request().member_id.as_str(), "m1");
}

/// R13.2.7.
#[test]
fn errors_that_clients_do_not_recover_from_are_fatal_to_a_join() {
    for error in [
        ResponseError::InconsistentGroupProtocol,
        ResponseError::InvalidSessionTimeout,
        ResponseError::InvalidGroupId,
        ResponseError::GroupAuthorizationFailed,
        ResponseError::GroupMaxSizeReached,
        ResponseError::UnsupportedVersion,
    ] {
        let mut client = Client::ready(eager());
        client.respond_join(code(error), "");
        assert_eq!(client.callbacks(), [format!("fatal {}", code(error))]);
        assert!(client.closed);
    }
}

/// R13.1.7.
#[test]
fn a_protocol_that_the_member_did_not_offer_is_fatal() {
    let inconsistent = [format!("fatal {}", code(ResponseError::InconsistentGroupProtocol))];
    let mut client = Client::ready(eager());
    let reply = client.joined("m1", 1, "m2").with_protocol_type(Some(str_bytes("connect")));
    client.response(reply);
    assert_eq!(client.callbacks(), inconsistent);

    let mut client = Client::ready(eager());
    client.respond_join_as_follower("m1", 1);
    client.response(SyncGroupResponse::default().with_protocol_name(Some(str_bytes("sticky"))));
    assert_eq!(client.callbacks(), inconsistent);
}

/// The new coordinator has generation 1 only: generation 2 was announced, and lost with the old
/// coordinator. (R13.2.4, R13.2.12)
#[test]
fn a_sync_at_a_generation_that_was_rolled_back_keeps_the_member_id() {
    let mut client = Client::member(eager(), 1, &[0]);
    client.wait(Duration::from_secs(3));
    client.respond_heartbeat(code(ResponseError::RebalanceInProgress));
    client.respond_join_as_follower("m1", 2);
    client.refuse_sync(ResponseError::IllegalGeneration);
    assert_eq!(next_join(&mut client), ("m1".to_owned(), -1));
}

/// R13.2.3, R13.2.12.
#[test]
fn a_sync_of_a_member_that_was_never_persisted_clears_it() {
    let mut client = Client::ready(eager());
    client.respond_join_as_follower("m1", 2);
    client.refuse_sync(ResponseError::UnknownMemberId);
    assert_eq!(next_join(&mut client), (String::new(), -1));
}

/// R13.2.3, R13.2.4, R13.2.12.
#[test]
fn a_heartbeat_at_a_generation_that_was_rolled_back_keeps_the_member_id() {
    let mut client = Client::member(eager(), 2, &[0]);
    client.wait(Duration::from_secs(3));
    client.respond_heartbeat(code(ResponseError::IllegalGeneration));
    assert_eq!(client.callbacks(), ["lost 0"]);
    assert_eq!(next_join(&mut client), ("m1".to_owned(), -1));

    let mut client = Client::member(eager(), 2, &[0]);
    client.wait(Duration::from_secs(3));
    client.respond_heartbeat(code(ResponseError::UnknownMemberId));
    assert_eq!(client.callbacks(), ["lost 0"]);
    assert_eq!(next_join(&mut client), (String::new(), -1));
}

/// R13.2.2.
#[test]
fn a_heartbeat_to_a_loading_coordinator_is_retried_and_changes_nothing() {
    let mut client = Client::member(eager(), 1, &[0]);
    client.wait(Duration::from_secs(3));
    client.respond_heartbeat(code(ResponseError::CoordinatorLoadInProgress));
    client.wait(Duration::from_secs(1));
    assert!(client.awaits(Api::Heartbeat));
    assert_eq!(client.state(), MemberState::Stable);
}

/// R13.2.2.
#[test]
fn a_sync_refused_by_a_loading_coordinator_leads_to_a_new_join() {
    let mut client = Client::ready(eager());
    client.respond_join_as_follower("m1", 2);
    client.refuse_sync(ResponseError::CoordinatorLoadInProgress);
    assert_eq!(next_join(&mut client), ("m1".to_owned(), 2));
    assert!(!client.closed);
}

/// In CompletingRebalance, the response to a heartbeat says that the generation is over; then the
/// sync succeeds. (R13.1.4)
#[test]
fn a_sync_response_after_the_generation_was_reset_is_ignored() {
    let mut client = Client::ready(eager());
    client.respond_join_as_follower("m1", 2);
    client.wait(Duration::from_secs(3));
    client.respond_heartbeat(code(ResponseError::IllegalGeneration));
    assert_eq!(client.state(), MemberState::Unjoined);
    client.respond_sync(&[0, 1]);
    assert_eq!(client.callbacks(), [""; 0]);
    assert_eq!(next_join(&mut client), ("m1".to_owned(), -1));
}

/// R13.1.3.
#[test]
fn an_error_for_an_outdated_identity_is_ignored() {
    let mut client = Client::ready(eager());
    client.respond_join_as_follower("m1", 2);
    client.wait(Duration::from_secs(3));
    client.respond_heartbeat(code(ResponseError::IllegalGeneration));
    client.refuse_sync(ResponseError::UnknownMemberId);
    assert_eq!(next_join(&mut client), ("m1".to_owned(), -1), "the id outlives the second error");
}

/// R13.2.1, R13.2.2, R13.2.8.
#[test]
fn a_commit_is_retried_after_a_retriable_error() {
    for error in [
        ResponseError::CoordinatorLoadInProgress,
        ResponseError::UnknownTopicOrPartition,
        ResponseError::NotCoordinator,
        ResponseError::RequestTimedOut,
    ] {
        let mut client = Client::member(eager(), 1, &[0]);
        client.respond_offsets(5);
        client.wait(Duration::from_secs(5));
        client.respond_commit(code(error));
        let moved = client.awaits(Api::FindCoordinator);
        let looks = matches!(error, ResponseError::NotCoordinator | ResponseError::RequestTimedOut);
        assert_eq!(moved, looks, "{error:?}");
        if moved {
            client.respond_find(1);
        }
        client.wait(Duration::from_millis(200));
        assert_eq!(client.count(Api::OffsetCommit), 2, "{error:?}");
    }
}

/// R13.2.8.
#[test]
fn a_commit_to_a_removed_group_changes_nothing_until_the_next_heartbeat() {
    for error in [ResponseError::GroupIdNotFound, ResponseError::StaleMemberEpoch] {
        let mut client = Client::member(eager(), 1, &[0]);
        client.respond_offsets(5);
        client.wait(Duration::from_secs(5));
        client.respond_commit(code(error));
        assert_eq!(client.state(), MemberState::Stable, "{error:?}");
        assert_eq!(client.callbacks(), [""; 0], "{error:?}");
        client.respond_heartbeat(code(ResponseError::UnknownMemberId));
        assert_eq!(client.callbacks(), ["lost 0"], "{error:?}");
        assert_eq!(next_join(&mut client), (String::new(), -1), "{error:?}");
    }
}

/// R13.2.5.
#[test]
fn a_commit_refused_because_of_a_rebalance_makes_the_member_rejoin() {
    let mut client = Client::member(eager(), 1, &[0]);
    client.respond_offsets(5);
    client.wait(Duration::from_secs(5));
    client.respond_commit(code(ResponseError::RebalanceInProgress));
    client.respond_commit(code(ResponseError::RebalanceInProgress));
    assert_eq!(client.callbacks(), ["revoked 0"]);
    assert_eq!(next_join(&mut client), ("m1".to_owned(), 1));
}

/// R13.2.9.
#[test]
fn a_member_waits_for_the_offsets_of_an_open_transaction() {
    let mut client = Client::member(eager(), 1, &[0]);
    let Request::OffsetFetch(request) = &client.oldest(Api::OffsetFetch).1.body else {
        unreachable!()
    };
    assert!(request.require_stable);
    client.respond_offsets_with(&[(0, -1, code(ResponseError::UnstableOffsetCommit))]);
    assert!(!client.awaits(Api::OffsetFetch), "not at once");
    client.wait(Duration::from_millis(150));
    assert!(client.awaits(Api::OffsetFetch));
}

/// R13.2.9.
#[test]
fn one_unstable_offset_holds_back_all_positions() {
    let mut client = Client::member(eager(), 1, &[0, 1]);
    client.respond_offsets_with(&[(0, 7, 0), (1, -1, code(ResponseError::UnstableOffsetCommit))]);
    assert_eq!(client.positions(), []);
    assert!(!client.awaits(Api::Fetch), "partition 0 is not fetched either");
    client.wait(Duration::from_millis(150));
    client.respond_offsets_with(&[(0, 8, 0), (1, 5, 0)]);
    assert_eq!(client.positions(), [(0, 8), (1, 5)], "both with their current offsets");
}

/// R13.1.1, R13.2.9.
#[test]
fn every_version_of_join_group_makes_a_member() {
    for version in 0..=9 {
        let mut config = eager();
        config.join_version = version;
        let mut client = Client::ready(config);
        client.rebalance("m1", 1, &[0]);
        assert_eq!(client.state(), MemberState::Stable, "version {version}");
        let stable = match &client.oldest(Api::OffsetFetch).1.body {
            Request::OffsetFetch(request) => request.require_stable,
            _ => unreachable!(),
        };
        assert_eq!(stable, version >= 7, "version {version}");
    }
}

/// The commits that failed without a request.
fn failed_commits(client: &Client) -> Vec<(Vec<(TopicPartition, i64)>, CommitFailure)> {
    let failed = client.seen.iter().filter_map(|seen| match seen {
        ClientObservation::CommitFailed { offsets, why } => Some((offsets.clone(), *why)),
        _ => None,
    });
    failed.collect()
}

/// R13.4.7.
#[test]
fn a_former_member_fails_to_commit_without_a_request() {
    let mut client = Client::member(eager(), 1, &[0]);
    client.respond_offsets(5);
    client.wait(Duration::from_secs(3));
    let commits = client.count(Api::OffsetCommit);
    client.respond_heartbeat(code(ResponseError::UnknownMemberId));
    let position = (partitions(&[0]).remove(0), 5);
    assert_eq!(failed_commits(&client), [(vec![position], CommitFailure::NotAMember)]);
    assert_eq!(client.count(Api::OffsetCommit), commits);
    assert_eq!(client.callbacks(), ["lost 0"]);
}

/// A cooperative member keeps its partitions while it rejoins, and may be closed during that time.
/// (R13.4.7)
#[test]
fn a_member_that_closes_during_a_rebalance_fails_to_commit_without_a_request() {
    let mut client = Client::member(config(&[Assignor::CooperativeSticky]), 1, &[0]);
    client.respond_offsets(5);
    client.wait(Duration::from_secs(3));
    client.respond_heartbeat(code(ResponseError::RebalanceInProgress));
    client.respond_commit(0);
    assert!(client.awaits(Api::JoinGroup));
    assert_eq!(failed_commits(&client), []);
    client.give(ClientInput::Close);
    let position = (partitions(&[0]).remove(0), 5);
    assert_eq!(failed_commits(&client), [(vec![position], CommitFailure::RebalanceInProgress)]);
    assert_eq!(client.count(Api::OffsetCommit), 1);
}
