//! Where reading begins, and what keeps a consumer from finding out.

use kafka_protocol::messages::ListOffsetsResponse;
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
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
