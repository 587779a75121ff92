//! Static membership (rules R13.5).

use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponsePartition, OffsetFetchResponseTopic,
};

use super::*;

fn static_config() -> ConsumerConfig {
    let mut config = config(&[Assignor::Range]);
    config.instance_id = Some(str_bytes("i1"));
    config
}

/// R13.5.1.
#[test]
fn every_group_request_names_the_instance() {
    let mut config = static_config();
    config.join_version = 5;
    config.auto_commit_interval = Duration::from_secs(2);
    let mut client = Client::member(config, 1, &[0]);
    client.response(OffsetFetchResponse::default().with_topics(vec![
        OffsetFetchResponseTopic::default().with_name(TopicName(str_bytes(TOPIC))).with_partitions(
            vec![OffsetFetchResponsePartition::default().with_committed_offset(3)],
        ),
    ]));
    client.wait(Duration::from_secs(4));
    let mut named = Vec::new();
    for (_, request) in &client.sent {
        let instance = match request {
            Request::JoinGroup(request) => &request.group_instance_id,
            Request::SyncGroup(request) => &request.group_instance_id,
            Request::Heartbeat(request) => &request.group_instance_id,
            Request::OffsetCommit(request) => &request.group_instance_id,
            _ => continue,
        };
        assert_eq!(instance.as_ref().map(|name| name.as_str()), Some("i1"), "{}", request.api());
        named.push(request.api());
    }
    named.sort();
    named.dedup();
    assert_eq!(named, [Api::OffsetCommit, Api::JoinGroup, Api::Heartbeat, Api::SyncGroup]);
}

/// R13.5.1.
#[test]
#[should_panic(expected = "needs JoinGroup version 5")]
fn a_static_member_needs_join_group_version_5() {
    let mut config = static_config();
    config.join_version = 4;
    Client::new(config);
}

/// R13.3.4, R13.5.3.
#[test]
fn a_closing_static_member_revokes_and_does_not_leave() {
    let mut client = Client::member(static_config(), 1, &[0]);
    client.respond_offsets(5);
    client.give(ClientInput::Close);
    client.respond_commit(0);
    assert_eq!(client.callbacks(), ["revoked 0"]);
    assert!(client.closed);
    assert_eq!(client.count(Api::LeaveGroup), 0);
}

/// R13.3.3, R13.5.3.
#[test]
fn a_late_poll_of_a_static_member_only_stops_its_heartbeats() {
    let mut config = static_config();
    config.max_poll_interval = Duration::from_secs(10);
    config.processing_time = Duration::from_secs(30);
    let mut client = Client::member(config, 1, &[0]);
    client.respond_offsets(5);
    client.respond_fetch(0, 5);
    for _ in 0..3 {
        client.wait(Duration::from_secs(3));
        client.respond_heartbeat(0);
    }
    client.wait(Duration::from_secs(20));
    assert!(client.seen.contains(&ClientObservation::PollTimeout));
    assert_eq!(client.count(Api::LeaveGroup), 0);
    assert_eq!(client.count(Api::Heartbeat), 3);
    assert_eq!(client.owned(), partitions(&[0]), "the application does not know yet");

    client.wait(Duration::from_secs(1));
    assert_eq!(client.callbacks(), ["lost 0"]);
    assert_eq!(client.join_request().member_id.as_str(), "");
    let instance = client.join_request().group_instance_id.as_ref();
    assert_eq!(instance.map(|name| name.as_str()), Some("i1"));
}

