//! The membership of an eager client: states, heartbeats, callbacks, commits (rules R13.1, R13.3, R13.4).

use super::*;

fn eager() -> ConsumerConfig {
    config(&[Assignor::Range])
}

/// R13.1.1, R13.1.2, R13.3.1.
#[test]
fn heartbeats_begin_with_the_grant_of_the_join_and_go_on_in_stable() {
    let mut client = Client::ready(eager());
    assert_eq!(client.state(), MemberState::PreparingRebalance);
    client.wait(Duration::from_secs(20));
    assert_eq!(client.count(Api::Heartbeat), 0);
    client.answer_join_as_follower("m1", 1);
    assert_eq!(client.state(), MemberState::CompletingRebalance);
    client.wait(Duration::from_millis(2_999));
    assert_eq!(client.count(Api::Heartbeat), 0, "an interval after the grant");
    client.wait(Duration::from_millis(1));
    client.answer_heartbeat(0);
    client.answer_sync(&[0]);
    assert_eq!(client.state(), MemberState::Stable);
    client.wait(Duration::from_secs(3));
    assert_eq!(client.count(Api::Heartbeat), 2);
}

/// R13.1.5.
#[test]
fn a_join_may_take_as_long_as_the_poll_interval_and_a_little_more() {
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
fn a_session_without_heartbeats_costs_the_coordinator_and_nothing_else() {
    let mut config = eager();
    config.session_timeout = Duration::from_secs(10);
    let mut client = Client::member(config, 1, &[0]);
    client.answer_offsets(5);
    client.wait(Duration::from_secs(11));
    let doubted = Observation::CoordinatorLost { why: "session timeout" };
    assert!(client.seen.contains(&doubted));
    assert_eq!((client.state(), client.owned()), (MemberState::Stable, partitions(&[0])));
    client.answer_fetch(0, 5);
    assert!(client.seen.iter().any(|seen| matches!(seen, Observation::Polled { .. })));
}

/// R13.3.3.
#[test]
fn an_application_that_polls_too_late_has_left_the_group() {
    let mut config = eager();
    config.max_poll_interval = Duration::from_secs(2);
    config.processing_time = Duration::from_secs(30);
    let mut client = Client::member(config, 1, &[0]);
    client.answer_offsets(5);
    client.answer_fetch(0, 5);
    client.wait(Duration::from_secs(5));
    assert!(client.awaits(Api::LeaveGroup));
    assert_eq!(client.count(Api::Heartbeat), 0);
    assert_eq!(client.callbacks(), [""; 0], "the application knows nothing of it yet");
    client.wait(Duration::from_secs(25));
    assert_eq!(client.callbacks(), ["lost 0"]);
    assert_eq!(client.join_request().member_id.as_str(), "");
}

/// R13.4.1, R13.4.3.
#[test]
fn a_rebalance_commits_gives_up_everything_and_is_told_of_nothing_too() {
    let mut client = Client::member(eager(), 1, &[0]);
    client.answer_offsets(5);
    client.wait(Duration::from_secs(3));
    client.answer_heartbeat(code(ResponseError::RebalanceInProgress));
    assert!(client.awaits(Api::OffsetCommit) && !client.awaits(Api::JoinGroup));
    assert_eq!(client.callbacks(), [""; 0], "the commit is waited for");
    client.answer_commit(0);
    assert_eq!(client.callbacks(), ["revoked 0"]);
    client.rebalance("m1", 2, &[]);
    assert_eq!(client.callbacks(), ["assigned  of "]);
}

/// R13.4.2, R13.4.7.
#[test]
fn who_is_no_member_any_more_commits_nothing_and_has_lost_everything() {
    let mut client = Client::member(eager(), 1, &[0]);
    client.answer_offsets(5);
    client.wait(Duration::from_secs(3));
    client.answer_heartbeat(code(ResponseError::UnknownMemberId));
    assert_eq!(client.callbacks(), ["lost 0"]);
    assert_eq!(client.count(Api::OffsetCommit), 0);
    assert!(client.awaits(Api::JoinGroup));
}

/// R13.4.4.
#[test]
fn no_assignment_at_all_and_one_that_cannot_be_read_are_fatal() {
    for payload in [&b""[..], b"\0", b"\0\x01\0\0\0\x09"] {
        let mut client = Client::ready(config(&[Assignor::Range]));
        client.answer_join_as_follower("m1", 1);
        let assignment = bytes::Bytes::from_static(payload);
        client.answer(SyncGroupResponse::default().with_assignment(assignment));
        let fatal = format!("fatal {}", code(ResponseError::UnknownServerError));
        assert_eq!(client.callbacks(), [fatal], "{payload:?}");
        assert!(client.closed);
    }
}

/// R13.4.4.
#[test]
fn an_assignment_of_other_topics_is_not_used() {
    let mut client = Client::ready(eager());
    client.answer_join_as_follower("m1", 1);
    let other = [TopicPartition::new(TopicName(str_bytes("other")), 0)];
    let assignment = encode_assignment(&other, 1);
    client.answer(SyncGroupResponse::default().with_assignment(assignment));
    assert_eq!(client.callbacks(), [""; 0]);
    assert_eq!(client.join_request().member_id.as_str(), "m1");
}

/// R13.4.8.
#[test]
fn reading_begins_at_the_committed_offset_or_at_the_start() {
    let mut client = Client::member(eager(), 1, &[0]);
    client.answer_offsets(7);
    let [partition] = &partitions(&[0])[..] else { panic!("one partition") };
    let found =
        Observation::Positioned { partition: partition.clone(), offset: 7, committed: true };
    assert!(client.seen.contains(&found));
    assert!(!client.awaits(Api::ListOffsets));

    let mut client = Client::member(eager(), 1, &[0]);
    client.answer_offsets(-1);
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

/// Who cannot say how long its application may take is waited for as long as its session, and itself waits no longer.
/// (R6.1.16, R13.1.5)
#[test]
fn with_version_0_a_join_is_waited_for_as_long_as_the_session() {
    let waits = |version| {
        let mut config = config(&[Assignor::Range]);
        config.join_version = version;
        assert!(config.session_timeout > config.request_timeout);
        let mut client = Client::ready(config);
        client.wait(client.consumer.config.session_timeout + Duration::from_secs(4));
        assert!(client.awaits(Api::JoinGroup));
        client.wait(Duration::from_secs(2));
        client.awaits(Api::JoinGroup)
    };
    assert_eq!([0, 1].map(waits), [false, true]);
}

/// R13.2.11, R13.3.4.
#[test]
fn who_closes_with_an_error_that_nobody_polled_for_leaves_all_the_same() {
    let mut client = Client::busy(eager());
    client.answer_heartbeat(code(ResponseError::GroupAuthorizationFailed));
    client.give(Input::Close);
    client.wait(Duration::from_secs(10));
    assert!(client.awaits(Api::LeaveGroup) && !client.awaits(Api::OffsetCommit));
    assert!(!client.closed, "it waits for the answer");
    client.wait(Duration::from_secs(30));
    assert!(client.closed, "not for ever");
}

/// The payload of a subscription has a version of its own. Who rebalances cooperatively has to say what it owns.
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
