//! Fetch.

use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::fetch_response::PartitionData;
use kafka_protocol::messages::{FetchRequest, FetchResponse};

use super::*;

/// A fetch from these offsets of one topic's partitions, with a maximum wait of half a second.
fn fetch(bench: &Bench<'_>, name: &str, from: &[(i32, i64)]) -> FetchRequest {
    let partitions = from.iter().map(|&(partition, offset)| {
        FetchPartition::default()
            .with_partition(partition)
            .with_fetch_offset(offset)
            .with_partition_max_bytes(1 << 20)
    });
    let topic = FetchTopic::default()
        .with_topic(topic(name))
        .with_topic_id(id_of(bench, name))
        .with_partitions(partitions.collect());
    FetchRequest::default().with_max_wait_ms(500).with_min_bytes(1).with_topics(vec![topic])
}

fn partitions(response: &FetchResponse) -> Vec<&PartitionData> {
    response.responses.iter().flat_map(|topic| &topic.partitions).collect()
}

fn offsets(partition: &PartitionData) -> Vec<i64> {
    let records = partition.records.as_ref().expect("a record set that is not null");
    records::decode_records(records).unwrap().into_iter().map(|(offset, _)| offset).collect()
}

fn error_of(response: &FetchResponse) -> i16 {
    partitions(response)[0].error_code
}

#[test]
fn every_requested_partition_is_in_the_response() {
    let mut bench = with_topics();
    produce(&mut bench, "t", 0, batch(&[5, 6]));
    produce(&mut bench, "t", 0, batch(&[7]));
    for version in versions::<FetchRequest>() {
        for isolation in [0, 1] {
            let request = fetch(&bench, "t", &[(1, 0), (0, 1)]).with_isolation_level(isolation);
            let response: FetchResponse = call(&mut bench, B0, version, &request);
            assert_eq!((response.error_code, response.session_id), (0, 0));
            let of = &response.responses[0];
            let by_id = version >= 13;
            assert_eq!(of.topic.as_str(), if by_id { "" } else { "t" });
            let id = if by_id { id_of(&bench, "t") } else { Uuid::nil() };
            assert_eq!(of.topic_id, id);
            let [empty, full] = partitions(&response)[..] else { panic!("two partitions") };
            assert_eq!((offsets(empty), offsets(full)), (vec![], vec![0, 1, 2]));
            for (partition, index, end) in [(empty, 1, 0), (full, 0, 3)] {
                assert_eq!((partition.partition_index, partition.error_code), (index, 0));
                let ends = (partition.high_watermark, partition.last_stable_offset);
                assert_eq!(ends, (end, end), "version {version}");
                let start = if version >= 5 { 0 } else { -1 };
                assert_eq!(partition.log_start_offset, start);
                assert_eq!(partition.preferred_read_replica.0, -1);
                let aborted = partition.aborted_transactions.as_ref().map(Vec::len);
                assert_eq!(aborted, (isolation == 1).then_some(0));
            }
        }
    }
}

#[test]
fn a_stored_batch_has_its_offset_and_epoch_and_is_otherwise_unchanged() {
    let mut bench = with_topics();
    move_data_leader(&mut bench);
    let sent = edited(&batch(&[5, 6]), |bytes| bytes[22] = 2);
    for _ in 0..2 {
        let data = production(&bench, "t", &[(0, sent.clone())]);
        let request = ProduceRequest::default().with_acks(1).with_topic_data(vec![data]);
        bench.send(B1, 13, request);
    }
    let request = fetch(&bench, "t", &[(0, 2)]);
    let response: FetchResponse = call(&mut bench, B1, 12, &request);
    let stored = partitions(&response)[0].records.clone().unwrap();
    let header = records::BatchHeader::read(&stored).unwrap();
    assert_eq!((header.base_offset, header.leader_epoch), (2, 1));
    assert!(records::checksum_holds(&stored));
    assert_eq!(stored[16..], sent[16..]);
}

