//! The membership of an eager client: states, heartbeats, callbacks, commits (rules R13.1, R13.3,
//! R13.4).

use super::*;
use crate::client::CoordinatorLoss;

fn eager() -> ConsumerConfig {
    config(&[Assignor::Range])
}

/// R13.1.1, R13.1.2, R13.3.1.
#[test]
fn heartbeats_begin_when_the_join_succeeds_and_continue_in_stable() {
    let mut client = Client::ready(eager());
    assert_eq!(client.state(), MemberState::PreparingRebalance);
    client.wait(Duration::from_secs(20));
    assert_eq!(client.count(Api::Heartbeat), 0);
    client.respond_join_as_follower("m1", 1);
    assert_eq!(client.state(), MemberState::CompletingRebalance);
    client.wait(Duration::from_millis(2_999));
    assert_eq!(client.count(Api::Heartbeat), 0, "one interval after the join");
    client.wait(Duration::from_millis(1));
    client.respond_heartbeat(0);
    client.respond_sync(&[0]);
    assert_eq!(client.state(), MemberState::Stable);
    client.wait(Duration::from_secs(3));
    assert_eq!(client.count(Api::Heartbeat), 2);
}

/// R13.1.5.
#[test]
fn a_join_may_take_as_long_as_the_poll_interval_plus_five_seconds() {
    let mut config = eager();
    config.max_poll_interval = Duration::from_secs(60);
    let mut client = Client::ready(config);
    assert_eq!(client.join_request().rebalance_timeout_ms, 60_000);
    client.wait(Duration::from_millis(64_999));
    assert!(client.awaits(Api::JoinGroup));
    client.wait(Duration::from_millis(1));
    assert!(!client.awaits(Api::JoinGroup), "its connection is closed");
}

/// R13.3.2.
#[test]
fn an_expired_session_only_makes_the_client_forget_its_coordinator() {
    let mut config = eager();
    config.session_timeout = Duration::from_secs(10);
    let mut client = Client::member(config, 1, &[0]);
    client.respond_offsets(5);
    client.wait(Duration::from_secs(11));
    let lost = ClientObservation::CoordinatorLost { why: CoordinatorLoss::SessionTimeout };
    assert!(client.seen.contains(&lost));
    assert_eq!((client.state(), client.owned()), (MemberState::Stable, partitions(&[0])));
    client.respond_fetch(0, 5);
    assert!(client.seen.iter().any(|seen| matches!(seen, ClientObservation::Polled { .. })));
}

/// R13.3.3.
#[test]
fn an_application_that_polls_too_late_leaves_the_group() {
    let mut config = eager();
    config.max_poll_interval = Duration::from_secs(2);
    config.processing_time = Duration::from_secs(30);
    let mut client = Client::member(config, 1, &[0]);
    client.respond_offsets(5);
    client.respond_fetch(0, 5);
    client.wait(Duration::from_secs(5));
    assert!(client.awaits(Api::LeaveGroup));
    assert_eq!(client.count(Api::Heartbeat), 0);
    assert_eq!(client.callbacks(), [""; 0], "the application does not know yet");
    client.wait(Duration::from_secs(25));
    assert_eq!(client.callbacks(), ["lost 0"]);
    assert_eq!(client.join_request().member_id.as_str(), "");
}

/// R13.4.1, R13.4.3.
#[test]
fn a_rebalance_commits_and_revokes_and_an_empty_assignment_calls_back_too() {
    let mut client = Client::member(eager(), 1, &[0]);
    client.respond_offsets(5);
    client.wait(Duration::from_secs(3));
    client.respond_heartbeat(code(ResponseError::RebalanceInProgress));
    assert!(client.awaits(Api::OffsetCommit) && !client.awaits(Api::JoinGroup));
    assert_eq!(client.callbacks(), [""; 0], "the revocation waits for the commit");
    client.respond_commit(0);
    assert_eq!(client.callbacks(), ["revoked 0"]);
    client.rebalance("m1", 2, &[]);
    assert_eq!(client.callbacks(), ["assigned  of "]);
}

/// R13.4.2, R13.4.7.
#[test]
fn a_former_member_commits_nothing_and_loses_everything() {
    let mut client = Client::member(eager(), 1, &[0]);
    client.respond_offsets(5);
    client.wait(Duration::from_secs(3));
    client.respond_heartbeat(code(ResponseError::UnknownMemberId));
    assert_eq!(client.callbacks(), ["lost 0"]);
    assert_eq!(client.count(Api::OffsetCommit), 0);
    assert!(client.awaits(Api::JoinGroup));
}

