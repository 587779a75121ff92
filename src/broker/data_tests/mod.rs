//! The data APIs and Metadata at every version of the codec, as a client of that version sees them:
//! requests and responses pass through the codec.

mod describe_configs;
mod fetch;
mod find_coordinator;
mod init_producer_id;
mod list_offsets;
mod metadata;
mod produce;

use std::ops::RangeInclusive;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    FetchRequest, FindCoordinatorRequest, ListOffsetsRequest, MetadataRequest, ProduceRequest,
    ProduceResponse,
};
use kafka_protocol::protocol::{Decodable, Encodable, Message};

use super::testing::*;
use super::*;
use crate::protocol::{
    BrokerId, Request, Response, ResponseError as E, Uuid, records, refusal, str_bytes,
};
use crate::time::Time;

fn bench(config: ClusterConfig) -> Bench<'static> {
    Bench::new(config, &|_, _| scripted())
}

/// A cluster with the topics `t` (two partitions) and `u` (one).
fn with_topics() -> Bench<'static> {
    let mut bench = bench(config());
    bench.cluster.create_topic(topic("t"), 2);
    bench.cluster.create_topic(topic("u"), 1);
    bench
}

/// Every version of a message.
fn versions<M: Message>() -> RangeInclusive<i16> {
    M::VERSIONS.min..=M::VERSIONS.max
}

/// Encodes and decodes a message at one version. Fields that the version lacks are lost.
fn through_codec<From: Encodable, To: Decodable>(message: &From, version: i16) -> To {
    let mut buf = BytesMut::new();
    message.encode(&mut buf, version).unwrap_or_else(|error| panic!("version {version}: {error}"));
    let mut bytes = buf.freeze();
    let decoded = To::decode(&mut bytes, version).expect("what was encoded decodes");
    assert!(bytes.is_empty(), "version {version}: {} bytes are left over", bytes.len());
    decoded
}

/// A response as its client decodes it.
fn read<A: Decodable>(response: &Response, version: i16) -> A {
    match response {
        Response::Produce(body) => through_codec(body, version),
        Response::Fetch(body) => through_codec(body, version),
        Response::ListOffsets(body) => through_codec(body, version),
        Response::Metadata(body) => through_codec(body, version),
        Response::FindCoordinator(body) => through_codec(body, version),
        Response::InitProducerId(body) => through_codec(body, version),
        Response::DescribeConfigs(body) => through_codec(body, version),
        other => panic!("{other:?}"),
    }
}

/// Sends a request as the broker decodes it at this version.
fn send<Q>(bench: &mut Bench<'_>, at: BrokerId, version: i16, request: &Q) -> Sent
where
    Q: Encodable + Decodable + Into<Request>,
{
    let request: Q = through_codec(request, version);
    bench.send(at, version, request)
}

/// The immediate response to a request, as a client of this version decodes it.
fn call<Q, A>(bench: &mut Bench<'_>, at: BrokerId, version: i16, request: &Q) -> A
where
    Q: Encodable + Decodable + Into<Request>,
    A: Decodable,
{
    let sent = send(bench, at, version, request);
    read(bench.response(sent), version)
}

/// A batch with one record for each of these timestamps.
fn batch(timestamps: &[i64]) -> Bytes {
    let values: Vec<Bytes> = timestamps.iter().map(|_| Bytes::from_static(b"value")).collect();
    let batch = records::encode_batch(&values, Time::ZERO);
    assert!(timestamps.len() < 64, "a length or a number of a record takes one byte");
    // A record begins with its length, its attributes and its timestamp delta to the first record.
    let each = (batch.len() - records::BatchHeader::SIZE) / timestamps.len();
    edited(&batch, |bytes| {
        let (first, last) = (timestamps[0], *timestamps.iter().max().expect("a record"));
        bytes[27..35].copy_from_slice(&first.to_be_bytes());
        bytes[35..43].copy_from_slice(&last.to_be_bytes());
        for (record, timestamp) in timestamps.iter().enumerate() {
            let delta = timestamp - first;
            assert!((-64..64).contains(&delta), "{delta} takes more than one byte");
            let zigzag = (delta << 1) ^ (delta >> 63);
            bytes[records::BatchHeader::SIZE + record * each + 2] = zigzag as u8;
        }
    })
}

/// A batch with edited bytes and the checksum of the result.
fn edited(batch: &Bytes, edit: impl FnOnce(&mut Vec<u8>)) -> Bytes {
    let mut bytes = batch.to_vec();
    edit(&mut bytes);
    let checksum = crc32c::crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&checksum.to_be_bytes());
    Bytes::from(bytes)
}

fn production(bench: &Bench<'_>, name: &str, batches: &[(i32, Bytes)]) -> TopicProduceData {
    let partitions = batches.iter().map(|(partition, batch)| {
        PartitionProduceData::default().with_index(*partition).with_records(Some(batch.clone()))
    });
    TopicProduceData::default()
        .with_name(topic(name))
        .with_topic_id(id_of(bench, name))
        .with_partition_data(partitions.collect())
}

fn produce(bench: &mut Bench<'_>, name: &str, partition: i32, batch: Bytes) -> i64 {
    let data = production(bench, name, &[(partition, batch)]);
    let request = ProduceRequest::default().with_acks(-1).with_topic_data(vec![data]);
    let response: ProduceResponse = call(bench, B0, 13, &request);
    let partition = &response.responses[0].partition_responses[0];
    assert_eq!(partition.error_code, 0);
    partition.base_offset
}

/// The id of a topic; an unknown id if there is no such topic.
fn id_of(bench: &Bench<'_>, name: &str) -> Uuid {
    bench.cluster.topic_id(&topic(name)).unwrap_or(Uuid::from_u128(99))
}

/// Moves the data leadership to B1, in epoch 1.
fn move_data_leader(bench: &mut Bench<'_>) {
    bench.at(B0, |cluster, _, out| cluster.crash(B0, out));
    bench.learn(B1);
    bench.at(B0, |cluster, now, out| cluster.start(now, B0, out));
    assert_eq!(bench.cluster.data_leader(), Some(B1));
}

#[test]
fn a_refusal_can_be_sent_at_every_version() {
    fn check<Q: Message + Default + Into<Request>, A: Decodable>() {
        for version in versions::<Q>() {
            let response = refusal(&Q::default().into(), version, E::UnknownServerError);
            let _: A = read(&response, version);
        }
    }
    use kafka_protocol::messages as m;
    check::<ProduceRequest, m::ProduceResponse>();
    check::<FetchRequest, m::FetchResponse>();
    check::<ListOffsetsRequest, m::ListOffsetsResponse>();
    check::<MetadataRequest, m::MetadataResponse>();
    check::<FindCoordinatorRequest, m::FindCoordinatorResponse>();
    check::<m::InitProducerIdRequest, m::InitProducerIdResponse>();
    check::<m::DescribeConfigsRequest, m::DescribeConfigsResponse>();
}