#[test]
fn a_fetch_waits_for_its_minimum_of_bytes_or_its_maximum_wait() {
    let each = batch(&[5]).len() as i32;
    for version in versions::<FetchRequest>() {
        let mut bench = with_topics();
        let request = fetch(&bench, "t", &[(0, 0), (1, 0)]).with_min_bytes(2 * each);
        let (enough, timed) = [request.clone(), request.clone().with_min_bytes(i32::MAX)]
            .map(|request| send(&mut bench, B0, version, &request))
            .into();
        let limited = request.clone().with_min_bytes(i32::MAX).with_max_bytes(each);
        let limited = send(&mut bench, B0, version, &limited);
        assert!(bench.responses.is_empty());
        produce(&mut bench, "t", 0, batch(&[5]));
        let has = |bench: &Bench<'_>, sent: Sent| bench.has_response(sent);
        assert!(has(&bench, limited), "the response has no room for more");
        assert!(!has(&bench, enough) && !has(&bench, timed));
        produce(&mut bench, "t", 1, batch(&[5]));
        let response: FetchResponse = read(bench.response(enough), version);
        let found: Vec<_> = partitions(&response).into_iter().map(offsets).collect();
        assert_eq!(found, [[0], [0]], "version {version}");
        bench.pass(ms(499));
        assert!(!has(&bench, timed));
        bench.pass(ms(1));
        let response: FetchResponse = read(bench.response(timed), version);
        assert_eq!(partitions(&response).len(), 2);
    }
}

#[test]
fn a_fetch_without_minimum_room_topics_or_wait_returns_at_once() {
    let mut bench = with_topics();
    let nothing = fetch(&bench, "t", &[(0, 0)]);
    let idle = [
        nothing.clone().with_topics(vec![]),
        nothing.clone().with_min_bytes(0),
        nothing.clone().with_max_wait_ms(0),
        nothing.clone().with_max_bytes(0),
    ];
    for request in idle {
        let response: FetchResponse = call(&mut bench, B0, 11, &request);
        assert!(partitions(&response).into_iter().all(|p| p.error_code == 0));
    }
}

#[test]
fn small_limits_allow_one_batch() {
    let mut bench = with_topics();
    let each = batch(&[5, 6]).len() as i32;
    for partition in [0, 0, 0, 1] {
        produce(&mut bench, "t", partition, batch(&[5, 6]));
    }
    for version in versions::<FetchRequest>() {
        for (max_bytes, partition_max_bytes, expected) in [
            (1, 1 << 20, [vec![0, 1], vec![]]),
            (1 << 20, 1, [vec![0, 1], vec![]]),
            (2 * each, 1 << 20, [vec![0, 1, 2, 3], vec![]]),
            (2 * each, each, [vec![0, 1], vec![0, 1]]),
            (1 << 20, 1 << 20, [vec![0, 1, 2, 3, 4, 5], vec![0, 1]]),
        ] {
            let mut request = fetch(&bench, "t", &[(0, 0), (1, 0)]).with_max_bytes(max_bytes);
            for partition in &mut request.topics[0].partitions {
                partition.partition_max_bytes = partition_max_bytes;
            }
            let response: FetchResponse = call(&mut bench, B0, version, &request);
            let found: Vec<_> = partitions(&response).into_iter().map(offsets).collect();
            assert_eq!(found, expected, "{max_bytes} and {partition_max_bytes} bytes");
        }
    }
}

#[test]
fn errors_are_returned_at_once_in_their_partition() {
    let mut bench = with_topics();
    for version in versions::<FetchRequest>() {
        let out = E::OffsetOutOfRange.code();
        for (offset, expected) in [(-1, out), (1, out)] {
            let request = fetch(&bench, "t", &[(0, offset), (1, 0)]);
            let response: FetchResponse = call(&mut bench, B0, version, &request);
            let found: Vec<_> = partitions(&response)
                .iter()
                .map(|p| (p.error_code, p.high_watermark, p.records.as_ref().map(Bytes::len)))
                .collect();
            assert_eq!(found, [(expected, -1, Some(0)), (0, 0, Some(0))]);
        }
        let request = fetch(&bench, "t", &[(2, 0)]);
        let response: FetchResponse = call(&mut bench, B0, version, &request);
        assert_eq!(error_of(&response), E::UnknownTopicOrPartition.code());
        let request = fetch(&bench, "x", &[(0, 0)]);
        let response: FetchResponse = call(&mut bench, B0, version, &request);
        let by_id = version >= 13;
        let unknown = if by_id { E::UnknownTopicId } else { E::UnknownTopicOrPartition };
        assert_eq!(error_of(&response), unknown.code());
        assert_eq!(
            response.responses[0].topic_id,
            if by_id { id_of(&bench, "x") } else { Uuid::nil() }
        );
    }
}

