//! Every advertised version is served: a request of every API at every version of the wire ring
//! goes through bytes to a broker with the real coordinator, and its response goes through bytes
//! back to the client.

mod requests;
mod summary;

use crate::coordinator::Coordinator;
use crate::protocol::{Api, RequestFrame, Response, ResponseFrame, str_bytes};
use crate::wire::{self, Incoming};

use super::testing::*;
use requests::{Setup, plausible_request};
use summary::summarize;

/// The response to `frame`, as its client decodes it.
fn response(bench: &mut Bench<'_>, frame: &RequestFrame) -> Response {
    let (api, version) = (frame.body.api(), frame.version);
    let bytes = wire::encode_request(frame).unwrap_or_else(|bad| panic!("request: {bad}"));
    let read = match wire::decode_request(bytes) {
        Ok(Incoming::Request(read)) => read,
        other => panic!("{api} v{version} was decoded as {other:?}"),
    };
    assert_eq!(&read, frame, "{api} v{version}: the request has a field that this version lacks");
    let sent = bench.send(B0, version, read.body);
    // As long as the join phase, and longer than a commit.
    bench.pass(ms(10_000));
    let body = bench.response(sent).clone();
    let bytes = wire::encode_response(&ResponseFrame { correlation: 7, body }, version);
    let bytes = bytes.unwrap_or_else(|bad| panic!("response: {bad}"));
    let read = wire::decode_response(bytes, api, version);
    let read = read.unwrap_or_else(|bad| panic!("response: {bad}"));
    assert_eq!(read.correlation, 7);
    read.body
}

fn frame(version: i16, body: crate::protocol::Request) -> RequestFrame {
    RequestFrame { correlation: 7, version, client_id: str_bytes("c"), body }
}

/// The summary of the response to a plausible request.
fn served(api: Api, version: i16) -> String {
    let mut bench = Bench::new(config(), &|config, rng| Box::new(Coordinator::new(config, rng)));
    bench.cluster.create_topic(topic("t"), 2);
    let setup = Setup::before(api, &mut bench);
    let request = frame(version, plausible_request(api, version, &setup));
    let first = response(&mut bench, &request);
    match requests::retry(&request.body, &first) {
        Some(body) => summarize(&response(&mut bench, &frame(version, body))),
        None => summarize(&first),
    }
}

/// The expected summary of the response to [`plausible_request`].
fn expected(api: Api, version: i16) -> &'static str {
    match api {
        Api::Produce => "0 offset 0",
        Api::Fetch => "0 until 1: value",
        Api::ListOffsets => "0 offset 1",
        Api::Metadata => "3 brokers, t 0 with 2 partitions",
        Api::OffsetCommit | Api::TxnOffsetCommit => "0",
        Api::OffsetFetch => "0 offset 5",
        Api::FindCoordinator => "0 node 0",
        Api::JoinGroup => "0 generation 1, 1 members, leads",
        Api::Heartbeat | Api::LeaveGroup => "0",
        Api::SyncGroup => "0 assigned AA",
        Api::DescribeGroups => "0 g Stable, 1 members",
        // Version 4 added states (KIP-518).
        Api::ListGroups if version >= 4 => "0 g consumer Stable",
        Api::ListGroups => "0 g consumer ",
        Api::InitProducerId => "0 id 0 epoch 0",
        Api::DescribeConfigs => "0",
        Api::WriteTxnMarkers | Api::DeleteGroups | Api::OffsetDelete => "0",
    }
}

#[test]
fn every_advertised_version_is_served() {
    let mut wrong = Vec::new();
    for &api in Api::ALL {
        for version in wire::versions(api) {
            let (served, expected) = (served(api, version), expected(api, version));
            if served != expected {
                wrong.push(format!("{api} v{version}: {served:?}, expected {expected:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
