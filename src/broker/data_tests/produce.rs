//! Produce.

use kafka_protocol::messages::{ProduceRequest, ProduceResponse};

use super::*;

fn one(bench: &Bench<'_>, batch: Option<Bytes>) -> ProduceRequest {
    let mut data = production(bench, "t", &[(0, Bytes::new())]);
    data.partition_data[0].records = batch;
    ProduceRequest::default().with_acks(1).with_topic_data(vec![data])
}

#[test]
fn each_partition_has_its_base_offset() {
    let mut bench = with_topics();
    for (turn, version) in versions::<ProduceRequest>().enumerate() {
        let here = production(&bench, "t", &[(1, batch(&[5, 6])), (7, batch(&[5]))]);
        let nowhere = production(&bench, "x", &[(0, batch(&[5]))]);
        let there = production(&bench, "u", &[(0, batch(&[5]))]);
        let request =
            ProduceRequest::default().with_acks(-1).with_topic_data(vec![here, nowhere, there]);
        let response: ProduceResponse = call(&mut bench, B0, version, &request);
        let by_id = version >= 13;
        for (topic, requested) in response.responses.iter().zip(&request.topic_data) {
            assert_eq!(topic.name.is_empty(), by_id);
            assert_eq!(topic.topic_id, if by_id { requested.topic_id } else { Uuid::nil() });
        }
        let found: Vec<_> = response
            .responses
            .iter()
            .flat_map(|topic| &topic.partition_responses)
            .map(|p| (p.index, p.error_code, p.base_offset, p.log_start_offset))
            .collect();
        let start = if version >= 5 { 0 } else { -1 };
        let unknown = E::UnknownTopicOrPartition.code();
        let no_topic = if by_id { E::UnknownTopicId.code() } else { unknown };
        let turn = turn as i64;
        let expected = [
            (1, 0, 2 * turn, start),
            (7, unknown, -1, -1),
            (0, no_topic, -1, -1),
            (0, 0, turn, start),
        ];
        assert_eq!(found, expected, "version {version}");
        let mut partitions = response.responses.iter().flat_map(|t| &t.partition_responses);
        assert!(partitions.all(|partition| partition.log_append_time_ms == -1));
    }
}

#[test]
fn only_one_valid_batch_of_the_newest_format_is_accepted() {
    let good = batch(&[5, 6]);
    let with = |at: usize, bytes: &[u8]| {
        edited(&good, |batch| batch[at..at + bytes.len()].copy_from_slice(bytes))
    };
    let boundless = edited(&good, |batch| {
        batch[23..27].copy_from_slice(&(i32::MAX - 1).to_be_bytes());
        batch[57..61].copy_from_slice(&i32::MAX.to_be_bytes());
    });
    // The last byte is the number of headers of the last record.
    let boundless_headers = edited(&good, |batch| *batch.last_mut().unwrap() = 0x7e);
    let twice = Bytes::from([&good[..], &good[..]].concat());
    let corrupt = {
        let mut bytes = good.to_vec();
        *bytes.last_mut().unwrap() ^= 1;
        Bytes::from(bytes)
    };
    let short =
        Bytes::from([&[0; 8][..], &9_i32.to_be_bytes(), &[0, 0, 0, 0, 2, 0, 0, 0, 0]].concat());
    let cases = [
        ("none", None, Some(E::InvalidRecord)),
        ("empty", Some(Bytes::new()), Some(E::InvalidRecord)),
        ("cut off", Some(good.slice(..good.len() - 1)), Some(E::InvalidRecord)),
        ("two batches", Some(twice), Some(E::InvalidRecord)),
        ("format 1", Some(with(16, &[1])), Some(E::InvalidRecord)),
        ("less than a header", Some(short), Some(E::CorruptMessage)),
        ("wrong checksum", Some(corrupt), Some(E::CorruptMessage)),
        ("base offset 1", Some(with(0, &1_i64.to_be_bytes())), Some(E::InvalidRecord)),
        ("in a transaction", Some(with(22, &[1 << 4])), Some(E::InvalidTxnState)),
        ("markers", Some(with(22, &[1 << 5])), Some(E::InvalidRecord)),
        ("count 3 of 2", Some(with(57, &3_i32.to_be_bytes())), Some(E::InvalidRecord)),
        ("more than there is room for", Some(boundless), Some(E::InvalidRecord)),
        ("more headers than there is room for", Some(boundless_headers), Some(E::InvalidRecord)),
        ("no records", Some(with(23, &(-1_i32).to_be_bytes())), Some(E::InvalidRecord)),
        ("no sequence", Some(with(43, &9_i64.to_be_bytes())), Some(E::InvalidRecord)),
        ("packed", Some(with(22, &[1])), None),
        ("good", Some(good.clone()), None),
    ];
    for (name, batch, error) in cases {
        for version in versions::<ProduceRequest>() {
            let mut bench = with_topics();
            let request = one(&bench, batch.clone());
            let response: ProduceResponse = call(&mut bench, B0, version, &request);
            let found = &response.responses[0].partition_responses[0];
            let expected = error.map_or((0, 0), |error| (error.code(), -1));
            assert_eq!(
                (found.error_code, found.base_offset),
                expected,
                "{name}, version {version}"
            );
        }
    }
}