#[test]
fn there_are_no_sessions() {
    let mut bench = with_topics();
    produce(&mut bench, "t", 0, batch(&[5]));
    for version in 7..=18 {
        for epoch in [-1, 0] {
            let request = fetch(&bench, "t", &[(0, 0)]).with_session_epoch(epoch);
            let response: FetchResponse = call(&mut bench, B0, version, &request);
            assert_eq!((response.error_code, response.session_id, error_of(&response)), (0, 0, 0));
        }
        let request = fetch(&bench, "t", &[(0, 0)]).with_session_id(9).with_session_epoch(1);
        let response: FetchResponse = call(&mut bench, B0, version, &request);
        assert_eq!(response.error_code, E::FetchSessionIdNotFound.code());
        assert!(response.responses.is_empty());
    }
}

#[test]
fn a_fetch_with_a_wrong_epoch_or_broker_names_the_leader() {
    let mut bench = with_topics();
    move_data_leader(&mut bench);
    for version in versions::<FetchRequest>() {
        let cases = [
            (B0, -1, Some(E::NotLeaderOrFollower)),
            (B1, 0, Some(E::FencedLeaderEpoch)),
            (B1, 2, Some(E::UnknownLeaderEpoch)),
            (B1, 1, None),
            (B1, -1, None),
        ];
        let cases = cases.iter().filter(|(_, epoch, _)| version >= 9 || *epoch == -1);
        for &(at, epoch, error) in cases {
            let mut request = fetch(&bench, "t", &[(0, 0)]).with_max_wait_ms(0);
            request.topics[0].partitions[0].current_leader_epoch = epoch;
            let response: FetchResponse = call(&mut bench, at, version, &request);
            assert_eq!(error_of(&response), error.map_or(0, |error| error.code()));
            let leader = &partitions(&response)[0].current_leader;
            let wrong_leader = matches!(error, Some(E::NotLeaderOrFollower | E::FencedLeaderEpoch));
            let named = version >= 16 && wrong_leader;
            let expected = if named { (1, 1) } else { (-1, -1) };
            assert_eq!((leader.leader_id.0, leader.leader_epoch), expected, "version {version}");
            assert_eq!(response.node_endpoints.len(), usize::from(named));
        }
    }
}

#[test]
fn a_fetch_that_waits_for_a_deleted_topic_gets_an_error() {
    for version in versions::<FetchRequest>() {
        let mut bench = with_topics();
        let request = fetch(&bench, "t", &[(0, 0)]);
        let parked = send(&mut bench, B0, version, &request);
        let request = fetch(&bench, "u", &[(0, 0)]);
        let other = send(&mut bench, B0, version, &request);
        bench.at(B0, |cluster, now, out| cluster.delete_topic(now, B0, &topic("t"), out));
        let response: FetchResponse = read(bench.response(parked), version);
        let gone = if version >= 13 { E::UnknownTopicId } else { E::UnknownTopicOrPartition };
        assert_eq!(error_of(&response), gone.code());
        assert!(!bench.has_response(other));
    }
}

/// The responses that the simulator's own consumers receive.
#[test]
fn a_lean_response_leaves_out_empty_partitions() {
    let mut bench = bench(ClusterConfig { detail: Detail::Lean, ..config() });
    bench.cluster.create_topic(topic("t"), 2);
    produce(&mut bench, "t", 0, batch(&[5]));
    let request = fetch(&bench, "t", &[(0, 0), (1, 0)]);
    let response: FetchResponse = call(&mut bench, B0, 12, &request);
    let [only] = partitions(&response)[..] else { panic!("one partition") };
    assert_eq!((only.partition_index, offsets(only), only.log_start_offset), (0, vec![0], -1));
}