/// R13.4.4.
#[test]
fn an_empty_assignment_payload_and_a_malformed_one_are_fatal() {
    for payload in [&b""[..], b"\0", b"\0\x01\0\0\0\x09"] {
        let mut client = Client::ready(config(&[Assignor::Range]));
        client.respond_join_as_follower("m1", 1);
        let assignment = bytes::Bytes::from_static(payload);
        client.response(SyncGroupResponse::default().with_assignment(assignment));
        let fatal = format!("fatal {}", code(ResponseError::UnknownServerError));
        assert_eq!(client.callbacks(), [fatal], "{payload:?}");
        assert!(client.closed);
    }
}

/// R13.4.4.
#[test]
fn an_assignment_of_topics_without_subscription_is_ignored() {
    let mut client = Client::ready(eager());
    client.respond_join_as_follower("m1", 1);
    let other = [TopicPartition::new(TopicName(str_bytes("other")), 0)];
    let assignment = encode_assignment(&other, 1);
    client.response(SyncGroupResponse::default().with_assignment(assignment));
    assert_eq!(client.callbacks(), [""; 0]);
    assert_eq!(client.join_request().member_id.as_str(), "m1");
}

/// R13.4.8.
#[test]
fn reading_begins_at_the_committed_offset_or_at_the_start() {
    let mut client = Client::member(eager(), 1, &[0]);
    client.respond_offsets(7);
    let [partition] = &partitions(&[0])[..] else { panic!("one partition") };
    let found =
        ClientObservation::Positioned { partition: partition.clone(), offset: 7, committed: true };
    assert!(client.seen.contains(&found));
    assert!(!client.awaits(Api::ListOffsets));

    let mut client = Client::member(eager(), 1, &[0]);
    client.respond_offsets(-1);
    assert!(client.awaits(Api::ListOffsets) && !client.awaits(Api::Fetch));
}

/// R13.5.2.
#[test]
fn a_new_process_of_an_instance_has_no_member_id() {
    let mut config = eager();
    config.instance_id = Some(str_bytes("i1"));
    let client = Client::ready(config);
    assert_eq!(client.join_request().member_id.as_str(), "");
    assert_eq!(client.join_request().group_instance_id, Some(str_bytes("i1")));
}

/// A version 0 member cannot send a rebalance timeout. The coordinator waits for it as long as its
/// session timeout, and the client waits no longer for its join. (R6.1.16, R13.1.5)
#[test]
fn with_version_0_a_join_may_take_as_long_as_the_session_timeout() {
    let waits = |version| {
        let mut config = config(&[Assignor::Range]);
        config.join_version = version;
        assert!(config.session_timeout > config.request_timeout);
        let mut client = Client::ready(config);
        client.wait(client.consumer.cx.config.session_timeout + Duration::from_secs(4));
        assert!(client.awaits(Api::JoinGroup));
        client.wait(Duration::from_secs(2));
        client.awaits(Api::JoinGroup)
    };
    assert_eq!([0, 1].map(waits), [false, true]);
}

/// R13.2.11, R13.3.4.
#[test]
fn a_member_that_closes_before_an_error_is_raised_leaves_the_group() {
    let mut client = Client::busy(eager());
    client.respond_heartbeat(code(ResponseError::GroupAuthorizationFailed));
    client.give(ClientInput::Close);
    client.wait(Duration::from_secs(10));
    assert!(client.awaits(Api::LeaveGroup) && !client.awaits(Api::OffsetCommit));
    assert!(!client.closed, "it waits for the LeaveGroup response");
    client.wait(Duration::from_secs(30));
    assert!(client.closed, "not for ever");
}

/// The subscription payload has a version of its own. A cooperative member must send its owned
/// partitions.
#[test]
fn the_version_of_a_subscription_follows_from_the_age_of_the_client() {
    let version = |join, assignor| {
        let mut config = config(&[assignor]);
        config.join_version = join;
        let client = Client::ready(config);
        let payload = &client.join_request().protocols[0].metadata;
        i16::from_be_bytes([payload[0], payload[1]])
    };
    assert_eq!([0, 3, 4, 8, 9].map(|join| version(join, Assignor::Range)), [0, 0, 1, 1, 3]);
    assert_eq!([0, 3, 4].map(|join| version(join, Assignor::CooperativeSticky)), [1, 1, 1]);
}
