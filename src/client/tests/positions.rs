//! Where reading begins, and the errors that delay finding it.

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

/// A committed offset may be beyond the end of the log, as after a topic is recreated: then the
/// reset policy decides where reading continues.
#[test]
fn a_position_out_of_range_is_reset() {
    let mut client = Client::member(eager(), 1, &[0]);
    client.respond_offsets(500);
    assert_eq!(client.positions(), [(0, 500)]);
    let out_of_range = code(ResponseError::OffsetOutOfRange);
    client.respond_fetch_with(PartitionData::default().with_error_code(out_of_range));
    client.wait(Duration::from_secs(1));
    assert!(client.awaits(Api::ListOffsets) && !client.awaits(Api::OffsetFetch));
    assert!(!client.awaits(Api::Fetch), "without a position nothing is fetched");
    client.response(list_offsets(9));
    assert_eq!(client.positions(), [(0, 9)]);
    client.wait(Duration::from_secs(1));
    assert_eq!(client.fetched(), [0]);
}

/// As in the Java client, which raises non-retriable errors to the application.
#[test]
fn non_retriable_errors_are_fatal_to_find_coordinator() {
    let found = |error: ResponseError| {
        let mut client = Client::new(eager());
        client.respond_metadata();
        client.response(FindCoordinatorResponse::default().with_error_code(code(error)));
        client.wait(Duration::from_secs(2));
        client
    };
    let later = found(ResponseError::CoordinatorNotAvailable);
    assert!(later.awaits(Api::FindCoordinator) && !later.closed);
    let refused = ResponseError::GroupAuthorizationFailed;
    assert_eq!(found(refused).callbacks(), [format!("fatal {}", code(refused))]);
}

#[test]
fn non_retriable_errors_are_fatal_to_offset_fetch() {
    let after_response = |error: ResponseError| {
        let mut client = Client::member(eager(), 1, &[0]);
        let group = OffsetFetchResponseGroup::default().with_error_code(code(error));
        client.response(OffsetFetchResponse::default().with_groups(vec![group]));
        client.wait(Duration::from_secs(2));
        client
    };
    let later = after_response(ResponseError::CoordinatorLoadInProgress);
    assert!(later.awaits(Api::OffsetFetch) && !later.closed);
    let refused = ResponseError::GroupAuthorizationFailed;
    let mut fatal = after_response(refused);
    assert_eq!(fatal.callbacks().first(), Some(&format!("fatal {}", code(refused))));
}

/// R13.2.9.
#[test]
fn before_version_2_a_group_error_stands_in_every_partition() {
    let after_response = |second: Option<ResponseError>| {
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
        client.response(OffsetFetchResponse::default().with_topics(vec![topic]));
        client
    };
    use ResponseError as E;
    assert_eq!(after_response(None).positions(), [(0, 5), (1, 5)]);
    let mut moved = after_response(Some(E::NotCoordinator));
    assert!(
        moved.seen.iter().any(|seen| matches!(seen, ClientObservation::CoordinatorLost { .. }))
    );
    assert_eq!(moved.positions(), []);
    let unstable = after_response(Some(E::UnstableOffsetCommit));
    assert!(
        !unstable.seen.iter().any(|seen| matches!(seen, ClientObservation::CoordinatorLost { .. }))
    );
}

/// The replica id −1 shows a broker that the request comes from a consumer, not from a replica.
#[test]
fn a_consumer_requests_offsets_with_replica_id_minus_one() {
    let mut client = Client::member(eager(), 1, &[0]);
    client.respond_offsets(-1);
    client.wait(Duration::from_secs(1));
    let Request::ListOffsets(request) = &client.oldest(Api::ListOffsets).1.body else {
        unreachable!()
    };
    assert_eq!(request.replica_id, -1);
}

fn polled(client: &Client) -> Vec<(i32, i64, usize)> {
    let polled = client.seen.iter().filter_map(|seen| match seen {
        ClientObservation::Polled { partition, first, values } => {
            Some((partition.partition, *first, values.len()))
        }
        _ => None,
    });
    polled.collect()
}

#[test]
fn a_full_poll_leaves_the_other_partitions_buffered() {
    let mut config = eager();
    config.max_poll_records = 1;
    config.processing_time = Duration::from_secs(1);
    let mut client = Client::member(config, 1, &[0, 1]);
    client.respond_offsets(5);
    let topic = FetchableTopicResponse::default()
        .with_topic(TopicName(str_bytes(TOPIC)))
        .with_partitions(vec![records_at(0, 5, 1), records_at(1, 5, 1)]);
    client.response(FetchResponse::default().with_responses(vec![topic]));
    assert_eq!(polled(&client), [(0, 5, 1)]);
    client.wait(Duration::from_secs(1));
    assert_eq!(polled(&client), [(0, 5, 1), (1, 5, 1)]);
}

/// Each record of the batch takes the new time, counted from now; but the batch never ends later
/// than it would have.
#[test]
fn a_batch_in_hand_ends_sooner_when_records_become_faster() {
    let done = |each: u64, after: u64| {
        let mut config = eager();
        config.processing_time = Duration::from_secs(10);
        let mut client = Client::member(config, 1, &[0]);
        client.respond_offsets(5);
        client.respond_fetch_with(records_at(0, 5, 2));
        client.give(ClientInput::ProcessingTime(Duration::from_secs(each)));
        client.wait(Duration::from_secs(after));
        client.seen.iter().any(|seen| matches!(seen, ClientObservation::Processed { .. }))
    };
    assert_eq!([5, 6].map(|after| done(3, after)), [false, true]);
    assert_eq!([19, 20].map(|after| done(100, after)), [false, true]);
}
