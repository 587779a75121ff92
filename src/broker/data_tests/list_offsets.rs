//! ListOffsets.

use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::{ListOffsetsRequest, ListOffsetsResponse};

use super::*;

fn request_of(name: &str, partitions: &[(i32, i64)]) -> ListOffsetsRequest {
    let partitions = partitions.iter().map(|&(partition, timestamp)| {
        ListOffsetsPartition::default().with_partition_index(partition).with_timestamp(timestamp)
    });
    let topic =
        ListOffsetsTopic::default().with_name(topic(name)).with_partitions(partitions.collect());
    ListOffsetsRequest::default().with_topics(vec![topic])
}

/// Error, offset, timestamp and leader epoch of the first partition in a response.
fn outcome(response: &ListOffsetsResponse) -> (i16, i64, i64, i32) {
    let partition = &response.topics[0].partitions[0];
    (partition.error_code, partition.offset, partition.timestamp, partition.leader_epoch)
}

/// Five records in two batches; another broker appended the second one, in epoch 1.
fn two_epochs() -> Bench<'static> {
    let mut bench = with_topics();
    produce(&mut bench, "t", 0, batch(&[100, 120, 110]));
    move_data_leader(&mut bench);
    let data = production(&bench, "t", &[(0, batch(&[140, 130]))]);
    let request = kafka_protocol::messages::ProduceRequest::default();
    let request = request.with_acks(1).with_topic_data(vec![data]);
    bench.send(B1, 13, request);
    bench
}

#[test]
fn each_version_finds_offsets_by_the_timestamps_it_supports() {
    let mut bench = two_epochs();
    for version in versions::<ListOffsetsRequest>() {
        // The timestamp, its first version, and the result: offset, timestamp, epoch.
        for (timestamp, since, offset, at, epoch) in [
            (-1, 1, 5, -1, 1),
            (-2, 1, 0, -1, 0),
            (-3, 7, 3, 140, 1),
            (-4, 8, 0, -1, 0),
            (-5, 9, -1, -1, -1),
            (-6, 99, -1, -1, -1),
            (0, 1, 0, 100, 0),
            (101, 1, 1, 120, 0),
            (120, 1, 1, 120, 0),
            (121, 1, 3, 140, 1),
            (141, 1, -1, -1, -1),
        ] {
            let request = request_of("t", &[(0, timestamp)]);
            let response: ListOffsetsResponse = call(&mut bench, B1, version, &request);
            let epoch = if version >= 4 { epoch } else { -1 };
            let expected = match version >= since {
                true => (0, offset, at, epoch),
                false => (E::UnsupportedVersion.code(), -1, -1, -1),
            };
            assert_eq!(outcome(&response), expected, "{timestamp} at version {version}");
        }
    }
}

#[test]
fn an_empty_log_has_two_ends_and_no_records() {
    let mut bench = with_topics();
    for (timestamp, expected) in
        [(-1, (0, 0, -1, 0)), (-2, (0, 0, -1, 0)), (-3, (0, -1, -1, -1)), (7, (0, -1, -1, -1))]
    {
        let response: ListOffsetsResponse =
            call(&mut bench, B0, 10, &request_of("u", &[(0, timestamp)]));
        assert_eq!(outcome(&response), expected);
    }
}

/// A consumer must not miss records, so the first record of the batch is returned.
#[test]
fn of_a_compressed_batch_the_first_record_is_returned() {
    let mut bench = with_topics();
    produce(&mut bench, "t", 0, batch(&[50]));
    produce(&mut bench, "t", 0, edited(&batch(&[100, 120]), |bytes| bytes[22] = 1));
    for (timestamp, expected) in [(110, (0, 1, 100, 0)), (-3, (0, 2, 120, 0))] {
        let response: ListOffsetsResponse =
            call(&mut bench, B0, 10, &request_of("t", &[(0, timestamp)]));
        assert_eq!(outcome(&response), expected);
    }
}

#[test]
fn errors_have_no_offset_at_any_version() {
    let mut bench = two_epochs();
    let error = |bench: &mut Bench<'_>, at, version, request: &ListOffsetsRequest| {
        let response: ListOffsetsResponse = call(bench, at, version, request);
        let (error, offset, timestamp, epoch) = outcome(&response);
        assert_eq!((offset, timestamp, epoch), (-1, -1, -1), "version {version}");
        error
    };
    for version in versions::<ListOffsetsRequest>() {
        let unknown = E::UnknownTopicOrPartition.code();
        assert_eq!(error(&mut bench, B1, version, &request_of("x", &[(0, -1)])), unknown);
        assert_eq!(error(&mut bench, B1, version, &request_of("t", &[(2, -1)])), unknown);
        let twice = request_of("t", &[(0, -1), (0, -2)]);
        assert_eq!(error(&mut bench, B1, version, &twice), E::InvalidRequest.code());
        let elsewhere = error(&mut bench, B0, version, &request_of("t", &[(0, -1)]));
        assert_eq!(elsewhere, E::NotLeaderOrFollower.code());
        if version < 4 {
            continue;
        }
        for (epoch, expected) in [(0, E::FencedLeaderEpoch), (2, E::UnknownLeaderEpoch)] {
            let mut request = request_of("t", &[(0, -1)]);
            request.topics[0].partitions[0].current_leader_epoch = epoch;
            assert_eq!(error(&mut bench, B1, version, &request), expected.code());
        }
    }
}
