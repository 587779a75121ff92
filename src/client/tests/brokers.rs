//! Several brokers (rules R13.6).

use super::*;

fn three_brokers() -> ConsumerConfig {
    let mut config = config(&[Assignor::Range]);
    config.bootstrap = [0, 1, 2].map(BrokerId).to_vec();
    config
}

const SHORT_WAIT: Duration = Duration::from_millis(150);

/// R13.2.10, R13.6.1.
#[test]
fn the_client_moves_to_the_next_bootstrap_broker_after_a_failure_and_a_backoff() {
    let mut client = Client::new(three_brokers());
    assert_eq!(client.destination(Api::Metadata), BrokerId(0));
    client.disconnect(Api::Metadata);
    assert!(!client.awaits(Api::Metadata), "not at once");
    client.wait(SHORT_WAIT);
    assert_eq!(client.destination(Api::Metadata), BrokerId(1));
    assert_eq!(client.destination(Api::FindCoordinator), BrokerId(1));
    client.disconnect(Api::Metadata);
    client.wait(SHORT_WAIT * 2);
    assert_eq!(client.destination(Api::Metadata), BrokerId(2));
    client.disconnect(Api::Metadata);
    client.wait(SHORT_WAIT * 4);
    assert_eq!(client.destination(Api::Metadata), BrokerId(0));
}

/// R13.6.1.
#[test]
fn a_client_tries_the_next_broker_if_one_does_not_know_the_coordinator() {
    let mut client = Client::new(three_brokers());
    client.respond_metadata();
    let unavailable = code(ResponseError::CoordinatorNotAvailable);
    client.response(FindCoordinatorResponse::default().with_error_code(unavailable));
    assert!(!client.awaits(Api::FindCoordinator), "not at once");
    client.wait(SHORT_WAIT);
    assert_eq!(client.destination(Api::FindCoordinator), BrokerId(1));
}

/// R13.1.6, R13.6.2, R13.6.3.
#[test]
fn group_requests_go_to_the_coordinator_and_fetches_to_the_leader() {
    let mut client = Client::new(three_brokers());
    client.data_leader = 2;
    client.respond_metadata();
    client.respond_find(1);
    assert_eq!(client.destination(Api::JoinGroup), BrokerId(1));
    client.rebalance("m1", 1, &[0]);
    assert_eq!(client.destination(Api::OffsetFetch), BrokerId(1));
    client.respond_offsets(5);
    assert_eq!(client.destination(Api::Fetch), BrokerId(2));
}

/// R13.2.1, R13.6.1, R13.6.2.
#[test]
fn a_coordinator_that_moves_is_followed_and_the_membership_goes_on() {
    let mut client = Client::member(three_brokers(), 1, &[0]);
    client.wait(Duration::from_secs(3));
    client.respond_heartbeat(code(ResponseError::NotCoordinator));
    assert_eq!(
        client.destination(Api::FindCoordinator),
        BrokerId(1),
        "the previous broker gave a stale answer"
    );
    client.respond_find(2);
    client.wait(Duration::from_secs(1));
    assert_eq!(client.destination(Api::Heartbeat), BrokerId(2));
    assert_eq!(client.state(), MemberState::Stable);
    assert_eq!(client.callbacks(), [""; 0]);
}

/// R13.2.1.
#[test]
fn a_join_at_a_coordinator_that_has_moved_is_repeated_at_the_next() {
    let mut client = Client::ready(three_brokers());
    client.respond_join(code(ResponseError::NotCoordinator), "");
    client.respond_find(2);
    assert!(!client.awaits(Api::JoinGroup), "not at once");
    client.wait(SHORT_WAIT);
    assert_eq!(client.destination(Api::JoinGroup), BrokerId(2));
}

/// R13.2.10.
#[test]
fn connection_attempts_to_a_coordinator_that_refuses_them_back_off() {
    let mut client = Client::ready(three_brokers());
    let start = client.now;
    for _ in 0..8 {
        client.disconnect(Api::JoinGroup);
        client.find_again(0);
        while !client.awaits(Api::JoinGroup) {
            client.wait(Duration::from_millis(10));
        }
    }
    assert!(client.now.since(start) > Duration::from_secs(3), "the pauses grow");
}

/// R13.6.3.
#[test]
fn a_leader_that_moved_is_found_by_metadata() {
    let mut client = Client::member(three_brokers(), 1, &[0]);
    client.respond_offsets(5);
    assert_eq!(client.destination(Api::Fetch), BrokerId(0));
    let not_leader = code(ResponseError::NotLeaderOrFollower);
    client.respond_fetch_with(PartitionData::default().with_error_code(not_leader));
    client.wait(SHORT_WAIT);
    client.data_leader = 2;
    client.respond_metadata();
    client.wait(SHORT_WAIT);
    assert_eq!(client.destination(Api::Fetch), BrokerId(2));
    assert!(client.sent.iter().filter(|(conn, _)| conn.broker == BrokerId(2)).count() == 1);
}

