//! The leader, and the topics it watches (rule R13.4.6).

use super::*;
use crate::protocol::subscription::decode_assignment;

fn watching(mut config: ConsumerConfig) -> ConsumerConfig {
    config.metadata_max_age = Duration::from_secs(2);
    config
}

fn eager() -> ConsumerConfig {
    watching(config(&[Assignor::Range]))
}

fn leading(config: ConsumerConfig) -> Client {
    let mut client = Client::ready(config);
    client.respond_join_as_leader("m1", 1, false);
    client.respond_sync(&[0, 1, 2, 3]);
    client.respond_offsets(5);
    client.seen.clear();
    client
}

fn next_metadata(client: &mut Client) {
    client.wait(Duration::from_secs(2));
    client.respond_metadata();
}

/// R13.4.6.
#[test]
fn a_leader_assigns_all_partitions_in_the_metadata() {
    let mut client = Client::ready(eager());
    client.respond_join_as_leader("m1", 1, false);
    let [assigned] = &client.sync_request().assignments[..] else { panic!("one member") };
    assert_eq!(decode_assignment(&assigned.assignment), Ok(partitions(&[0, 1, 2, 3])));
}

/// R13.4.6, R13.6.5.
#[test]
fn a_leader_joins_again_when_a_topic_has_grown() {
    let mut client = leading(eager());
    next_metadata(&mut client);
    assert!(!client.awaits(Api::OffsetCommit), "nothing has changed");
    client.topics = vec![(TOPIC, 6)];
    next_metadata(&mut client);
    client.respond_commit(0);
    assert_eq!(client.callbacks(), ["revoked 0,1,2,3"]);
    client.respond_join_as_leader("m1", 2, false);
    let [assigned] = &client.sync_request().assignments[..] else { panic!("one member") };
    assert_eq!(decode_assignment(&assigned.assignment), Ok(partitions(&[0, 1, 2, 3, 4, 5])));
    client.respond_sync(&[0, 1, 2, 3, 4, 5]);
    assert!(!client.awaits(Api::JoinGroup), "one rejoin is enough");
}

/// R13.4.6.
#[test]
fn a_leader_ignores_topics_without_subscribers() {
    let mut client = leading(eager());
    client.topics.push(("other", 3));
    next_metadata(&mut client);
    assert_eq!(client.count(Api::OffsetCommit) + client.count(Api::JoinGroup), 1);
}

/// R13.4.6, R13.6.4.
#[test]
fn a_leader_joins_again_when_a_topic_is_gone_and_its_partitions_are_not_fetched() {
    let mut client = leading(watching(config(&[Assignor::CooperativeSticky])));
    assert_eq!(client.fetched(), [0, 1, 2, 3]);
    client.topics.clear();
    next_metadata(&mut client);
    client.respond_commit(0);
    assert_eq!(client.owned(), partitions(&[0, 1, 2, 3]), "they stay assigned until the rebalance");
    client.respond_fetch_with(PartitionData::default().with_error_code(3));
    assert!(!client.awaits(Api::Fetch));
    client.respond_join_as_leader("m1", 2, false);
    client.respond_sync(&[]);
    assert_eq!(client.callbacks(), ["revoked 0,1,2,3", "assigned  of "]);
}

/// R13.4.6.
#[test]
fn a_change_while_the_assignment_is_in_flight_makes_the_leader_rejoin() {
    let mut client = leading(eager());
    client.wait(Duration::from_secs(3));
    client.respond_heartbeat(code(ResponseError::RebalanceInProgress));
    client.respond_commit(0);
    client.respond_join_as_leader("m1", 2, false);
    client.topics = vec![(TOPIC, 6)];
    client.respond_metadata();
    client.respond_sync(&[0, 1, 2, 3]);
    assert!(client.awaits(Api::JoinGroup));
}

/// The coordinator may have kept the leader's first assignment, from before the topic grew.
/// (R13.4.6)
#[test]
fn a_leader_that_sends_two_assignments_watches_the_topics_of_the_first() {
    for grows in [true, false] {
        let mut client = Client::ready(eager());
        client.respond_join_as_leader("m1", 1, false);
        client.disconnect(Api::SyncGroup);
        client.find_again(0);
        client.wait(Duration::from_secs(1));
        if grows {
            client.topics = vec![(TOPIC, 6)];
        }
        next_metadata(&mut client);
        client.respond_join_as_leader("m1", 1, false);
        client.respond_sync(&[0, 1, 2, 3]);
        client.wait(Duration::from_secs(1));
        assert_eq!(client.awaits(Api::JoinGroup) || client.awaits(Api::OffsetCommit), grows);
    }
}

/// R13.4.6, R13.6.5.
#[test]
fn a_follower_does_not_rejoin_when_a_topic_grows() {
    let mut client = Client::member(eager(), 1, &[0, 1]);
    client.respond_offsets(5);
    client.topics = vec![(TOPIC, 6)];
    next_metadata(&mut client);
    client.wait(Duration::from_millis(500));
    assert!(!client.awaits(Api::OffsetCommit) && !client.awaits(Api::JoinGroup));
}

/// R13.6.4.
#[test]
fn metadata_is_refreshed_until_it_has_every_owned_partition() {
    let mut client = Client::ready(config(&[Assignor::Range]));
    client.rebalance("m1", 1, &[0, 4]);
    client.respond_offsets(5);
    assert_eq!(client.fetched(), [0]);
    let before = client.count(Api::Metadata);
    for _ in 0..4 {
        client.wait(Duration::from_secs(2));
        client.respond_metadata();
    }
    assert_eq!(client.count(Api::Metadata), before + 4, "each time after a backoff");
    client.topics = vec![(TOPIC, 8)];
    client.wait(Duration::from_secs(2));
    client.respond_metadata();
    client.respond_fetch(0, 5);
    client.wait(Duration::from_millis(1));
    assert!(client.fetched().contains(&4));
    assert!(!client.awaits(Api::Metadata));
}

/// R13.4.6.
#[test]
fn a_leader_in_a_rack_looks_at_racks_and_another_does_not() {
    for (rack, moved) in [(None, false), (Some(str_bytes("r0")), true)] {
        let mut config = eager();
        config.rack = rack;
        let mut client = leading(config);
        client.data_leader = 1;
        next_metadata(&mut client);
        assert_eq!(client.awaits(Api::OffsetCommit), moved);
    }
}