#[test]
fn zstandard_is_for_version_7_and_up() {
    let packed = edited(&batch(&[5]), |bytes| bytes[22] = 4);
    for version in versions::<ProduceRequest>() {
        let mut bench = with_topics();
        let request = one(&bench, Some(packed.clone()));
        let response: ProduceResponse = call(&mut bench, B0, version, &request);
        let expected = if version < 7 { E::UnsupportedCompressionType.code() } else { 0 };
        assert_eq!(response.responses[0].partition_responses[0].error_code, expected);
    }
}

/// A batch of one record with this sequence number.
fn numbered(producer: i64, epoch: i16, sequence: i32) -> Bytes {
    edited(&batch(&[5]), |bytes| {
        bytes[43..51].copy_from_slice(&producer.to_be_bytes());
        bytes[51..53].copy_from_slice(&epoch.to_be_bytes());
        bytes[53..57].copy_from_slice(&sequence.to_be_bytes());
    })
}

#[test]
fn a_duplicate_of_an_idempotent_producer_succeeds_and_is_not_appended() {
    for version in versions::<ProduceRequest>() {
        let mut bench = with_topics();
        let mut write = |epoch, sequence| {
            let request = one(&bench, Some(numbered(9, epoch, sequence)));
            let response: ProduceResponse = call(&mut bench, B0, version, &request);
            let found = &response.responses[0].partition_responses[0];
            (found.error_code, found.base_offset, found.log_append_time_ms)
        };
        assert_eq!([write(1, 0), write(1, 1)], [(0, 0, -1), (0, 1, -1)]);
        assert_eq!([write(1, 0), write(1, 1)], [(0, 0, 5), (0, 1, 5)], "version {version}");
        assert_eq!(write(1, 3), (E::OutOfOrderSequenceNumber.code(), -1, -1));
        assert_eq!(write(0, 2), (E::InvalidProducerEpoch.code(), -1, -1));
        let end = bench.cluster.log_end(&crate::protocol::TopicPartition::new(topic("t"), 0));
        assert_eq!(end, Some(2));
    }
}

#[test]
fn the_next_leader_knows_the_batches_of_idempotent_producers() {
    let mut bench = with_topics();
    assert_eq!(produce(&mut bench, "t", 0, numbered(9, 0, 0)), 0);
    move_data_leader(&mut bench);
    let data = production(&bench, "t", &[(0, numbered(9, 0, 0))]);
    let request = ProduceRequest::default().with_acks(-1).with_topic_data(vec![data]);
    let response: ProduceResponse = call(&mut bench, B1, 13, &request);
    let found = &response.responses[0].partition_responses[0];
    assert_eq!((found.error_code, found.base_offset, found.log_append_time_ms), (0, 0, 5));
}

#[test]
fn acks_are_none_one_or_all() {
    let mut bench = with_topics();
    for (acks, error) in [(-2, E::InvalidRequiredAcks.code()), (0, 0), (2, 21), (-1, 0)] {
        let request = one(&bench, Some(batch(&[5]))).with_acks(acks);
        let response: ProduceResponse = call(&mut bench, B0, 9, &request);
        assert_eq!(response.responses[0].partition_responses[0].error_code, error, "acks {acks}");
    }
}

#[test]
fn a_broker_that_does_not_lead_names_the_leader_from_version_10_on() {
    let mut bench = with_topics();
    move_data_leader(&mut bench);
    for version in versions::<ProduceRequest>() {
        let request = one(&bench, Some(batch(&[5])));
        let response: ProduceResponse = call(&mut bench, B0, version, &request);
        let found = &response.responses[0].partition_responses[0];
        assert_eq!((found.error_code, found.base_offset), (E::NotLeaderOrFollower.code(), -1));
        let leader = (found.current_leader.leader_id.0, found.current_leader.leader_epoch);
        let nodes: Vec<_> = response
            .node_endpoints
            .iter()
            .map(|n| (n.node_id.0, n.host.as_str(), n.port))
            .collect();
        let (expected, named) = match version {
            10.. => ((1, 1), vec![(1, "localhost", 9092)]),
            _ => ((-1, -1), vec![]),
        };
        assert_eq!((leader, nodes), (expected, named), "version {version}");
    }
}