/// R13.6.3.
#[test]
fn a_fetch_in_flight_at_a_former_leader_is_abandoned() {
    let mut config = three_brokers();
    config.metadata_max_age = Duration::from_secs(1);
    let mut client = Client::member(config, 1, &[0]);
    client.respond_offsets(5);
    client.wait(Duration::from_secs(1));
    client.data_leader = 1;
    client.respond_metadata();
    client.wait(SHORT_WAIT);
    assert_eq!(client.destination(Api::Fetch), BrokerId(1));
    assert_eq!(client.in_flight.iter().filter(|(_, f)| f.body.api() == Api::Fetch).count(), 1);
}

/// R13.6.3.
#[test]
fn a_lost_connection_to_the_leader_refreshes_the_metadata() {
    let mut client = Client::member(three_brokers(), 1, &[0]);
    client.respond_offsets(5);
    client.disconnect(Api::Fetch);
    client.wait(SHORT_WAIT);
    assert!(client.awaits(Api::Metadata));
}

/// R13.6.4.
#[test]
fn without_a_leader_nothing_is_fetched_and_the_metadata_is_refreshed() {
    let mut client = Client::new(three_brokers());
    client.data_leader = -1;
    client.respond_metadata();
    client.respond_find(0);
    client.rebalance("m1", 1, &[0]);
    client.respond_offsets(5);
    for _ in 0..3 {
        client.wait(Duration::from_secs(2));
        assert!(!client.awaits(Api::Fetch));
        client.respond_metadata();
    }
    client.data_leader = 1;
    client.wait(Duration::from_secs(2));
    client.respond_metadata();
    assert_eq!(client.destination(Api::Fetch), BrokerId(1));
}

/// R13.2.10.
#[test]
fn metadata_requests_back_off_while_all_brokers_are_down() {
    let mut client = Client::member(three_brokers(), 1, &[0]);
    client.respond_offsets(5);
    let before = client.count(Api::Metadata);
    for _ in 0..500 {
        for api in [Api::Fetch, Api::Metadata] {
            if client.awaits(api) {
                client.disconnect(api);
            }
        }
        client.wait(Duration::from_millis(10));
    }
    let again = client.count(Api::Metadata) - before;
    assert!((5..=10).contains(&again), "{again} times in 5 s");
}

/// A response that arrives late on a closed connection does not count for a request on the next
/// connection.
#[test]
fn a_late_response_on_a_closed_connection_is_ignored() {
    let mut client = Client::member(three_brokers(), 1, &[0]);
    client.wait(Duration::from_secs(3));
    let (before, _) = *client.oldest(Api::Heartbeat);
    client.disconnect(Api::Heartbeat);
    client.find_again(0);
    client.wait(Duration::from_secs(3));
    let (now, frame) = client.oldest(Api::Heartbeat).clone();
    assert!((before.purpose, before.broker) == (now.purpose, now.broker) && before != now);
    let body = HeartbeatResponse::default().with_error_code(code(ResponseError::UnknownMemberId));
    let frame = ResponseFrame { correlation: frame.correlation, body: body.into() };
    client.give(ClientInput::Response { conn: before, frame: Arc::new(frame) });
    assert_eq!(client.state(), MemberState::Stable);
}

/// A member at broker 0 whose coordinator has closed the connection.
fn member_without_coordinator() -> Client {
    let mut client = Client::member(three_brokers(), 1, &[0]);
    client.respond_offsets(5);
    client.wait(Duration::from_secs(3));
    client.disconnect(Api::Heartbeat);
    assert!(client.awaits(Api::FindCoordinator));
    client
}

/// R13.6.6.
#[test]
fn a_coordinator_within_its_reconnect_backoff_counts_as_unavailable() {
    let mut client = member_without_coordinator();
    client.respond_find(0);
    let beats = client.count(Api::Heartbeat);
    client.wait(Duration::from_millis(70));
    assert_eq!(client.count(Api::Heartbeat), beats, "not at once");
    assert!(!client.awaits(Api::FindCoordinator), "no FindCoordinator before the retry backoff");
    client.wait(Duration::from_millis(60));
    client.respond_find(0);
    client.wait(Duration::from_millis(10));
    assert_eq!(client.count(Api::Heartbeat), beats + 1);
}

/// R13.6.6.
#[test]
fn another_coordinator_is_connected_to_at_once() {
    let mut client = member_without_coordinator();
    client.respond_find(1);
    client.wait(Duration::from_millis(100));
    assert_eq!(client.destination(Api::Heartbeat), BrokerId(1));
}

/// The third reconnect backoff of 200 ms is longer than the retry backoff of 100 ms for a lost
/// Fetch. (R13.6.6)
#[test]
fn reconnects_to_a_leader_that_keeps_closing_connections_back_off() {
    let mut client = Client::member(three_brokers(), 1, &[0]);
    client.respond_offsets(5);
    for _ in 0..2 {
        client.disconnect(Api::Fetch);
        client.wait(Duration::from_millis(150));
    }
    client.disconnect(Api::Fetch);
    client.wait(Duration::from_millis(150));
    assert!(!client.awaits(Api::Fetch));
    client.wait(Duration::from_millis(100));
    assert!(client.awaits(Api::Fetch));
    // A response resets the backoff.
    client.respond_fetch(0, 5);
    client.wait(Duration::from_secs(1));
    client.disconnect(Api::Fetch);
    client.wait(Duration::from_millis(110));
    assert!(client.awaits(Api::Fetch));
}