/// R13.2.7, R13.5.4.
#[test]
fn a_fenced_member_closes() {
    let fenced = code(ResponseError::FencedInstanceId);

    let mut client = Client::ready(static_config());
    client.respond_join(fenced, "");
    assert_eq!(client.callbacks(), ["fatal 82"]);
    assert!(client.closed);

    let mut client = Client::ready(static_config());
    client.respond_join_as_follower("m1", 1);
    client.refuse_sync(ResponseError::FencedInstanceId);
    assert_eq!(client.callbacks(), ["fatal 82"]);

    let mut client = Client::member(static_config(), 1, &[0]);
    client.wait(Duration::from_secs(3));
    client.respond_heartbeat(fenced);
    assert_eq!(client.callbacks(), ["fatal 82", "lost 0"]);

    let mut client = Client::member(static_config(), 1, &[0]);
    client.respond_offsets(5);
    client.wait(Duration::from_secs(5));
    client.respond_commit(fenced);
    assert_eq!(client.callbacks(), ["fatal 82", "lost 0"]);
}

/// R13.2.11, R13.5.4.
#[test]
fn fencing_is_raised_at_the_next_poll_of_a_busy_application() {
    let mut client = Client::busy(static_config());
    client.respond_heartbeat(code(ResponseError::FencedInstanceId));
    assert_eq!(client.callbacks(), [""; 0]);
    client.wait(Duration::from_secs(6));
    assert!(!client.awaits(Api::Heartbeat), "a fenced member sends no heartbeats");
    client.wait(Duration::from_secs(1));
    assert!(client.seen.iter().any(|seen| matches!(seen, ClientObservation::Processed { .. })));
    assert_eq!(client.callbacks(), ["fatal 82", "lost 0"]);
}

/// R13.2.11, R13.3.4.
#[test]
fn a_busy_application_that_closes_after_the_fence_commits_nothing_more() {
    let mut client = Client::busy(static_config());
    client.respond_heartbeat(code(ResponseError::FencedInstanceId));
    client.give(ClientInput::Close);
    client.wait(Duration::from_secs(10));
    assert!(client.seen.iter().any(|seen| matches!(seen, ClientObservation::Processed { .. })));
    assert!(client.closed && !client.awaits(Api::OffsetCommit));
}

/// R13.1.3, R13.2.7.
#[test]
fn a_fencing_error_for_an_outdated_identity_is_ignored() {
    let mut client = Client::member(static_config(), 1, &[0]);
    client.wait(Duration::from_secs(3));
    client.disconnect(Api::Heartbeat);
    client.find_again(0);
    client.wait(Duration::from_secs(1));
    let (conn, frame) = client.oldest(Api::Heartbeat).clone();
    client.set_generation(2);
    let body = HeartbeatResponse::default().with_error_code(code(ResponseError::FencedInstanceId));
    let frame = ResponseFrame { correlation: frame.correlation, body: body.into() };
    client.give(ClientInput::Response { conn, frame: Arc::new(frame) });
    assert_eq!(client.callbacks(), [""; 0]);
    assert_eq!(client.state(), MemberState::Stable);
}

/// R13.5.5.
#[test]
fn a_static_leader_that_returned_sends_no_assignment() {
    let mut config = static_config();
    config.metadata_max_age = Duration::from_secs(2);
    let mut client = Client::ready(config);
    client.respond_join_as_leader("m1", 4, true);
    assert!(client.sync_request().assignments.is_empty());
    client.respond_sync(&[0, 1, 2, 3]);
    assert_eq!(client.callbacks(), ["assigned 0,1,2,3 of 0,1,2,3"]);

    client.respond_offsets(5);
    client.topics = vec![(TOPIC, 5)];
    client.wait(Duration::from_secs(2));
    client.respond_metadata();
    client.respond_commit(0);
    assert_eq!(client.callbacks(), ["revoked 0,1,2,3"], "it is still the leader");
    assert!(client.awaits(Api::JoinGroup));
}

/// R13.1.3, R13.2.7.
#[test]
fn a_fencing_error_for_an_outdated_commit_is_ignored() {
    let mut client = Client::member(static_config(), 1, &[0]);
    client.respond_offsets(5);
    client.seen.clear();
    client.wait(Duration::from_secs(5));
    client.set_generation(2);
    client.respond_commit(code(ResponseError::FencedInstanceId));
    assert_eq!(client.callbacks(), [""; 0]);
    assert!(!client.closed);
}
