//! Where reading begins, and what keeps a consumer from finding out.

use kafka_protocol::messages::ListOffsetsResponse;
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponsePartition, OffsetFetchResponseTopic,
};

use super::*;

fn eager() -> ConsumerConfig {
    config(&[Assignor::Range])
}

fn list_offsets(offset: i64) -> ListOffsetsResponse {
    let partition = ListOffsetsPartitionResponse::default().with_offset(offset);
    let topic = ListOffsetsTopicResponse::default()
        .with_name(TopicName(str_bytes(TOPIC)))
        .with_partitions(vec![partition]);
    ListOffsetsResponse::default().with_topics(vec![topic])
}

/// What is committed may be of a topic that had more records: then the reset policy says where to go on.
#[test]
fn a_position_that_is_out_of_range_is_looked_for_anew() {
    let mut client = Client::member(eager(), 1, &[0]);
    client.answer_offsets(500);
    assert_eq!(client.positions(), [(0, 500)]);
    let out_of_range = code(ResponseError::OffsetOutOfRange);
    client.answer_fetch_with(PartitionData::default().with_error_code(out_of_range));
    client.wait(Duration::from_secs(1));
    assert!(client.awaits(Api::ListOffsets) && !client.awaits(Api::OffsetFetch));
    assert!(!client.awaits(Api::Fetch), "without a position nothing is fetched");
    client.answer(list_offsets(9));
    assert_eq!(client.positions(), [(0, 9)]);
    client.wait(Duration::from_secs(1));
    assert_eq!(client.fetched(), [0]);
}

/// As in the Java client, which raises to the application what trying again does not heal.
#[test]
fn what_does_not_heal_is_fatal_to_whoever_looks_for_its_coordinator() {
    let found = |error: ResponseError| {
        let mut client = Client::new(eager());
        client.answer_metadata();
        client.answer(FindCoordinatorResponse::default().with_error_code(code(error)));
        client.wait(Duration::from_secs(2));
        client
    };
    let later = found(ResponseError::CoordinatorNotAvailable);
    assert!(later.awaits(Api::FindCoordinator) && !later.closed);
    let refused = ResponseError::GroupAuthorizationFailed;
    assert_eq!(found(refused).callbacks(), [format!("fatal {}", code(refused))]);
}

#[test]
fn what_does_not_heal_is_fatal_to_whoever_looks_for_its_commits() {
    let asked = |error: ResponseError| {
        let mut client = Client::member(eager(), 1, &[0]);
        let group = OffsetFetchResponseGroup::default().with_error_code(code(error));
        client.answer(OffsetFetchResponse::default().with_groups(vec![group]));
        client.wait(Duration::from_secs(2));
        client
    };
    let later = asked(ResponseError::CoordinatorLoadInProgress);
    assert!(later.awaits(Api::OffsetFetch) && !later.closed);
    let refused = ResponseError::GroupAuthorizationFailed;
    let mut fatal = asked(refused);
    assert_eq!(fatal.callbacks().first(), Some(&format!("fatal {}", code(refused))));
}

/// R13.2.9.
#[test]
fn before_version_2_what_is_wrong_with_the_group_is_said_of_each_partition() {
    let asked = |second: Option<ResponseError>| {
        let mut config = eager();
        config.join_version = 0;
        let mut client = Client::member(config, 1, &[0, 1]);
        let partitions = [None, second].into_iter().zip(0..).map(|(error, number)| {
            OffsetFetchResponsePartition::default()
                .with_partition_index(number)
                .with_committed_offset(5)
                .with_error_code(error.map_or(0, code))
        });
        let topic = OffsetFetchResponseTopic::default()
            .with_name(TopicName(str_bytes(TOPIC)))
            .with_partitions(partitions.collect());
        client.answer(OffsetFetchResponse::default().with_topics(vec![topic]));
        client
    };
    use ResponseError as E;
    assert_eq!(asked(None).positions(), [(0, 5), (1, 5)]);
    let mut moved = asked(Some(E::NotCoordinator));
    assert!(moved.seen.iter().any(|seen| matches!(seen, Observation::CoordinatorLost { .. })));
    assert_eq!(moved.positions(), []);
    let unstable = asked(Some(E::UnstableOffsetCommit));
    assert!(!unstable.seen.iter().any(|seen| matches!(seen, Observation::CoordinatorLost { .. })));
}

/// Brokers tell a consumer's question from a replica's by it.
#[test]
fn a_consumer_asks_for_offsets_as_no_replica() {
    let mut client = Client::member(eager(), 1, &[0]);
    client.answer_offsets(-1);
    client.wait(Duration::from_secs(1));
    let Request::ListOffsets(request) = &client.oldest(Api::ListOffsets).1.body else {
        unreachable!()
    };
    assert_eq!(request.replica_id, -1);
}

fn polled(client: &Client) -> Vec<(i32, i64, usize)> {
    let polled = client.seen.iter().filter_map(|seen| match seen {
        Observation::Polled { partition, first, values } => {
            Some((partition.partition, *first, values.len()))
        }
        _ => None,
    });
    polled.collect()
}

#[test]
fn a_poll_that_is_full_says_nothing_of_the_other_partitions() {
    let mut config = eager();
    config.max_poll_records = 1;
    config.processing_time = Duration::from_secs(1);
    let mut client = Client::member(config, 1, &[0, 1]);
    client.answer_offsets(5);
    let topic = FetchableTopicResponse::default()
        .with_topic(TopicName(str_bytes(TOPIC)))
        .with_partitions(vec![records_at(0, 5, 1), records_at(1, 5, 1)]);
    client.answer(FetchResponse::default().with_responses(vec![topic]));
    assert_eq!(polled(&client), [(0, 5, 1)]);
    client.wait(Duration::from_secs(1));
    assert_eq!(polled(&client), [(0, 5, 1), (1, 5, 1)]);
}

/// Each record of it takes as long as is now said, counted from now; but it never ends later than it would have.
#[test]
fn a_batch_in_hand_ends_sooner_when_records_become_faster() {
    let done = |each: u64, after: u64| {
        let mut config = eager();
        config.processing_time = Duration::from_secs(10);
        let mut client = Client::member(config, 1, &[0]);
        client.answer_offsets(5);
        client.answer_fetch_with(records_at(0, 5, 2));
        client.give(Input::ProcessingTime(Duration::from_secs(each)));
        client.wait(Duration::from_secs(after));
        client.seen.iter().any(|seen| matches!(seen, Observation::Processed { .. }))
    };
    assert_eq!([5, 6].map(|after| done(3, after)), [false, true]);
    assert_eq!([19, 20].map(|after| done(100, after)), [false, true]);
}
